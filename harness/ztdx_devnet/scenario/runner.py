"""The runner: plays a scenario in a fresh world and says what it showed.

First the steps (faults allowed, safety must hold throughout), then the settling (faults lifted,
the listener must catch up), then the checks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

from ztdx_devnet.journal.journal import Journal
from ztdx_devnet.scenario.errors import BadScenario, Problem
from ztdx_devnet.scenario.invariants import SENTENCES, Invariants, Violation
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.opening import open_world, start_product
from ztdx_devnet.scenario.settling import settle
from ztdx_devnet.scenario.stage import ExpectationFailed, RunBroken, Stage, StepImpossible
from ztdx_devnet.scenario.verdict import Failure, FaultCount, Outcome, Part, Verdict
from ztdx_devnet.scenario.watch import Watch
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_devnet.sim.world import World
from ztdx_spot.errors import SettingError


@dataclass(frozen=True, slots=True)
class Run:
    """One scenario that was played: what came of it, and all that happened.

    `started_us` is the virtual Unix time at which it began.
    """

    scenario: Scenario
    outcome: Outcome
    journal: Journal
    started_us: int


class Refused(BadScenario):
    """Found while it was played: the scenario asks for what can't be done. `run` is what was
    played until then."""

    def __init__(self, problem: Problem, run: Run) -> None:
        super().__init__([problem])
        self.run = run


def run(
    scenario: Scenario, seed: int | None = None, listener: ListenerProgram | None = None
) -> Outcome:
    """As `play`, for who wants only what came of it. Raises Refused."""
    return play(scenario, seed, listener).outcome


def play(
    scenario: Scenario,
    seed: int | None = None,
    listener: ListenerProgram | None = None,
    at_end: Callable[[World], None] | None = None,
    stoppable: AbstractContextManager[object] | None = None,
) -> Run:
    """Play the scenario; `seed` overrides its own, `listener` stands in the product's place.

    `at_end` may look at the world when all is over, however it went. Only inside of `stoppable`
    may a KeyboardInterrupt come: it ends the run, whose verdict is then "interrupted".
    Raises Refused for a step that can't be done and settings that the product does not take.
    """
    given = scenario.head.given
    played_seed = scenario.head.seed if seed is None else seed
    started = perf_counter()
    try:
        world = open_world(given, played_seed, listener)
    except SettingError as error:
        why = f"environment: {'; '.join(error.problems)}"
        raise _refused(_not_begun(scenario, played_seed, why)) from error
    with world:
        started_us = world.now_us
        played = _Play(scenario, world)
        played.run(nullcontext() if stoppable is None else stoppable)
        if at_end is not None:
            at_end(world)
        outcome = replace(played.outcome(played_seed), wall_s=perf_counter() - started)
        run = Run(scenario, outcome, world.journal, started_us)
    if outcome.verdict is Verdict.REFUSED:
        raise _refused(run)
    return run


def _refused(run: Run) -> Refused:
    outcome, failure = run.outcome, run.outcome.failure
    assert failure is not None, "a refused run says why"
    return Refused(Problem(outcome.path, failure.line, failure.actual), run)


def _not_begun(scenario: Scenario, seed: int, why: str) -> Run:
    """The run of a scenario whose world can't be opened: nothing has happened in it."""
    failure = _impossible(scenario.given_line, 0, why)
    journal = Journal()
    _record_end(partial(journal.record, 0, "scenario", "verdict"), Verdict.REFUSED, failure)
    outcome = Outcome(
        path=scenario.path,
        title=scenario.head.title,
        seed=seed,
        verdict=Verdict.REFUSED,
        digest=journal.digest(str(seed)),
        wall_s=0.0,
        virtual_us=0,
        failure=failure,
        faults=(),
    )
    return Run(scenario, outcome, journal, started_us=0)


def _impossible(line: int, at_us: int, why: str) -> Failure:
    return Failure("impossible", line, at_us, "what can be done", why, "run")


def _record_end(record: Callable[..., object], verdict: Verdict, failure: Failure | None) -> None:
    """The verdict is part of the run: another one makes another digest."""
    why = {}
    if failure is not None:
        why = {"rule": failure.rule, "expected": failure.expected, "actual": failure.actual}
    record(verdict=verdict.value, **why)


