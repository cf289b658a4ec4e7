"""What several verdicts come to: one verdict, and with it the exit code."""

from __future__ import annotations

import pickle
from itertools import combinations

import pytest

from ztdx_devnet.scenario.errors import BadScenario, Problem
from ztdx_devnet.scenario.verdict import EXIT_CODES, Outcome, Verdict, overall

FIRST_TO_LAST = (130, 4, 1, 3, 2, 0)
"""As `devnet run --help` and the documents say."""


def outcome(verdict: Verdict) -> Outcome:
    return Outcome("x.yaml", "t", 0, verdict, "", 0.0, 0, None, ())


def test_no_scenario_at_all_has_held() -> None:
    assert overall([]) is Verdict.HELD


def test_every_verdict_has_a_place_among_them() -> None:
    assert sorted(EXIT_CODES[verdict] for verdict in Verdict) == sorted(FIRST_TO_LAST)


@pytest.mark.parametrize(("first", "second"), list(combinations(FIRST_TO_LAST, 2)))
def test_of_two_the_graver_one_is_told(first: int, second: int) -> None:
    verdicts = {code: verdict for verdict, code in EXIT_CODES.items()}
    both = [outcome(verdicts[code]) for code in (second, first)]
    assert EXIT_CODES[overall(both)] == EXIT_CODES[overall(both[::-1])] == first


def test_what_is_wrong_with_a_scenario_can_be_told_by_another_process() -> None:
    problems = (Problem("x.yaml", 3, "no"), Problem("x.yaml", 4, "nor that"))
    told = pickle.loads(pickle.dumps(BadScenario(problems)))
    assert told.problems == problems
    assert str(told) == "x.yaml:3: no\nx.yaml:4: nor that"
