"""A replay: a recorded run played again, and what it is beside the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ztdx_devnet.report.failure import visible
from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.runs.folders import JOURNAL, PAGE, RunFolders
from ztdx_devnet.runs.jobs import (
    endings_of,
    journal_bytes,
    record_of,
    run_of,
    timeline_text,
    told_id,
    unwritten,
)
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.files import SCENARIO, VERDICT
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import Outcome, Verdict
from ztdx_devnet.sim.processes import ListenerProgram

INTERRUPTED = "interrupted before its end: nothing can be said"
_CHANGED = "(the product or the harness has changed)"


class BadRun(Exception):
    """The folder does not hold a run that can be played again; the text says why."""


class RecordedFailure(BaseModel):
    """Why the recorded run was not held."""

    rule: str


class Recorded(BaseModel):
    """What `verdict.json` says of a run, as far as a replay needs it."""

    model_config = ConfigDict(frozen=True)
    path: str
    verdict: Verdict
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    digest: str
    failure: RecordedFailure | None = None
    listener: str | None = None


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run folder that was read."""

    path: Path
    recorded: Recorded
    scenario: Scenario


def read(folder: Path) -> RunFolder:
    """Raises BadRun, and BadScenario if the language no longer has what the scenario says."""
    verdict = folder / VERDICT
    try:
        recorded = Recorded.model_validate_json(verdict.read_bytes())
    except OSError as error:
        raise BadRun(f"{verdict}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRun(f"{verdict}: {where + ': ' if where else ''}{first['msg']}") from error
    return RunFolder(folder, recorded, loader.load(folder / SCENARIO))


@dataclass(frozen=True, slots=True)
class Again:
    """A run that was played again: what it is beside the recorded one, and its record."""

    told: str
    record: RunRecord


def play_again(
    folders: RunFolders,
    folder: Path,
    programs: Mapping[str, ListenerProgram],
    stopping: Stopping,
) -> Again | None:
    """Play a folder's run; another run than the recorded one leaves a folder. None: stopped.

    Raises BadRun, and BadScenario for one that can't be loaded any more.
    """
    found = read(folder)
    recorded = found.recorded
    listener = None
    if recorded.listener is not None:
        listener = programs.get(recorded.listener)
        if listener is None:
            raise BadRun(
                f"{folder}: it was played with the listener {recorded.listener}, "
                "which can only be put in place by the test that did so"
            )
    if stopping.asked:
        return None
    run = run_of(found.scenario, recorded.seed, listener, stopping)
    # What is told, and the name of a new folder, are the original's: not the copy's.
    outcome = replace(run.outcome, path=recorded.path)
    run = replace(run, outcome=outcome)
    journal = journal_bytes(run)
    if outcome.verdict is Verdict.INTERRUPTED:
        record = RunRecord(outcome, replay=told_id(folders, folder), timeline=timeline_text(run))
    elif outcome.digest == recorded.digest:
        page = folder / PAGE
        record = RunRecord(
            outcome,
            run_id=folder.name,
            folder=str(folder),
            replay=told_id(folders, folder),
            page=str(page) if page.is_file() else None,
            timeline=timeline_text(run),
            endings=endings_of(run),
        )
    else:
        root: Path | None = folders.root
        unopened = ""
        try:
            folders.open()
        except OSError as error:
            root, unopened = None, unwritten(folders.root, error)
        record = record_of(run, journal, root, listener)
        record = replace(record, unkept=record.unkept or unopened)
    return Again(comparison(recorded, outcome, _doubt(folder / JOURNAL, journal)), record)


def comparison(recorded: Recorded, outcome: Outcome, doubt: str = "") -> str:
    """What the replay is beside the recorded run, as one line.

    `doubt` says why the journals of two runs of one digest are not known to be the same.
    """
    if outcome.verdict is Verdict.INTERRUPTED:
        return INTERRUPTED
    was, now = _told(recorded.verdict, recorded.failure), _told(outcome.verdict, outcome.failure)
    if recorded.digest == outcome.digest:
        same = f"the same run by its digest, but {doubt}" if doubt else "the same run to the byte"
        return f"{same}: {now}"
    if recorded.verdict is Verdict.INTERRUPTED:
        return f"the recorded run was interrupted; this one was not: {now}"
    if outcome.verdict is Verdict.HELD:
        if recorded.verdict is Verdict.HELD:
            return f"held, but another run than recorded {_CHANGED}"
        return f"fixed: held now; it was {was}"
    if recorded.verdict is Verdict.HELD:
        return f"fails now: {now}; it was held"
    if now == was:
        return f"fails alike, but another run than recorded {_CHANGED}: {now}"
    return f"fails differently: {now}; it was {was}"


def _doubt(path: Path, journal: bytes) -> str:
    """In what the recorded journal is not this one; empty if it is."""
    try:
        if path.exists() and not path.is_file():
            return f"{path.name} is no regular file"
        recorded = path.read_bytes()
    except FileNotFoundError:
        return f"the folder has no {path.name} to compare with"
    except OSError as error:
        return f"{path.name} can't be read: {error.strerror or error}"
    if recorded == journal:
        return ""
    lines = zip_longest(recorded.splitlines(keepends=True), journal.splitlines(keepends=True))
    line = next(number for number, (one, other) in enumerate(lines, 1) if one != other)
    return f"{path.name} is another from line {line} on"


def _told(verdict: Verdict, failure: RecordedFailure | object | None) -> str:
    rule = getattr(failure, "rule", None)
    return f"{verdict.value}: {visible(rule)}" if rule else verdict.value
