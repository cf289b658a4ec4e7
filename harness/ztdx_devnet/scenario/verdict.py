"""Verdicts: what a run showed, and the exit codes that say it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Part = Literal["invariant", "step", "settling", "check", "run"]


class Verdict(Enum):
    """held: everything demanded was seen. violated: something was not so. inconclusive: the run
    never reached what it is about, so it shows nothing. refused: the scenario asks for what can't
    be done, which was found while it was played. interrupted: somebody stopped it. error: an error
    of our own kept it from being played."""

    HELD = "held"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    ERROR = "error"


EXIT_CODES = {
    Verdict.HELD: 0,
    Verdict.VIOLATED: 1,
    Verdict.INCONCLUSIVE: 2,
    Verdict.REFUSED: 3,
    Verdict.INTERRUPTED: 130,
    Verdict.ERROR: 4,
}
EXIT_OWN_BUG = EXIT_CODES[Verdict.ERROR]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run is not held: the rule in a sentence, where, when, and both values.

    `at_us` is virtual time since the start of the run. `part` says what part of the run demanded
    it: an invariant, a step, the settling, a check, or the run as a whole (it showed nothing).
    """

    rule: str
    line: int
    at_us: int
    expected: str
    actual: str
    part: Part = "step"


@dataclass(frozen=True, slots=True)
class FaultCount:
    """An armed fault and how often it changed an answer."""

    name: str
    hits: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario's result. `digest` identifies the run to the byte."""

    path: str
    title: str
    seed: int
    verdict: Verdict
    digest: str
    wall_s: float
    virtual_us: int
    failure: Failure | None
    faults: tuple[FaultCount, ...]


def overall(outcomes: Iterable[Outcome]) -> Verdict:
    """The first of interrupted, error, violated, refused and inconclusive that any is, else held.

    What the product has done wrong is not hidden by a mistake in another scenario.
    """
    verdicts = {outcome.verdict for outcome in outcomes}
    for verdict in (
        Verdict.INTERRUPTED,
        Verdict.ERROR,
        Verdict.VIOLATED,
        Verdict.REFUSED,
        Verdict.INCONCLUSIVE,
    ):
        if verdict in verdicts:
            return verdict
    return Verdict.HELD
