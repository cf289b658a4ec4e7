"""Two runs of one scenario and seed are one run, or the first difference is told."""

from __future__ import annotations

from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.runs.jobs import Played
from ztdx_devnet.runs.repetition import RULE, compared
from ztdx_devnet.scenario.verdict import Outcome, Verdict


def played(digest: str, journal: bytes, verdict: Verdict = Verdict.HELD) -> Played:
    outcome = Outcome("x.yaml", "t", 0, verdict, digest, 0.5, 9_000_000, None, ())
    return Played(RunRecord(outcome, run_id=f"x-{digest}"), journal, 1_000_000)


LINES = b'[0,1000000,"chain","blocks",{"head":1}]\n[1,3000000,"chain","blocks",{"head":2}]\n'


def test_two_that_are_alike_are_one_that_took_longer() -> None:
    record = compared(played("a", LINES), played("a", LINES))
    assert record.outcome.verdict is Verdict.HELD
    assert record.outcome.wall_s == 1.0


def test_the_first_line_that_differs_is_shown_of_both() -> None:
    other = LINES.replace(b'"head":2', b'"head":3')
    failure = compared(played("a", LINES), played("b", other)).outcome.failure
    assert failure is not None
    assert failure.rule == RULE == "the run is not deterministic"
    assert failure.at_us == 2_000_000
    assert failure.expected == 'journal line 2: [1,3000000,"chain","blocks",{"head":2}]'
    assert failure.actual == 'journal line 2: [1,3000000,"chain","blocks",{"head":3}]'


def test_a_run_that_ended_earlier_differs_where_it_ended() -> None:
    failure = compared(played("a", LINES), played("b", LINES[:40])).outcome.failure
    assert failure is not None
    assert failure.actual == "journal line 2: none, the run has ended"


def test_a_long_line_is_shown_around_the_difference() -> None:
    line = b'[0,1000000,"node","answer",{"body":"' + b"x" * 5_000
    one, other = line + b'1"}]\n', line + b'2"}]\n'
    failure = compared(played("a", one), played("b", other)).outcome.failure
    assert failure is not None
    assert failure.expected.endswith('xxx1"}]')
    assert failure.actual.endswith('xxx2"}]')
    assert len(failure.expected) < 200


def test_another_schedule_with_the_same_journal_is_another_run() -> None:
    outcome = compared(played("a", LINES), played("b", LINES)).outcome
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.failure is not None
    assert "another order" in outcome.failure.actual


def test_an_interrupted_run_says_nothing_about_the_other() -> None:
    stopped = played("b", LINES[:40], Verdict.INTERRUPTED)
    assert compared(played("a", LINES), stopped).outcome.verdict is Verdict.INTERRUPTED