class _Play:
    """One run of one scenario."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self._scenario = scenario
        self._world = world
        self._stage = Stage(world)
        self._line = 0
        self._part: Part = "step"
        self._started_us = world.now_us
        self._failure: Failure | None = None
        self._fault_lines: list[int] = []
        self._interrupted = False
        self._impossible: Failure | None = None
        self._invariants = Invariants(world, self._violated)
        self._watch = Watch(world, scenario.head.check, self._check_failed)

    def run(self, stoppable: AbstractContextManager[object]) -> None:
        try:
            with stoppable:
                self._world.run(self._script)
        except RunBroken:
            pass
        except KeyboardInterrupt:
            self._interrupted = True
        except ExpectationFailed as error:
            self._fail(error, error.line or self._line)
        except StepImpossible as error:
            at_us = self._world.now_us - self._started_us
            self._impossible = _impossible(error.line or self._line, at_us, str(error))
        finally:
            self._invariants.close()

    def outcome(self, seed: int) -> Outcome:
        world, head = self._world, self._scenario.head
        faults = tuple(FaultCount(fault.name, fault.hits) for fault in world.faults)
        verdict, failure = Verdict.HELD, self._failure
        if failure is not None:
            verdict = Verdict.VIOLATED
        elif self._interrupted:
            verdict = Verdict.INTERRUPTED
            failure = self._failure_at("interrupted", self._line, "a run to its end", "a signal")
        elif self._impossible is not None:
            verdict, failure = Verdict.REFUSED, self._impossible
        else:
            failure = self._shows_nothing(faults)
            if failure is not None:
                verdict = Verdict.INCONCLUSIVE
        came_to_its_end = verdict not in (Verdict.INTERRUPTED, Verdict.REFUSED)
        if head.canary is not None and came_to_its_end:
            verdict, failure = self._judge_canary(head.canary, failure)
        _record_end(partial(world.record, "scenario", "verdict"), verdict, failure)
        return Outcome(
            path=self._scenario.path,
            title=head.title,
            seed=seed,
            verdict=verdict,
            digest=world.journal.digest(world.kernel.digest),
            wall_s=0.0,
            virtual_us=world.now_us - self._started_us,
            failure=failure,
            faults=faults,
        )

    def _judge_canary(
        self, invariant: str, failure: Failure | None
    ) -> tuple[Verdict, Failure | None]:
        """A canary must die of what it is there for: then, and only then, it has held."""
        if failure is not None and failure.rule.partition(":")[0] == invariant:
            return Verdict.HELD, None
        seen = "it held" if failure is None else f"{failure.rule}: {failure.actual}"
        rule = f"a canary that does not die of {invariant}: the harness sees nothing"
        return Verdict.VIOLATED, self._failure_at(rule, 1, f"{invariant} violated", seen)

    def _script(self) -> None:
        world = self._world
        start_product(world, self._scenario.head.given)
        for number, step in enumerate(self._scenario.steps, 1):
            self._line = step.line
            world.record("scenario", "step", number=number, verb=step.verb.KEY)
            step.verb.perform(self._stage)
            self._fault_lines += [step.line] * (len(world.faults) - len(self._fault_lines))
            if self._stage.broken:
                raise RunBroken
        self._settle()
        self._line, self._part = self._scenario.check_line, "check"
        for conditions in self._scenario.head.check.eventually:
            self._stage.require("eventually", conditions.conditions())

    def _settle(self) -> None:
        """Lift all faults and demand that every deposit now on the chain is credited."""
        self._line, self._part = self._scenario.settle_line, "settling"
        settle(self._stage, self._scenario.head.settle.within)
        self._invariants.check_settled()
        if self._stage.broken:
            raise RunBroken

    def _shows_nothing(self, faults: tuple[FaultCount, ...]) -> Failure | None:
        """Why a run without a failure proves nothing, if so."""
        for fault, line in zip(faults, self._fault_lines, strict=True):
            if not fault.hits:
                rule = f"the fault {fault.name!r} never fired"
                return self._failure_at(rule, line, "at least one hit", "none")
        for conditions in self._watch.unseen:
            words = ", ".join(c.look(self._world).expected for c in conditions.conditions())
            line = self._scenario.check_line
            return self._failure_at("sometimes", line, f"at some time: {words}", "never")
        return None

    def _violated(self, violation: Violation) -> None:
        sentence = f"{violation.invariant}: {SENTENCES[violation.invariant]}"
        self._failure = Failure(
            sentence,
            self._line,
            violation.at_us - self._started_us,
            violation.expected,
            violation.actual,
            "invariant",
        )
        self._stage.broken = True

    def _check_failed(self, error: ExpectationFailed) -> None:
        self._part = "check"
        self._fail(error, self._scenario.check_line)
        self._stage.broken = True

    def _fail(self, error: ExpectationFailed, line: int) -> None:
        if self._failure is None:
            self._failure = self._failure_at(
                error.rule, line, error.expected, error.actual, self._part
            )

    def _failure_at(
        self, rule: str, line: int, expected: str, actual: str, part: Part = "run"
    ) -> Failure:
        at_us = self._world.now_us - self._started_us
        return Failure(rule, line, at_us, expected, actual, part)
