"""Faults of clocks: the wall clock of a process's machine is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.fault import Fault


@dataclass(slots=True)
class ClockJump(Fault):
    """What the process takes for the time is `by_us` off, until it is lifted: the clock is then
    set right. A hit is a look at the clock. Sleeping is not touched."""

    excuses_listener: ClassVar[bool] = False

    name: str = field(init=False)
    process: str = field(kw_only=True)
    by_us: int = field(kw_only=True)

    def __post_init__(self) -> None:
        self.name = f"clock of {self.process} off by {self.by_us / 1_000_000:+g} s"


def offset_us(faults: ArmedFaults, process: str, record: Callable[..., object]) -> int:
    """How far the clock of that process is off, now that it looks. Jumps add up."""
    total_us = 0
    for fault in faults.of(ClockJump):
        if fault.process == process:
            fault.eligible += 1
            fault.hits += 1
            total_us += fault.by_us
            if fault.hits == 1:  # the first look only: a process looks many times a second
                record("faults", "fired", name=fault.name, process=process)
    return total_us
