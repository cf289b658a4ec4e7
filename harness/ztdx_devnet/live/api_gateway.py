"""A bad gateway in front of the API: HTTP and WebSocket go through it, and meet the armed faults.

The faults are those of scenarios. It runs only where faults were asked for; without them clients
talk to the product's own server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import (
    ClientConnectionError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from yarl import URL

from ztdx_devnet.faults.api import GATEWAY_CONTENT_TYPE, ApiFault, gateway_page
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.sim.seed import stream
from ztdx_devnet.virtual_time import MICROSECONDS

_ONE_CONNECTION = (
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
)
"""Headers that are about one connection, RFC 9110, 7.6.1: not passed on."""
_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that the client library would add."""
SHUTDOWN_S = 1.0


class ApiGateway:
    """Stands before the API at `url`. `start`, then `arm`, then `stop`.

    `now_us` is the clock that `for` counts by.
    """

    def __init__(self, url: str, now_us: Callable[[], int]) -> None:
        self._url = url
        self.faults = ArmedFaults(now_us)
        self._chance = stream(0, "api faults")
        self._session: ClientSession | None = None
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=SHUTDOWN_S)

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which 0 lets the system choose. Raises OSError."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._session = ClientSession(
            auto_decompress=False, cookie_jar=DummyCookieJar(), timeout=ClientTimeout(total=None)
        )
        taken: int = self._runner.addresses[0][1]
        return taken

    def arm(self, faults: Iterable[ApiFault]) -> None:
        """From now on."""
        for fault in faults:
            self.faults.arm(fault)

    async def stop(self) -> None:
        await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        is_lost = False
        for fault in self.faults.of(ApiFault):
            if not (fault.concerns(request.method, request.raw_path) and fault.takes(self._chance)):
                continue
            match fault.kind:
                case "latency":
                    await asyncio.sleep(fault.delay_us / MICROSECONDS)
                case "error":
                    return _page(fault.status)
                case "dropped_before":
                    return _hang_up(request)
                case "dropped":
                    is_lost = True
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._socket(request, is_lost=is_lost)
            return await self._exchange(request, is_lost=is_lost)
        except ClientConnectionError:
            return _page(502)

    async def _exchange(self, request: web.BaseRequest, *, is_lost: bool) -> web.StreamResponse:
        assert self._session is not None
        async with self._session.request(
            request.method,
            URL(self._url + request.raw_path, encoded=True),
            headers=_passed_on(request.headers.items()),
            data=await request.read() if request.body_exists else None,
            allow_redirects=False,
            skip_auto_headers=_ADDED,
        ) as answer:
            body = await answer.read()
        if is_lost:
            return _hang_up(request)
        headers = _passed_on(answer.headers.items())
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        await response.prepare(request)
        await response.write(body)
        await response.write_eof()
        return response

    async def _socket(self, request: web.BaseRequest, *, is_lost: bool) -> web.StreamResponse:
        assert self._session is not None
        try:
            there = await self._session.ws_connect(
                URL(self._url + request.raw_path, encoded=True),
                headers=_passed_on(request.headers.items()),
                max_msg_size=0,
            )
        except WSServerHandshakeError as error:
            return web.Response(status=error.status, text=error.message)
        async with there:
            if is_lost:
                return _hang_up(request)
            here = web.WebSocketResponse(
                max_msg_size=0, protocols=(there.protocol,) if there.protocol else ()
            )
            await here.prepare(request)
            ways = [
                asyncio.ensure_future(_relay(here, there)),
                asyncio.ensure_future(_relay(there, here)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            return here


_Socket = web.WebSocketResponse | ClientWebSocketResponse


async def _relay(source: _Socket, target: _Socket) -> None:
    """What comes in goes out, to the close and its code."""
    try:
        async for message in source:
            if message.type is WSMsgType.TEXT:
                await target.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
    except (ConnectionError, ClientConnectionError):
        pass  # the target is gone: its own way ends too
    if not target.closed:
        await target.close(code=source.close_code or 1011)


def _passed_on(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _ONE_CONNECTION]


def _page(status: int) -> web.Response:
    return web.Response(status=status, body=gateway_page(status), content_type=GATEWAY_CONTENT_TYPE)


def _hang_up(request: web.BaseRequest) -> web.Response:
    """Break the connection; the response goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
