"""What every fault has: a name, and a count of how often it made a difference."""

from __future__ import annotations

from typing import Protocol


class Fault(Protocol):
    """A fault that was armed. One that never hit anything shows that its scenario shows nothing."""

    @property
    def name(self) -> str: ...

    @property
    def hits(self) -> int: ...
