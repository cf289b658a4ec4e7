"""Client sockets: upgrades, what waits for each client, the tail that feeds them, their end.

What a client can make the server keep is bounded, and no client waits for another one to read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from ztdx_spot.ledger.entries import BalanceChange
from ztdx_spot.ports import Clock
from ztdx_spot.ws.conversation import NO_EVIDENCE, Conversation, Evidence
from ztdx_spot.ws.frames import ClientFrame, read_frame
from ztdx_spot.ws.hub import Hub
from ztdx_spot.ws.pace import Pace
from ztdx_spot.ws.tail import Tail
from ztdx_spot.ws.verifier import Verifier, asks_the_ledger

logger = logging.getLogger(__name__)

SOCKET_PATH = "/ws"
TAIL_INTERVAL_S = 0.05
SWEEP_INTERVAL_S = 1.0
CLOSE_S = 1.0
"""For a client to read what is on its way, and the close frame after it."""
SOCKET_BUFFER_BYTES = 64 * 1024
"""What the kernel holds for one client; without a bound it grows to megabytes."""
WRITE_BUFFER_BYTES = 16 * 1024
YIELD_AFTER_FRAMES = 200
"""So that many pushes at once delay no answer by more than milliseconds."""


_MESSAGES = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """What one client, and all of them, may make the server keep or do."""

    sockets_max: int = 4096
    message_bytes_max: int = 1024 * 1024
    outbox_frames_max: int = 2048
    outbox_bytes_max: int = 512 * 1024
    burst_frames: int = 100
    frames_per_s: float = 50.0
    heartbeat_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What `/ws` needs beside a server.

    The verifier's database is the application's, on its thread; the tail's is its own. Empty
    `allowed_origins` means any.
    """

    verifier: Verifier
    tail: Tail
    clock: Clock
    allowed_origins: Sequence[str] = ()
    limits: SocketLimits = SocketLimits()


class Sockets:
    """All sockets: their upgrades, the tail that feeds them, their heartbeat and their end."""

    def __init__(self, push: Push, executor: ThreadPoolExecutor) -> None:
        self._push = push
        self._executor = executor
        # Its own thread: pushes wait for the disk alone, never for a request.
        self._tail_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tail")
        self._hub = Hub()
        self._open: set[_Socket] = set()
        self._following: asyncio.Task[None] | None = None
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    def start(self) -> None:
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Tell every client that the server goes, and wait for what is on its way."""
        self._closing = True
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        leaving = [each.leave(WSCloseCode.GOING_AWAY, "the server stops") for each in self._open]
        if leaving:
            await asyncio.wait(leaving)
        self._tail_thread.shutdown()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The upgrade, then every message until the client or the server leaves."""
        limits = self._push.limits
        response = web.WebSocketResponse(
            # Compression would hold a window of 300 KB for each client.
            compress=False,
            autoping=False,
            autoclose=False,
            timeout=CLOSE_S,
            max_msg_size=limits.message_bytes_max,
            writer_limit=WRITE_BUFFER_BYTES,
        )
        refusal = self._refusal(request, response)
        if refusal is not None:
            return refusal
        try:
            await response.prepare(request)
        except web.HTTPBadRequest:
            return _error(400, "BAD_REQUEST")
        except ConnectionError:
            return web.Response(status=400)  # The client has gone.
        transport = request.transport
        if transport is None:
            return response
        client = _Socket(response, transport, limits)
        self._open.add(client)
        self._hub.place(client)
        try:
            await self._listen(client, response)
        except Exception:
            logger.exception("a socket ends by an error of the server")
            client.leave(WSCloseCode.INTERNAL_ERROR, "an error of the server")
        finally:
            self._hub.remove(client)
            await client.finish()
            self._open.discard(client)
        return response

    def _refusal(
        self, request: web.Request, response: web.WebSocketResponse
    ) -> web.Response | None:
        """Why this request gets no socket; None when it does."""
        if request.method != "GET":
            return _error(405, "METHOD_NOT_ALLOWED", Allow="GET")
        if "websocket" not in request.headers.get("Upgrade", "").lower():
            return _error(426, "UPGRADE_REQUIRED", Upgrade="websocket", Connection="Upgrade")
        allowed = self._push.allowed_origins
        origins = request.headers.getall("Origin", [])
        if allowed and any(origin not in allowed for origin in origins):
            return _error(403, "ORIGIN_NOT_ALLOWED")
        if not response.can_prepare(request):
            return _error(400, "BAD_REQUEST")
        if self._closing or len(self._open) >= self._push.limits.sockets_max:
            return _error(503, "TOO_MANY_SOCKETS", **{"Retry-After": "5"})
        return None

    async def _listen(self, client: _Socket, response: web.WebSocketResponse) -> None:
        limits, loop = self._push.limits, asyncio.get_running_loop()
        pace = Pace(limits.burst_frames, limits.frames_per_s, loop.time())
        while True:
            message = await response.receive()
            client.heard()
            if message.type not in _MESSAGES:
                if message.type is WSMsgType.CLOSE and not client.is_leaving:
                    await response.close(drain=False)
                return
            if client.is_leaving:
                continue  # To the client's own close: what is left unread would reset the line.
            if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                await self._answer(client, read_frame(message.data))
            elif message.type is WSMsgType.PING:
                client.queue(WSMsgType.PONG, message.data)
            # Whoever sends faster is not refused: it is read more slowly.
            wait_s = pace.wait_s(loop.time())
            if wait_s:
                await asyncio.sleep(wait_s)

    async def _answer(self, client: _Socket, frame: ClientFrame) -> None:
        evidence = await self._evidence(frame) if asks_the_ledger(frame) else NO_EVIDENCE
        now_s = self._push.clock.now_s()
        for text in client.conversation.answer(frame, evidence, now_s):
            client.send(text)
        self._hub.place(client)

    async def _evidence(self, frame: ClientFrame) -> Evidence:
        loop, verifier = asyncio.get_running_loop(), self._push.verifier
        try:
            return await loop.run_in_executor(self._executor, verifier.evidence, frame)
        except Exception:
            logger.exception("a %s frame could not be checked", type(frame).__name__)
            return Evidence(available=False)

    async def _follow(self) -> None:
        """Deliver what is committed, and now and then look after the sockets."""
        loop, tail = asyncio.get_running_loop(), self._push.tail
        swept_at_s = loop.time()
        while True:
            try:
                changes = await loop.run_in_executor(self._tail_thread, tail.news)
                await self._deliver(changes)
                if loop.time() - swept_at_s >= SWEEP_INTERVAL_S:
                    swept_at_s = loop.time()
                    self._hub.expire(self._push.clock.now_s())
                    for client in self._open:
                        client.beat()
            except Exception:  # An error of ours: the next change is pushed all the same.
                logger.exception("a round of pushes failed")
            await asyncio.sleep(TAIL_INTERVAL_S)

    async def _deliver(self, changes: Sequence[BalanceChange]) -> None:
        sent_frames = 0
        for change in changes:
            sent_frames += self._hub.deliver(change, self._push.clock.now_s())
            if sent_frames >= YIELD_AFTER_FRAMES:
                sent_frames = 0
                await asyncio.sleep(0)


