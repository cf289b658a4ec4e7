"""The product's log while worlds are watched: each line goes to the world that it comes from.

The level is the real program's, INFO, so that all lines count that an operator would get. What the
process itself would have shown of them it still shows, and no more; its own configuration comes
back with the end of the last watch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ztdx_devnet.sim.kernel import Kernel

LEVEL = logging.INFO
_LOGGER = logging.getLogger("ztdx_spot")


@dataclass(eq=False, slots=True)
class LineWatch:
    """Somebody who is told of each line that an actor of this kernel writes."""

    kernel: Kernel
    on_line: Callable[[], None]


class _Tap(logging.Handler):
    """The only handler of the product's logger while there is a watch."""

    def __init__(self) -> None:
        super().__init__()
        self.watches: list[LineWatch] = []
        self._level = logging.NOTSET
        self._shown_from = logging.NOTSET
        self._propagate = True
        self._handlers: list[logging.Handler] = []

    def open(self) -> None:
        self._level, self._shown_from = _LOGGER.level, _LOGGER.getEffectiveLevel()
        self._propagate, self._handlers = _LOGGER.propagate, list(_LOGGER.handlers)
        _LOGGER.handlers[:] = [self]
        _LOGGER.propagate = False
        _LOGGER.setLevel(min(LEVEL, self._shown_from))

    def close_all(self) -> None:
        added = [handler for handler in _LOGGER.handlers if handler is not self]
        _LOGGER.handlers[:] = self._handlers + added
        _LOGGER.propagate = self._propagate
        _LOGGER.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= LEVEL:
            for watch in self.watches:
                if watch.kernel.runs_here:
                    watch.on_line()
        if record.levelno >= self._shown_from:
            with self._as_it_was():
                _LOGGER.callHandlers(record)

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        mine = list(_LOGGER.handlers)
        _LOGGER.handlers[:] = self._handlers
        _LOGGER.propagate = self._propagate
        try:
            yield
        finally:
            _LOGGER.handlers[:] = mine
            _LOGGER.propagate = False


_TAP = _Tap()


def begin(watch: LineWatch) -> None:
    """Tell the watch of its lines from now on."""
    if not _TAP.watches:
        _TAP.open()
    _TAP.watches.append(watch)


def end(watch: LineWatch) -> None:
    """No more; if it is not told of any, nothing happens."""
    if watch in _TAP.watches:
        _TAP.watches.remove(watch)
        if not _TAP.watches:
            _TAP.close_all()
