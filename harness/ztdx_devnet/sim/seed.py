"""Chance: every random choice of a run is drawn here, from the run's seed and a purpose."""

from __future__ import annotations

import hashlib
import random  # noqa: TID251 - the one place: each stream is seeded
from collections.abc import Callable

__all__ = ["SeededEntropy", "stream"]


def stream(seed: int, *purpose: str) -> random.Random:
    """An independent stream of chance for one purpose of one run."""
    material = "\0".join((str(seed), *purpose)).encode()
    return random.Random(hashlib.sha256(material).digest())  # noqa: S311 - not for secrets


class SeededEntropy:
    """The product's entropy port: bytes from (seed, owner, purpose, counter).

    One stream per purpose, so that an extra draw for one thing never shifts another. It outlives
    a restart of its owner: a restarted process may not repeat ids. `refuse_the_dead` raises in an
    owner that is dead, and it has then drawn nothing.
    """

    def __init__(
        self, seed: int, owner: str, refuse_the_dead: Callable[[], None] = lambda: None
    ) -> None:
        self._seed = seed
        self._owner = owner
        self._refuse_the_dead = refuse_the_dead
        self._drawn: dict[str, int] = {}

    def bytes(self, purpose: str, count: int) -> bytes:
        self._refuse_the_dead()
        counter = self._drawn.get(purpose, 0)
        self._drawn[purpose] = counter + 1
        material = f"{self._seed}\0{self._owner}\0{purpose}\0{counter}".encode()
        return hashlib.shake_256(material).digest(count)
