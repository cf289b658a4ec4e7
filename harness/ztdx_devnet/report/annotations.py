"""Annotations: a line per failure that GitHub shows beside the scenario's line.

The format is GitHub's workflow command `::error file=…,line=…,title=…::message`; in a value `%`,
carriage return and newline are escaped, in a property `:` and `,` too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ztdx_devnet.report.failure import failure_lines
from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.scenario.verdict import Verdict

_COMMANDS = {
    Verdict.VIOLATED: "error",
    Verdict.INCONCLUSIVE: "warning",
    Verdict.REFUSED: "error",
    Verdict.INTERRUPTED: "warning",
    Verdict.ERROR: "error",
}
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def annotation_lines(records: Sequence[RunRecord], workspace: Path) -> Iterator[str]:
    """One line for each run that is not held; its file is told relative to the workspace."""
    for record in records:
        outcome, failure = record.outcome, record.outcome.failure
        if failure is None:
            continue
        properties = {
            "file": _relative(outcome.path, workspace),
            "line": str(failure.line or 1),
            "title": f"{outcome.verdict.value}: {outcome.title}",
        }
        told = ",".join(f"{key}={_escaped(value, _PROPERTY)}" for key, value in properties.items())
        message = _escaped("\n".join(failure_lines(record)), _DATA)
        yield f"::{_COMMANDS[outcome.verdict]} {told}::{message}"


def _relative(path: str, workspace: Path) -> str:
    absolute, root = Path(path).resolve(), workspace.resolve()
    return (absolute.relative_to(root) if absolute.is_relative_to(root) else absolute).as_posix()


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(c, c) for c in text)
