"""Faults between clients and the API: what clients see, and what has been done nevertheless."""

from __future__ import annotations

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.virtual_time import MICROSECONDS

CREDIT = '  - admin_credit: {user: bob, amount: "1", idempotency_key: k, expect: {status: %s}}\n'
ONE = "check:\n  eventually:\n    - balance: {user: bob, available: '1'}\n"
NOTHING = "check:\n  eventually:\n    - balance: {user: bob, available: '0'}\n"


def play(steps: str, rest: str = "", seed: int = 0) -> Run:
    return runner.play(loader.parse(f"title: t\nsteps:\n{steps}{rest}", "t.yaml"), seed)


def answers(run: Run) -> list[tuple[float, object, list[str]]]:
    """Seconds since the start, status, and the faults of each answer."""
    return [
        (
            (entry.at_us - run.started_us) / MICROSECONDS,
            entry.payload["status"],
            entry.payload.get("faults", []),
        )
        for entry in run.journal
        if (entry.actor, entry.kind) == ("api", "answer")
    ]


def test_an_answer_that_is_lost_after_the_commit_is_given_to_who_asks_again() -> None:
    run = play(
        "  - api_fault: {as: lost, kind: dropped, path: /admin, last: 1}\n"
        f"{CREDIT % 'none'}  - expect: {{balance: {{user: bob, available: '1'}}}}\n"
        f"{CREDIT % 200}{CREDIT % 200}",
        ONE,
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert [(status, faults) for _, status, faults in answers(run)] == [
        (None, ["lost"]),
        (200, []),
        (200, []),
    ]


def test_a_request_that_is_lost_on_its_way_has_done_nothing() -> None:
    run = play(f"  - api_fault: {{as: lost, kind: dropped_before}}\n{CREDIT % 'none'}", NOTHING)
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert run.outcome.faults[0].hits == 1


@pytest.mark.parametrize(("field", "status"), [("", 500), (", status: 503", 503)])
def test_an_error_of_the_gateway_is_a_page_and_the_api_hears_nothing(
    field: str, status: int
) -> None:
    run = play(
        f"  - api_fault: {{as: down, kind: error{field}}}\n"
        f"  - api: {{path: /spot/balances, as: alice, expect: {{status: {status}}}}}\n"
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    (entry,) = [e for e in run.journal if (e.actor, e.kind) == ("api", "answer")]
    assert str(entry.payload["body"]).startswith(f"<html>\r\n<head><title>{status} ")


def test_latency_delays_the_request_by_that_much() -> None:
    run = play(
        "  - api_fault: {as: slow, kind: latency, delay: 3s, path: /spot, last: 1}\n"
        "  - api: {path: /spot/balances, as: alice, expect: {status: 200}}\n"
        "  - api: {path: /spot/balances, as: alice, expect: {status: 200}}\n"
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    (first_s, _, faults), (second_s, _, _) = answers(run)
    assert faults == ["slow"]
    assert 3 < first_s < second_s < 3.1


def test_path_and_method_say_which_requests_are_meant() -> None:
    run = play(
        "  - api_fault: {as: down, kind: error, path: /spot/dep, method: GET}\n"
        "  - api: {path: /spot/balances, as: alice, expect: {status: 200}}\n"
        "  - api: {path: /spot/deposits?limit=1, as: alice, expect: {status: 500}}\n"
        "  - api: {path: /spot/deposits, method: POST, expect: {status: 405}}\n"
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_by_chance_some_are_delayed_and_another_seed_delays_others() -> None:
    asked = (
        "  - at_once:\n      times: 30\n      steps:\n"
        "        - api: {path: /spot/balances, as: alice, expect: {status: 200}}\n"
    )
    slow = "  - api_fault: {as: slow, kind: latency, delay: 1s, percent: 50}\n"
    run = play(f"{slow}{asked}")
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert 5 < run.outcome.faults[0].hits < 25
    assert answers(run) != answers(play(f"{slow}{asked}", seed=1))


def test_an_api_fault_is_no_excuse_for_the_listener() -> None:
    """Its node and database are fine: a reorg must be repaired while the API's clients suffer."""
    text = (
        '  - deposit: {as: d1, user: alice, amount: "1"}\n  - mine: 25\n'
        "  - api_fault: {as: down, kind: error}\n"
        "  - api: {path: /spot/balances, expect: {status: 500}}\n"
        "  - kill_listener\n  - reorg: {depth: 30, drop: [d1]}\n  - start_listener\n"
        "  - wait: 60s\n  - expect: {reversed: [d1]}\n"
    )
    run = play(text)
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_an_api_fault_that_nobody_met_shows_nothing() -> None:
    run = play("  - api_fault: {as: down, kind: error}\n  - wait: 1s\n")
    assert run.outcome.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("kind: latency", "delay goes with kind: latency, and with it alone"),
        ("kind: error, delay: 1s", "delay goes with kind: latency, and with it alone"),
        ("kind: dropped, status: 500", "status goes with kind: error, and with it alone"),
        ("kind: error, status: 200", "status: Input should be greater than or equal to 400"),
        ("kind: error, path: spot", "path: a path begins with /"),
        ("kind: slow", "kind: "),
    ],
)
def test_an_api_fault_that_makes_no_sense_is_one_line(fields: str, problem: str) -> None:
    with pytest.raises(BadScenario) as caught:
        play(f"  - api_fault: {{as: f, {fields}}}\n")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"t.yaml:3: {problem.replace('Input ', '')}")
