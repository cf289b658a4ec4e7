"""Processes by name: a second listener, clean stops, kills and crashes, a supervisor."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, NoReturn

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim import processes
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot import service
from ztdx_spot.listener.loop import run_listener

DEPOSIT = '  - deposit: {as: d1, user: alice, amount: "1"}\n'


def play(
    steps: str,
    given: str = "",
    rest: str = "",
    seed: int = 0,
    listener: ListenerProgram | None = None,
) -> Run:
    text = f"title: t\ngiven: {{{given}}}\nsteps:\n{steps}{rest}"
    return runner.play(loader.parse(text, "t.yaml"), seed, listener)


def verdict(run: Run) -> Verdict:
    return run.outcome.verdict


def times_s(run: Run, actor: str, kind: str) -> list[float]:
    """When that actor recorded that, in seconds since the start of the run."""
    return [
        (entry.at_us - run.started_us) / MICROSECONDS
        for entry in run.journal
        if (entry.actor, entry.kind) == (actor, kind)
    ]


def commits(run: Run, actor: str) -> int:
    return len(times_s(run, actor, "commit"))


TWO_LISTENERS_AND_REORGS = """
  - second_listener: {as: standby}
  - deposit_series: {as: s, users: [alice, bob], amount: "1", count: 6, every_blocks: 4}
  - reorg: {depth: 12, order: [s-6, s-4], delay_blocks: 3}
  - mine: 25
  - wait_until: {credited: [s-1, s-2, s-3, s-4, s-5, s-6], within: 200s}
  - reorg: {depth: 48, length: 60, drop: [s-5], order: [s-6, s-2], delay_blocks: 2}
  - mine: 30
  - reorg: {depth: 3}
  - deposit: {as: late, user: carol, amount: "5"}
  - mine: 21
