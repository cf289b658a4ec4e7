"""Faults of the database that the product's processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ztdx_devnet.faults.fault import Fault


@dataclass(slots=True)
class DatabaseLock(Fault):
    """Another process holds the write lock. A hit is a statement of the product that met it.

    `release` ends that process; `held` says whether it still runs.
    """

    release: Callable[[], None] = field(kw_only=True)
    held: Callable[[], bool] = field(kw_only=True)

    @property
    def may_fire(self) -> bool:
        return self.armed and self.held()

    def disarm(self) -> None:
        self.armed = False
        self.release()
