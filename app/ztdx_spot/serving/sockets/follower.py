"""The follower: what is committed goes to the sockets, and now and then they are looked after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ztdx_spot.ledger.entries import BalanceChange
from ztdx_spot.ports import Clock
from ztdx_spot.ws.hub import Hub
from ztdx_spot.ws.tail import Tail

logger = logging.getLogger(__name__)

TAIL_INTERVAL_S = 0.05
SWEEP_INTERVAL_S = 1.0
YIELD_AFTER_FRAMES = 200
"""So that many pushes at once delay no answer by more than milliseconds."""


class Follower:
    """Runs from `start` to `close`. `beat` is called after every sweep."""

    def __init__(self, tail: Tail, hub: Hub, clock: Clock, beat: Callable[[], object]) -> None:
        self._tail = tail
        self._hub = hub
        self._clock = clock
        self._beat = beat
        # Its own thread: pushes wait for the disk alone, never for a request.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tail")
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Deliver nothing more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})

    def join(self) -> None:
        """Return when its thread has ended."""
        self._thread.shutdown()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        swept_at_s = loop.time()
        while True:
            try:
                changes = await loop.run_in_executor(self._thread, self._tail.news)
                await self._deliver(changes)
                if loop.time() - swept_at_s >= SWEEP_INTERVAL_S:
                    swept_at_s = loop.time()
                    self._hub.expire(self._clock.now_s())
                    self._beat()
            except Exception:  # An error of ours: the next change is pushed all the same.
                logger.exception("a round of pushes failed")
            await asyncio.sleep(TAIL_INTERVAL_S)

    async def _deliver(self, changes: Sequence[BalanceChange]) -> None:
        sent_frames = 0
        for change in changes:
            sent_frames += self._hub.deliver(change, self._clock.now_s())
            if sent_frames >= YIELD_AFTER_FRAMES:
                sent_frames = 0
                await asyncio.sleep(0)
