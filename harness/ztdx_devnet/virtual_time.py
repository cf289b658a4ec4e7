"""Virtual time: its unit, and how people read it."""

from __future__ import annotations

MICROSECONDS = 1_000_000  # in a second: virtual time is counted in whole microseconds


def duration_text(duration_us: int) -> str:
    """'42.5 s', '100 min', '7 d 2 h' for people."""
    seconds = duration_us / MICROSECONDS
    if seconds < 600:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 600:
        return f"{minutes} min"
    days, hours = divmod(round(minutes / 60), 24)
    return f"{days} d {hours} h" if days else f"{hours} h"
