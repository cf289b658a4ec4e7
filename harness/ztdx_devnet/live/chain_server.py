"""The chain's server: JSON-RPC over HTTP and WebSocket on one port.

One thread, one event loop: every request is answered whole before the next one is looked at, so
two clients can't write at once. What a client can make the server keep is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

from ztdx_devnet.chain.errors import ChainError
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.errors import INTERNAL_ERROR, INVALID_REQUEST
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.live.connection import Connection

MAX_BODY_BYTES = 16 * 2**20
BODY_TIMEOUT_S = 30  # for a request's body, from its first byte
SHUTDOWN_S = 1.0
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

    async def start(self, host: str, port: int) -> int:
        """Listen and mine; returns the port. Raises OSError when it can't listen there."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("POST", "/{path:.*}", self._post)
        app.router.add_route("GET", "/{path:.*}", self._get)
        app.router.add_route("OPTIONS", "/{path:.*}", self._preflight)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        bound: int = self._runner.addresses[0][1]
        if host == "127.0.0.1":  # `localhost` is ::1 first on many machines
            with contextlib.suppress(OSError):
                await web.TCPSite(self._runner, "::1", bound).start()
        devnet = self._node.devnet
        if devnet is not None:
            devnet.mining.on_interval.append(self._interval_changed.set)
            self._miner = asyncio.create_task(self._mine())
        return bound

    async def stop(self) -> None:
        """Take leave of all clients and close the port."""
        if self._miner is not None:
            self._miner.cancel()
        leave = (WSCloseCode.GOING_AWAY, "the devnet stops")
        await asyncio.gather(*(each.close(*leave) for each in tuple(self._connections)))
        if self._runner is not None:
            await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
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
        return _json(self._answer(self._node, body))

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
        connection = Connection(self._node, socket, request.transport, self._answer)
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

    def _answer(self, node: Node, body: bytes) -> bytes:
        devnet = node.devnet
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
