"""A batch: scenarios played one after the other, or side by side, and told in their order."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ztdx_devnet.report.record import RunRecord, Shrunk
from ztdx_devnet.runs.folders import SHRUNK, RunFolders
from ztdx_devnet.runs.jobs import Broken, Play, Played, Shrink, unwritten
from ztdx_devnet.runs.players import Alone, Players, Result
from ztdx_devnet.runs.repetition import compared
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import Failure, Outcome, Verdict
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_devnet.virtual_time import MICROSECONDS

SHRUNK_MAX = 3
"""So many of a batch's failures are shrunk, the first ones: one cause often has many."""


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """`seed` overrides the scenarios' own, `root` is where run folders go (None: nowhere)."""

    seed: int | None = None
    root: Path | None = None
    processes: int = 1
    twice: bool = False
    shrinks: bool = True
    listener: ListenerProgram | None = None


def play_batch(
    scenarios: Sequence[Scenario],
    settings: BatchSettings,
    stopping: Stopping,
    tell: Callable[[RunRecord], None],
    complain: Callable[[str], None] = lambda _: None,
) -> list[RunRecord]:
    """Play all; `tell` hears of each in the order of the scenarios. Asked to stop: those begun.

    A step that can't be done and an error of our own are the verdict of the scenario that met it.
    `complain` hears a line for each thing that can't be written.
    """
    times = 2 if settings.twice else 1
    plays = [_play_of(scenario, settings) for scenario in scenarios for _ in range(times)]
    weights = [_blocks_at_most(scenario) for scenario in scenarios for _ in range(times)]
    processes = min(settings.processes, len(plays))
    if processes <= 1:
        batch = _Batch(settings, Alone(stopping), stopping, tell, complain)
        return batch.play(scenarios, plays, weights)
    from ztdx_devnet.runs.workers import Workers  # loaded where there are several processes

    with Workers(processes, stopping) as workers:
        batch = _Batch(settings, workers, stopping, tell, complain)
        return batch.play(scenarios, plays, weights)


class _Batch:
    """One batch."""

    def __init__(
        self,
        settings: BatchSettings,
        players: Players,
        stopping: Stopping,
        tell: Callable[[RunRecord], None],
        complain: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._players = players
        self._stopping = stopping
        self._tell = tell
        self._complain = complain
        self._shrunk = 0

    def play(
        self, scenarios: Sequence[Scenario], plays: Sequence[Play], weights: Sequence[int]
    ) -> list[RunRecord]:
        """`plays` are those of the scenarios in their order, as many for each."""
        records: list[RunRecord] = []
        times = len(plays) // max(len(scenarios), 1)
        try:
            results = self._players.begin(plays, weights)
            for i, scenario in enumerate(scenarios):
                own = results[i * times : (i + 1) * times]
                done = [self._result(scenario.path, result) for result in own]
                record = self._record(scenario, plays[i * times], done)
                if record is not None:
                    records.append(record)
                    if record.unkept:
                        self._complain(record.unkept)
                    self._tell(record)
        finally:
            self._tidy(records)
        return records

    def _result(self, path: str, result: Callable[[], Result]) -> Result:
        """What came of a job; also a process that died is an error of our own."""
        try:
            return result()
        except Exception as error:
            return Broken(path, repr(error), traceback.format_exc())

    def _record(
        self, scenario: Scenario, play: Play, done: Sequence[Played | Broken | None]
    ) -> RunRecord | None:
        for each in done:
            if isinstance(each, Broken):
                return self._broken(scenario, each)
        played = [each for each in done if isinstance(each, Played)]
        if not played:
            return None
        record = compared(*played) if len(played) == 2 else played[0].record
        outcome = record.outcome
        if outcome.verdict is not Verdict.VIOLATED or outcome != replace(
            played[0].record.outcome, wall_s=outcome.wall_s
        ):
            return record
        if not self._settings.shrinks or self._stopping.asked:
            return record
        if self._shrunk == SHRUNK_MAX:
            reason = f"the first {SHRUNK_MAX} failures are; play this file by itself"
            return replace(record, unshrunk=reason)
        self._shrunk += 1
        settings = self._settings
        shrunk = self._done(Shrink(play.path, play.text, outcome, settings.listener))
        if isinstance(shrunk, Broken):
            reason = f"an error of our own: {shrunk.error}"
            return replace(record, unshrunk=reason, trace=shrunk.trace)
        if shrunk is not None and settings.root is not None and record.run_id is not None:
            folders = RunFolders(settings.root)
            try:
                folders.add(record.run_id, SHRUNK, shrunk.text.encode())
            except OSError as error:
                self._complain(unwritten(folders.path(record.run_id) / SHRUNK, error))
        return replace(record, shrunk=shrunk)

    def _done(self, job: Shrink) -> Shrunk | Broken | None:
        def do() -> Result:
            (result,) = self._players.begin([job], [0])
            return result()

        done: Shrunk | Broken | None = self._result(job.path, do)
        return done

    def _broken(self, scenario: Scenario, broken: Broken) -> RunRecord:
        seed = scenario.head.seed if self._settings.seed is None else self._settings.seed
        failure = Failure("an error of our own", 0, 0, "a run", broken.error, "run")
        outcome = Outcome(
            path=scenario.path,
            title=scenario.head.title,
            seed=seed,
            verdict=Verdict.ERROR,
            digest="",
            wall_s=0.0,
            virtual_us=0,
            failure=failure,
            faults=(),
        )
        return RunRecord(outcome, trace=broken.trace)

    def _tidy(self, records: Sequence[RunRecord]) -> None:
        """`latest` is the last run that did not hold, or the last one."""
        kept = [record for record in records if record.run_id is not None]
        if self._settings.root is None or not kept:
            return
        folders = RunFolders(self._settings.root)
        failed = [record for record in kept if record.outcome.verdict is not Verdict.HELD]
        latest = (failed or kept)[-1].run_id
        assert latest is not None, "those without a folder were left out"
        try:
            folders.point_latest(latest)
        except OSError as error:
            self._complain(unwritten(folders.path("latest"), error))
        folders.prune()


def _play_of(scenario: Scenario, settings: BatchSettings) -> Play:
    return Play(
        scenario.path,
        scenario.text,
        settings.seed,
        settings.listener,
        settings.root,
        keeps_journal=settings.twice,
    )


def _blocks_at_most(scenario: Scenario) -> int:
    block_time_us = scenario.head.given.block_time_s * MICROSECONDS
    return sum(step.verb.blocks_at_most(block_time_us) for step in scenario.steps)
