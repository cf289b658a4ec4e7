"""One WebSocket connection: requests in, answers and notifications out, in a fixed order.

The answer to a request goes out before the notifications that the request caused.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

import orjson
from aiohttp import WSCloseCode, web

from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.subscriptions import Notices, Subscriptions

MAX_WAITING = 10_000  # changes that a slow client may be behind
CLOSE_S = 1.0  # for a client to read what is on its way and to answer a close
# Beyond either, no more requests are read from the client.
_UNREAD_ANSWERS = 100
_UNREAD_BYTES = 2**24
_YIELD_EVERY = 100  # notifications, so that other clients are served meanwhile


class Connection:
    """Reads nothing itself: the server hands it each message that came."""

    def __init__(
        self,
        node: Node,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        answer: Callable[[Node, bytes], bytes],
    ) -> None:
        self._socket = socket
        self.transport = transport
        self._gone = False
        self._answer = answer
        self._subscriptions = Subscriptions(node.view.chain, self._push)
        self._node = node.connected(self._subscriptions)
        self._outbox: deque[bytes | Notices] = deque()
        self._unread_bytes = 0
        self._held: list[Notices] | None = None
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._writer = asyncio.create_task(self._write())

    async def received(self, body: bytes) -> None:
        """Answer one message."""
        await self._room.wait()
        if self._gone:
            return
        self._held = []
        try:
            answer = self._answer(self._node, body)
        finally:
            held, self._held = self._held, None
        if answer:
            self._outbox.append(answer)
            self._unread_bytes += len(answer)
        self._outbox.extend(held)
        self._changed()

    async def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """End the subscriptions and the socket."""
        self._subscriptions.close()
        if self._writer is not asyncio.current_task():
            self._writer.cancel()
        leaving = asyncio.create_task(self._leave(code, reason))
        await asyncio.wait({leaving}, timeout=CLOSE_S)
        # While the client does not read, aiohttp lets all who write wait for one future, which
        # the writer's end cancels.
        if not leaving.done() or leaving.cancelled():
            leaving.cancel()
            if self.transport is not None:
                self.transport.abort()

    async def _leave(self, code: int, reason: str) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._socket.close(code=code, message=reason.encode())

    def _push(self, notices: Notices) -> None:
        if self._gone:
            return
        if self._held is not None:
            self._held.append(notices)
            return
        self._outbox.append(notices)
        self._changed()

    def _changed(self) -> None:
        self._something.set()
        if len(self._outbox) > MAX_WAITING:
            self._end()  # the writer can't: it waits for the client to read
            if self.transport is not None:
                self.transport.abort()
        elif not self._has_room():
            self._room.clear()

    def _has_room(self) -> bool:
        return len(self._outbox) <= _UNREAD_ANSWERS and self._unread_bytes <= _UNREAD_BYTES

    def _end(self) -> None:
        """Nothing more can be sent: keep nothing, and let the server hear of the end."""
        self._gone = True
        self._outbox.clear()
        self._room.set()

    async def _write(self) -> None:
        try:
            with contextlib.suppress(ConnectionError, RuntimeError):
                while True:
                    await self._something.wait()
                    self._something.clear()
                    while self._outbox:
                        await self._send(self._outbox.popleft())
                        if self._has_room():
                            self._room.set()
        finally:
            self._end()

    async def _send(self, entry: bytes | Notices) -> None:
        if isinstance(entry, bytes):
            await self._socket.send_str(entry.decode())
            self._unread_bytes -= len(entry)
            return
        for count, notice in enumerate(entry, start=1):
            await self._socket.send_str(orjson.dumps(notice).decode())
            if count % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
