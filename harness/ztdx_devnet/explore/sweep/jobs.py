"""The job of a sweep's process: one disturbed run. The undisturbed ones are played once in each."""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_devnet.explore.sweep.disturbances import Disturbance
from ztdx_devnet.explore.sweep.sweep import Disturbed, Sweep, SweepInterrupted
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario import loader

_prepared: dict[tuple[str, str], Sweep] = {}  # of this process: at most one


@dataclass(frozen=True, slots=True)
class Disturb:
    """Play the scenario with one disturbance."""

    path: str
    text: str
    disturbance: Disturbance

    def do(self, stopping: Stopping) -> Disturbed | None:
        """None: stopped before its end. Raises BadScenario and SweepImpossible."""
        if stopping.asked:
            return None
        key = (self.path, self.text)
        try:
            if key not in _prepared:
                prepare(self.path, self.text, stopping)
            return _prepared[key].run(self.disturbance)
        except SweepInterrupted:
            return None


def prepare(path: str, text: str, stopping: Stopping) -> Sweep:
    """Play the scenario undisturbed, for the jobs that follow.

    Raises BadScenario, SweepImpossible, SweepInterrupted.
    """
    _prepared.clear()
    sweep = Sweep(loader.parse(text, path), stoppable=stopping)
    _prepared[path, text] = sweep
    return sweep
