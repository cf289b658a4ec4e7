"""I7: how the listener's cursor may move."""

from __future__ import annotations

from ztdx_devnet.scenario.invariants.heights import Heights
from ztdx_devnet.scenario.invariants.problems import Problem, Problems
from ztdx_devnet.sim.ledger_reader import Cursor
from ztdx_devnet.sim.world import World


class CursorMoves:
    """Looks at each move: forward up to the highest confirmed block, back only behind a reorg."""

    def __init__(self, world: World, heights: Heights) -> None:
        self._world = world
        self._heights = heights
        self._last = Cursor(world.start_block - 1, None)

    def problems(self) -> Problems:
        cursor, before = self._world.cursor, self._last
        if cursor is None or cursor == before:
            return  # a shorter branch may have come since: only a move can be wrong
        self._last = cursor
        highest = max(self._heights.asked_confirmed, self._world.start_block - 1)
        if cursor.block_number > before.block_number and cursor.block_number > highest:
            expected = f"a cursor from {before.block_number} to {highest}"
            yield Problem("I7", expected, f"cursor {cursor.block_number}")
        if cursor.block_number < before.block_number and not self._is_orphaned(before):
            kept = "whose hash was not kept" if before.block_hash is None else "still canonical"
            expected = f"a cursor from {before.block_number} to {highest}"
            yield Problem("I7", expected, f"cursor {cursor.block_number}, behind a block {kept}")

    def _is_orphaned(self, cursor: Cursor) -> bool:
        """Whether the block that was processed last has left the canonical branch since."""
        place = self._world.chain.tree.at(cursor.block_number)
        known = cursor.block_hash is not None
        return known and (place is None or "0x" + place.hash.hex() != cursor.block_hash)
