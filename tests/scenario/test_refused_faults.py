"""Faults that could touch nothing, or mean nothing, are refused when the scenario is loaded."""

from __future__ import annotations

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.ports import BOUNDARY_KINDS


def parse(step: str) -> loader.Scenario:
    return loader.parse(f"title: t\nsteps:\n  - mine: 2\n  - {step}\n  - mine: 5\n", "t.yaml")


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (
            "clock_jump: 0s",
            "by: a clock that jumps by nothing is right: say how far it is off, such as 1d or -90s",
        ),
        ("clock_jump: {by: -0d}", "by: a clock that jumps by nothing"),
        (
            "crash_at: {nth: 1, kind: 'sql:COMIT'}",
            "kind: unknown kind of boundary 'sql:COMIT': did you mean 'sql:COMMIT'?",
        ),
        (
            "crash_at: {nth: 1, kind: 'sql:INSERT spot_depositz'}",
            "kind: unknown kind of boundary 'sql:INSERT spot_depositz': "
            "did you mean 'sql:INSERT spot_deposits'?",
        ),
        (
            "crash_at: {nth: 1, kind: 'sql:insert spot_deposits'}",
            "kind: unknown kind of boundary 'sql:insert spot_deposits': "
            "did you mean 'sql:INSERT spot_deposits'?",
        ),
        (
            "crash_at: {nth: 1, kind: rcp:send}",
            "kind: unknown kind of boundary 'rcp:send': did you mean 'rpc:send'?",
        ),
        (
            "crash_at: {nth: 1, kind: whenever}",
            "kind: unknown kind of boundary 'whenever': known: http:accept, pause, rpc:receive, "
            "rpc:send, sleep, sql:ALTER, ",
        ),
        (
            "transport_fault: {as: f, kind: resett}",
            "kind: unknown kind 'resett': did you mean 'reset'?",
        ),
        ("db_fault: {as: f, kind: bussy}", "kind: unknown kind 'bussy': did you mean 'busy'?"),
        ("api_fault: {as: f, kind: eror}", "kind: unknown kind 'eror': did you mean 'error'?"),
        (
            "api_fault: {as: f, kind: zzz}",
            "kind: unknown kind 'zzz': known: dropped, dropped_before, error, latency",
        ),
    ],
)
def test_what_can_not_be_is_one_line(step: str, problem: str) -> None:
    with pytest.raises(BadScenario) as caught:
        parse(step)
    (told,) = caught.value.problems
    assert str(told).startswith(f"t.yaml:4: {problem}")


@pytest.mark.parametrize("by", ["36526d", "-36526d", "3652500d"])
def test_a_clock_is_off_by_a_hundred_years_at_most(by: str) -> None:
    with pytest.raises(BadScenario, match=r"t.yaml:4: by: '\d+d' is longer than 36525d"):
        parse(f"clock_jump: {by}")


@pytest.mark.parametrize("by", ["36525d", "-36525d"])
def test_a_century_is_no_matter(by: str) -> None:
    assert runner.run(parse(f"clock_jump: {by}")).verdict is Verdict.HELD


@pytest.mark.parametrize("kind", ["''", "s", "rpc", "'sql:IN'", "'sql:DELETE spot_deposits'"])
def test_a_kind_is_the_beginning_of_a_boundary(kind: str) -> None:
    assert parse(f"crash_at: {{nth: 1, kind: {kind}}}").steps


def test_all_that_processes_cross_is_known() -> None:
    """Each boundary of the product's own processes, in a run that has many."""
    crossed: set[str] = set()

    def note(world: runner.World) -> None:
        enter = world.kernel._enter

        def watched(kind: str):  # type: ignore[no-untyped-def]
            actor = enter(kind)
            if actor.name in ("listener", "api"):
                crossed.add(kind)
            return actor

        world.kernel._enter = watched  # type: ignore[method-assign]

    with pytest.MonkeyPatch.context() as patch:
        opened = runner.open_world

        def open_and_note(*arguments):  # type: ignore[no-untyped-def]
            world = opened(*arguments)
            note(world)
            return world

        patch.setattr(runner, "open_world", open_and_note)
        text = """title: t
given: {restart_after: 1s}
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 21
  - wait: 5s
  - transport_fault: {as: t, kind: delay, delay: 10ms}
  - reorg: {depth: 28, drop: [d1]}
  - db_fault: {as: full, kind: read_only, last: 1}
  - mine: 25
  - clear_faults
  - mine: 3
"""
        outcome = runner.run(loader.parse(text, "t.yaml"))
    assert outcome.verdict is Verdict.HELD, outcome.failure
    assert {"rpc:send", "pause", "sleep", "http:accept", "sql:ROLLBACK"} <= crossed
    assert sorted(crossed - set(BOUNDARY_KINDS)) == []
