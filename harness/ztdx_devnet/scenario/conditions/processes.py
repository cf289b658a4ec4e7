"""Conditions on the processes: where the listener stands, whether it lives, what health says."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from ztdx_devnet.scenario.conditions.condition import Condition, DepositsCondition, Look, Range
from ztdx_devnet.scenario.names import Named
from ztdx_devnet.scenario.values import Name
from ztdx_devnet.sim.health import health
from ztdx_devnet.sim.product import MAIN
from ztdx_devnet.sim.world import World


class Cursor(Range):
    """How many blocks the cursor is above the height at which the world began."""

    KEY = "cursor"
    SHORTHAND = "at_least"

    def look(self, world: World) -> Look:
        cursor = world.cursor_block
        seen = None if cursor is None else cursor - world.settings.start_height
        return self.look_at("cursor above the start", seen)


class CursorLag(Range):
    """How many blocks the cursor is below the highest confirmed block."""

    KEY = "cursor_lag"
    SHORTHAND = "at_most"

    def look(self, world: World) -> Look:
        cursor = world.cursor_block
        lag = None if cursor is None else world.confirmed_height - cursor
        return self.look_at("blocks that the cursor is behind", lag, "unknown: no cursor yet")


class Passed(DepositsCondition):
    """The cursor has come to the canonical block of each named deposit, or beyond."""

    KEY = "passed"
    WORDS = "passed by the cursor"

    def holds_for(self, world: World, name: str) -> bool:
        found = world.chain.inclusions.canonical(world.users.deposits[name].transaction_hash)
        cursor = world.cursor_block
        return found is not None and cursor is not None and cursor >= found[0].first_number


class ListenerRuns(Condition):
    """The listener process is alive, or is not."""

    KEY = "listener_runs"
    SHORTHAND = "value"
    value: bool
    listener: Name = MAIN

    def look(self, world: World) -> Look:
        runs = world.product.listeners[self.listener].running
        name = "the listener" if self.listener == MAIN else f"the listener {self.listener!r}"
        words = {True: f"{name} runs", False: f"{name} does not run"}
        return Look(runs is self.value, words[self.value], words[runs])

    def uses(self) -> list[Named]:
        return [Named("listener", self.listener)]


class ListenerExited(Condition):
    """The listener's process ended by itself, with that error (its class), which says that."""

    KEY = "listener_exited"
    SHORTHAND = "error"
    error: str
    says: str = ""
    listener: Name = MAIN

    def look(self, world: World) -> Look:
        process = world.product.listeners[self.listener]
        failure, words = process.failure, f" that says {self.says!r}" * bool(self.says)
        expected = f"a listener that ended by {self.error}{words}"
        if failure is None:
            seen = "it runs" if process.running else "it does not run, and gave no error"
            return Look(False, expected, seen)
        holds = type(failure).__name__ == self.error and self.says in str(failure)
        return Look(holds, expected, f"it ended by {type(failure).__name__}: {process.last_words}")

    def uses(self) -> list[Named]:
        return [Named("listener", self.listener)]


class Health(Condition):
    """`/readyz` would say that all is well, or not, and that for a reason with these words in it.

    `says` may also be in a warning.
    """

    KEY = "health"
    SHORTHAND = "ready"
    ready: bool
    says: str = ""

    @model_validator(mode="after")
    def _words_are_words(self) -> Self:
        if self.says != self.says.strip():
            raise ValueError(f"says has blanks around it: {self.says!r}")
        return self

    def look(self, world: World) -> Look:
        verdict = health(world)
        reasons = [*verdict.missing, *verdict.warnings]
        said = any(self.says in reason for reason in reasons) if self.says else True
        words = {True: "ready", False: "not ready"}
        wanted = f", with {self.says!r}" * bool(self.says)
        seen = "; ".join(reasons) or "nothing is missing"
        return Look(
            verdict.ready is self.ready and said,
            f"health: {words[self.ready]}{wanted}",
            f"{words[verdict.ready]}: {seen}",
        )
