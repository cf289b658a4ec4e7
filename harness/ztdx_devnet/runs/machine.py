"""The machine: how many processes can run on it at once."""

from __future__ import annotations

import os

PROCESSES_MAX = 256


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), PROCESSES_MAX)
    return min(os.cpu_count() or 1, PROCESSES_MAX)
