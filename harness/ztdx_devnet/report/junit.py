"""The JUnit file: a test case per scenario, with the failure report as its text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import BinaryIO

from ztdx_devnet.report.failure import failure_lines, headline
from ztdx_devnet.report.record import RunRecord, Unplayed
from ztdx_devnet.scenario.verdict import Verdict

_TAGS = {
    Verdict.VIOLATED: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.REFUSED: "error",
    Verdict.INTERRUPTED: "error",
    Verdict.ERROR: "error",
}
_UNPLAYED = "interrupted before it was played"
_ILLEGAL = {c: "\ufffd" for c in (*range(0x20), 0xFFFE, 0xFFFF) if c not in (9, 10, 13)}
_ILLEGAL |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def write_junit(
    records: Sequence[RunRecord], path: Path, wall_s: float, unplayed: Sequence[Unplayed] = ()
) -> None:
    """Violated is a failure; inconclusive, refused, interrupted and error are errors, and so are
    scenarios that a stop has left `unplayed`.

    Raises OSError, and then leaves no half of a file.
    """
    tags = [_TAGS.get(record.outcome.verdict) for record in records]
    counts = {
        "tests": str(len(records) + len(unplayed)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error") + len(unplayed)),
        "time": f"{wall_s:.3f}",
    }
    suites = ElementTree.Element("testsuites", {"name": "ztdx-devnet", **counts})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "scenarios", **counts})
    for record, tag in zip(records, tags, strict=True):
        _case(suite, record, tag)
    for scenario in unplayed:
        case = _empty_case(suite, scenario.path, scenario.title, 1, 0.0)
        ElementTree.SubElement(case, "error", message=_UNPLAYED, type=Verdict.INTERRUPTED.value)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    with opened(path) as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            if path.is_file():  # no device
                path.resolve().unlink(missing_ok=True)
            with suppress(OSError):  # what it still holds
                file.close()
            raise


def opened(path: Path) -> BinaryIO:
    """The file to write, empty."""
    return path.open("wb", buffering=0)


def _case(suite: ElementTree.Element, record: RunRecord, tag: str | None) -> None:
    outcome, failure = record.outcome, record.outcome.failure
    line = failure.line if failure is not None and failure.line else 1
    case = _empty_case(suite, outcome.path, outcome.title, line, outcome.wall_s)
    properties = ElementTree.SubElement(case, "properties")
    facts = {"seed": str(outcome.seed), "digest": outcome.digest, "run": record.run_id}
    for name, value in facts.items():
        if value is not None:
            ElementTree.SubElement(properties, "property", name=name, value=_legal(value))
    if tag is not None and failure is not None:
        detail = ElementTree.SubElement(
            case, tag, message=_legal(headline(outcome)), type=outcome.verdict.value
        )
        detail.text = _legal("\n".join(failure_lines(record)))


def _empty_case(
    suite: ElementTree.Element, path: str, title: str, line: int, wall_s: float
) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite,
        "testcase",
        classname=_legal(PurePath(path).parent.as_posix()),
        name=_legal(f"{PurePath(path).stem}: {title}"),
        file=_legal(PurePath(path).as_posix()),
        line=str(line),
        time=f"{wall_s:.3f}",
    )


def _legal(text: str) -> str:
    return text.translate(_ILLEGAL)
