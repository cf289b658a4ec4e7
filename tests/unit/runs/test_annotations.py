"""Annotations follow GitHub's rules for workflow commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ztdx_devnet.report.annotations import annotation_lines
from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.scenario.verdict import Failure, Outcome, Verdict

FAILURE = Failure("expect", 7, 1_000_000, "100 %", "a\r\nb")
OUTCOME = Outcome("a/b,c.yaml", "50%: x,\ny", 3, Verdict.VIOLATED, "d" * 64, 0.1, 5, FAILURE, ())


def test_newlines_percents_colons_and_commas_are_escaped(tmp_path: Path) -> None:
    outcome = replace(OUTCOME, path=str(tmp_path / "a" / "b,c.yaml"))
    (line,) = annotation_lines([RunRecord(outcome)], tmp_path)
    properties, _, message = line.removeprefix("::").partition("::")
    assert properties == "error file=a/b%2Cc.yaml,line=7,title=violated%3A 50%25%3A x%2C%0Ay"
    assert "\n" not in message
    assert "expected: 100 %25%0A" in message
    assert "a\\r\\nb" in message


def test_a_path_outside_of_the_workspace_stays_whole(tmp_path: Path) -> None:
    outcome = replace(OUTCOME, path="/elsewhere/x.yaml")
    (line,) = annotation_lines([RunRecord(outcome)], tmp_path)
    assert line.startswith("::error file=/elsewhere/x.yaml,line=7,")


def test_what_shows_nothing_is_a_warning_and_what_held_is_not_told(tmp_path: Path) -> None:
    held = replace(OUTCOME, verdict=Verdict.HELD, failure=None)
    idle = replace(OUTCOME, verdict=Verdict.INCONCLUSIVE, failure=replace(FAILURE, line=0))
    (line,) = annotation_lines([RunRecord(held), RunRecord(idle)], tmp_path)
    assert line.startswith("::warning file=")
    assert ",line=1," in line
