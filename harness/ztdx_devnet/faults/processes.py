"""Faults of processes: they die at a boundary."""

from __future__ import annotations

from dataclasses import dataclass, field

from ztdx_devnet.faults.fault import Fault


@dataclass(slots=True)
class CrashPoint(Fault):
    """Kills its process at the `nth` boundary from now whose kind starts with `kind`."""

    name: str = field(init=False)
    nth: int = 1
    kind: str = ""

    def __post_init__(self) -> None:
        self.name = f"crash at boundary {self.nth} {self.kind}".rstrip()

    @property
    def may_fire(self) -> bool:
        return self.armed and not self.hits

    def reached(self, kind: str) -> bool:
        """Count one boundary and say whether it is the one to die at."""
        if not self.may_fire or not kind.startswith(self.kind):
            return False
        self.eligible += 1
        self.hits = int(self.eligible == self.nth)
        return bool(self.hits)
