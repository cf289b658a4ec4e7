"""The seams of the product: node, clock and chance, as listener, ledger, API and push see them.

The live implementations are in `ztdx_spot.edges`; a simulator brings its own. Outside the edges no
module opens a socket, starts a thread or reads a clock; the database is the one seam that is not
here but a connection that the caller opens (`ztdx_spot.ledger.database`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One complete HTTP answer: status code, headers with lower-case names, whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No complete HTTP answer: refused, reset, cut short, or not finished within the deadline."""


class TransportTimeout(TransportError):
    """Not finished within the deadline."""


class AnswerTooLarge(TransportError):
    """The body is larger than this side will hold."""


class Transport(Protocol):
    """Sends one JSON-RPC body to the node.

    `timeout_s` bounds the whole exchange, the answer's body included. There are no hidden retries.
    Raises TransportError when there is no complete answer.
    """

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer: ...


class Clock(Protocol):
    """`now_s` is Unix time in seconds; `sleep_s` returns after that many seconds."""

    def now_s(self) -> float: ...

    def sleep_s(self, duration_s: float) -> None: ...


class Entropy(Protocol):
    """`count` unpredictable bytes; `purpose` names what they are for ('deposit-id', ...)."""

    def bytes(self, purpose: str, count: int) -> bytes: ...
