"""The catalogue: every invariant's number, sentence, and the instants at which it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ztdx_devnet.scenario.invariants import api, progress, rows, sums
from ztdx_devnet.scenario.invariants.evidence.scene import Scene
from ztdx_devnet.scenario.invariants.problems import Problems


class Instant(Enum):
    """When an invariant is looked at; the value is how the documents say it."""

    COMMIT = "at every commit that changes the ledger"
    CURSOR = "at every move of the cursor"
    MOMENT = "at every commit and every change of the head"
    ANSWER = "at every answer of the API"
    SETTLED = "after settling"


Check = Callable[[Scene], Problems]


@dataclass(frozen=True, slots=True)
class Invariant:
    """`checks` is empty where something else than the watch looks: `elsewhere` says what."""

    number: str
    sentence: str
    checks: Mapping[Instant, Check] = field(default_factory=dict)
    elsewhere: str = ""


def _invariant(number: str, elsewhere: str = "", **checks: Check) -> Invariant:
    """Its sentence is the docstring of its check."""
    found = {Instant[name.upper()]: check for name, check in checks.items()}
    sentences = {check.__doc__ for check in checks.values()}
    (sentence,) = sentences
    assert sentence is not None
    return Invariant(number, sentence, found, elsewhere)


# In the order of looking: what says more about a row comes first.
CATALOGUE: tuple[Invariant, ...] = (
    _invariant("I18", commit=rows.history),
    _invariant(
        "I9", commit=rows.isolation, cursor=rows.isolation_of_cursor, settled=rows.isolation
    ),
    _invariant("I6", commit=rows.depth),
    _invariant(
        "I11",
        "and what the API says by the walk of I12",
        commit=sums.exact_amounts,
        answer=api.exact_answers,
        settled=sums.exact_amounts,
    ),
    _invariant("I2", commit=rows.soundness, moment=rows.soundness_in_time, settled=rows.soundness),
    _invariant("I3", commit=rows.credited_once, settled=rows.credited_once),
    _invariant("I5", commit=sums.atomicity, settled=sums.atomicity),
    _invariant(
        "I4", commit=sums.conservation, answer=sums.credits_asked_for, settled=sums.conservation
    ),
    _invariant("I13", commit=api.idempotence, answer=api.idempotence, settled=api.idempotence),
    _invariant("I7", cursor=progress.cursor_moves),
    _invariant("I8", cursor=progress.coverage),
    _invariant("I16", commit=sums.solvency, moment=sums.solvency, settled=sums.solvency),
    _invariant("I14", moment=progress.bounded),
    _invariant("I15", "and at rest by the watch", moment=progress.no_silent_stall),
    _invariant("I1", settled=rows.completeness),
    Invariant(
        "I10",
        "once faults are lifted the listener catches up",
        elsewhere="the runner, which waits for it while it settles",
    ),
    Invariant(
        "I12",
        "every page and push of the API is the ledger's, each row once, in order, "
        "for its user alone",
        elsewhere="a walk through the lists, after settling and a few times while there are "
        "writes; and who follows the pushes",
    ),
    Invariant(
        "I17",
        "whatever goes wrong on the way, the end is that of the undisturbed run",
        elsewhere="the sweeps, which compare the ends of runs",
    ),
)

SENTENCES: dict[str, str] = {
    invariant.number: invariant.sentence
    for invariant in sorted(CATALOGUE, key=lambda invariant: int(invariant.number[1:]))
}
