"""The chain's server: JSON-RPC over HTTP and WebSocket on one port.

One thread, one event loop: every request is answered whole before the next one is looked at, so
two clients can't write at once. What a client can make the server keep is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import cache

from aiohttp import WSCloseCode, WSMsgType, web

from ztdx_devnet.chain.errors import ChainError
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.errors import INTERNAL_ERROR, INVALID_REQUEST
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.faults.answers import without_results
from ztdx_devnet.faults.profiles import ProfiledNode
from ztdx_devnet.faults.transport import Reset
from ztdx_devnet.live.connection import Connection
from ztdx_devnet.live.faults import LiveFaults, hang_up, perform
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.ports import HttpAnswer

MAX_BODY_BYTES = 16 * 2**20
BODY_TIMEOUT_S = 30  # for a request's body, from its first byte
SHUTDOWN_S = 1.0
REOPEN_STEP_S = 0.05
_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
_HEADERS = {"Content-Type": "application/json", **_ANY_ORIGIN}


class ChainServer:
    """Serves one node. `log` gets a line for each request while the devnet logs requests.

    It may raise OSError: nobody reads the lines any more, and the server goes on.
    """

    def __init__(self, node: Node, log: Callable[[str], None]) -> None:
        self._node = node
        self._log = log
        self._connections: set[Connection] = set()
        self._runner: web.AppRunner | None = None
        self._miner: asyncio.Task[None] | None = None
        self._interval_changed = asyncio.Event()
        self._faults: LiveFaults | None = None
        self._address = ("", 0)
        self._listening: list[asyncio.Server] = []
        self._reopening: asyncio.Task[None] | None = None
        self._asking: asyncio.Transport | None = None
        self._disturbed: set[asyncio.Transport] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen and mine; returns the port. Raises OSError when it can't listen there."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("POST", "/{path:.*}", self._post)
        app.router.add_route("GET", "/{path:.*}", self._get)
        app.router.add_route("OPTIONS", "/{path:.*}", self._preflight)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_S,
            handler_cancellation=True,  # an answer that hangs ends when its client leaves
        )
        await self._runner.setup()
        bound = await self._listen(host, port)
        self._address = (host, bound)
        devnet = self._node.devnet
        if devnet is not None:
            loop = asyncio.get_running_loop()
            self._faults = LiveFaults(
                self._node, lambda: round(loop.time() * MICROSECONDS), self._close_port
            )
            devnet.faults = self._faults
            devnet.mining.on_interval.append(self._interval_changed.set)
            self._miner = asyncio.create_task(self._mine())
        return bound

    async def stop(self) -> None:
        """Take leave of all clients and close the port."""
        for task in (self._miner, self._reopening):
            if task is not None:
                task.cancel()
        for server in self._listening:
            server.close()
        for connection in tuple(self._disturbed):
            connection.abort()
        leave = (WSCloseCode.GOING_AWAY, "the devnet stops")
        await asyncio.gather(*(each.close(*leave) for each in tuple(self._connections)))
        if self._runner is not None:
            await self._runner.cleanup()

    async def _listen(self, host: str, port: int) -> int:
        """Open the port, any free one for 0; returns it. Raises OSError."""
        loop = asyncio.get_running_loop()
        assert self._runner is not None
        assert self._runner.server is not None
        opened = await loop.create_server(self._runner.server, host, port, backlog=128)
        self._listening.append(opened)
        bound: int = opened.sockets[0].getsockname()[1]
        if host == "127.0.0.1":  # `localhost` is ::1 first on many machines
            with contextlib.suppress(OSError):
                self._listening.append(await loop.create_server(self._runner.server, "::1", bound))
        return bound

    def _close_port(self, duration_s: float) -> None:
        """Refuse and drop connections for that long, except WebSockets and the one that asks."""
        if self._reopening is not None:
            self._reopening.cancel()
        for opened in self._listening:
            opened.close()
        self._listening.clear()
        assert self._runner is not None
        assert self._runner.server is not None
        kept = {self._asking, *(each.transport for each in self._connections)}
        for handler in self._runner.server.connections:
            if handler.transport is not None and handler.transport not in kept:
                hang_up(handler.transport)
        self._reopening = asyncio.create_task(self._reopen(duration_s))

    async def _reopen(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)
        while not self._listening:
            try:
                await self._listen(*self._address)
            except OSError:  # somebody else has it meanwhile
                await asyncio.sleep(REOPEN_STEP_S)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        try:
            if request.content.is_eof():  # it came with the headers, as it nearly always does
                body = await request.read()
            else:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            text = f"body too large: at most {MAX_BODY_BYTES} bytes"
            return _json(endpoint.refusal(INVALID_REQUEST, text), status=413)
        except TimeoutError:
            text = f"the body did not come within {BODY_TIMEOUT_S} s"
            return _json(endpoint.refusal(INVALID_REQUEST, text), status=408)
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400)  # the client has gone
        if isinstance(self._node, ProfiledNode) and self._node.turn(body):
            return await perform((Reset(),), request)
        if self._faults is not None and self._faults.any_armed:
            return await self._disturb(self._faults, request, body)
        self._asking = request.transport
        response = _json(self._answer(self._node, body))
        self._asking = None
        if not self._listening:
            response.force_close()
        return response

    async def _disturb(
        self, faults: LiveFaults, request: web.Request, body: bytes
    ) -> web.StreamResponse:
        """One exchange as the armed faults will have it."""
        self._asking = connection = request.transport
        ask = cache(lambda: HttpAnswer(200, _HEADERS, without_results(self._answer(faults, body))))
        plan = faults.plan(body, ask)
        response = _json(ask().body) if plan is None else None
        self._asking = None
        if response is not None:
            if not self._listening:
                response.force_close()
            return response
        assert plan is not None
        if connection is None:
            return web.Response(status=400)  # the client has gone
        self._disturbed.add(connection)
        try:
            return await perform(plan, request)
        finally:
            self._disturbed.discard(connection)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            chain = self._node.view.chain
            return web.json_response(
                {"name": "ztdx-devnet", "chain_id": chain.chain_id, "height": chain.height},
                headers=_ANY_ORIGIN,
            )
        socket = web.WebSocketResponse(max_msg_size=MAX_BODY_BYTES, timeout=SHUTDOWN_S)
        try:
            await socket.prepare(request)
        except ConnectionError:
            return web.Response(status=400)  # the client has gone
        connection = Connection(self._node, socket, request.transport, self._answer_message)
        self._connections.add(connection)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await connection.received(message.data.encode())
                elif message.type is WSMsgType.BINARY:
                    await connection.received(message.data)
        finally:
            self._connections.discard(connection)
            await connection.close()
        return socket

    async def _preflight(self, request: web.Request) -> web.Response:
        wanted = request.headers.get("Access-Control-Request-Headers", "*")
        headers = {
            **_ANY_ORIGIN,
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": wanted,
            "Access-Control-Max-Age": "86400",
        }
        if "Access-Control-Request-Private-Network" in request.headers:
            headers["Access-Control-Allow-Private-Network"] = "true"
        return web.Response(status=204, headers=headers)

    def _answer_message(self, node: Node, body: bytes) -> bytes:
        if isinstance(node, ProfiledNode):
            node.turn(body)
        return self._answer(node, body)

    def _answer(self, node: endpoint.Answerer, body: bytes) -> bytes:
        devnet = self._node.devnet
        if devnet is not None and devnet.logs_requests:
            self._tell(endpoint.summary(body))
        try:
            return endpoint.answer(node, body)
        except Exception:  # an error of our own: the other clients go on
            logging.getLogger(__name__).exception("no answer to %s", endpoint.summary(body))
            return endpoint.refusal(INTERNAL_ERROR, "internal error; the server's log has it")

    async def _mine(self) -> None:
        """A block every interval, for as long as there is one."""
        devnet = self._node.devnet
        assert devnet is not None
        while True:
            self._interval_changed.clear()
            try:
                async with asyncio.timeout(devnet.mining.interval_s):
                    await self._interval_changed.wait()
            except TimeoutError:
                try:
                    devnet.mining.mine()
                except ChainError as error:  # its file can't be written: it goes on in memory
                    self._tell(f"devnet: {error}")

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._log(line)


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, headers=_HEADERS)
