"""Faults of what stands before the nodes: a pool that sends each request to one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ztdx_devnet.faults.fault import Chance, Fault

Pick: TypeAlias = Literal["in_turn", "random", "sticky"]

HONEST = "honest"
"""The name of the node that shows the chain as it is; it is always there."""


@dataclass(slots=True)
class NodePool(Fault):
    """The nodes behind the URL of some listeners (`listeners` None: of all), by their names.

    It picks one for each HTTP request, a batch counting as one: in turn, by chance, or by chance
    once for each listener (`sticky`). A hit is an answer that differs from an honest node's. Of
    several pools before one listener the one that was armed last picks.
    """

    nodes: tuple[str, ...] = (HONEST,)
    pick: Pick = "in_turn"
    listeners: tuple[str, ...] | None = None
    requests: int = field(default=0, init=False)
    sessions: dict[str, str] = field(default_factory=dict, init=False)

    def serves(self, listener: str) -> bool:
        return self.listeners is None or listener in self.listeners

    def picked(self, listener: str, chance: Chance) -> str:
        """Count one HTTP request of that listener and say which node gets it."""
        self.requests += 1
        match self.pick:
            case "in_turn":
                return self.nodes[(self.requests - 1) % len(self.nodes)]
            case "random":
                return self._drawn(chance)
            case "sticky":
                if listener not in self.sessions:
                    self.sessions[listener] = self._drawn(chance)
                return self.sessions[listener]

    def _drawn(self, chance: Chance) -> str:
        return self.nodes[int(chance.random() * len(self.nodes))]
