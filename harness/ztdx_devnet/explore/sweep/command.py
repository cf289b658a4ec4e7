"""What `devnet sweep` does: plays the disturbed runs, in processes, and shows how it goes."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ztdx_devnet.explore.sweep import disturbances, fault_classes, retold
from ztdx_devnet.explore.sweep.disturbances import Disturbance
from ztdx_devnet.explore.sweep.sweep import FAILURES, Disturbed, Finding, Sweep, SweepImpossible
from ztdx_devnet.scenario import loader

Kind = Literal["crash", "faults", "schedules"]
FOLDER = Path("runs") / "sweeps"
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


def workers(text: str) -> int:
    """The number of processes that `-n` names. Raises Refused."""
    if text == "auto":
        return os.cpu_count() or 1
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 256:
        raise Refused(f"-n is a number of processes from 1 to 256, or auto; not {text!r}")
    return int(text)


def run(wanted: Wanted) -> int:
    """Sweep, and tell. The exit code: 0 all alike, 1 one was not, 2 nothing to compare.

    Raises BadScenario, Refused, OSError.
    """
    _be_quiet()
    if not wanted.path.is_file():
        raise Refused(f"{wanted.path}: no such scenario file")
    scenario = loader.load(wanted.path)
    out, progress_out = Console(highlight=False), Console(stderr=True)
    try:
        sweep = Sweep(scenario)
    except SweepImpossible as error:
        raise Refused(f"{wanted.path} can't be swept: {error}") from error
    planned = list(islice(_disturbances(wanted, sweep), wanted.first - 1, None, wanted.every))
    started = perf_counter()
    counts: Counter[Finding] = Counter()
    failure: Disturbed | None = None
    with _progress(progress_out, wanted, len(planned)) as advance:
        for done, ran in _played(wanted, sweep, planned):
            advance(done)
            counts[ran.finding] += 1
            if ran.finding in FAILURES:
                failure = ran
                break
    wall_s = perf_counter() - started
    total = sum(counts.values())
    found = ", ".join(f"{counts[f]} {_WORDS[f]}" for f in Finding if counts[f])
    out.print(
        f"{wanted.kind} sweep of {wanted.path}: {total} runs ({found or 'none'}) "
        f"in {wall_s:.1f} s, {total / max(wall_s, 1e-9):.0f} a second",
        soft_wrap=True,
    )
    if failure is not None:
        _tell(out, wanted, failure)
        return 1
    return 0 if counts[Finding.SAME] else 2


def _disturbances(wanted: Wanted, sweep: Sweep) -> Iterator[Disturbance]:
    if wanted.kind == "crash":
        return disturbances.crashes(sweep.boundaries)
    if wanted.kind == "schedules":
        return disturbances.schedules(1, wanted.seeds)
    return disturbances.faults(fault_classes.CLASSES, sweep.boundaries)


def _played(
    wanted: Wanted, sweep: Sweep, planned: list[Disturbance]
) -> Iterator[tuple[int, Disturbed]]:
    """The disturbed runs in their order, each with how many of the planned ones are done.

    Of a family whose fault hit nothing no more are played.
    """
    used_up: set[str] = set()
    if wanted.processes == 1:
        for done, disturbance in enumerate(planned, 1):
            if disturbance.family not in used_up:
                ran = sweep.run(disturbance)
                if ran.finding is Finding.UNTOUCHED:
                    used_up.add(disturbance.family)
                yield done, ran
        return
    with ProcessPoolExecutor(
        wanted.processes,
        multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(wanted.path,),
    ) as pool:
        waiting: deque[tuple[int, str, Future[Disturbed]]] = deque()
        ahead = wanted.processes * _AHEAD
        try:
            for done, following in enumerate(chain(planned, [None] * ahead), 1):
                if following is not None and following.family not in used_up:
                    future = pool.submit(_one, following)
                    waiting.append((done, following.family, future))
                if waiting and (len(waiting) >= ahead or following is None):
                    place, family, future = waiting.popleft()
                    ran = future.result()
                    if family in used_up:
                        continue
                    if ran.finding is Finding.UNTOUCHED:
                        used_up.add(family)
                    yield place, ran
        finally:
            pool.shutdown(cancel_futures=True)


_sweep: Sweep | None = None  # of a worker process


def _begin(path: Path) -> None:
    global _sweep
    _be_quiet()
    _sweep = Sweep(loader.load(path))


def _one(disturbance: Disturbance) -> Disturbed:
    assert _sweep is not None, "a worker begins before it plays"
    return _sweep.run(disturbance)


def _be_quiet() -> None:
    logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())


@contextmanager
def _progress(console: Console, wanted: Wanted, total: int) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn(f"{wanted.kind} {wanted.path.name}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


def _tell(out: Console, wanted: Wanted, failure: Disturbed) -> None:
    name = f"{wanted.path.stem}-{failure.disturbance.family}-{failure.disturbance.number}"
    path = wanted.keep or FOLDER / f"{'_'.join(name.split())}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(retold.text_of(failure.value), "utf-8")
    lines: Iterable[str] = (
        f"{_WORDS[failure.finding]}: {failure.disturbance.title}",
        f"  expected: {failure.expected}",
        f"  actual:   {failure.actual}",
        f"  again: devnet run {path}",
    )
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)
