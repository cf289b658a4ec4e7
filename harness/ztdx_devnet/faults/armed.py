"""The faults that are armed in one run: one list, in which each place finds those of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ztdx_devnet.faults.fault import Fault

_Kind = TypeVar("_Kind", bound=Fault)


class ArmedFaults:
    """All faults of a run in the order in which they were armed, those that are over included."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._all: list[Fault] = []
        self._of: dict[type[Fault], list[Any]] = {}
        self._striking = 0

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def arm(self, fault: Fault) -> None:
        self._all.append(fault)
        self._of.clear()

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        """Those of that kind that may still touch something, now."""
        found = self._of.get(kind)
        if found is None:
            found = self._of[kind] = [fault for fault in self._all if isinstance(fault, kind)]
        if not found:
            return []
        now_us = self._now_us()
        return [
            fault
            for fault in found
            if fault.may_fire and (fault.until_us is None or now_us < fault.until_us)
        ]

    @property
    def any_may_fire(self) -> bool:
        """Whether any fault can touch anything from now on that a listener needs, or still does."""
        return self._striking > 0 or any(fault.excuses_listener for fault in self.of(Fault))

    @contextmanager
    def striking(self) -> Iterator[None]:
        """Inside, somebody suffers from a fault that may be used up: a request that hangs."""
        self._striking += 1
        try:
            yield
        finally:
            self._striking -= 1

    def tally(self) -> Tally:
        """What they count from now on, until it is closed."""
        return Tally(self._all)

    def lift(self) -> None:
        """Disarm all; their counters stay."""
        for fault in self._all:
            fault.disarm()

    def forget(self) -> None:
        """Lift all, and begin anew."""
        self.lift()
        self._all.clear()
        self._of.clear()


class Tally:
    """What faults counted while one thing was made, so that it can be taken back.

    An answer that is lost on its way has touched nobody: what made it wrong may touch the next.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._before = [(fault, fault.eligible, fault.hits) for fault in faults]
        self._counted: list[tuple[Fault, int, int]] = []

    def close(self) -> None:
        """The thing is made: what is counted later is about others."""
        self._counted = [
            (fault, fault.eligible - eligible, fault.hits - hits)
            for fault, eligible, hits in self._before
            if fault.eligible != eligible or fault.hits != hits
        ]

    def take_back(self) -> None:
        """Nobody got it."""
        for fault, eligible, hits in self._counted:
            fault.eligible -= eligible
            fault.hits -= hits
        self._counted = []
