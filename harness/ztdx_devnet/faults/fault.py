"""What every fault has: a name, a scope, and a count of how often it made a difference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol


class Chance(Protocol):
    """A stream of the run's seed."""

    def random(self) -> float: ...


@dataclass(slots=True)
class Fault:
    """A fault that can be armed. One that never hit anything shows that its run shows nothing.

    Of the things that it could touch it touches number `first` to `last` (1-based, None: for
    ever), and of those `percent` in a hundred; after `until_us` (virtual Unix time) none.
    `eligible` counts what it could have touched, `hits` what it did touch.
    """

    excuses_listener: ClassVar[bool] = True
    """Whether a listener may be late because of it."""

    name: str
    first: int = field(default=1, kw_only=True)
    last: int | None = field(default=None, kw_only=True)
    percent: int = field(default=100, kw_only=True)
    until_us: int | None = field(default=None, kw_only=True)
    eligible: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)
    armed: bool = field(default=True, init=False)

    @property
    def may_fire(self) -> bool:
        """Whether it could still touch anything."""
        return self.armed and (self.last is None or self.eligible < self.last)

    def takes(self, chance: Chance) -> bool:
        """Count one thing that it could touch and say whether it is one to touch."""
        self.eligible += 1
        if self.eligible < self.first or (self.last is not None and self.eligible > self.last):
            return False
        if self.percent < 100 and chance.random() * 100 >= self.percent:
            return False
        self.hits += 1
        return True

    def disarm(self) -> None:
        """It touches nothing any more; its counters stay."""
        self.armed = False
