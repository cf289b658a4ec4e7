"""Faults of processes and of the database they share."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class CrashPoint:
    """Kills its process at the `nth` boundary from now whose kind starts with `kind`."""

    nth: int
    kind: str = ""
    passed: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        return f"crash at boundary {self.nth} {self.kind}".rstrip()

    @property
    def hits(self) -> int:
        return int(self.passed >= self.nth)

    def reached(self, kind: str) -> bool:
        """Count one boundary and say whether it is the one to die at."""
        if self.hits or not kind.startswith(self.kind):
            return False
        self.passed += 1
        return self.passed == self.nth


@dataclass(slots=True)
class DatabaseLock:
    """Another process holds the write lock. A hit is a statement of the product that met it."""

    name: str
    hits: int = 0
