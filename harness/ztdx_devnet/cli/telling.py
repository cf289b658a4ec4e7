"""The telling: what `devnet run` says of a batch to people and machines."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ztdx_devnet.cli.output import Printer, say, unwritable, warn
from ztdx_devnet.report.annotations import annotation_lines
from ztdx_devnet.report.console import ConsoleReport, Terminal
from ztdx_devnet.report.junit import write_junit
from ztdx_devnet.report.machine import as_json
from ztdx_devnet.report.record import RunRecord, Unplayed
from ztdx_devnet.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. `annotate` is auto, github or never; `traces` are those of errors of our
    own; `runs` says that run folders were asked for."""

    as_json: bool
    junit: Path | None
    annotate: str
    traces: bool
    runs: bool


class Telling:
    """Tells of one batch: line, line, …, the rest. What can't be written costs a line on standard
    error, and nothing else; `lacks` says whether any of that had been asked for."""

    def __init__(self, wanted: Wanted) -> None:
        self.lacks = False
        self._wanted = wanted
        self._report = ConsoleReport(Terminal(quiet=wanted.as_json))
        self._print = Printer()

    def line(self, record: RunRecord) -> None:
        """A run has ended."""
        self._print(lambda: self._report.line(record))

    def complain(self, text: str) -> None:
        """Something of a run folder could not be written."""
        warn(text)
        self.lacks |= self._wanted.runs

    def rest(
        self,
        records: Sequence[RunRecord],
        wall_s: float,
        scenarios: Sequence[Scenario],
        was_stopped: bool,
    ) -> None:
        """All have ended; `scenarios` are those that there were to play, in their order."""
        wanted = self._wanted
        if wanted.junit is not None:
            told = {record.outcome.path for record in records}
            left = [Unplayed(s.path, s.head.title) for s in scenarios if s.path not in told]
            self._write_junit(records, wanted.junit, wall_s, left)
        if wanted.as_json:
            value = as_json(records, was_stopped=was_stopped)
            self._print(lambda: say(json.dumps(value, indent=2)))
        if self._annotates():
            self._print(lambda: self._annotate(records))
        self._print(lambda: self._report.summary(records, wall_s, len(scenarios)))
        if wanted.traces:
            _show_traces(records)
        if self._print.error is not None:
            warn(unwritable(self._print.error))
            self.lacks = True

    def _write_junit(
        self,
        records: Sequence[RunRecord],
        junit: Path,
        wall_s: float,
        unplayed: Sequence[Unplayed],
    ) -> None:
        try:
            write_junit(records, junit, wall_s, unplayed)
        except OSError as error:
            warn(unwritable(error, junit))
            self.lacks = True

    def _annotates(self) -> bool:
        if self._wanted.annotate == "auto":
            return os.environ.get("GITHUB_ACTIONS") == "true"
        return self._wanted.annotate == "github"

    def _annotate(self, records: Sequence[RunRecord]) -> None:
        """GitHub reads both streams, so an object on standard output stays alone there."""
        workspace = Path(os.environ.get("GITHUB_WORKSPACE") or ".")
        for line in annotation_lines(records, workspace):
            click.echo(line, err=self._wanted.as_json)


def _show_traces(records: Sequence[RunRecord]) -> None:
    for record in records:
        if record.trace:
            click.echo(f"{record.outcome.path}\n{record.trace}", err=True)
