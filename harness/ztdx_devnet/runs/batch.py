"""A batch: scenarios played one after the other, or side by side, and told in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ztdx_devnet.report.record import RunRecord, Shrunk
from ztdx_devnet.runs.folders import RunFolders
from ztdx_devnet.runs.jobs import Broken, Play, Played, Refused, Shrink
from ztdx_devnet.runs.players import Alone, Players
from ztdx_devnet.runs.repetition import compared
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_devnet.virtual_time import MICROSECONDS

SHRUNK_MAX = 3
"""So many of a batch's failures are shrunk, the first ones: one cause often has many."""


class OwnError(Exception):
    """Playing a scenario failed by an error of our own. `trace` is its traceback."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(f"an error of our own in {broken.path}: {broken.error}")
        self.trace = broken.trace


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
) -> list[RunRecord]:
    """Play all; `tell` hears of each in the order of the scenarios. Asked to stop: those begun.

    Raises BadScenario for an impossible step, OwnError, and OSError for a folder that can't be
    written.
    """
    times = 2 if settings.twice else 1
    plays = [_play_of(scenario, settings) for scenario in scenarios for _ in range(times)]
    weights = [_blocks_at_most(scenario) for scenario in scenarios for _ in range(times)]
    processes = min(settings.processes, len(plays))
    if processes <= 1:
        batch = _Batch(settings, Alone(stopping), stopping, tell)
        return batch.play(plays, weights, times)
    from ztdx_devnet.runs.workers import Workers  # loaded where there are several processes

    with Workers(processes, stopping) as workers:
        return _Batch(settings, workers, stopping, tell).play(plays, weights, times)


class _Batch:
    """One batch. `times` plays of each scenario stand one after the other."""

    def __init__(
        self,
        settings: BatchSettings,
        players: Players,
        stopping: Stopping,
        tell: Callable[[RunRecord], None],
    ) -> None:
        self._settings = settings
        self._players = players
        self._stopping = stopping
        self._tell = tell
        self._shrunk = 0

    def play(self, plays: Sequence[Play], weights: Sequence[int], times: int) -> list[RunRecord]:
        records: list[RunRecord] = []
        try:
            results = self._players.begin(plays, weights)
            for i in range(0, len(plays), times):
                played = [self._played(result()) for result in results[i : i + times]]
                record = self._record(plays[i], [each for each in played if each is not None])
                if record is not None:
                    records.append(record)
                    self._tell(record)
        finally:
            self._tidy(records)
        return records

    @staticmethod
    def _played(result: Played | Refused | Broken | None) -> Played | None:
        if isinstance(result, Refused):
            raise BadScenario(result.problems)
        if isinstance(result, Broken):
            raise OwnError(result)
        return result

    def _record(self, play: Play, played: Sequence[Played]) -> RunRecord | None:
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
        job = Shrink(play.path, play.text, outcome, settings.listener, settings.root)
        (result,) = self._players.begin([job], [0])
        shrunk: Shrunk | Broken | None = result()
        if isinstance(shrunk, Broken):
            raise OwnError(shrunk)
        return replace(record, shrunk=shrunk)

    def _tidy(self, records: Sequence[RunRecord]) -> None:
        """`latest` is the last run that did not hold, or the last one."""
        if self._settings.root is None or not records:
            return
        folders = RunFolders(self._settings.root)
        failed = [record for record in records if record.outcome.verdict is not Verdict.HELD]
        latest = (failed or records)[-1].run_id
        if latest is not None:
            folders.point_latest(latest)
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
