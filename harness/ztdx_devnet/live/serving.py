"""What it is to serve from a terminal: until a signal comes, or not at all, and why."""

from __future__ import annotations

import asyncio
import errno
import signal


class CannotServe(Exception):
    """What was asked for can't be served: one line that says what to change."""


def stop_requested() -> asyncio.Event:
    """Set by SIGINT and SIGTERM, from now on."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopping.set)
    return stopping


def why_not_listening(error: OSError, host: str, port: int, *flags: str) -> str:
    """What to say of an address that can't be listened on; the last flag is that of the port."""
    place, flag = f"{host}:{port}", flags[-1]
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use; choose another with {flag}, or {flag} 0 for any free one"
    if error.errno == errno.EACCES:
        return f"{place}: no permission to listen there; choose a {flag} above 1023"
    return f"{place}: {error.strerror or error}; check {' and '.join(flags)}"
