"""What every condition is: a validated record that looks at a world and says what it saw.

It changes nothing and crosses no boundary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from pydantic import model_validator

from ztdx_devnet.scenario.names import Named, deposits
from ztdx_devnet.scenario.strict import Strict
from ztdx_devnet.scenario.values import Name
from ztdx_devnet.sim.world import World


@dataclass(frozen=True, slots=True)
class Look:
    """What a condition saw."""

    holds: bool
    expected: str
    actual: str


class Condition(Strict):
    """One condition. `KEY` is its word in YAML, `SHORTHAND` the field that a bare value fills."""

    KEY: ClassVar[str]
    SHORTHAND: ClassVar[str | None] = None

    def look(self, world: World) -> Look:
        raise NotImplementedError

    def uses(self) -> list[Named]:
        """The names that a step must have given before."""
        return []


class DepositsCondition(Condition):
    """Something holds for each of the named deposits. `WORDS` is what holds for them then."""

    SHORTHAND = "names"
    WORDS: ClassVar[str]
    names: list[Name]

    def holds_for(self, world: World, name: str) -> bool:
        raise NotImplementedError

    def look(self, world: World) -> Look:
        other = [name for name in self.names if not self.holds_for(world, name)]
        return Look(
            not other,
            f"{self.WORDS}: {listed(self.names)}",
            f"not {self.WORDS}: {listed(other)}",
        )

    def uses(self) -> list[Named]:
        return deposits(self.names)


class Range(Condition):
    """A number is at least this and at most that; one of the two may be left out."""

    at_least: int | None = None
    at_most: int | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("expected at_least, at_most or both")
        if None not in (self.at_least, self.at_most) and self.at_least > self.at_most:  # type: ignore[operator]  # neither is None
            raise ValueError(f"at_least {self.at_least} is more than at_most {self.at_most}")
        return self

    def look_at(self, what: str, seen: int | None, otherwise: str = "none") -> Look:
        """Whether a number lies in the range; None does not."""
        low, high = self.at_least, self.at_most
        bounds = [f"≥ {low}"] * (low is not None) + [f"≤ {high}"] * (high is not None)
        return Look(
            seen is not None and (low is None or seen >= low) and (high is None or seen <= high),
            f"{what} {' and '.join(bounds)}",
            f"{what} {otherwise if seen is None else seen}",
        )


def listed(names: Iterable[str]) -> str:
    """'d1, d2, d3, d4, d5, … 95 more'."""
    names = list(names)
    shown = names if len(names) <= 6 else [*names[:5], f"… {len(names) - 5} more"]
    return ", ".join(shown) or "none"
