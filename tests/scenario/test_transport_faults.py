"""Transport faults in scenarios: each reaches the product's listener, and none costs a deposit."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest

from ztdx_devnet.faults import transport
from ztdx_devnet.faults.transport import TransportFault, TransportFaultKind
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.node.client import REQUEST_TIMEOUT_S
from ztdx_spot.node.refusal import RETRY_AFTER_MAX_S
from ztdx_spot.ports import HttpAnswer

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults" / "transport.md"
DEPOSIT = '  - deposit: {as: d1, user: alice, amount: "1"}\n'
FATAL = {
    "hang": "",
    "delay": "delay: 10s",
    "trickle": "",
    "reset": "",
    "reset_mid_body": "",
    "cut_body": "",
    "rate_limited": "",
    "too_large": "",
    "gateway": "",
    "html": "",
    "wrong_id": "",
    "bad_gzip": "",
    "not_json": "",
    "refused": "",
}
"""Each kind, with figures by which no answer comes through."""


def play(steps: str, *, given: str = "{}", seed: int = 0) -> Run:
    text = f"title: t\ngiven: {given}\nsteps:\n{steps}"
    return runner.play(loader.parse(text, "t.yaml"), seed)


def held(steps: str, **more: Any) -> Run:
    run = play(steps, **more)
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    return run


def fired_s(run: Run) -> list[float]:
    """When, since the start, a transport fault fired."""
    return [
        (entry.at_us - run.started_us) / MICROSECONDS
        for entry in run.journal
        if (entry.actor, entry.kind) == ("faults", "fired")
    ]


def heads_s(run: Run) -> list[float]:
    """When, since the start, blocks came."""
    return [
        (entry.at_us - run.started_us) / MICROSECONDS
        for entry in run.journal
        if (entry.actor, entry.kind) == ("chain", "blocks")
    ]


def armed(kind: str, fields: str = "") -> str:
    more = f", {fields}" if fields else ""
    return f"  - transport_fault: {{as: fault, kind: {kind}{more}}}\n"


def test_every_kind_is_played() -> None:
    assert set(FATAL) == set(get_args(TransportFaultKind))


@pytest.mark.parametrize("kind", FATAL)
def test_nothing_is_credited_while_no_answer_comes_through_and_all_is_after_it(kind: str) -> None:
    run = held(
        f"{DEPOSIT}{armed(kind, FATAL[kind])}"
        "  - mine: 40\n"
        "  - expect: {not_credited: [d1], listener_runs: true}\n"
        "  - clear_faults\n"
        "  - wait_until: {credited: [d1], within: 60s}\n"
    )
    (fault,) = run.outcome.faults
    assert fault.hits == len(fired_s(run)) > 3
    (shown,) = {
        (entry.payload["name"], entry.payload["kind_of_fault"])
        for entry in run.journal
        if (entry.actor, entry.kind) == ("faults", "fired")
    }
    assert shown == ("fault", kind)


@pytest.mark.parametrize(
    ("kind", "fields"), [("delay", "delay: 9s"), ("trickle", "pieces: 10, pause: 900ms")]
)
def test_a_slow_answer_within_the_deadline_is_an_answer(kind: str, fields: str) -> None:
    run = held(
        f"{DEPOSIT}{armed(kind, fields)}"
        "  - mine: 20\n"
        "  - wait_until: {credited: [d1], within: 120s}\n"
    )
    assert run.outcome.faults[0].hits > 3


@pytest.mark.parametrize("kind", FATAL)
def test_any_half_of_the_exchanges_may_fail(kind: str) -> None:
    scope = f"percent: 50, for: 10m{', ' + FATAL[kind] if FATAL[kind] else ''}"
    held(
        f"{armed(kind, scope)}"
        "  - deposit_series: {as: d, users: [alice, bob], amount: '1', count: 6, every_blocks: 9}\n"
        "  - reorg: {depth: 10, drop: [d-6]}\n"
        "  - wait_until: {credited: [d-1, d-5], within: 30m}\n"
        # After so many refusals for size its pages grow slowly again.
        "settle: {within: 20m}\n"
    )


def test_chance_is_that_of_the_seed() -> None:
    steps = f"{DEPOSIT}{armed('reset', 'percent: 50')}  - mine: 30\n"
    digests = [play(steps, seed=seed).outcome.digest for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


# --- F07: no answer -------------------------------------------------------------------------------


def test_a_hang_ends_at_the_deadline_and_blocks_come_meanwhile() -> None:
    run = held(
        f"{DEPOSIT}{armed('hang', 'last: 3')}  - wait_until: {{credited: [d1], within: 2m}}\n"
    )
    times_s = fired_s(run)
    assert len(times_s) == 3
    for one_s, next_s in pairwise(times_s):
        assert next_s - one_s >= REQUEST_TIMEOUT_S - 0.01
        during = [at_s for at_s in heads_s(run) if one_s < at_s < one_s + REQUEST_TIMEOUT_S]
        assert len(during) >= 4


def test_a_reorg_may_fall_into_a_request() -> None:
    held(
        f"{DEPOSIT}  - mine: 19\n{armed('delay', 'delay: 8s')}"
        "  - mine: 1\n  - reorg: {depth: 20, drop: [d1]}\n  - mine: 30\n"
        "  - expect: {not_credited: [d1]}\n"
    )


def test_a_listener_can_be_killed_in_a_request_that_hangs() -> None:
    held(
        f"{DEPOSIT}{armed('hang')}  - mine: 10\n  - kill_listener\n"
        "  - expect: {listener_runs: false}\n  - clear_faults\n  - start_listener\n"
        "  - wait_until: {credited: [d1], within: 60s}\n"
    )


# --- F25: rate limits -----------------------------------------------------------------------------


def shortest_pause_s(run: Run) -> float:
    times_s = fired_s(run)
    return min(b - a for a, b in pairwise(times_s))


@pytest.mark.parametrize(("asked_s", "waits_s"), [(3, 3), (3_600, RETRY_AFTER_MAX_S)])
def test_retry_after_is_heeded_within_bounds(asked_s: int, waits_s: float) -> None:
    run = held(f"{DEPOSIT}{armed('rate_limited', f'retry_after_s: {asked_s}')}  - mine: 30\n")
    times_s = fired_s(run)
    pauses_s = [b - a for a, b in pairwise(times_s)]
    assert max(pauses_s) >= waits_s
    assert sum(pause_s >= waits_s for pause_s in pauses_s) >= len(pauses_s) // 2


@pytest.mark.parametrize(
    "fields",
    ["", "code: -32005", "status: 200, code: 429", "code: -32012, text: slow down", "text: no"],
)
def test_without_a_time_the_listener_backs_off_by_itself(fields: str) -> None:
    run = held(
        f"{DEPOSIT}{armed('rate_limited', fields)}  - mine: 30\n"
        "  - expect: {not_credited: [d1]}\n  - clear_faults\n"
        "  - wait_until: {credited: [d1], within: 60s}\n"
    )
    assert shortest_pause_s(run) > 0.1
    assert len(fired_s(run)) < 120  # in 60 s


def test_only_one_method_may_be_limited() -> None:
    run = held(
        f"{DEPOSIT}{armed('rate_limited', 'method: eth_getLogs, retry_after_s: 1, for: 60s')}"
        "  - mine: 20\n  - wait_until: {credited: [d1], within: 2m}\n"
    )
    assert run.outcome.faults[0].hits > 0


# --- F52: answers that are too large --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["too_large", "gateway", "hang"])
def test_smaller_pages_get_through_where_large_answers_do_not(kind: str) -> None:
    run = held(
        "  - deposit_series: {as: d, users: [alice, bob], amount: '1', count: 8,"
        " every_blocks: 40}\n"
        f"  - mine: 25\n{armed(kind, 'answer_bytes_over: 20000')}  - start_listener\n"
        "  - wait_until: {credited: [d-1, d-8], within: 20m}\n",
        given="{listener: stopped}",
    )
    assert run.outcome.faults[0].hits > 0


# --- the scope ------------------------------------------------------------------------------------


def test_one_request_is_touched_by_the_fault_that_was_armed_first() -> None:
    run = held(
        "  - transport_fault: {as: one, kind: reset, last: 2}\n"
        "  - transport_fault: {as: two, kind: html, last: 2}\n"
        "  - mine: 30\n"
    )
    names = [e.payload["name"] for e in run.journal if e.kind == "fired"]
    assert names == ["one", "one", "two", "two"]


def test_a_fault_that_no_request_meets_makes_the_run_inconclusive() -> None:
    run = play(f"{armed('hang', 'method: eth_call')}  - mine: 10\n")
    assert run.outcome.verdict is Verdict.INCONCLUSIVE


def test_a_request_that_a_gateway_refuses_never_reaches_the_node() -> None:
    def asked(kind: str) -> int:
        run = play(
            f"  - mine: 5\n  - kill_listener\n{armed(kind)}  - start_listener\n  - mine: 5\n"
        )
        (at,) = [entry.tick for entry in run.journal if entry.kind == "armed"]
        lifted = next(e.tick for e in run.journal if e.tick > at and e.kind == "lifted")
        return sum(e.actor == "node" and at < e.tick < lifted for e in run.journal)

    assert asked("gateway") == asked("rate_limited") == asked("html") == asked("refused") == 0
    assert asked("reset") > 0


# --- the verb -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("kind: hang, delay: 1s", "delay goes with kind: delay, not with hang"),
        ("kind: delay", "kind: delay needs a delay, such as 3s"),
        ("kind: reset, pieces: 3", "pieces goes with kind: trickle, not with reset"),
        ("kind: gateway, code: 1", "code goes with kind: rate_limited, not with gateway"),
        ("kind: html, status: 502", "status goes with kind: gateway or rate_limited, not"),
        ("kind: gateway, status: 429", "status: expected one of 500, 502, 503, 504 for gateway"),
        ("kind: rate_limited, status: 200", "status: 200 needs a code"),
        ("kind: hang, method: eth_getLog", "did you mean 'eth_getLogs'?"),
        ("kind: refused, method: eth_call", "method: nobody who is refused has asked"),
        ("kind: refused, answer_bytes_over: 1", "answer_bytes_over: nobody who is refused"),
        ("kind: trickle, pause: 1", "a duration is a whole number and a unit"),
        ("kind: resets", "kind: "),
    ],
)
def test_a_field_that_does_not_fit_is_refused_on_its_line(fields: str, message: str) -> None:
    with pytest.raises(BadScenario) as caught:
        loader.parse(
            f"title: t\nsteps:\n  - mine: 1\n  - transport_fault: {{as: f, {fields}}}\n", "t.yaml"
        )
    assert str(caught.value).startswith("t.yaml:4: ")
    assert message in str(caught.value)


# --- the document ---------------------------------------------------------------------------------


def test_every_kind_has_a_row_in_the_document() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert rows == list(get_args(TransportFaultKind))


def test_the_documents_scenario_holds_and_its_faults_fire() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.M | re.S)
    outcome = runner.run(loader.parse(text, "transport.md"))
    assert outcome.verdict is Verdict.HELD, outcome.failure
    assert all(fault.hits for fault in outcome.faults)


# --- the bytes ------------------------------------------------------------------------------------

BATCH = b'[{"id":1,"method":"eth_chainId"},{"id":"x","method":"eth_blockNumber"}]'
ANSWERS = b'[{"jsonrpc":"2.0","id":1,"result":"0x61"},{"jsonrpc":"2.0","id":"x","result":"0x5"}]'


def body_of(kind: TransportFaultKind, request: bytes, answer: bytes) -> bytes:
    honest = HttpAnswer(200, {"content-type": "application/json"}, answer)
    plan = transport.plan(TransportFault("f", kind=kind), request, lambda: honest)
    return b"".join(act.content for act in plan if isinstance(act, transport.Send))


def test_the_right_answers_come_under_ids_that_were_not_sent() -> None:
    assert body_of("wrong_id", BATCH, ANSWERS) == (
        b'[{"jsonrpc":"2.0","id":1000001,"result":"0x61"},'
        b'{"jsonrpc":"2.0","id":"not x","result":"0x5"}]'
    )
    single = b'{"jsonrpc":"2.0","id":7,"result":"0x5"}'
    assert body_of("wrong_id", b"{}", single) == single.replace(b"7", b"1000007")


def test_half_of_an_array_lacks_nothing_but_its_bracket() -> None:
    assert body_of("not_json", BATCH, ANSWERS) == b'[{"jsonrpc":"2.0","id":1,"result":"0x61"}'


@pytest.mark.parametrize("request_body", [b"", b"{", b"[1]", b'"x"', b'{"method":7}', b"[" * 9_999])
def test_a_body_that_is_no_call_has_no_methods(request_body: bytes) -> None:
    assert transport.methods_of(request_body) == frozenset()
