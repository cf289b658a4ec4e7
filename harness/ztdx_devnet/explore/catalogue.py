"""What the scenarios guard of the failure catalogue. What none can guard is excused, with the
reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ztdx_devnet.scenario.catalogue import ROWS

EXCUSED: Mapping[str, str] = {
    "F29": "the product stores on SQLite alone",
    "F35": "the listener polls; it has no subscription",
    "F47": "with one node there is nobody to disagree with it; once it comes back, the reorg is "
    "repaired like any other",
    "F53": "the product has one node's URL",
    "F57": "the product watches the one vault it is configured with",
    "F59": "there is one path: following is catching up by a page",
    "F70": "the listener counts blocks and asks for no tag",
    "F73": "memory is not simulated; an answer beyond 32 MiB is not read to its end, and pages "
    "shrink then as they do for F52",
    "F76": "a power cut can't be simulated in a process; the ledger is written with "
    "synchronous=FULL, and the cursor in the same transaction",
}
"""Rows that no scenario can guard, and why."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """One row of the catalogue, and the scenarios that guard it or the reason why none does."""

    row: str
    sentence: str
    scenarios: tuple[str, ...]
    excuse: str | None


def coverage(guards: Mapping[str, Iterable[str]]) -> list[Guarded]:
    """The catalogue, given the rows that each scenario guards, by the scenario's name."""
    by_row: dict[str, list[str]] = {row: [] for row in ROWS}
    for name in sorted(guards):
        for row in guards[name]:
            by_row[row].append(name)
    return [
        Guarded(row, sentence, tuple(by_row[row]), EXCUSED.get(row))
        for row, sentence in ROWS.items()
    ]


__all__ = ["EXCUSED", "ROWS", "Guarded", "coverage"]
