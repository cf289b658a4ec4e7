"""Serving: aiohttp in front, the WSGI application behind it on one thread.

One thread, because the application has one database connection and does one thing at a time.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_to_bytes

from aiohttp import web

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

BODY_BYTES_MAX = 1024 * 1024
"""More than this is never held in memory; the application has its own, smaller limit."""
SHUTDOWN_S = 2.0

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
)


class ApiServer:
    """A WSGI application on a socket. `start`, read `url`, and `close` when done."""

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        self._application = application
        self._host = host
        self._port = port
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="api")
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        front = web.Application()
        front.router.add_route("*", "/{path:(?s:.*)}", self._handle)
        # Bodies reach the application as they were sent: signatures cover those bytes.
        self._runner = web.AppRunner(
            front, access_log=None, auto_decompress=False, shutdown_timeout=SHUTDOWN_S
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Finish what is being answered, then stop listening and end the thread."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._executor.shutdown()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            body, size = await _read_body(request)
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400)
        environ = _environ(request, body, size)
        loop = asyncio.get_running_loop()
        status, headers, content = await loop.run_in_executor(
            self._executor, _call, self._application, environ
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


def _environ(request: web.Request, body: bytes, size: int) -> WSGIEnvironment:
    """PEP 3333: text is bytes spelled as Latin-1; the query string is exactly what was sent."""
    target = request.raw_path.encode("utf-8", "surrogateescape")
    if not target.startswith(b"/"):
        # Absolute form, as proxies send it: http://host/path.
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path, _, query = target.partition(b"?")
    peer = request.transport.get_extra_info("peername") if request.transport else None
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": f"HTTP/{request.version.major}.{request.version.minor}",
        "REMOTE_ADDR": peer[0] if peer else "",
        "CONTENT_LENGTH": str(size),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in request.raw_headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        # X_API_Key would become the same variable as X-API-Key: only one spelling is a header.
        if "_" in name or name.lower() == "content-length":
            continue
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _call(
    application: WSGIApplication, environ: WSGIEnvironment
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Run the application to its end; on the executor's thread."""
    status = 500
    headers: list[tuple[str, str]] = []

    def start_response(
        status_line: str, header_list: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = int(status_line.split(" ", 1)[0]), header_list
        return _refuse_write

    parts: Iterable[bytes] = application(environ, start_response)
    try:
        content = b"".join(parts)
    finally:
        close: Any = getattr(parts, "close", None)
        if close is not None:
            close()
    return status, headers, content


def _refuse_write(data: bytes) -> object:
    raise NotImplementedError("the application returns its body, it does not write it")
