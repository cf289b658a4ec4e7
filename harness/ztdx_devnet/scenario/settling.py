"""The settling: faults are lifted, and the listener must come to where the chain is now."""

from __future__ import annotations

import math

from ztdx_devnet.scenario.invariants import SENTENCES
from ztdx_devnet.scenario.invariants.heights import poll_work_us
from ztdx_devnet.scenario.stage import ExpectationFailed, Stage
from ztdx_devnet.sim.world import World

_BLOCKS_PER_POLL = 100
_SPARE_POLLS = 3


def settle(stage: Stage, within_us: int | None = None) -> None:
    """Lift all faults and wait until the cursor is where the chain is now; at most `within_us`.

    Without `within_us` it may take what a working listener needs. Where no listener was ever
    started nobody is waited for. Raises ExpectationFailed with I10.
    """
    world = stage.world
    world.lift_faults()
    world.producer.resume()
    world.record("scenario", "settling", height=world.chain.height)
    if not world.product.listener_was_started:
        return
    # A branch that came last may end below the cursor: only a further move shows that the
    # listener has seen it.
    last_block = max(world.chain.height, (world.cursor_block or 0) + 1)
    if within_us is None:
        within_us = _patience_us(world, last_block) + (world.settings.restart_after_us or 0)
    reached = world.wait_until(
        lambda: (
            stage.broken
            or (world.cursor_block or 0) >= last_block
            or world.listener_refused_the_chain
        ),
        within_us,
    )
    if not reached:
        world.producer.halt()
        raise ExpectationFailed(
            SENTENCES["I10"],
            f"a cursor at {last_block} or above",
            f"cursor {world.cursor_block}"
            + ("" if world.product.a_listener_runs else "; the listener does not run"),
        )


def _patience_us(world: World, last_block: int) -> int:
    """How long a working listener may take until its cursor is at `last_block`."""
    settings = world.settings
    cursor = world.cursor_block or world.start_block - 1
    poll_us = settings.poll_interval_ms * 1_000 + poll_work_us(world)
    block_us = world.producer.interval_us
    # While it catches up, the chain grows on.
    speed = _BLOCKS_PER_POLL - poll_us / block_us
    polls = math.ceil((last_block - cursor) / max(speed, 1)) + _SPARE_POLLS
    blocks_to_come = last_block - world.chain.height + settings.confirmation_depth_blocks + 1
    return polls * poll_us + blocks_to_come * block_us
