"""A repetition: the same scenario and seed must be the same run, to the byte."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

import orjson

from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.runs.jobs import Played
from ztdx_devnet.scenario.verdict import Failure, Verdict

RULE = "the run is not deterministic"
_LEAD, _SHOWN = 60, 160
"""Characters before the first difference, and in all."""


def compared(first: Played, second: Played) -> RunRecord:
    """The first run's record; where the second was another run, that is what it tells.

    A run that was interrupted says nothing about the other one.
    """
    outcomes = (first.record.outcome, second.record.outcome)
    wall_s = sum(outcome.wall_s for outcome in outcomes)
    for played in (first, second):
        if played.record.outcome.verdict is Verdict.INTERRUPTED:
            return played.record
    if outcomes[0].digest == outcomes[1].digest:
        return replace(first.record, outcome=replace(outcomes[0], wall_s=wall_s))
    outcome = replace(
        outcomes[0], verdict=Verdict.VIOLATED, failure=difference(first, second), wall_s=wall_s
    )
    return replace(first.record, outcome=outcome)


def difference(first: Played, second: Played) -> Failure:
    """Where the journals of two runs part."""
    pairs = zip_longest(first.journal.splitlines(), second.journal.splitlines())
    for number, (one, other) in enumerate(pairs, 1):
        if one != other:
            at_us = orjson.loads(one or other)[1] - first.started_us
            begin = max(_common(one or b"", other or b"") - _LEAD, 0)
            return Failure(
                RULE,
                0,
                at_us,
                f"journal line {number}: {_shown(one, begin)}",
                f"journal line {number}: {_shown(other, begin)}",
                "run",
            )
    virtual_us = first.record.outcome.virtual_us
    seen = "the same journal, but another order of the actors' steps"
    return Failure(RULE, 0, virtual_us, "the same schedule in the second run", seen, "run")


def _common(one: bytes, other: bytes) -> int:
    """The length of what both begin with."""
    for i, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return i
    return min(len(one), len(other))


def _shown(line: bytes | None, begin: int) -> str:
    if line is None:
        return "none, the run has ended"
    text = line[begin : begin + _SHOWN].decode("utf-8", "replace")
    return ("…" if begin else "") + text + ("…" if len(line) > begin + _SHOWN else "")
