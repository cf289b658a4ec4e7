"""Serving: aiohttp in front, the WSGI application behind it on one thread, `/ws` beside it.

One thread, because the application has one database connection and does one thing at a time.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aiohttp import web

from ztdx_spot import wsgi
from ztdx_spot.sockets import SOCKET_PATH, Push, Sockets

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BODY_BYTES_MAX = 1024 * 1024
"""More than this is never held in memory; the application has its own, smaller limit."""
SHUTDOWN_S = 2.0


class ApiServer:
    """A WSGI application on a socket, and `/ws` if given. `start`, read `url`, then `close`."""

    def __init__(
        self, application: WSGIApplication, host: str, port: int, *, push: Push | None = None
    ) -> None:
        self._application = application
        self._host = host
        self._port = port
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="api")
        self._sockets = None if push is None else Sockets(push, self._executor)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def socket_count(self) -> int:
        """How many clients hold a WebSocket now."""
        return 0 if self._sockets is None else len(self._sockets)

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        front = web.Application()
        if self._sockets is not None:
            front.router.add_route("*", SOCKET_PATH, self._sockets.handle)
        front.router.add_route("*", "/{path:(?s:.*)}", self._handle)
        # Bodies reach the application as they were sent: signatures cover those bytes.
        self._runner = web.AppRunner(
            front, access_log=None, auto_decompress=False, shutdown_timeout=SHUTDOWN_S
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        if self._sockets is not None:
            self._sockets.start()

    async def close(self) -> None:
        """Take leave of sockets, finish what is being answered, stop listening, end the threads."""
        if self._sockets is not None:
            await self._sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._executor.shutdown()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            body, size_bytes = await _read_body(request)
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400)
        peer = request.transport.get_extra_info("peername") if request.transport else None
        wire_request = wsgi.WireRequest(
            method=request.method,
            target=request.raw_path.encode("utf-8", "surrogateescape"),
            version=f"HTTP/{request.version.major}.{request.version.minor}",
            headers=request.raw_headers,
            peer=peer[0] if peer else "",
            body=body,
            size_bytes=size_bytes,
        )
        loop = asyncio.get_running_loop()
        status, headers, content = await loop.run_in_executor(
            self._executor, wsgi.call, self._application, wsgi.environ_of(wire_request)
        )
        return web.Response(status=status, headers=headers, body=content)


async def _read_body(request: web.Request) -> tuple[bytes, int]:
    """The body up to the bound, and the size that it has or claims."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return b"", max(len(body), request.content_length or 0)
    return bytes(body), len(body)
