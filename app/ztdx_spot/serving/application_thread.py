"""The one thread of the application and its database: jobs one after the other, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ztdx_spot.edges import Stopping

Result = TypeVar("Result")


class ServerStops(Exception):
    """The server stops: the job was not begun, or was interrupted while it waited."""


class NobodyWaits(Exception):
    """Whoever asked has gone before the job was begun: nothing was done."""


class ApplicationThread:
    """One thread, because the application has one connection and does one thing at a time.

    `interrupt` makes a job that waits for a lock stop waiting, by raising Stopping.
    """

    def __init__(self, interrupt: Callable[[], object]) -> None:
        self._interrupt = interrupt
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="api")
        self._stopped = False

    async def run(self, job: Callable[[], Result], wanted: Callable[[], bool]) -> Result:
        """The job's result. `wanted` is asked when its turn comes.

        Raises ServerStops, NobodyWaits, and what the job raises.
        """
        if self._stopped:
            raise ServerStops
        future = self._executor.submit(_done, job, wanted)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if self._stopped and future.cancelled() and not _is_being_cancelled():
                raise ServerStops from None
            raise

    def stop(self) -> None:
        """Begin nothing more, and interrupt what waits."""
        self._stopped = True
        self._interrupt()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Return when the thread has ended."""
        self._executor.shutdown()


def _done(job: Callable[[], Result], wanted: Callable[[], bool]) -> Result:
    if not wanted():
        raise NobodyWaits
    try:
        return job()
    except Stopping as stopping:
        raise ServerStops from stopping


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
