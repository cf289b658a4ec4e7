"""What it is to serve from a terminal: until a signal comes, or not at all, and why."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from typing import Any

from ztdx_devnet.live.stop_signals import StopSignals


class CannotServe(Exception):
    """What was asked for can't be served: one line that says what to change."""


def run_until_stopped(work: Callable[[], Coroutine[Any, Any, int]], stop: StopSignals) -> int:
    """What the work returns on an event loop of its own; 0 when a signal has cancelled it.

    Raises what the work raises.
    """

    async def stoppable() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        # A plain signal handler does not wake the loop.
        with stop.calling(lambda: loop.call_soon_threadsafe(task.cancel)):
            return await work()

    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        if not stop.came:
            raise
        return 0


def announce(say: Callable[[str], None], banner: str) -> None:
    """Say it. Raises CannotServe: one who can't read this would wait in vain."""
    try:
        say(banner)
    except OSError as error:
        raise CannotServe(f"can't write: {error.strerror or error}") from error


def why_not_listening(error: OSError, host: str, port: int, *flags: str) -> str:
    """What to say of an address that can't be listened on; the last flag is that of the port."""
    place, flag = f"{host}:{port}", flags[-1]
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use; choose another with {flag}, or {flag} 0 for any free one"
    if error.errno == errno.EACCES:
        return f"{place}: no permission to listen there; choose a {flag} above 1023"
    return f"{place}: {error.strerror or error}; check {' and '.join(flags)}"
