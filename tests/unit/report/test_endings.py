"""A failure report says how a listener ended that does not run, or that an error had ended."""

from __future__ import annotations

from pathlib import Path

from ztdx_devnet.report.annotations import annotation_lines
from ztdx_devnet.report.failure import failure_lines
from ztdx_devnet.report.junit import write_junit
from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.report.timeline import endings, text_timeline
from ztdx_devnet.runs.jobs import Play
from ztdx_devnet.runs.stopping import Stopping

from .runs import page_of, run_of

HALTED = """
title: Another chain answers once
steps:
  - mine: 5
  - answer_fault: {as: other, method: eth_chainId, kind: wrong_chain, first: 1}
  - mine: 25
"""
KILLED = """
title: Nobody listens
steps:
  - mine: 5
  - kill_listener
  - mine: 5
  - expect: {listener_runs: {value: true}}
"""
RESTARTED = """
title: Killed and started again
steps:
  - restart_listener
  - mine: 5
  - expect: {listener_runs: {value: false}}
"""
HALTED_AND_STARTED = HALTED + "  - start_listener\n  - expect: {listener_runs: {value: false}}\n"


def told(text: str) -> list[str]:
    run = run_of(text)
    return endings(run.journal, run.outcome)


def record_of(text: str) -> RunRecord:
    run = run_of(text)
    return RunRecord(run.outcome, timeline="…", endings=tuple(told(text)))


def test_a_listener_that_halted_is_told_with_its_reason_and_time() -> None:
    (line,) = told(HALTED)
    assert line.startswith("listener: ended at 10.2 s: ListenerHalted('the node serves chain 98")


def test_a_listener_that_was_killed_and_does_not_run_is_told() -> None:
    assert told(KILLED) == ["listener: killed at 10.0 s"]


def test_a_listener_that_died_at_a_crash_point_and_does_not_run_is_told() -> None:
    (line,) = told(KILLED.replace("kill_listener", "crash_at: {nth: 1, kind: sleep}"))
    assert line.startswith("listener: died at ")


def test_a_listener_that_runs_again_after_a_kill_is_not_told() -> None:
    assert told(RESTARTED) == []


def test_a_listener_that_runs_again_after_an_error_is_told_still() -> None:
    (line,) = told(HALTED_AND_STARTED)
    assert "ListenerHalted('the node serves chain 98" in line
    assert line.endswith("; it was started again at 60.0 s")


def test_a_listener_that_runs_to_the_end_is_not_told() -> None:
    assert told("title: t\nsteps:\n  - mine: 1\n  - expect: {height: {at_least: 2000}}\n") == []


def test_how_it_ended_stands_above_what_happened_around_the_failure() -> None:
    lines = failure_lines(record_of(HALTED))
    (at,) = [i for i, line in enumerate(lines) if "ListenerHalted" in line]
    assert at < lines.index("around it")


def test_junit_and_annotations_say_how_it_ended(tmp_path: Path) -> None:
    record = record_of(HALTED)
    write_junit([record], tmp_path / "junit.xml", 1.0)
    assert "ListenerHalted" in (tmp_path / "junit.xml").read_text("utf-8")
    assert "ListenerHalted" in "".join(annotation_lines([record], tmp_path))


def test_a_played_scenario_carries_how_its_listener_ended() -> None:
    played = Play("here.yaml", HALTED).do(Stopping())
    assert "ListenerHalted" in "".join(played.record.endings)  # type: ignore[union-attr]


def test_blocks_without_transactions_before_the_failure_are_folded() -> None:
    run = run_of(HALTED)
    lines = text_timeline(run.journal, run.outcome).splitlines()
    assert [line for line in lines if "empty blocks, up to #" in line]
    assert sum(" mined" in line for line in lines) == 1
    assert "ListenerHalted" in "".join(lines)


def test_the_page_says_how_it_ended_beside_the_values() -> None:
    html = page_of(run_of(HALTED))
    section = html[html.index('<section id="false">') : html.index('<section id="chain">')]
    assert "listener: ended at 10.2 s: ListenerHalted(" in section
