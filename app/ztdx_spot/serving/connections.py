"""HTTP connections: how many, how long they may dawdle, and what bytes that are no HTTP are told.

aiohttp reads and writes. What it would answer and log by itself repeats what the client sent, a
credential perhaps; it is replaced here by refusals that repeat nothing, and by silence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ztdx_spot.serving.refusals import refusal, refusal_bytes

logger = logging.getLogger(__name__)

HEADERS_MAX = 64
AHEAD_BYTES_MAX = 256 * 1024
"""Of requests sent ahead of their turn; asyncio reads as many at once."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Awaited(Enum):
    """What the next bytes of a connection are for."""

    HEAD = "a request may begin"
    BODY = "a body, timed by the server; or frames, which are the socket's"
    TURN = "the next request, while one is answered"
    NOTHING = "the rest of a body that nobody wants"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What clients may make the server keep open; sockets are counted elsewhere, once they are.

    `linger_s` is for a client to read why its bytes were not wanted, before the connection is cut.
    """

    connections_max: int = 1024
    head_s: float = 10.0
    body_s: float = 10.0
    idle_s: float = 75.0
    linger_s: float = 2.0


class Connections(web.Server):
    """All connections of a server, those that became sockets included."""

    def __init__(self, handler: Handler, limits: ConnectionLimits) -> None:
        super().__init__(handler)
        self._limits = limits
        self._speaking_http: set[Connection] = set()

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self._limits, self._speaking_http)


class Connection(web.RequestHandler):
    """One connection. The server says how far a request is; what comes ahead of it is bounded."""

    def __init__(
        self, owner: Connections, limits: ConnectionLimits, speaking_http: set[Connection]
    ) -> None:
        options: dict[str, Any] = {
            "access_log": None,
            # Bodies reach the application as they were sent: signatures cover those bytes.
            "auto_decompress": False,
            "keepalive_timeout": limits.idle_s,
            "lingering_time": limits.linger_s,
            "max_headers": HEADERS_MAX,
        }
        super().__init__(owner, loop=asyncio.get_running_loop(), **options)
        self._limits = limits
        self._speaking_http = speaking_http
        self._awaited = Awaited.HEAD
        self._ahead_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._speaking_http) >= self._limits.connections_max:
            self._end("UNAVAILABLE")
        else:
            self._speaking_http.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._speaking_http.discard(self)
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._awaited is Awaited.TURN:
            self._ahead_bytes += len(data)
            if self._ahead_bytes > AHEAD_BYTES_MAX:
                self.force_close()
        elif self._awaited is Awaited.HEAD and data and self._head_timer is None:
            loop = asyncio.get_running_loop()
            self._head_timer = loop.call_later(self._limits.head_s, self._end, "REQUEST_TIMEOUT")
        super().data_received(data)

    def request_began(self) -> None:
        """Its head is here."""
        self._await(Awaited.BODY)

    def body_came(self) -> None:
        """It is to be answered."""
        self._await(Awaited.TURN)

    def request_ended(self, *, whole: bool) -> None:
        """It is answered. Another one may come, unless the rest of this one is still to come."""
        self._await(Awaited.HEAD if whole else Awaited.NOTHING)

    def became_socket(self) -> None:
        """The rest is frames, under the limits of sockets."""
        self._speaking_http.discard(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp cannot read is a bad request. Why is told to nobody: it quotes the line."""
        return refusal("BAD_REQUEST" if status < 500 else "internal")

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """aiohttp's own errors are logged by their kind alone, and those of the client are not."""
        error = kw.get("exc_info")
        if not isinstance(error, HttpProcessingError | web.RequestPayloadError):
            logger.error("a connection ends by an error of the server: %s", type(error).__name__)

    def _await(self, awaited: Awaited) -> None:
        self._awaited = awaited
        self._ahead_bytes = 0
        self._stop_timer()

    def _end(self, code: str) -> None:
        """Say why, and close. Only where no request is being answered."""
        self._await(Awaited.NOTHING)
        self.close()
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(refusal_bytes(code))
        self.transport.write_eof()
        # To close with bytes unread would reset the line, and the client might not see the answer.
        asyncio.get_running_loop().call_later(self._limits.linger_s, self.force_close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
