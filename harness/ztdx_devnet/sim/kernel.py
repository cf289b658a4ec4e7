"""The kernel: runs ordinary synchronous code as actors on one virtual clock.

Every actor is a greenlet. It runs until it crosses a boundary (a port call); there the kernel
advances the clock, runs what is due, and picks among actors that are due at once by the seed.

The rule of kill -9: first the dying actor's connections are closed, so that its open transactions
are lost; then it is dead, and every further port call of it raises before it acts, so that no
`finally` and no `except` of it can change the world; what it raises and logs is ignored. One that
takes its death for an error and goes on, again and again, is left where it is.
"""

from __future__ import annotations

import hashlib
import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import greenlet

from ztdx_devnet.faults.processes import CrashPoint
from ztdx_devnet.sim.seed import stream
from ztdx_devnet.virtual_time import MICROSECONDS

_LATENCIES = ("rpc:", "sql:", "http:", "ws:")
_SLOW = 0.01
_REFUSALS_MAX = 1_000
"""More port calls than any cleanup makes: who makes them does not know that it is dead."""
STEPS_AT_ONCE_MAX = 1_000_000
"""More than any number of actors does at one instant of virtual time: somebody is in a loop."""
_left_behind: list[greenlet.greenlet] = []
"""Never resumed, and kept: what is collected is unwound, and these run on when they unwind."""


class Killed(BaseException):
    """The actor is dead. Not an Exception: product code can't take it for an error."""


class Standstill(Exception):
    """Time does not pass: somebody goes round a loop that neither waits nor asks for anything."""


class Deadlock(Exception):
    """The awaited actor can never go on: nothing is due."""


@dataclass(eq=False, slots=True)
class Actor:
    """One simulated process or client.

    `boundaries` counts the boundaries it has crossed, `refusals` the port calls since its death;
    `on_kill` is called, in order, when it dies.
    """

    name: str
    run: greenlet.greenlet
    alive: bool = True
    boundaries: int = 0
    refusals: int = 0
    crashes: list[CrashPoint] = field(default_factory=list)
    on_kill: list[Callable[[], None]] = field(default_factory=list)
    on_death: list[Callable[[], None]] = field(default_factory=list)
    wakeup: int = 0
    parked: bool = False
    resting: bool = False
    failure: BaseException | None = None


