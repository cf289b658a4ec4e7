"""The settling: faults are lifted, and the listener must come to where the chain is now."""

from __future__ import annotations

import math
from functools import partial

from ztdx_devnet.scenario.invariants import SENTENCES
from ztdx_devnet.scenario.invariants.evidence.heights import poll_work_us
from ztdx_devnet.scenario.stage import ExpectationFailed, Stage
from ztdx_devnet.sim.world import World
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.node.client import REQUEST_TIMEOUT_S

_BLOCKS_PER_POLL = 100
_SPARE_POLLS = 3
_SLOW_STARTS_MAX = 10
"""Faults teach a listener small pages, which grow again: so often patience begins anew while the
cursor moves."""


def settle(stage: Stage, within_us: int | None = None) -> None:
    """Lift all faults and wait until the listener has seen all of the chain; at most `within_us`.

    First what waits in the pool is mined. Then the cursor must come to the height that the chain
    has then, and a block further than it was, on the canonical branch. Without `within_us` it may
    take what a working listener needs. Where no listener was ever started nobody is waited for.
    Raises ExpectationFailed with I10.
    """
    world = stage.world
    world.lift_faults()
    world.producer.resume()
    _mine_what_waits(stage)
    world.record("scenario", "settling", height=world.chain.height)
    if not world.product.listener_was_started:
        return
    cursor = world.cursor
    # A branch that came last may end below the cursor: only a further move shows that the
    # listener has seen it.
    moved = (world.start_block - 1 if cursor is None else cursor.block_number) + 1
    last_block = max(world.chain.height, moved)
    spare_us = world.settings.restart_after_us or 0
    slow_starts = 0
    if within_us is None and any(fault.hits for fault in world.faults):
        spare_us += round(REQUEST_TIMEOUT_S * MICROSECONDS)  # one may hang still
        slow_starts = _SLOW_STARTS_MAX
    while True:
        patience_us = _patience_us(world, last_block) + spare_us if within_us is None else within_us
        is_over = partial(_is_over, stage, last_block)
        before = world.cursor_block
        reached = world.wait_until(is_over, patience_us)
        if not reached and slow_starts and world.cursor_block != before:
            slow_starts -= 1
            continue
        if not (reached and _has_strayed(world, last_block)):
            break
        # A page that was read before a reorg took it up the old branch.
        last_block = (world.cursor_block or 0) + 1
    if not reached:
        world.producer.halt()
        raise ExpectationFailed(
            f"I10: {SENTENCES['I10']}",
            f"a cursor at {last_block} or above",
            f"cursor {world.cursor_block}"
            + ("" if world.product.a_listener_runs else "; the listener does not run"),
        )


def _mine_what_waits(stage: Stage) -> None:
    """Let blocks come as long as they take something out of the pool."""
    world = stage.world
    waiting = len(world.chain.pool)
    while waiting and not stage.broken:
        world.sleep_us(world.producer.wait_us(1) + 1_000)
        before, waiting = waiting, len(world.chain.pool)
        if waiting == before:
            return  # the rest waits for something that does not come, such as a lower nonce


def _is_over(stage: Stage, last_block: int) -> bool:
    world = stage.world
    arrived = (world.cursor_block or 0) >= last_block
    return stage.broken or arrived or world.listener_refused_the_chain


def _has_strayed(world: World, last_block: int) -> bool:
    """Whether the cursor is there, but on a branch that was left meanwhile."""
    cursor = world.cursor
    if cursor is None or cursor.block_number < last_block or cursor.block_hash is None:
        return False
    place = world.chain.tree.at(cursor.block_number)
    return place is None or "0x" + place.hash.hex() != cursor.block_hash


def _patience_us(world: World, last_block: int) -> int:
    """How long a working listener may take until its cursor is at `last_block`."""
    settings = world.settings
    cursor = world.start_block - 1 if world.cursor is None else world.cursor.block_number
    poll_us = settings.poll_interval_ms * 1_000 + poll_work_us(world)
    block_us = world.producer.interval_us
    # While it catches up, the chain grows on.
    speed = _BLOCKS_PER_POLL - poll_us / block_us
    polls = math.ceil(max(last_block - cursor, 0) / max(speed, 1)) + _SPARE_POLLS
    blocks_to_come = (
        max(last_block - world.chain.height, 0) + settings.confirmation_depth_blocks + 1
    )
    return polls * poll_us + blocks_to_come * block_us
