"""What a replay is beside the recorded run, in a line."""

from __future__ import annotations

import pytest

from ztdx_devnet.runs.replay import Recorded, RecordedFailure, comparison
from ztdx_devnet.scenario.verdict import Failure, Outcome, Verdict

CHANGED = "(the product or the harness has changed)"


def recorded(verdict: str, rule: str | None = None) -> Recorded:
    failure = None if rule is None else RecordedFailure(rule=rule)
    return Recorded(path="x", verdict=Verdict(verdict), seed=0, digest="a", failure=failure)


def outcome(verdict: str, rule: str | None = None, digest: str = "b") -> Outcome:
    failure = None if rule is None else Failure(rule, 1, 0, "", "")
    return Outcome("x", "t", 0, Verdict(verdict), digest, 0.0, 0, failure, ())


def test_what_a_foreign_folder_says_is_one_line_that_no_terminal_obeys() -> None:
    told = comparison(recorded("violated", "a\nb\x1b[31m"), outcome("held"))
    assert told == r"fixed: held now; it was violated: a\nb\x1b[31m"


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (
            recorded("violated", "I3"),
            outcome("violated", "I3", "a"),
            "the same run to the byte: violated: I3",
        ),
        (recorded("held"), outcome("held", None, "a"), "the same run to the byte: held"),
        (
            recorded("violated", "I3"),
            outcome("held"),
            "fixed: held now; it was violated: I3",
        ),
        (
            recorded("violated", "I3"),
            outcome("violated", "I1"),
            "fails differently: violated: I1; it was violated: I3",
        ),
        (
            recorded("violated", "I3"),
            outcome("inconclusive", "sometimes"),
            "fails differently: inconclusive: sometimes; it was violated: I3",
        ),
        (
            recorded("violated", "I3"),
            outcome("violated", "I3"),
            f"fails alike, but another run than recorded {CHANGED}: violated: I3",
        ),
        (recorded("held"), outcome("held"), f"held, but another run than recorded {CHANGED}"),
        (recorded("held"), outcome("violated", "I1"), "fails now: violated: I1; it was held"),
        (
            recorded("interrupted", "interrupted"),
            outcome("held"),
            "the recorded run was interrupted; this one was not: held",
        ),
        *(
            (
                recorded(was, "x"),
                outcome("interrupted", "interrupted", digest),
                "interrupted before its end: nothing can be said",
            )
            for was in ("held", "violated", "interrupted")
            for digest in ("a", "b")
        ),
    ],
)
def test_each_pair_of_verdicts_has_its_words(was: Recorded, now: Outcome, told: str) -> None:
    assert comparison(was, now) == told
