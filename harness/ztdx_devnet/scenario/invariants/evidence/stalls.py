"""How long the cursor has stood although it should move, and what the product's health says then.

What waits is counted from the heads that a listener is told, as long as it is told any, and from
when it was told: of blocks that no node shows, nobody can be red. A head that stands is a warning
of the product's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from ztdx_devnet.scenario.invariants.problems import Problem, Problems
from ztdx_devnet.sim.world import World
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.api import readiness
from ztdx_spot.config import WatchedListener, read_api_settings
from ztdx_spot.ledger import listener_status
from ztdx_spot.ledger.database import ReadTransaction

PATIENCE = 2
"""Stalls this many times as long as the product's own bound must be red."""
ASK_EVERY_US = 10 * MICROSECONDS


class _Wait(NamedTuple):
    """Since when there is something to do; `below`: as the head is below the cursor."""

    since_us: int
    below: bool


class Stalls:
    """Asks the product's health, but only while something has stood still for long."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cursor_block = world.start_block - 1
        self._moved_us = world.now_us
        self._true: _Wait | None = None
        self._told: _Wait | None = None
        self._head_told: tuple[int, int] | None = None
        self._asked_us = 0
        self._asked = 0
        stall_s = readiness.stall_s(world.settings.poll_interval_ms)
        self.patience_us = PATIENCE * stall_s * MICROSECONDS
        self.on_doubt: Callable[[], None] = lambda: None
        """Called at the 1st, 2nd, 4th, … time that health is asked during one stall."""

    @cached_property
    def _watched(self) -> WatchedListener:
        return read_api_settings(self._world.product.environment).listener

    def head_told(self, head: int) -> None:
        """A listener was told that head."""
        self._head_told = (head, self._world.now_us)
        self._told = self._went_on(self._told, head, self._world.now_us)

    def cursor_moved(self, cursor_block: int) -> None:
        self._cursor_block = cursor_block
        self._moved_us = self._world.now_us
        self._true = self._told = None
        if self._head_told is not None:
            self._told = self._went_on(None, self._head_told[0], self._moved_us)
        self._asked = 0

    def problems(self) -> Problems:
        """Nothing, or a stall that health does not show."""
        world, now_us = self._world, self._world.now_us
        if not world.product.listener_was_started:
            return
        self._true = self._went_on(self._true, world.chain.height, None)
        if self._true is None:
            return
        head, since_us = world.chain.height, self._true.since_us
        if self._head_told is not None and now_us - self._head_told[1] <= self.patience_us:
            if self._told is None:
                return
            head, since_us = self._head_told[0], max(since_us, self._told.since_us)
        stood_us = now_us - since_us
        if stood_us <= self.patience_us or now_us - self._asked_us < ASK_EVERY_US:
            return
        self._asked_us = now_us
        self._asked += 1
        if self._asked & (self._asked - 1) == 0:
            self.on_doubt()
        if self._is_ready():
            waits = f"head {head}, cursor {self._cursor_block} for {stood_us // MICROSECONDS} s"
            yield Problem(f"health that is red: {waits}", "it says that all is well")

    def _went_on(self, before: _Wait | None, head: int, since_us: int | None) -> _Wait | None:
        """The wait that goes on with that head; one that begins with it did so at `since_us`.

        None: the head makes nothing wait. That a head is below the cursor, and that blocks wait,
        are two things.
        """
        below = head < self._cursor_block
        depth = self._world.settings.confirmation_depth_blocks
        if not (below or head - depth > self._cursor_block):
            return None
        if before is not None and before.below == below:
            return before
        return _Wait(self._began_us() if since_us is None else since_us, below)

    def _began_us(self) -> int:
        """Since when the first waiting block has been confirmed: many may have come at once."""
        depth = self._world.settings.confirmation_depth_blocks
        confirming = self._world.chain.tree.at(self._cursor_block + 1 + depth)
        if confirming is None:
            return self._world.now_us
        came_us = confirming.timestamp_s * MICROSECONDS
        return min(max(came_us, self._moved_us), self._world.now_us)

    def _is_ready(self) -> bool:
        """What /readyz would answer now."""
        connection = self._world.reader.read_only()
        if connection is None:
            return False
        traces = listener_status.read_traces(ReadTransaction(connection), self._watched.chain_id)
        now_s = self._world.now_us // MICROSECONDS
        return readiness.judge(self._watched, traces, now_s).ready
