"""The wall clock, for chains that run in real time."""

from __future__ import annotations

import time


def unix_s() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())  # noqa: TID251 - the live edge of time


def unix_us() -> int:
    """Microseconds since 1970, UTC."""
    return int(time.time() * 1_000_000)  # noqa: TID251 - the live edge of time


def sleep_s(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)  # noqa: TID251 - the live edge of time
