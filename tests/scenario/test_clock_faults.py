"""Wrong clocks: what is credited, and when, does not depend on the time of a process."""

from __future__ import annotations

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.kernel import Kernel
from ztdx_devnet.sim.ports import SimClock
from ztdx_devnet.virtual_time import MICROSECONDS

STEPS = (
    "  - deposit_series: {as: s, users: [alice, bob], amount: '1', count: 4, every_blocks: 5}\n"
    "  - reorg: {depth: 8, delay_blocks: 2}\n  - mine: 24\n"
    "  - wait_until: {credited: [s-1, s-2, s-3, s-4], within: 60s}\n"
)


def play(steps: str, rest: str = "", given: str = "") -> Run:
    text = f"title: t\ngiven: {{{given}}}\nsteps:\n{steps}{rest}"
    return runner.play(loader.parse(text, "t.yaml"))


def credited_at_us(run: Run) -> list[int]:
    return [
        entry.at_us for entry in run.journal if (entry.actor, entry.kind) == ("ledger", "credited")
    ]


@pytest.mark.parametrize("by", ["1d", "-1d", "3650d", "-7h"])
def test_a_listener_with_a_wrong_clock_credits_as_one_with_the_right_one(by: str) -> None:
    right = play(f"  - clock_jump: 1ms\n{STEPS}")
    wrong = play(f"  - clock_jump: {by}\n{STEPS}")
    assert wrong.outcome.verdict is Verdict.HELD, wrong.outcome.failure
    assert len(credited_at_us(right)) == 4
    for one, other in zip(credited_at_us(wrong), credited_at_us(right), strict=True):
        assert abs(one - other) < 10_000  # some statements more: its status looks old


def test_a_clock_that_jumps_to_and_fro_changes_nothing() -> None:
    jumps = "  - clock_jump: 1d\n  - wait: 7s\n  - clock_jump: -2d\n  - wait: 7s\n"
    run = play(f"{jumps}{STEPS}{jumps}")
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_the_jump_reaches_the_listener_and_is_journaled_once() -> None:
    run = play("  - wait: 3s\n  - clock_jump: {by: 1d}\n  - wait: 30s\n")
    (fault,) = run.outcome.faults
    assert fault.name == "clock of listener off by +86400 s"
    assert fault.hits > 5
    assert [
        entry.payload for entry in run.journal if (entry.actor, entry.kind) == ("faults", "fired")
    ] == [{"name": fault.name, "process": "listener"}]


def test_only_the_named_process_is_off_until_faults_are_lifted() -> None:
    """To an API a day ahead a token of an hour is an old one, and a signature a late one."""
    balances = "  - api: {path: /spot/balances, as: alice, auth: %s, expect: {status: %d}}\n"
    run = play(
        "  - second_listener: {as: standby}\n"
        f"{balances % ('jwt', 200)}{balances % ('hmac', 200)}"
        "  - clock_jump: {by: 1d, process: api}\n"
        f"{balances % ('jwt', 401)}{balances % ('hmac', 401)}"
        "  - clock_jump: {by: -1d, process: api}\n"
        f"{balances % ('jwt', 200)}{balances % ('hmac', 200)}"
        "  - clock_jump: {by: 2d, process: standby}\n"
        f"{balances % ('jwt', 200)}  - wait: 5s\n"
        "  - clock_jump: {by: 1d, process: api}\n"
        f"{balances % ('jwt', 401)}"
        "  - clear_faults\n"
        f"{balances % ('jwt', 200)}",
        given="environment: {JWT_EXPIRY_SECONDS: '3600'}",
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_a_restarted_process_still_has_the_clock_of_its_machine() -> None:
    run = play(
        "  - clock_jump: {by: 1d, process: api}\n  - restart_api\n"
        "  - api: {path: /spot/balances, as: alice, auth: hmac, expect: {status: 401}}\n"
    )
    assert run.outcome.verdict is Verdict.HELD, run.outcome.failure


def test_a_sleep_takes_as_long_with_a_wrong_clock() -> None:
    kernel, seen = Kernel(0), list[float]()
    offsets_us = [0]
    clock = SimClock(kernel, lambda: offsets_us[0])

    def act() -> None:
        seen.append(clock.now_s())
        offsets_us[0] = -3 * MICROSECONDS
        clock.sleep_s(2.0)
        seen.append(clock.now_s())

    kernel.run_until_done(kernel.spawn("a", act))
    assert seen == [0, -1]
    assert kernel.now_us == 2 * MICROSECONDS


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("{by: 1}", "by: a duration is a whole number and a unit"),
        ("{by: --1d}", "by: a duration is a whole number and a unit"),
        ("{by: 1d, process: clock}", "unknown listener 'clock': known: main"),
    ],
)
def test_a_jump_that_makes_no_sense_is_one_line(fields: str, problem: str) -> None:
    with pytest.raises(BadScenario) as caught:
        play(f"  - clock_jump: {fields}\n")
    assert str(caught.value).startswith(f"t.yaml:4: {problem}")
