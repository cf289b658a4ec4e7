"""What a node means when it refuses: ask later, ask for less, or nothing that can be known.

Decided by statuses and codes alone; the words beside them differ with every provider.
"""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.errors import NodeBusyError, NodeError, NodeOverloadedError
from ztdx_spot.node.shapes import seen
from ztdx_spot.ports import HttpAnswer

BUSY_STATUSES = frozenset((429, 503))
BUSY_CODES = frozenset((429, -32005, -32007, -32012, -32016))
"""What providers answer above a rate: 429 in the body, -32005 (Infura and others, also for ranges),
-32007 (QuickNode), -32012 and -32016 (others)."""

TOO_MUCH_STATUSES = frozenset((400, 413))
"""400: our requests are well formed, so it is their size."""
TOO_MUCH_CODES = frozenset((-32002, -32003))
"""geth's "request timed out" and "response too large", for what is left of a batch."""

GATEWAY_STATUSES = frozenset((500, 502, 504))
"""What a balancer answers when a request was too much for the node behind it, or for no reason."""

NO_SUCH_METHOD_CODES = frozenset((-32601, -32004))
"""JSON-RPC's own, and "method not supported" of EIP-1474."""

RETRY_AFTER_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that the node answered with an error object."""

    method: str
    code: int | None
    text: str

    @property
    def is_busy(self) -> bool:
        return self.code in BUSY_CODES

    @property
    def is_of_method(self) -> bool:
        """Whether the node does not know the method at all."""
        return self.code in NO_SUCH_METHOD_CODES

    def error(self) -> NodeError:
        """What it is to whoever needed the result."""
        text = f"{self.method}: the node answered with error {self.text}"
        if self.is_busy:
            return NodeBusyError(text)
        return NodeOverloadedError(text) if self.code in TOO_MUCH_CODES else NodeError(text)


def refusal(method: str, error: object) -> Refusal:
    """Read an error object."""
    if not isinstance(error, dict):
        return Refusal(method, None, seen(error))
    code = error.get("code")
    text = f"{seen(code)}: {seen(error.get('message'))}"
    return Refusal(method, code if type(code) is int else None, text)


def refuse_status(answer: HttpAnswer) -> None:
    """Raises what a status other than 200 means."""
    if answer.status == 200:
        return
    text = f"the node answered with HTTP status {answer.status}, expected 200"
    if answer.status in BUSY_STATUSES:
        raise NodeBusyError(text, _retry_after_s(answer))
    if answer.status in TOO_MUCH_STATUSES:
        raise NodeOverloadedError(text)
    if answer.status in GATEWAY_STATUSES:
        raise NodeOverloadedError(text, certain=False)
    raise NodeError(text)


def _retry_after_s(answer: HttpAnswer) -> float | None:
    """What the node asks for in seconds, within bounds; dates are not read."""
    value = answer.headers.get("retry-after", "").strip()
    if not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:6]), RETRY_AFTER_MAX_S)
