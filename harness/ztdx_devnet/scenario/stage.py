"""The stage: what a verb may touch, the world and the run's own record."""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_devnet.scenario.conditions import Condition
from ztdx_devnet.sim.world import World


class ExpectationFailed(Exception):
    """A step expected one thing and saw another. `line` is its own, inside of another step."""

    line: int | None = None

    def __init__(self, rule: str, expected: str, actual: str) -> None:
        super().__init__(f"{rule}: expected {expected}, got {actual}")
        self.rule = rule
        self.expected = expected
        self.actual = actual


class RunBroken(Exception):
    """An invariant is already violated: the rest of the run has nothing to say."""


class StepImpossible(Exception):
    """The step can't be done in this world: a mistake in the scenario, found while it ran.

    `line` is its own, inside of another step.
    """

    line: int | None = None


@dataclass(slots=True)
class Stage:
    """Handed to each verb. `broken` says whether an invariant has been violated."""

    world: World
    broken: bool = False

    def require(self, rule: str, conditions: list[Condition]) -> None:
        """Raises ExpectationFailed for the first condition that does not hold now."""
        for condition in conditions:
            look = condition.look(self.world)
            if not look.holds:
                raise ExpectationFailed(rule, look.expected, look.actual)

    def wait_until(self, rule: str, conditions: list[Condition], within_us: int) -> None:
        """Let time pass until all hold at once. Raises ExpectationFailed or RunBroken."""

        def reached() -> bool:
            return self.broken or all(c.look(self.world).holds for c in conditions)

        if not self.world.wait_until(reached, within_us):
            self.require(rule, conditions)
        if self.broken:
            raise RunBroken
