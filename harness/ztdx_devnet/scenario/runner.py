"""The runner: plays a scenario in a fresh world and says what it showed.

First the steps (faults allowed, safety must hold throughout), then the settling (faults lifted,
the listener must catch up), then the checks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import perf_counter

from ztdx_devnet.journal.journal import Journal
from ztdx_devnet.scenario.errors import BadScenario, Problem
from ztdx_devnet.scenario.invariants import SENTENCES, Invariants, Violation
from ztdx_devnet.scenario.invariants.heights import POLL_WORK_US
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.stage import ExpectationFailed, RunBroken, Stage, StepImpossible
from ztdx_devnet.scenario.verdict import Failure, FaultCount, Outcome, Verdict
from ztdx_devnet.scenario.watch import Watch
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.errors import SettingError

_BLOCKS_PER_POLL = 100
_SPARE_POLLS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One scenario that was played: what came of it, and all that happened.

    `started_us` is the virtual Unix time at which it began.
    """

    scenario: Scenario
    outcome: Outcome
    journal: Journal
    started_us: int


def run(
    scenario: Scenario, seed: int | None = None, listener: ListenerProgram | None = None
) -> Outcome:
    """As `play`, for who wants only what came of it."""
    return play(scenario, seed, listener).outcome


def play(
    scenario: Scenario, seed: int | None = None, listener: ListenerProgram | None = None
) -> Run:
    """Play the scenario; `seed` overrides its own, `listener` stands in the product's place.

    Raises BadScenario for an impossible step.
    """
    given = scenario.head.given
    settings = WorldSettings(
        seed=scenario.head.seed if seed is None else seed,
        start_height=given.start_height,
        confirmation_depth_blocks=given.confirmation_depth,
        block_time_s=given.block_time_s,
        poll_interval_ms=given.poll_interval_ms,
        environment=given.environment,
        listener=listener,
    )
    started = perf_counter()
    try:
        world = World(settings)
    except SettingError as error:
        problem = Problem(scenario.path, scenario.given_line, f"environment: {error}")
        raise BadScenario([problem]) from error
    with world:
        started_us = world.now_us
        played = _Play(scenario, world)
        played.run()
        outcome = replace(played.outcome(settings.seed), wall_s=perf_counter() - started)
        return Run(scenario, outcome, world.journal, started_us)


class _Play:
    """One run of one scenario."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self._scenario = scenario
        self._world = world
        self._stage = Stage(world)
        self._line = 0
        self._started_us = world.now_us
        self._failure: Failure | None = None
        self._fault_lines: list[int] = []
        self._invariants = Invariants(world, self._violated)
        self._watch = Watch(world, scenario.head.check, self._check_failed)

    def run(self) -> None:
        try:
            self._world.run(self._script)
        except RunBroken:
            pass
        except ExpectationFailed as error:
            self._fail(error, self._line)
        except StepImpossible as error:
            problem = Problem(self._scenario.path, self._line, str(error))
            raise BadScenario([problem]) from error

    def outcome(self, seed: int) -> Outcome:
        world, head = self._world, self._scenario.head
        faults = tuple(FaultCount(fault.name, fault.hits) for fault in world.faults)
        verdict, failure = Verdict.HELD, self._failure
        if failure is not None:
            verdict = Verdict.VIOLATED
        else:
            failure = self._shows_nothing(faults)
            if failure is not None:
                verdict = Verdict.INCONCLUSIVE
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

    def _script(self) -> None:
        world = self._world
        world.product.start_api()
        if self._scenario.head.given.listener == "running":
            world.product.start_listener()
        for number, step in enumerate(self._scenario.steps, 1):
            self._line = step.line
            world.record("scenario", "step", number=number, verb=step.verb.KEY)
            step.verb.perform(self._stage)
            self._fault_lines += [step.line] * (len(world.faults) - len(self._fault_lines))
            if self._stage.broken:
                raise RunBroken
        self._settle()
        self._line = self._scenario.check_line
        for conditions in self._scenario.head.check.eventually:
            self._stage.require("eventually", conditions.conditions())

    def _settle(self) -> None:
        """Lift all faults and demand that every deposit now on the chain is credited."""
        world = self._world
        self._line = self._scenario.settle_line
        world.lift_faults()
        world.producer.resume()
        world.record("scenario", "settling")
        if world.product.listener_was_started:
            # A branch that came last may end below the cursor: only a further move shows that the
            # listener has seen it.
            last_block = max(world.chain.height, (world.cursor_block or 0) + 1)
            within_us = self._scenario.head.settle.within
            if within_us is None:
                within_us = self._patience_us(last_block)
            reached = world.wait_until(
                lambda: self._stage.broken or (world.cursor_block or 0) >= last_block, within_us
            )
            if not reached:
                world.producer.halt()
                raise ExpectationFailed(
                    SENTENCES["I10"],
                    f"a cursor at {last_block} or above",
                    f"cursor {world.cursor_block}"
                    + ("" if world.product.listener.running else "; the listener does not run"),
                )
        self._invariants.check_settled()
        if self._stage.broken:
            raise RunBroken

    def _patience_us(self, last_block: int) -> int:
        """How long a working listener may take until its cursor is at `last_block`."""
        world, settings = self._world, self._world.settings
        cursor = world.cursor_block or world.start_block - 1
        poll_us = settings.poll_interval_ms * 1_000 + POLL_WORK_US
        block_us = settings.block_time_s * MICROSECONDS
        # While it catches up, the chain grows on.
        speed = _BLOCKS_PER_POLL - poll_us / block_us
        polls = math.ceil((last_block - cursor) / max(speed, 1)) + _SPARE_POLLS
        blocks_to_come = last_block - world.chain.height + settings.confirmation_depth_blocks + 1
        return polls * poll_us + blocks_to_come * block_us

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
        )
        self._stage.broken = True

    def _check_failed(self, error: ExpectationFailed) -> None:
        self._fail(error, self._scenario.check_line)
        self._stage.broken = True

    def _fail(self, error: ExpectationFailed, line: int) -> None:
        if self._failure is None:
            self._failure = self._failure_at(error.rule, line, error.expected, error.actual)

    def _failure_at(self, rule: str, line: int, expected: str, actual: str) -> Failure:
        at_us = self._world.now_us - self._started_us
        return Failure(rule, line, at_us, expected, actual)