class _Socket:
    """One client's socket: what waits for it, within bounds, and how it is left."""

    def __init__(
        self,
        response: web.WebSocketResponse,
        transport: asyncio.Transport,
        limits: SocketLimits,
    ) -> None:
        self.conversation = Conversation()
        self._response = response
        self._transport = transport
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._outbox: deque[tuple[WSMsgType, bytes]] = deque()
        self._outbox_bytes = 0
        # Only while there is something to write: an idle client costs no task.
        self._writing: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._gone = False
        self._heard_at_s = self._loop.time()
        self._pinged = False
        # Paused as soon as the kernel takes no more, resumed when all is written.
        transport.set_write_buffer_limits(high=0)
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES
        )

    @property
    def is_leaving(self) -> bool:
        return self._leaving is not None

    def send(self, frame: str) -> None:
        self.queue(WSMsgType.TEXT, frame.encode())

    def queue(self, kind: WSMsgType, payload: bytes) -> None:
        """Send as soon as the client reads; one that is too far behind is dropped."""
        if self._gone or self.is_leaving:
            return
        self._outbox.append((kind, payload))
        self._outbox_bytes += len(payload)
        limits = self._limits
        if (
            len(self._outbox) > limits.outbox_frames_max
            or self._outbox_bytes > limits.outbox_bytes_max
        ):
            logger.info("a client is dropped: it does not read what it subscribed to")
            self._outbox.clear()
            self.leave(WSCloseCode.TRY_AGAIN_LATER, "too slow: reconnect and read the balances")
        elif self._writing is None:
            self._writing = self._loop.create_task(self._write())

    def heard(self) -> None:
        """The client has sent something: it lives."""
        self._heard_at_s = self._loop.time()
        self._pinged = False

    def beat(self) -> None:
        """Ping a client that is silent; cut the connection of one that stays so."""
        silent_s = self._loop.time() - self._heard_at_s
        if silent_s >= 2 * self._limits.heartbeat_s:
            self._transport.abort()
        elif silent_s >= self._limits.heartbeat_s and not self._pinged:
            self._pinged = True
            self.queue(WSMsgType.PING, b"")

    def leave(self, code: WSCloseCode, reason: str) -> asyncio.Task[None]:
        """Close with this code, once; done at the latest when the client has had its time."""
        if self._leaving is None:
            self._leaving = self._loop.create_task(self._leave(code, reason))
        return self._leaving

    async def finish(self) -> None:
        """Nothing more comes from the client: keep nothing for it."""
        self._gone = True
        self._ended.set_result(None)
        if self._leaving is not None:
            await self._leaving
        self._transport.abort()
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def _leave(self, code: WSCloseCode, reason: str) -> None:
        if self._writing is not None and self._outbox:
            await asyncio.wait({self._writing}, timeout=CLOSE_S)
        self._outbox.clear()
        closing = self._loop.create_task(self._send_close(code, reason))
        await asyncio.wait({closing, self._ended}, timeout=CLOSE_S)
        # Cutting, not cancelling: all who write to one client wait for one future of aiohttp, and
        # to cancel one of them cancels it for all.
        self._transport.abort()
        await asyncio.wait({closing})

    async def _send_close(self, code: WSCloseCode, reason: str) -> None:
        # Not the response's own close, which does not read to the client's answer.
        payload = int(code).to_bytes(2, "big") + reason.encode()
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._response.send_frame(payload, WSMsgType.CLOSE)

    async def _write(self) -> None:
        try:
            while self._outbox:
                kind, payload = self._outbox.popleft()
                self._outbox_bytes -= len(payload)
                await self._response.send_frame(payload, kind)
        except (ConnectionError, RuntimeError):
            self._gone = True
            self._outbox.clear()
        finally:
            self._writing = None


def _error(status: int, code: str, **headers: str) -> web.Response:
    answer = web.json_response({"error": code}, status=status, headers=headers)
    # What the client sends next may be frames already, and no request.
    answer.force_close()
    return answer