class Kernel:
    """Actors, one clock, one seed. `now_us` is virtual time in microseconds.

    With `varied_latency` what an actor waits for others (a request, an answer, a statement) takes
    up to four times as long as usual, and one in a hundred a second: other schedules come up.
    """

    def __init__(self, seed: int, now_us: int = 0, *, varied_latency: bool = False) -> None:
        self.now_us = now_us
        self._varied = stream(seed, "latency") if varied_latency else None
        self.actors: list[Actor] = []
        self._chance = stream(seed, "schedule")
        self._trace = hashlib.sha256()
        # (due at, chance among those due at once, order of scheduling, actor, the actor's wakeup)
        self._due: list[tuple[int, float, int, Actor, int]] = []
        self._order = 0
        self._doomed: list[Actor] = []
        self._stands_at_us = now_us
        self._steps_at_once = 0
        self._hub = greenlet.getcurrent()
        self._current: Actor | None = None
        self._logged_above: int | None = None  # what held before the dead were silenced

    @property
    def current(self) -> Actor:
        """The running actor."""
        assert self._current is not None, "only an actor may cross a boundary"
        return self._current

    @property
    def runs_here(self) -> bool:
        """Whether the caller is its running actor: not another kernel's, nor a dead one."""
        return self._current is not None and self._current.run is greenlet.getcurrent()

    @property
    def digest(self) -> str:
        """sha256 of all boundaries so far: time, actor, kind."""
        return self._trace.hexdigest()

    def spawn(self, name: str, target: Callable[[], object], delay_us: int = 0) -> Actor:
        """Start an actor `delay_us` from now."""
        actor = Actor(name, greenlet.greenlet(target, parent=self._hub))
        self.actors.append(actor)
        self._schedule(actor, self.now_us + delay_us)
        return actor

    def boundary(self, kind: str, delay_us: int = 0) -> None:
        """Called by the running actor before it touches the world: others may run first."""
        actor = self._enter(kind)
        if self._varied is not None and kind.startswith(_LATENCIES):
            delay_us = self._varied_us(delay_us)
        at_us = self.now_us + delay_us
        if not self._doomed and (not self._due or self._due[0][0] > at_us):
            self.now_us = at_us  # nobody else is due by then: no need to leave the actor
            return
        self._schedule(actor, at_us)
        self._hub.switch()  # whoever is killed meanwhile does not come back from here

    def refuse_the_dead(self) -> None:
        """Raise Killed in a dead actor: for what is no boundary, and still nothing for the dead."""
        if self._current is None:
            return
        if not self._current.alive:
            self._refuse(self._current)
        self._count_step(self._current)

    def fail(self, error: Exception) -> NoReturn:
        """End the run with that error, from the running actor.

        It never comes back from here until the end has come, so it can't take the error for one
        of its own and go on.
        """
        if not self.current.alive:
            self._refuse(self.current)
        self.current.failure = error
        self._hub.switch()
        raise Killed

    def park(self, kind: str, timeout_us: int | None = None) -> None:
        """Stop the running actor until `wake`, or until the timeout."""
        actor = self._enter(kind)
        if timeout_us is None:
            actor.wakeup += 1
        else:
            self._schedule(actor, self.now_us + timeout_us)
        actor.parked = True
        self._hub.switch()
        actor.parked = False

    def rest(self) -> None:
        """Leave time as it is: whoever runs until the running actor ends comes back now.

        No boundary: nobody else runs meanwhile, and the next `run_until` for it goes on right here.
        """
        self.current.resting = True
        self._hub.switch()

    def wake(self, actor: Actor) -> None:
        """Let a parked actor go on now; an actor that sleeps or runs is left alone."""
        if actor.alive and actor.parked:
            actor.parked = False
            self._schedule(actor, self.now_us)

    def hasten(self, actor: Actor) -> None:
        """Let an actor that passes time at a boundary go on now: for sleeps that can be ended."""
        if actor.alive:
            self._schedule(actor, self.now_us)

    def next_due_us(self) -> int | None:
        """When the next actor other than the running one is due."""
        while self._due and not self._is_live(self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def kill(self, actor: Actor) -> None:
        """kill -9. An actor that kills itself does not come back from this call."""
        if not actor.alive:
            return
        actor.alive = False
        for close in actor.on_kill:
            close()
        if actor is self._current:
            self._silence()
            raise Killed
        self._doomed.append(actor)

    def run_until_done(self, awaited: Actor) -> None:
        """Run until that actor has ended, then kill all others. Raises as `run_until` does."""
        self.run_until(awaited)
        self.end()

    def end(self) -> None:
        """Kill all actors."""
        for actor in self.actors:
            self.kill(actor)
        self._bury()

    def run_until(self, awaited: Actor) -> None:
        """Run until that actor has ended or rests; all others stand still then.

        Raises what `awaited` or any other actor raised, and Deadlock when nothing is due.
        """
        if awaited.resting:
            awaited.resting = False
            self._switch_to(awaited)
            if awaited.failure is not None:
                raise awaited.failure
        while awaited.alive and not awaited.resting:
            self._bury()
            if self.next_due_us() is None:
                raise Deadlock(f"{awaited.name} waits, and no actor is due")
            at_us, _, _, actor, _ = heapq.heappop(self._due)
            self.now_us = max(self.now_us, at_us)
            self._switch_to(actor)
            if actor.failure is not None:
                raise actor.failure

    def _enter(self, kind: str) -> Actor:
        actor = self.current
        if not actor.alive:
            self._refuse(actor)
        self._count_step(actor)
        actor.boundaries += 1
        self._trace.update(f"{self.now_us} {actor.name} {kind}\n".encode())
        # Each counts, also those behind the one that strikes.
        struck = [point for point in actor.crashes if point.reached(kind)]
        if struck:
            self.kill(actor)
        return actor

    def _count_step(self, actor: Actor) -> None:
        if self.now_us != self._stands_at_us:
            self._stands_at_us = self.now_us
            self._steps_at_once = 0
        self._steps_at_once += 1
        if self._steps_at_once > STEPS_AT_ONCE_MAX:
            times = f"{STEPS_AT_ONCE_MAX:,} things"
            self.fail(Standstill(f"{actor.name} does {times} and no time passes: a loop?"))

    def _refuse(self, actor: Actor) -> NoReturn:
        """Raise Killed in the dead running actor; if it can't hear it, never come back."""
        actor.refusals += 1
        if actor.refusals > _REFUSALS_MAX:
            _left_behind.append(actor.run)
            self._hub.switch()
        raise Killed

    def _varied_us(self, delay_us: int) -> int:
        assert self._varied is not None
        chance = self._varied.random()
        return MICROSECONDS if chance < _SLOW else int(delay_us * 4 * chance)

    def _schedule(self, actor: Actor, at_us: int) -> None:
        self._order += 1
        actor.wakeup += 1
        entry = (at_us, self._chance.random(), self._order, actor, actor.wakeup)
        heapq.heappush(self._due, entry)

    @staticmethod
    def _is_live(entry: tuple[int, float, int, Actor, int]) -> bool:
        actor, wakeup = entry[3], entry[4]
        return actor.alive and wakeup == actor.wakeup

    def _switch_to(self, actor: Actor) -> None:
        self._current = actor
        try:
            actor.run.switch()
        except Killed:
            pass
        except KeyboardInterrupt:  # of whoever wants the run to stop
            raise
        except BaseException as error:
            if actor.alive:
                actor.failure = error
        finally:
            self._current = None
            self._end_silence()
        if actor.run.dead or not actor.alive:
            actor.alive = False
            self._report_death(actor)
        elif actor.failure is not None:
            self.kill(actor)

    def _bury(self) -> None:
        """Unwind killed actors; nothing they do or raise while unwinding counts."""
        while self._doomed:
            actor = self._doomed.pop(0)
            self._current = actor
            self._silence()
            try:
                actor.run.throw(Killed)
            except KeyboardInterrupt:
                raise
            except BaseException:  # noqa: S110 - the dead have no say
                pass
            finally:
                self._current = None
                self._end_silence()
            self._report_death(actor)

    def _silence(self) -> None:
        """Nothing is logged while the dead unwind; nobody else runs then."""
        if self._logged_above is None:
            self._logged_above = logging.root.manager.disable
            logging.disable(logging.CRITICAL)

    def _end_silence(self) -> None:
        if self._logged_above is not None:
            logging.disable(self._logged_above)
            self._logged_above = None

    def _report_death(self, actor: Actor) -> None:
        for tell in actor.on_death:
            tell()
        actor.on_death = []
