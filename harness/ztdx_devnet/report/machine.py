"""Reports for machines: one JSON object, and a JUnit file."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ztdx_devnet.scenario.verdict import Outcome, Verdict, overall
from ztdx_devnet.virtual_time import MICROSECONDS

_ILLEGAL_IN_XML = {c: "\ufffd" for c in (*range(0x20), 0xFFFE, 0xFFFF) if c not in (9, 10, 13)}


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """{verdict, scenarios: [{path, title, verdict, seed, digest, wall_s, virtual_s, failure}]}."""
    return {
        "verdict": overall(outcomes).value,
        "scenarios": [_scenario(outcome) for outcome in outcomes],
    }


def _scenario(outcome: Outcome) -> dict[str, Any]:
    failure = outcome.failure
    return {
        "path": outcome.path,
        "title": outcome.title,
        "verdict": outcome.verdict.value,
        "seed": outcome.seed,
        "digest": outcome.digest,
        "wall_s": round(outcome.wall_s, 4),
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


def write_junit(outcomes: Sequence[Outcome], path: Path) -> None:
    """A JUnit file: a test case per scenario. Inconclusive counts as an error. Raises OSError."""
    count = {verdict: sum(o.verdict is verdict for o in outcomes) for verdict in Verdict}
    suite = ElementTree.Element(
        "testsuite",
        name="ztdx-devnet",
        tests=str(len(outcomes)),
        failures=str(count[Verdict.VIOLATED]),
        errors=str(count[Verdict.INCONCLUSIVE]),
        time=f"{sum(outcome.wall_s for outcome in outcomes):.3f}",
    )
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=_legal(outcome.path),
            name=_legal(outcome.title),
            time=f"{outcome.wall_s:.3f}",
        )
        failure = outcome.failure
        if failure is not None:
            violated = outcome.verdict is Verdict.VIOLATED
            detail = ElementTree.SubElement(
                case, "failure" if violated else "error", message=_legal(failure.rule)
            )
            detail.text = _legal(
                f"{outcome.path}:{failure.line}, seed {outcome.seed}\n"
                f"expected: {failure.expected}\nactual: {failure.actual}"
            )
    ElementTree.indent(suite)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def _legal(text: str) -> str:
    return text.translate(_ILLEGAL_IN_XML)
