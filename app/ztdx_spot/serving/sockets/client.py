"""One client's socket: what waits for it, within bounds, and how it is left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque

from aiohttp import WSCloseCode, WSMsgType, web

from ztdx_spot.serving.sockets.limits import SocketLimits
from ztdx_spot.ws.conversation import Conversation

logger = logging.getLogger(__name__)

CLOSE_S = 1.0
"""For a client to read what is on its way, and the close frame after it."""
SOCKET_BUFFER_BYTES = 64 * 1024
"""What the kernel holds for one client; without a bound it grows to megabytes."""


class ClientSocket:
    """Never waits for its client: what cannot be sent at once waits here, or the client goes."""

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
    def is_here(self) -> bool:
        """Whether it is still of use to answer."""
        return not self._gone and not self.is_leaving and not self._transport.is_closing()

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
