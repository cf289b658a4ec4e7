"""How long the cursor has stood although it should move, and what the product's health says then.

What waits is counted from the head that the listener was told, as long as it is told one: of blocks
that no node shows, nobody can be red. A head that stands is a warning of the product's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from ztdx_devnet.scenario.invariants.problems import Problem, Problems
from ztdx_devnet.scenario.invariants.told import Told
from ztdx_devnet.sim.world import World
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.api import readiness
from ztdx_spot.config import WatchedListener, read_api_settings
from ztdx_spot.ledger import listener_status
from ztdx_spot.ledger.database import ReadTransaction

PATIENCE = 2
"""Stalls this many times as long as the product's own bound must be red."""
ASK_EVERY_US = 10 * MICROSECONDS


class Stalls:
    """Asks the product's health, but only while something has stood still for long."""

    def __init__(self, world: World, told: Told) -> None:
        self._world = world
        self._told = told
        self._since_us: int | None = None
        self._moved_us = world.now_us
        self._asked_us = 0
        self._asked = 0
        stall_s = readiness.stall_s(world.settings.poll_interval_ms)
        self.patience_us = PATIENCE * stall_s * MICROSECONDS
        self.on_doubt: Callable[[], None] = lambda: None
        """Called at the 1st, 2nd, 4th, … time that health is asked during one stall."""

    @cached_property
    def _watched(self) -> WatchedListener:
        return read_api_settings(self._world.product.environment).listener

    def cursor_moved(self) -> None:
        self._since_us = None
        self._moved_us = self._world.now_us
        self._asked = 0

    def problems(self, cursor_block: int) -> Problems:
        """Nothing, or a stall that health does not show."""
        world, now_us = self._world, self._world.now_us
        height = world.chain.height
        if not (self._waits(height, cursor_block) and world.product.listener_was_started):
            self._since_us = None
            return
        if self._since_us is None:
            self._since_us = self._began_us(cursor_block)
        stood_us = now_us - self._since_us
        if stood_us <= self.patience_us or now_us - self._asked_us < ASK_EVERY_US:
            return
        head = self._head_told() or height
        if not self._waits(head, cursor_block):
            return
        self._asked_us = now_us
        self._asked += 1
        if self._asked & (self._asked - 1) == 0:
            self.on_doubt()
        if self._is_ready():
            waits = f"head {head}, cursor {cursor_block} for {stood_us // MICROSECONDS} s"
            yield Problem(f"health that is red: {waits}", "it says that all is well")

    def _began_us(self, cursor_block: int) -> int:
        """Since when the first waiting block has been confirmed: many may have come at once."""
        depth = self._world.settings.confirmation_depth_blocks
        confirming = self._world.chain.tree.at(cursor_block + 1 + depth)
        if confirming is None:
            return self._world.now_us
        came_us = confirming.timestamp_s * MICROSECONDS
        return min(max(came_us, self._moved_us), self._world.now_us)

    def _waits(self, head: int, cursor_block: int) -> bool:
        depth = self._world.settings.confirmation_depth_blocks
        return head < cursor_block or head - depth > cursor_block

    def _head_told(self) -> int | None:
        """The head that a listener was told lately."""
        last = self._told.last_head
        if last is None or self._world.now_us - last[1] > self.patience_us:
            return None
        return last[0].told

    def _is_ready(self) -> bool:
        """What /readyz would answer now."""
        connection = self._world.reader.read_only()
        if connection is None:
            return False
        traces = listener_status.read_traces(ReadTransaction(connection), self._watched.chain_id)
        now_s = self._world.now_us // MICROSECONDS
        return readiness.judge(self._watched, traces, now_s).ready
