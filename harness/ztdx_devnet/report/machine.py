"""The report for machines: one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.scenario.verdict import Outcome, Verdict, overall
from ztdx_devnet.virtual_time import MICROSECONDS


def as_json(records: Sequence[RunRecord], *, was_stopped: bool = False) -> dict[str, Any]:
    """{verdict, scenarios: [{path, title, verdict, seed, digest, virtual_s, faults, failure,
    wall_s, run_id, shrunk}]}. Of a batch that was stopped, the verdict is "interrupted"."""
    verdict = overall(record.outcome for record in records)
    return {
        "verdict": (Verdict.INTERRUPTED if was_stopped else verdict).value,
        "scenarios": [
            {
                **outcome_json(record.outcome),
                "wall_s": round(record.outcome.wall_s, 4),
                "run_id": record.run_id,
                "shrunk": None if record.shrunk is None else record.shrunk.text,
            }
            for record in records
        ],
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What came of one run, as far as every machine sees the same."""
    failure = outcome.failure
    return {
        "path": outcome.path,
        "title": outcome.title,
        "verdict": outcome.verdict.value,
        "seed": outcome.seed,
        "digest": outcome.digest,
        "virtual_s": outcome.virtual_us / MICROSECONDS,
        "faults": [{"name": fault.name, "hits": fault.hits} for fault in outcome.faults],
        "failure": None
        if failure is None
        else {
            "rule": failure.rule,
            "line": failure.line,
            "at_s": failure.at_us / MICROSECONDS,
            "expected": failure.expected,
            "actual": failure.actual,
        },
    }
