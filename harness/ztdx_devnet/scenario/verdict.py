"""Verdicts: what a run showed, and the exit codes that say it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """held: everything demanded was seen. violated: something was not so. inconclusive: the run
    never reached what it is about, so it shows nothing."""

    HELD = "held"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"


EXIT_CODES = {Verdict.HELD: 0, Verdict.VIOLATED: 1, Verdict.INCONCLUSIVE: 2}
EXIT_BAD_INPUT = 3
EXIT_OWN_BUG = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run is not held: the rule in a sentence, where, when, and both values.

    `at_us` is virtual time since the start of the run.
    """

    rule: str
    line: int
    at_us: int
    expected: str
    actual: str


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
    """violated if any is, else inconclusive if any is, else held."""
    verdicts = {outcome.verdict for outcome in outcomes}
    for verdict in (Verdict.VIOLATED, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.HELD