"""


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("latency", ["steady", "varied"])
def test_two_listeners_on_one_database_credit_once_through_reorgs(seed: int, latency: str) -> None:
    run = play(
        TWO_LISTENERS_AND_REORGS,
        f"latency: {latency}",
        "check:\n  eventually:\n"
        "    - credited: [s-1, s-2, s-3, s-4, s-6, late]\n"
        "    - reversed: [s-5]\n"
        '    - balance: {user: alice, available: "2"}\n'
        '    - balance: {user: bob, available: "3"}\n',
        seed,
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    assert commits(run, "listener") > 10
    assert commits(run, "standby") > 10


def test_the_second_listener_goes_on_when_the_first_is_dead() -> None:
    run = play(
        f"{DEPOSIT}  - second_listener: {{as: standby}}\n  - mine: 1\n  - kill_listener\n"
        "  - wait_until: {credited: [d1], within: 60s}\n"
        "  - expect: {listener_runs: false}\n"
        "  - expect: {listener_runs: {value: true, listener: standby}}\n"
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure


def test_each_of_two_listeners_dies_holding_the_lock_and_nothing_is_lost_or_doubled() -> None:
    run = play(
        f"{DEPOSIT}  - second_listener: {{as: standby}}\n  - mine: 1\n"
        '  - crash_at: {nth: 1, kind: "sql:INSERT spot_deposits", process: standby}\n'
        '  - crash_at: {nth: 1, kind: "sql:INSERT spot_deposits"}\n'
        "  - wait: 60s\n  - expect: {not_credited: [d1]}\n"
        "  - start_listener: standby\n  - start_listener: main\n",
        rest="check:\n  eventually:\n    - credited: [d1]\n",
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    assert [fault.hits for fault in run.outcome.faults] == [1, 1]


def test_start_kill_and_restart_take_a_listener_by_its_name() -> None:
    run = play(
        "  - second_listener: {as: standby}\n  - wait: 3s\n"
        "  - kill_listener: standby\n  - expect: {listener_runs: true}\n"
        "  - expect: {listener_runs: {value: false, listener: standby}}\n"
        "  - start_listener: standby\n  - wait: 3s\n  - restart_listener: {listener: standby}\n"
        "  - wait: 3s\n  - expect: {listener_runs: {value: true, listener: standby}}\n"
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    assert times_s(run, "standby", "start") == [0, 3, 6]
    assert times_s(run, "listener", "start") == [0]


def test_a_stopped_listener_ends_at_its_sleep_and_commits_what_it_had_begun() -> None:
    run = play(
        f"{DEPOSIT}  - mine: 21\n  - wait: 1s\n  - stop_listener\n"
        "  - expect: {listener_runs: false}\n  - wait: 20s\n"
        "  - expect: {listener_runs: false}\n  - start_listener\n"
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    (asked,) = times_s(run, "listener", "stop")
    ended, _ = times_s(run, "listener", "exit")
    assert ended == asked  # it slept: nothing had to be waited for


def test_a_stop_in_the_middle_of_a_page_lets_it_be_written() -> None:
    """In 150 ms the first poll is asking the node for receipts or headers; it sleeps later."""
    run = play(
        "  - deposit_series: {as: s, users: [alice], amount: '1', count: 5, every_blocks: 1}\n"
        "  - mine: 25\n  - start_listener\n  - wait: 5ms\n  - stop_listener\n"
        "  - expect: {listener_runs: false, credited: [s-1, s-2, s-3, s-4, s-5]}\n"
        "  - start_listener\n",
        "listener: stopped",
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    (asked,) = times_s(run, "listener", "stop")
    assert asked < times_s(run, "listener", "exit")[0] < asked + 2


def test_a_listener_that_does_not_stop_in_time_is_killed() -> None:
    run = play(
        "  - wait: 5s\n  - transport_fault: {as: silence, kind: hang}\n  - wait: 3s\n"
        "  - stop_listener\n  - expect: {listener_runs: false}\n"
        "  - clear_faults\n  - start_listener\n"
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    (asked,) = times_s(run, "listener", "stop")
    assert times_s(run, "listener", "exit")[0] == asked + 2


def test_a_crash_of_the_api_takes_the_credit_that_was_not_committed() -> None:
    run = play(
        '  - wait: 1s\n  - crash_at: {nth: 1, kind: "sql:COMMIT", process: api}\n'
        '  - admin_credit: {user: bob, amount: "1", idempotency_key: k, expect: {status: none}}\n'
        '  - admin_credit: {user: bob, amount: "1", expect: {status: refused}}\n'
        "  - start_api\n"
        '  - admin_credit: {user: bob, amount: "1", idempotency_key: k}\n',
        rest='check:\n  eventually:\n    - balance: {user: bob, available: "1"}\n',
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    assert run.outcome.faults[0].hits == 1
    assert times_s(run, "api", "start")[0] == 0
    assert len(times_s(run, "api", "start")) == 2


def test_the_api_is_killed_started_and_restarted() -> None:
    run = play(
        "  - wait: 1s\n  - kill_api\n"
        "  - api: {path: /spot/deposits, as: alice, expect: {status: refused}}\n"
        "  - start_api\n  - api: {path: /spot/balances, as: alice, expect: {status: 200}}\n"
        "  - restart_api\n  - api: {path: /spot/balances, as: alice, expect: {status: 200}}\n"
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure


LOCKED_AT_ITS_START = (
    "  - wait: 1s\n  - db_fault: {as: lock, kind: busy, for: 18s}\n  - wait: 10ms\n"
    "  - start_listener\n  - wait: 25s\n  - expect: {listener_runs: %s}\n"
)


def test_a_listener_that_dies_of_a_lock_at_its_start_stays_dead_without_a_supervisor() -> None:
    run = play(LOCKED_AT_ITS_START % "false", "listener: stopped")
    assert verdict(run) is Verdict.VIOLATED
    assert run.outcome.failure is not None
    assert run.outcome.failure.part == "settling"


def test_a_supervisor_starts_it_again_until_it_lives() -> None:
    run = play(LOCKED_AT_ITS_START % "true", "listener: stopped, restart_after: 3s")
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    starts, exits = times_s(run, "listener", "start"), times_s(run, "listener", "exit")
    assert len(starts) == 3
    assert [round(start - end, 3) for end, start in zip(exits, starts[1:], strict=False)] == [3, 3]


@pytest.mark.parametrize(
    ("death", "listener_starts", "api_starts"),
    [
        ("kill_listener", [0, 7], [0]),
        ("crash_at: {nth: 1, kind: sleep}", [0, 8], [0]),
        ("stop_listener", [0, 15], [0]),
        ("kill_api", [0], [0, 7]),
    ],
)
def test_a_supervisor_restarts_what_died_and_not_what_was_stopped(
    death: str, listener_starts: list[int], api_starts: list[int]
) -> None:
    run = play(
        f"  - wait: 5s\n  - {death}\n  - wait: 10s\n  - start_listener\n", "restart_after: 2s"
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    assert [round(at_s) for at_s in times_s(run, "listener", "start")] == listener_starts
    assert [round(at_s) for at_s in times_s(run, "api", "start")] == api_starts


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (
            "  - second_listener: {as: standby}\n  - kill_listener: stanby\n",
            "t.yaml:5: unknown listener 'stanby': did you mean 'standby'?",
        ),
        ("  - start_listener: api\n", "t.yaml:4: unknown listener 'api': known: main"),
        ("  - crash_at: {nth: 1, process: apu}\n", "t.yaml:4: unknown listener 'apu'"),
        (
            "  - expect: {listener_runs: {value: true, listener: b}}\n",
            "t.yaml:4: unknown listener 'b'",
        ),
        ("  - second_listener: {as: main}\n", "t.yaml:4: the name 'main' is given twice"),
        ("  - second_listener: {as: operator}\n", "t.yaml:4: as: 'operator' is somebody else"),
        ("  - second_listener: {as: alice}\n", "t.yaml:4: as: 'alice' is somebody else"),
    ],
)
def test_unknown_and_taken_names_are_one_line_each(steps: str, problem: str) -> None:
    with pytest.raises(BadScenario) as caught:
        play(steps)
    assert str(caught.value).startswith(problem)


def test_the_simulated_api_waits_for_a_lock_as_long_as_the_served_one() -> None:
    assert processes.API_BUSY_WAIT_S == service.API_BUSY_WAIT_S


def exits(run: Run) -> list[object]:
    """What each life of the listener ended of."""
    return [
        entry.payload["error"]
        for entry in run.journal
        if (entry.actor, entry.kind) == ("listener", "exit")
    ]


class Deaf:
    """A listener that goes on whatever is raised in it, a good while at least."""

    def __init__(self) -> None:
        self.turns = 0

    def __call__(self, *ports: Any) -> NoReturn:
        while self.turns < 100_000:
            self.turns += 1
            with suppress(BaseException):
                run_listener(*ports)
        raise AssertionError("nothing ends it")


def test_a_listener_that_swallows_every_kill_dies_all_the_same() -> None:
    deaf = Deaf()
    run = play(
        DEPOSIT + '  - crash_at: {nth: 9, kind: "sql:"}\n  - mine: 5\n  - kill_listener\n'
        "  - mine: 20\n  - wait_until: {credited: [d1], within: 60s}\n",
        "restart_after: 1s",
        listener=deaf,
    )
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    assert exits(run) == [None, None, None]


def test_a_listener_that_swallows_the_request_to_stop_is_killed_in_time() -> None:
    run = play("  - mine: 5\n  - stop_listener\n  - start_listener\n", listener=Deaf())
    assert verdict(run) is Verdict.HELD, run.outcome.failure
    (stopped,) = [e.at_us for e in run.journal if e.payload.get("verb") == "stop_listener"]
    ended, _ = times_s(run, "listener", "exit")
    assert ended == (stopped - run.started_us) / MICROSECONDS + 2
    assert exits(run)[0] is None


def test_what_a_killed_listener_raises_is_not_what_it_ended_of() -> None:
    def last_words(*ports: Any) -> NoReturn:
        try:
            run_listener(*ports)
        except BaseException:
            raise RuntimeError("I am dead") from None

    run = play('  - crash_at: {nth: 9, kind: "sql:"}\n  - mine: 5\n', listener=last_words)
    assert exits(run) == [None]


def test_a_listener_that_exits_by_itself_ends_its_process_and_not_the_run() -> None:
    def leave(settings: Any, transport: Any, clock: Any, *_: Any) -> NoReturn:
        clock.sleep_s(3)
        sys.exit("no node")

    run = play("  - mine: 5\n  - expect: {listener_exited: SystemExit}\n", listener=leave)
    assert exits(run)[0] == "SystemExit('no node')"
