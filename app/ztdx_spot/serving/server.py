"""Serving: aiohttp in front, the WSGI application behind it on one thread, `/ws` beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web

from ztdx_spot.api.app import BODY_BYTES_MAX
from ztdx_spot.api.health import LIVENESS_PATHS
from ztdx_spot.serving import wsgi
from ztdx_spot.serving.application_thread import ApplicationThread, NobodyWaits, ServerStops
from ztdx_spot.serving.connections import Connection, ConnectionLimits, Connections
from ztdx_spot.serving.refusals import refusal
from ztdx_spot.serving.sockets.reception import SOCKET_PATH, Push, Sockets

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

logger = logging.getLogger(__name__)

SHUTDOWN_S = 1.0
"""For answers that are on their way when the server stops."""


class ApiServer:
    """A WSGI application on a socket, and `/ws` if given. `start`, read `url`, then `close`.

    `interrupt` is called when the server stops, so that a request that waits for the database does
    so no longer; see ApplicationThread.
    """

    def __init__(
        self,
        application: WSGIApplication,
        host: str,
        port: int,
        *,
        push: Push | None = None,
        limits: ConnectionLimits | None = None,
        interrupt: Callable[[], object] = lambda: None,
    ) -> None:
        self._application = application
        self._host = host
        self._port = port
        self._limits = limits or ConnectionLimits()
        self._thread = ApplicationThread(interrupt)
        self._sockets = None if push is None else Sockets(push, self._thread)
        self._connections: Connections | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        self._connections = Connections(self._handle, self._limits)
        self._runner = web.ServerRunner(self._connections, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        if self._sockets is not None:
            self._sockets.start()

    async def close(self) -> None:
        """Take leave of everybody: what has not been begun is refused, what waits is interrupted.

        Only what is being done is finished, so it does not matter how much is queued.
        """
        self._thread.stop()
        if self._sockets is not None:
            await self._sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._thread.join()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.request_began()
        answer: web.StreamResponse
        try:
            if self._sockets is not None and request.path == SOCKET_PATH:
                return await self._sockets.handle(request, connection.became_socket)
            answer = await self._answer(request, connection)
        except Exception:
            logger.exception("a request could not be answered")
            answer = refusal("internal")
        whole = request.content.is_eof()
        if not whole:
            answer.force_close()
        connection.request_ended(whole=whole)
        return answer

    async def _answer(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        try:
            body, size_bytes = await self._body(request)
        except TimeoutError:
            return refusal("REQUEST_TIMEOUT")
        except (ConnectionError, web.RequestPayloadError):
            return refusal("BAD_REQUEST")
        if request.content.is_eof():
            connection.body_came()
        environ = wsgi.environ_of(_wire_request(request, body, size_bytes))
        call = partial(wsgi.call, self._application, environ)
        if environ["PATH_INFO"] in LIVENESS_PATHS:
            # Told here and now, whatever the thread is doing: these routes touch no database.
            return _response(*call())
        transport = request.transport
        try:
            answered = await self._thread.run(
                call, lambda: transport is not None and not transport.is_closing()
            )
        except ServerStops:
            return refusal("UNAVAILABLE")
        except NobodyWaits:
            return refusal("BAD_REQUEST")  # To nobody.
        return _response(*answered)

    async def _body(self, request: web.BaseRequest) -> tuple[bytes, int]:
        """The body up to what the application takes, and the size that it has or claims.

        Raises TimeoutError, and what aiohttp raises when it does not come whole.
        """
        claimed_bytes = request.content_length or 0
        if claimed_bytes > BODY_BYTES_MAX:
            return b"", claimed_bytes
        if request.content.is_eof():  # It came with the head, as it nearly always does.
            return await _content(request)
        async with asyncio.timeout(self._limits.body_s):
            if request.headers.get("Expect", "").lower() == "100-continue":
                await _say_continue(request)
            return await _content(request)


async def _content(request: web.BaseRequest) -> tuple[bytes, int]:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return b"", len(body)
    return bytes(body), len(body)


async def _say_continue(request: web.BaseRequest) -> None:
    if request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The answer itself has not begun.
        request.writer.output_size = 0


def _wire_request(request: web.BaseRequest, body: bytes, size_bytes: int) -> wsgi.WireRequest:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return wsgi.WireRequest(
        method=request.method,
        target=request.raw_path.encode("utf-8", "surrogateescape"),
        version=f"HTTP/{request.version.major}.{request.version.minor}",
        headers=request.raw_headers,
        peer=peer[0] if peer else "",
        body=body,
        size_bytes=size_bytes,
    )


def _response(status: int, headers: list[tuple[str, str]], content: bytes) -> web.Response:
    return web.Response(status=status, headers=headers, body=content)
