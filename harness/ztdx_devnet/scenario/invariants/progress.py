"""Invariants of the cursor and of health: I7, I8, I10, I14 and I15."""

from __future__ import annotations

from ztdx_devnet.scenario.invariants.evidence.scene import Scene
from ztdx_devnet.scenario.invariants.problems import Problem, Problems
from ztdx_devnet.scenario.invariants.rows import is_held
from ztdx_devnet.scenario.invariants.times import is_now
from ztdx_devnet.sim.ledger_reader import Cursor


def cursor_moves(scene: Scene) -> Problems:
    """the cursor goes back only behind a reorg and never passes the highest confirmed block"""
    world, before, cursor = scene.world, scene.cursor_before, scene.cursor
    if len(scene.cursors) != 1 or not isinstance(cursor.block_number, int):
        yield Problem("one row with one whole number", f"{scene.cursors}")
        return
    asked = scene.told.height_asked(scene.by) - world.settings.confirmation_depth_blocks
    highest = max(scene.heights.asked_confirmed, asked, world.start_block - 1)
    expected = f"a cursor from {before.block_number} to {highest}"
    if cursor.block_number > before.block_number and cursor.block_number > highest:
        yield Problem(expected, f"cursor {cursor.block_number}")
    if cursor.updated_at is not None and not is_now(scene, cursor.updated_at):
        yield Problem("a cursor that says when it moved", f"at {cursor.updated_at}")
    if cursor.block_hash is not None and not _is_known(scene, cursor):
        expected = f"the hash of a block {cursor.block_number}"
        yield Problem(expected, f"one that there never was: {cursor.block_hash}")
    if cursor.block_number < before.block_number and not _is_orphaned(scene, before):
        kept = "whose hash was not kept" if before.block_hash is None else "still canonical"
        if before.block_hash is not None and not scene.told.has_been(before):
            kept = f"that there never was: {before.block_hash}"
        yield Problem(expected, f"cursor {cursor.block_number}, behind a block {kept}")


def coverage(scene: Scene) -> Problems:
    """every block up to the cursor was told to the listener: truly, wholly, and on its branch"""
    cursor, world = scene.cursor, scene.world
    held = [
        deposit
        for number in dict.fromkeys(log.block_number for log in scene.ledger.quarantined)
        for deposit in world.oracle.canonical(number, number)
        if is_held(scene, deposit)
    ]
    if cursor.first_block not in (None, world.start_block):
        expected = f"a listener that begins with block {world.start_block}"
        yield Problem(expected, f"one that began with {cursor.first_block}")
    block = scene.told.untold(scene.by, cursor, held)
    if block is not None:
        expected = f"an answer that tells of every deposit of block {block}"
        actual = f"no node has given one, and the cursor is at {cursor.block_number}"
        yield Problem(expected, actual)


def liveness(_scene: Scene) -> Problems:
    """once faults are lifted the listener catches up"""
    yield from ()  # the runner waits for it while it settles


def bounded(scene: Scene) -> Problems:
    """requests in a row, open connections and lines in the log stay below fixed bounds"""
    yield from scene.effort.problems()


def no_silent_stall(scene: Scene) -> Problems:
    """health is red while blocks wait, or the head is below the cursor, for long; green at rest"""
    yield from scene.stalls.problems()


def _is_known(scene: Scene, cursor: Cursor) -> bool:
    """Whether the hash is that of a block of its height: as a rule the canonical one."""
    place = scene.world.chain.tree.at(cursor.block_number)
    is_canonical = place is not None and "0x" + place.hash.hex() == cursor.block_hash
    return is_canonical or scene.told.has_been(cursor)


def _is_orphaned(scene: Scene, cursor: Cursor) -> bool:
    """Whether the block that was processed last has left the canonical branch since."""
    if cursor.block_hash is None or not scene.told.has_been(cursor):
        return False
    place = scene.world.chain.tree.at(cursor.block_number)
    return place is None or "0x" + place.hash.hex() != cursor.block_hash
