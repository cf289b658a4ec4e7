"""Jobs: what one process does for a batch. A job plays a scenario and leaves its run folder, or
shrinks the scenario of a run that failed.

Jobs and what comes of them are values that can be sent to another process.
"""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass
from pathlib import Path

from ztdx_devnet.report import machine, timeline
from ztdx_devnet.report.record import RunRecord, Shrunk
from ztdx_devnet.runs.folders import DEFAULT_ROOT, JOURNAL, PAGE, RunFolders, run_id
from ztdx_devnet.runs.resolved import resolved_text
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.files import SCENARIO, VERDICT
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Outcome
from ztdx_devnet.sim.processes import ListenerProgram


@dataclass(frozen=True, slots=True)
class Played:
    """A run that was played. `journal` is empty unless it was asked for."""

    record: RunRecord
    journal: bytes
    started_us: int


@dataclass(frozen=True, slots=True)
class Broken:
    """An error of our own: what it was, and its traceback."""

    path: str
    error: str
    trace: str


@dataclass(frozen=True, slots=True)
class Play:
    """Play one scenario and leave its run folder below `root` (None: nowhere)."""

    path: str
    text: str
    seed: int | None = None
    listener: ListenerProgram | None = None
    root: Path | None = None
    keeps_journal: bool = False

    def do(self, stopping: Stopping) -> Played | Broken | None:
        """None: stopped before it had begun."""
        if stopping.asked:
            return None
        try:
            scenario = loader.parse(self.text, self.path)
            run = run_of(scenario, self.seed, self.listener, stopping)
            journal = journal_bytes(run)
            record = record_of(run, journal, self.root, self.listener)
        except Exception as error:
            return Broken(self.path, repr(error), traceback.format_exc())
        return Played(record, journal if self.keeps_journal else b"", run.started_us)


@dataclass(frozen=True, slots=True)
class Shrink:
    """Look for a smaller scenario that fails as `outcome` does."""

    path: str
    text: str
    outcome: Outcome
    listener: ListenerProgram | None = None

    def do(self, stopping: Stopping) -> Shrunk | Broken | None:
        """None: stopped, or it does not fail alike when it is played again."""
        if stopping.asked:
            return None
        from ztdx_devnet.explore.shrink import shrink  # loaded only where something failed

        try:
            scenario = loader.parse(self.text, self.path)
            return shrink(scenario, self.outcome, self.listener, stoppable=stopping)
        except Exception as error:
            return Broken(self.path, repr(error), traceback.format_exc())


def run_of(
    scenario: Scenario, seed: int | None, listener: ListenerProgram | None, stopping: Stopping
) -> Run:
    """The run, also where the scenario was refused on the way."""
    try:
        return runner.play(scenario, seed, listener, stoppable=stopping)
    except runner.Refused as error:
        return error.run


def record_of(
    run: Run, journal: bytes, root: Path | None, listener: ListenerProgram | None
) -> RunRecord:
    """Leave the run's folder below `root` (None: nowhere); `unkept` says why that could not be."""
    unkept = ""
    if root is not None:
        folders = RunFolders(root)
        try:
            return leave_folder(run, journal, folders, listener)
        except OSError as error:
            folder = folders.path(run_id(run.outcome.path, run.outcome.digest))
            unkept = unwritten(folder, error)
    return RunRecord(
        run.outcome, timeline=timeline_text(run), endings=endings_of(run), unkept=unkept
    )


def unwritten(path: Path, error: OSError) -> str:
    """'can't write runs/a: No space left on device'."""
    return f"can't write {path}: {error.strerror or error}"


def leave_folder(
    run: Run, journal: bytes, folders: RunFolders, listener: ListenerProgram | None
) -> RunRecord:
    """Write the run's folder and say where it is. Raises OSError."""
    outcome = run.outcome
    identity = run_id(outcome.path, outcome.digest)
    text = resolved_text(run.scenario, outcome.seed)
    name = "" if listener is None else program_name(listener)
    verdict = {"run": identity, **machine.outcome_json(outcome), "started_us": run.started_us}
    if name:
        verdict["listener"] = name
    files = {
        SCENARIO: text.encode(),
        JOURNAL: journal,
        VERDICT: f"{json.dumps(verdict, indent=2, ensure_ascii=False)}\n".encode(),
        PAGE: timeline.page(
            run.journal, outcome, scenario_text=text, run_id=identity, listener=name
        ).encode(),
    }
    folder = folders.write(identity, files)
    return RunRecord(
        outcome,
        run_id=identity,
        folder=str(folder),
        replay=told_id(folders, folder),
        page=str(folder / PAGE),
        timeline=timeline_text(run),
        endings=endings_of(run),
    )


def told_id(folders: RunFolders, folder: Path) -> str:
    """What a user types after `devnet replay`."""
    return folder.name if folders.root == folder.parent == DEFAULT_ROOT else str(folder)


def journal_bytes(run: Run) -> bytes:
    """The journal, a line for each entry."""
    return b"".join(entry.line() for entry in run.journal)


def timeline_text(run: Run) -> str:
    """The timeline around the failure; empty for a run that held."""
    if run.outcome.failure is None:
        return ""
    return timeline.text_timeline(run.journal, run.outcome)


def endings_of(run: Run) -> tuple[str, ...]:
    """How the listeners ended that do not run at the failure."""
    return tuple(timeline.endings(run.journal, run.outcome))


def program_name(listener: ListenerProgram) -> str:
    """'package.module:name' of a program in the listener's place."""
    kind = type(listener)
    module = getattr(listener, "__module__", kind.__module__)
    return f"{module}:{getattr(listener, '__qualname__', kind.__qualname__)}"
