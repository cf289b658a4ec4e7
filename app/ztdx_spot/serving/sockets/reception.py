"""Reception: takes sockets in, listens to each until it leaves, and tells all when the server goes.

What a client can make the server keep is bounded, and no client waits for another one to read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from aiohttp import WSCloseCode, WSMsgType, web

from ztdx_spot.ports import Clock
from ztdx_spot.serving.application_thread import ApplicationThread, NobodyWaits, ServerStops
from ztdx_spot.serving.sockets.client import ClientSocket
from ztdx_spot.serving.sockets.follower import Follower
from ztdx_spot.serving.sockets.limits import SocketLimits
from ztdx_spot.serving.sockets.upgrade import Upgrade
from ztdx_spot.ws.conversation import NO_EVIDENCE, Evidence
from ztdx_spot.ws.frames import ClientFrame, read_frame
from ztdx_spot.ws.hub import Hub
from ztdx_spot.ws.pace import Pace
from ztdx_spot.ws.tail import Tail
from ztdx_spot.ws.verifier import Verifier, asks_the_ledger

logger = logging.getLogger(__name__)

SOCKET_PATH = "/ws"

_MESSAGES = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)


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
    limits: SocketLimits = field(default_factory=SocketLimits)


class Sockets:
    """All sockets of a server."""

    def __init__(self, push: Push, thread: ApplicationThread) -> None:
        self._push = push
        self._thread = thread
        self._hub = Hub()
        self._open: set[ClientSocket] = set()
        self._follower = Follower(push.tail, self._hub, push.clock, self._beat)
        self._closing = False

    def start(self) -> None:
        self._follower.start()

    async def close(self) -> None:
        """Tell every client that the server goes, and wait for what is on its way."""
        self._closing = True
        leaving = [each.leave(WSCloseCode.GOING_AWAY, "the server stops") for each in self._open]
        await self._follower.stop()
        if leaving:
            await asyncio.wait(leaving)
        self._follower.join()

    async def handle(
        self, request: web.BaseRequest, became_socket: Callable[[], object]
    ) -> web.StreamResponse:
        """The upgrade, then every message until the client or the server leaves."""
        push = self._push
        upgrade = Upgrade(request, push.limits, push.allowed_origins)
        refusal = upgrade.refusal(has_room=self._has_room()) or await upgrade.prepare()
        if refusal is not None:
            return refusal
        response, transport = upgrade.response, request.transport
        if transport is None:
            return response
        became_socket()
        client = ClientSocket(response, transport, push.limits)
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

    def _has_room(self) -> bool:
        limits = self._push.limits
        unproven = sum(not each.conversation.is_proven for each in self._open)
        return (
            not self._closing
            and len(self._open) < limits.sockets_max
            and unproven < limits.unproven_max
        )

    def _beat(self) -> None:
        for client in self._open:
            client.beat()

    async def _listen(self, client: ClientSocket, response: web.WebSocketResponse) -> None:
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

    async def _answer(self, client: ClientSocket, frame: ClientFrame) -> None:
        evidence = NO_EVIDENCE
        if asks_the_ledger(frame):
            evidence = await self._evidence(client, frame)
        now_s = self._push.clock.now_s()
        for text in client.conversation.answer(frame, evidence, now_s):
            client.send(text)
        self._hub.place(client)

    async def _evidence(self, client: ClientSocket, frame: ClientFrame) -> Evidence:
        ask = partial(self._push.verifier.evidence, frame)
        try:
            return await self._thread.run(ask, lambda: client.is_here)
        except (ServerStops, NobodyWaits):
            return Evidence(available=False)
        except Exception:
            logger.exception("a %s frame could not be checked", type(frame).__name__)
            return Evidence(available=False)
