"""Being asked to stop: a signal may break in where that is allowed, elsewhere it is only noted."""

from __future__ import annotations


class Stopped(KeyboardInterrupt):
    """Somebody asked to stop. No Exception: no product may take it for an error."""


class Stopping:
    """As a block: within, `stop` raises Stopped; outside it is remembered for the next block.

    A signal's handler calls `stop`. It raises once, so what follows is not broken into again.
    """

    def __init__(self) -> None:
        self.asked = False
        self._raised = False
        self._open = False

    def stop(self) -> None:
        self.asked = True
        if self._open and not self._raised:
            self._raised = True
            raise Stopped

    def __enter__(self) -> Stopping:
        self._open = True
        if self.asked and not self._raised:
            self._open, self._raised = False, True
            raise Stopped
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
