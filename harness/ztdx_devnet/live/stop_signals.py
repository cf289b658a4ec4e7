"""SIGINT and SIGTERM from the first moment of a command on: they end it in order, and well.

Light: a command begins with it, before it loads what takes longer.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import NoReturn, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal came. No Exception: nothing on the way may take it for a failure."""


class StopSignals:
    """As a block: the first signal ends it without an error, all later ones change nothing."""

    def __init__(self) -> None:
        self.came = False
        self._act: Callable[[], object] = _raise
        self._before = [(number, signal.getsignal(number)) for number in SIGNALS]

    def __enter__(self) -> Self:
        for number in SIGNALS:
            signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._act = _nothing
        # After one that came the process is about to end: another must not disturb that.
        if not self.came:
            for number, handler in self._before:
                signal.signal(number, handler)
        return isinstance(error, Stopped)

    @contextmanager
    def calling(self, act: Callable[[], object]) -> Iterator[None]:
        """Inside, a signal does this instead of raising Stopped; afterwards it does nothing.

        One that came before, lost where Python ignores what is raised, does it at once.
        """
        self._act = act
        if self.came:
            act()
        try:
            yield
        finally:
            self._act = _nothing

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self.came:
            self.came = True
            self._act()


def _raise() -> NoReturn:
    raise Stopped


def _nothing() -> None:
    pass
