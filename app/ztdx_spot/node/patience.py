"""When to ask a node again within one poll: a few times, after growing pauses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ztdx_spot.errors import NodeBehindError, NodeBusyError, NodeError, NodeOverloadedError
from ztdx_spot.ports import Clock, Entropy

ATTEMPTS_MAX = 3
BACKOFF_S = 0.25

Asked = TypeVar("Asked")


class Patience:
    """Waits by the clock. Up to half of each pause is left out by chance, so that many listeners
    of one node spread.
    """

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def ask(self, question: Callable[[], Asked]) -> Asked:
        """Ask again while the node is busy or behind, or failed for no reason of its own.

        Raises what the last attempt raised.
        """
        for failures in range(1, ATTEMPTS_MAX + 1):
            try:
                return question()
            except (NodeBehindError, NodeBusyError) as error:
                self.wait(error, failures)
            except NodeOverloadedError as error:
                if error.certain:
                    raise
                self.wait(error, failures)
        raise AssertionError("the last attempt returns or raises")

    def wait(self, error: NodeError, failures: int) -> None:
        """Pause after that many failures of one kind; raises the error when they are too many."""
        if failures >= ATTEMPTS_MAX:
            raise error
        asked_s = error.retry_after_s if isinstance(error, NodeBusyError) else None
        self._clock.sleep_s(self._backoff_s(failures) if asked_s is None else asked_s)

    def _backoff_s(self, failures: int) -> float:
        left_out = self._entropy.bytes("backoff", 1)[0] / 510
        pause_s: float = BACKOFF_S * 2 ** (failures - 1)
        return pause_s * (1 - left_out)
