"""Faults of what stands before a node: a pool that sends a request to one node or another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ztdx_devnet.faults.fault import Chance, Fault

Lagging = Literal["odd", "even", "random"]


@dataclass(slots=True)
class LaggingPool(Fault):
    """A pool of two nodes, one of them `lag_blocks` behind.

    It picks a node for each HTTP request, a batch counting as one: the lagging one gets the odd
    ones (1st, 3rd, …), the even ones, or any. A hit is an answer that differs from the other
    node's.
    """

    lag_blocks: int = 0
    lagging: Lagging = "random"
    requests: int = field(default=0, init=False)

    def picks_lagging(self, chance: Chance) -> bool:
        """Count one HTTP request and say whether the lagging node gets it."""
        self.requests += 1
        if self.lagging == "random":
            return chance.random() < 0.5
        return (self.requests % 2 == 1) == (self.lagging == "odd")
