"""Players: who does the jobs of a batch. This process alone does each when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from ztdx_devnet.runs.stopping import Stopping

Result = Any
"""What the job's `do` gives; None where it was stopped before it had begun."""


class Job(Protocol):
    """What one process does by itself. A value that can be sent to another process."""

    def do(self, stopping: Stopping) -> Result:
        """Do it, unless `stopping` was asked for."""
        ...


class Players(Protocol):
    """Who does jobs."""

    def begin(self, jobs: Sequence[Job], weights: Sequence[int]) -> list[Callable[[], Result]]:
        """Take jobs on, `weights` saying how long each is. To call one gives its result."""
        ...


class Alone:
    """This process."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping

    def begin(self, jobs: Sequence[Job], weights: Sequence[int]) -> list[Callable[[], Result]]:
        return [partial(job.do, self._stopping) for job in jobs]
