"""The last line of a report: the command that plays it again."""

from __future__ import annotations

import pytest

from ztdx_devnet.report.failure import failure_lines
from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.scenario.verdict import Failure, Outcome, Verdict


@pytest.mark.parametrize(
    ("path", "argument"),
    [("a b.yaml", "'a b.yaml'"), ("a;b.yaml", "'a;b.yaml'"), ("-a.yaml", "./-a.yaml")],
)
def test_the_command_to_play_it_again_can_be_pasted(path: str, argument: str) -> None:
    outcome = Outcome(
        path, "t", 3, Verdict.VIOLATED, "d", 0.0, 0, Failure("I1", 1, 0, "a", "b"), ()
    )
    assert f"again:    devnet run {argument} --seed 3" in failure_lines(RunRecord(outcome))
