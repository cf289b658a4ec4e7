"""Finality: which canonical blocks a node calls safe and which it calls finalized.

Both stand at a fixed distance below the head and never go back, except when a reorg replaces them:
then they go down to the fork. A real network can't do that; a devnet is there to try it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_devnet.chain.blocktree.tree import HeadChange

SAFE_DEPTH = 32  # blocks below the head, as anvil counts them
FINALIZED_DEPTH = 64


@dataclass(slots=True)
class Finality:
    """The heights of the safe and the finalized block, and how far below the head they follow."""

    safe_depth: int = SAFE_DEPTH
    finalized_depth: int = FINALIZED_DEPTH
    safe_number: int = 0
    finalized_number: int = 0

    def set_depths(self, safe_depth: int, finalized_depth: int, height: int) -> None:
        """Follow at other distances. What is safe or finalized already stays so."""
        self.safe_depth, self.finalized_depth = safe_depth, finalized_depth
        self._rise(height)

    def follow(self, change: HeadChange) -> None:
        """Take over a change of head."""
        self.safe_number = min(self.safe_number, change.ancestor.number)
        self.finalized_number = min(self.finalized_number, change.ancestor.number)
        self._rise(change.new_head.number)

    def _rise(self, height: int) -> None:
        self.safe_number = max(self.safe_number, height - self.safe_depth)
        self.finalized_number = max(self.finalized_number, height - self.finalized_depth)
