"""What counts as a hit: what reached the product, and nothing that was lost on the way."""

from __future__ import annotations

import gc
from typing import Any, NoReturn

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict

DEPOSIT = '  - deposit: {as: d1, user: alice, amount: "1"}\n'


def play(steps: str, given: str = "", seed: int = 0, **more: Any) -> Run:
    text = f"title: t\ngiven: {{{given}}}\nsteps:\n{steps}"
    return runner.play(loader.parse(text, "t.yaml"), seed, **more)


def hits(run: Run) -> dict[str, int]:
    return {fault.name: fault.hits for fault in run.outcome.faults}


LOSSES = [
    "kind: reset",
    "kind: reset_mid_body",
    "kind: cut_body",
    "kind: hang",
    "kind: trickle",
    "kind: delay, delay: 1h",
    "kind: wrong_id",
    "kind: bad_gzip",
    "kind: not_json",
    "kind: too_large",
    "kind: html, answer_bytes_over: 1",
]
TRUNCATED = "  - answer_fault: {as: a, method: eth_getLogs, kind: truncated, last: 1}\n"


@pytest.mark.parametrize("loss", LOSSES)
def test_a_wrong_answer_that_is_lost_does_not_count(loss: str) -> None:
    run = play(
        f"  - mine: 5\n{DEPOSIT}"
        f"  - transport_fault: {{as: t, {loss}, method: eth_getLogs}}\n{TRUNCATED}"
        "  - mine: 25\n  - wait: 30s\n  - clear_faults\n  - mine: 30\n"
    )
    assert hits(run)["t"] > 0
    assert hits(run)["a"] == 0
    assert run.outcome.verdict is Verdict.INCONCLUSIVE


def test_the_next_answer_is_wrong_in_the_place_of_the_lost_one() -> None:
    run = play(
        f"  - mine: 5\n{DEPOSIT}  - mine: 19\n"
        f"  - transport_fault: {{as: t, kind: reset, method: eth_getLogs, last: 1}}\n{TRUNCATED}"
        "  - mine: 30\n"
    )
    assert hits(run) == {"t": 1, "a": 1}
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_a_late_wrong_answer_counts() -> None:
    late = "kind: delay, delay: 1s"
    run = play(
        f"  - mine: 5\n{DEPOSIT}  - mine: 19\n"
        f"  - transport_fault: {{as: t, {late}, method: eth_getLogs}}\n{TRUNCATED}  - mine: 30\n"
    )
    assert hits(run)["a"] == 1


def test_a_wrong_answer_to_who_died_waiting_for_it_does_not_count() -> None:
    run = play(
        f"  - mine: 5\n{DEPOSIT}  - mine: 19\n{TRUNCATED}"
        '  - crash_at: {nth: 1, kind: "rpc:receive"}\n'
        "  - answer_fault: {as: b, method: eth_blockNumber, kind: head_behind, behind_blocks: 9,"
        " last: 1}\n"
        "  - mine: 3\n  - clear_faults\n  - start_listener\n  - mine: 30\n"
    )
    assert hits(run) == {"a": 0, "crash at boundary 1 rpc:receive": 1, "b": 0}


def test_a_node_that_shows_something_else_to_nobody_does_not_count() -> None:
    run = play(
        "  - mine: 5\n  - node_view: {as: old, lag_blocks: 3}\n  - pool: {as: p, nodes: [old]}\n"
        "  - transport_fault: {as: t, kind: reset}\n  - mine: 5\n  - clear_faults\n  - mine: 5\n"
    )
    assert hits(run)["t"] > 0
    assert (hits(run)["old"], hits(run)["p"]) == (0, 0)


def test_a_lock_counts_only_what_the_product_met() -> None:
    locks = "".join(f"  - db_fault: {{as: {name}, kind: busy, for: 3s}}\n" for name in "ab")
    run = play(
        '  - admin_credit: {user: alice, amount: "5"}\n  - kill_api\n'
        f'{locks}  - wait: 1s\n  - debit: {{user: alice, amount: "1"}}\n  - mine: 5\n',
        "listener: stopped",
    )
    assert hits(run) == {"a": 0, "b": 0}
    assert run.outcome.verdict is Verdict.INCONCLUSIVE


def test_a_lock_that_is_still_waited_for_does_not_count_what_another_one_stops() -> None:
    run = play(
        "  - wait: 3s\n  - db_fault: {as: a, kind: busy, for: 20s}\n  - wait: 10ms\n"
        "  - db_fault: {as: b, kind: busy, for: 4s}\n  - mine: 5\n"
        "  - kill_listener\n  - kill_api\n  - wait: 20s\n  - start_listener\n"
    )
    assert hits(run)["a"] > 0
    assert hits(run)["b"] == 0


class Boom:
    """A listener that dies of an error whose words name an object."""

    def __call__(self, settings: Any, transport: Any, clock: Any, *_: Any) -> NoReturn:
        clock.sleep_s(3)
        raise RuntimeError(object(), "page at 0x" + "ab" * 32, "0x" + "cd" * 20)


def test_the_address_of_an_object_is_not_in_the_journal() -> None:
    run = play("  - mine: 5\n", listener=Boom())
    (error,) = [
        entry.payload["error"]
        for entry in run.journal
        if (entry.actor, entry.kind) == ("listener", "exit")
    ]
    assert error == (
        f"RuntimeError(<object object at 0x...>, 'page at 0x{'ab' * 32}', '0x{'cd' * 20}')"
    )


def test_the_address_of_an_object_is_not_in_what_a_condition_saw() -> None:
    run = play("  - mine: 5\n  - expect: {listener_exited: SettingError}\n", listener=Boom())
    assert run.outcome.failure is not None
    assert run.outcome.failure.actual.startswith("it ended by RuntimeError: (<object object at 0x.")


FAILING = f"""  - mine: 5
{DEPOSIT}  - mine: 25
  - expect: {{credited: [d1]}}
  - transport_fault: {{as: f, kind: hang}}
  - second_listener: {{as: q}}
  - ws: {{as: a}}
  - wait: 2s
  - expect: {{not_credited: [d1]}}
"""


def test_a_failed_run_leaves_no_actor_to_the_garbage_collector(
    caplog: pytest.LogCaptureFixture,
) -> None:
    alive = []
    gc.collect()
    gc.disable()
    try:
        run: Run | None = play(FAILING, at_end=lambda world: alive.append(world.kernel))
        assert run is not None
        assert run.outcome.verdict is Verdict.VIOLATED
        (kernel,) = alive
        assert not any(actor.alive for actor in kernel.actors)
        assert all(actor.run.dead or not actor.run for actor in kernel.actors)
        said = len(run.journal)
        caplog.clear()
        alive.clear()
        del kernel
        gc.collect()
        assert len(run.journal) == said
        assert caplog.messages == []
    finally:
        gc.enable()
    assert next(reversed(run.journal)).kind == "verdict"
