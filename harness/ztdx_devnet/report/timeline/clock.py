"""Virtual times as a timeline shows them."""

from __future__ import annotations

from ztdx_devnet.virtual_time import MICROSECONDS

_SECONDS_MAX = 10_000


def at_text(since_start_us: int) -> str:
    """'142.062 s', and from some hours on '7 d 01:45:34.747'; to the millisecond."""
    milliseconds = (since_start_us + 500) // 1_000
    seconds, fraction = divmod(milliseconds, 1_000)
    if seconds < _SECONDS_MAX:
        return f"{seconds}.{fraction:03d} s"
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    day_text = f"{days} d " if days else ""
    return f"{day_text}{hour:02d}:{minute:02d}:{second:02d}.{fraction:03d}"


def span_text(duration_us: int) -> str:
    """'40 s', '12 min', '7 d 2 h' for a wait that is folded."""
    seconds = round(duration_us / MICROSECONDS)
    if seconds < 600:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 600:
        return f"{minutes} min"
    days, hours = divmod(round(minutes / 60), 24)
    return f"{days} d {hours} h" if days else f"{hours} h"
