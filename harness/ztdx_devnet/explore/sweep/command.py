"""What `devnet sweep` does: plays the disturbed runs, in processes, and shows how it goes."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ztdx_devnet.cli.output import reason, say, warn
from ztdx_devnet.explore.sweep import disturbances, fault_classes, jobs
from ztdx_devnet.explore.sweep.disturbances import Disturbance
from ztdx_devnet.explore.sweep.sweep import (
    FAILURES,
    Disturbed,
    Finding,
    Sweep,
    SweepImpossible,
    SweepInterrupted,
)
from ztdx_devnet.runs.folders import DEFAULT_ROOT, RunFolders
from ztdx_devnet.runs.players import Alone, Players
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.runs.workers import Workers
from ztdx_devnet.scenario import loader, yaml_text
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import EXIT_CODES, Verdict

Kind = Literal["crash", "faults", "schedules"]
FOLDER = DEFAULT_ROOT / "sweeps"
_AHEAD = 4  # runs that each process has waiting
_WORDS = {
    Finding.SAME: "ended alike",
    Finding.UNTOUCHED: "hit nothing",
    Finding.OTHER: "can't be compared",
    Finding.DIFFERENT: "ended otherwise",
    Finding.VIOLATED: "violated",
}


class Refused(Exception):
    """The sweep can't be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. `keep` is where a failure's scenario goes (None: below runs/)."""

    kind: Kind
    path: Path
    first: int
    every: int
    seeds: int
    processes: int
    keep: Path | None


def run(wanted: Wanted, stopping: Stopping) -> int:
    """Sweep, and tell. The exit code: 0 all alike, 1 one was not, 2 nothing to compare, 130 asked
    to stop.

    Raises BadScenario, Refused, OSError.
    """
    logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
    if wanted.path.is_dir():
        raise Refused(f"{wanted.path}: is a folder: give one scenario file")
    if not wanted.path.is_file():
        raise Refused(f"{wanted.path}: no such scenario file")
    scenario = loader.load(wanted.path)
    try:
        sweep = jobs.prepare(scenario.path, scenario.text, stopping)
    except SweepImpossible as error:
        raise Refused(f"{wanted.path} can't be swept: {error}") from error
    except SweepInterrupted:
        return _interrupted_before_its_first(wanted)
    try:
        disturbing = list(_disturbances(wanted, sweep))
    except SweepInterrupted:
        return _interrupted_before_its_first(wanted)
    planned = disturbing[wanted.first - 1 :: wanted.every]
    if disturbing and not planned:
        there_are = "there are" if wanted.kind != "faults" else "there are at most"
        raise Refused(
            f"--first {wanted.first} is beyond the last: {there_are} {_runs(len(disturbing))}"
        )
    started = perf_counter()
    counts: Counter[Finding] = Counter()
    failure: Disturbed | None = None
    interrupted = False
    with _players(wanted, stopping) as players, _progress(wanted, len(planned)) as advance:
        try:
            for done, ran in _played(wanted, scenario, players, planned):
                advance(done)
                counts[ran.finding] += 1
                if ran.finding in FAILURES:
                    failure = ran
                    break
        except SweepInterrupted:
            interrupted = True
    found = ", ".join(f"{counts[f]} {_WORDS[f]}" for f in Finding if counts[f]) or "none"
    total = sum(counts.values())
    if interrupted:
        # Of a class of faults that hit nothing no more are played, so there may be fewer.
        at_most = "at most " if wanted.kind == "faults" else ""
        so_far = f"{total} of {at_most}{_runs(len(planned))}: {found}"
        say(f"{_name(wanted)}: interrupted after {so_far}")
        return EXIT_CODES[Verdict.INTERRUPTED]
    wall_s = perf_counter() - started
    pace = f"in {wall_s:.1f} s, {total / max(wall_s, 1e-9):.0f} a second"
    say(f"{_name(wanted)}: {_runs(total)} ({found}) {pace}")
    if failure is not None:
        _tell(wanted, failure)
        return 1
    return 0 if counts[Finding.SAME] else 2


def _name(wanted: Wanted) -> str:
    return f"{wanted.kind} sweep of {wanted.path}"


def _interrupted_before_its_first(wanted: Wanted) -> int:
    say(f"{_name(wanted)}: interrupted before its first run")
    return EXIT_CODES[Verdict.INTERRUPTED]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _disturbances(wanted: Wanted, sweep: Sweep) -> Iterator[Disturbance]:
    if wanted.kind == "crash":
        return disturbances.crashes(sweep.boundaries)
    if wanted.kind == "schedules":
        return disturbances.schedules(1, wanted.seeds)
    return disturbances.faults(fault_classes.CLASSES, sweep.boundaries_in_all)


@contextmanager
def _players(wanted: Wanted, stopping: Stopping) -> Iterator[Players]:
    if wanted.processes == 1:
        yield Alone(stopping)
        return
    with Workers(wanted.processes, stopping) as workers:
        yield workers


def _played(
    wanted: Wanted, scenario: Scenario, players: Players, planned: list[Disturbance]
) -> Iterator[tuple[int, Disturbed]]:
    """The disturbed runs in their order, each with how many of the planned ones are done.

    Of a family whose fault hit nothing no more are played. Raises SweepInterrupted.
    """
    used_up: set[str] = set()
    waiting: deque[tuple[int, str, Callable[[], Disturbed | None]]] = deque()
    ahead = 1 if wanted.processes == 1 else wanted.processes * _AHEAD
    for done, following in enumerate(chain(planned, [None] * ahead), 1):
        if following is not None and following.family not in used_up:
            job = jobs.Disturb(scenario.path, scenario.text, following)
            (result,) = players.begin([job], [0])
            waiting.append((done, following.family, result))
        if waiting and (len(waiting) >= ahead or following is None):
            place, family, result = waiting.popleft()
            ran = result()
            if ran is None:
                raise SweepInterrupted
            if family in used_up:
                continue
            if ran.finding is Finding.UNTOUCHED:
                used_up.add(family)
            yield place, ran


@contextmanager
def _progress(wanted: Wanted, total: int) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    columns = (
        TextColumn(f"{wanted.kind} {wanted.path.name}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


def _tell(wanted: Wanted, failure: Disturbed) -> None:
    """Say what failed, and leave the scenario that shows it; where that can't be, say so."""
    name = f"{wanted.path.stem}-{failure.disturbance.family}-{failure.disturbance.number}"
    path = wanted.keep or FOLDER / f"{'_'.join(name.split())}.yaml"
    say(f"{_WORDS[failure.finding]}: {failure.disturbance.title}")
    say(f"  expected: {failure.expected}")
    say(f"  actual:   {failure.actual}")
    try:
        for root in (FOLDER.parent, FOLDER) if wanted.keep is None else ():
            RunFolders(root).open()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml_text.text_of(failure.value), "utf-8")
    except OSError as error:
        warn(f"can't write {path}: {reason(error)}")
    else:
        say(f"  again: devnet run {path}")
