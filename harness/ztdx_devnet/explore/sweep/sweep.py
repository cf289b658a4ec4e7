"""The sweep: plays a retold scenario once as it is, then once for each disturbance, and compares.

A disturbed run must hold by itself (all invariants and the scenario's `eventually`) and end like
the undisturbed one (I17, `projection`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from ztdx_devnet.explore.sweep.disturbances import Disturbance, crash
from ztdx_devnet.explore.sweep.projection import Projection, demands, differences, projection
from ztdx_devnet.explore.sweep.retold import Value, disturbed, retold, scenario_of, without_clients
from ztdx_devnet.faults.processes import CrashPoint
from ztdx_devnet.scenario import runner
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verbs.chain import ResetChain
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_devnet.sim.product import MAIN_PROCESS
from ztdx_devnet.sim.world import World

_NEVER = 10**9
"""More boundaries than any run has: a crash there only counts."""


class Finding(Enum):
    """What a disturbed run showed.

    SAME: it ended like the undisturbed one. UNTOUCHED: the disturbance hit nothing. OTHER: a step
    of the scenario could not be done, or the chain became another, so there is nothing to compare;
    the invariants held. DIFFERENT and VIOLATED: the product is at fault.
    """

    SAME = "same"
    UNTOUCHED = "untouched"
    OTHER = "other"
    DIFFERENT = "different"
    VIOLATED = "violated"


FAILURES = (Finding.DIFFERENT, Finding.VIOLATED)


@dataclass(frozen=True, slots=True)
class Disturbed:
    """One disturbed run: what it showed, why in words, and the scenario that shows it again."""

    disturbance: Disturbance
    finding: Finding
    expected: str
    actual: str
    value: Value


class SweepImpossible(Exception):
    """The scenario can't be swept: undisturbed it does not hold."""


class SweepInterrupted(Exception):
    """A run was stopped before its end, so it shows nothing."""


class Sweep:
    """One scenario, played undisturbed. Raises BadScenario and SweepImpossible.

    Only inside of `stoppable` may a KeyboardInterrupt come; SweepInterrupted is raised for it.
    """

    def __init__(
        self,
        scenario: Scenario,
        listener: ListenerProgram | None = None,
        stoppable: AbstractContextManager[object] | None = None,
    ) -> None:
        self._path = scenario.path
        self._listener = listener
        self._stoppable = stoppable
        if scenario.head.canary is not None:
            raise SweepImpossible("a canary dies before its end, so there is nothing to compare")
        for step in scenario.steps:
            if isinstance(step.verb, ResetChain) and not step.verb.same_genesis:
                raise SweepImpossible(
                    f"line {step.line} resets the chain to another genesis: what was credited by "
                    "then stays, so its ends can't be compared"
                )
        told = runner.play(scenario, listener=listener, stoppable=stoppable)
        if told.outcome.verdict is Verdict.INTERRUPTED:
            raise SweepInterrupted
        if told.outcome.verdict is not Verdict.HELD:
            raise SweepImpossible(_why(told))
        self.value = retold(told)
        end = self._play(self.value)
        if end.run.outcome.verdict in (Verdict.VIOLATED, Verdict.REFUSED):
            raise SweepImpossible(_why(end.run))
        self._undisturbed = end
        # What it came to is demanded of every other run, also of one that is played by itself.
        check = self.value["check"]
        self.value["check"] = {"eventually": [*check.get("eventually", []), *end.demands]}

    @cached_property
    def boundaries(self) -> int:
        """How many boundaries the listener crosses, over all its lives, until faults are lifted.

        As in a run that a crash disturbs, if it were still to come.
        """
        counted: list[int] = []

        def count(world: World) -> None:
            counter = next(fault for fault in world.faults if isinstance(fault, CrashPoint))
            counted.append(counter.eligible)

        to_come = crash(_NEVER)
        self._run(disturbed(self.value, "counted", to_come.first_steps, to_come.given), count)
        return counted[0]

    @property
    def boundaries_in_all(self) -> int:
        """Also those that it crosses while the run settles."""
        return self._undisturbed.boundaries

    def run(self, disturbance: Disturbance) -> Disturbed:
        """Play the scenario with one disturbance. Raises BadScenario if the two do not fit."""
        value = disturbed(
            self.value,
            disturbance.title,
            disturbance.first_steps,
            disturbance.given,
            disturbance.seed,
        )
        end = self._play(value)
        finding, expected, actual = self._judged(disturbance, end)
        if finding is Finding.OTHER:
            # It ended before its end: is it that the product has lost something?
            alone = without_clients(value)
            failure = self._play(alone).run.outcome.failure
            if failure is not None and failure.part in ("invariant", "settling"):
                told = f"{failure.rule}: {failure.expected}"
                return Disturbed(disturbance, Finding.VIOLATED, told, failure.actual, alone)
        return Disturbed(disturbance, finding, expected, actual, value)

    def _judged(self, disturbance: Disturbance, end: _End) -> tuple[Finding, str, str]:
        outcome, failure = end.run.outcome, end.run.outcome.failure
        if outcome.verdict in (Verdict.VIOLATED, Verdict.REFUSED):
            assert failure is not None, "a run that failed says why"
            if outcome.verdict is Verdict.REFUSED or failure.part == "step":
                return Finding.OTHER, failure.expected, failure.actual
            return Finding.VIOLATED, f"{failure.rule}: {failure.expected}", failure.actual
        if disturbance.first_steps and not outcome.faults[0].hits:
            return Finding.UNTOUCHED, "", ""
        if end.settled_hash != self._undisturbed.settled_hash:
            return Finding.OTHER, "the same chain", "another one"
        for expected, actual in differences(self._undisturbed.projection, end.projection):
            return Finding.DIFFERENT, expected, actual
        return Finding.SAME, "", ""

    def _play(self, value: Value) -> _End:
        ends: list[tuple[Projection, str, int, tuple[Value, ...]]] = []

        def look(world: World) -> None:
            height = _settled_height(world)
            place = world.chain.tree.at(height)
            boundaries = sum(a.boundaries for a in world.kernel.actors if a.name == MAIN_PROCESS)
            settled_hash = "" if place is None else place.hash.hex()
            ends.append((projection(world, height), settled_hash, boundaries, demands(world)))

        return _End(self._run(value, look), *ends[0])

    def _run(self, value: Value, at_end: Callable[[World], None]) -> Run:
        try:
            run = runner.play(
                scenario_of(value, self._path),
                listener=self._listener,
                at_end=at_end,
                stoppable=self._stoppable,
            )
        except runner.Refused as error:
            run = error.run
        if run.outcome.verdict is Verdict.INTERRUPTED:
            raise SweepInterrupted
        return run


@dataclass(frozen=True, slots=True)
class _End:
    """How one run ended. `settled_hash` is that of the block that its cursor had to reach."""

    run: Run
    projection: Projection
    settled_hash: str
    boundaries: int
    demands: tuple[Value, ...]


def _settled_height(world: World) -> int:
    """The height that the chain had when the settling began; that of now if it never did."""
    for entry in reversed(world.journal):
        if entry.actor == "scenario" and entry.kind == "settling":
            return int(entry.payload["height"])
    return world.chain.height


def _why(run: Run) -> str:
    failure = run.outcome.failure
    assert failure is not None, "a run that did not hold says why"
    if run.outcome.verdict is Verdict.REFUSED:
        return f"undisturbed it is refused: {failure.actual}"
    return (
        f"undisturbed it is {run.outcome.verdict.value}: {failure.rule}: expected "
        f"{failure.expected}, got {failure.actual}"
    )
