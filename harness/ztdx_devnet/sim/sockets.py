"""The API server's sockets under the virtual clock: the product's own conversations, hub and tail,
driven as `ztdx_spot.serving.sockets` drives them, with wires in the place of a network.

Not here: the upgrade's refusals, the pings of a silent connection, and what waits for a client that
does not read. A simulated client reads at once and answers every ping.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ledger.database import Database
from ztdx_spot.ports import Clock
from ztdx_spot.serving.sockets.limits import SocketLimits
from ztdx_spot.ws.conversation import NO_EVIDENCE, Conversation, Evidence
from ztdx_spot.ws.frames import ClientFrame, read_frame
from ztdx_spot.ws.hub import Hub
from ztdx_spot.ws.pace import Pace
from ztdx_spot.ws.tail import Tail
from ztdx_spot.ws.verifier import Verifier, asks_the_ledger

SOCKET_LATENCY_US = 1_000  # one way
NORMAL, BROKEN, TOO_BIG = 1000, 1006, 1009  # close codes, RFC 6455, 7.4.1

_Result = TypeVar("_Result")


class ServerThread(Protocol):
    """The one thread of the server's application."""

    def __call__(self, job: Callable[[], _Result], /) -> _Result | None:
        """What the job returned; None: the server died first."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The end of a connection, on its way to the other side."""

    code: int


class Wire:
    """One direction of a connection: what is sent arrives in order, a latency later."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._on_the_way: deque[tuple[int, str | Closed]] = deque()
        self.receiver: Actor | None = None

    def send(self, message: str | Closed) -> None:
        """Returns at once."""
        self._on_the_way.append((self._kernel.now_us + SOCKET_LATENCY_US, message))
        if self.receiver is not None:
            self._kernel.wake(self.receiver)

    def receive(self) -> str | Closed:
        """The next message; called by the receiver, which waits for it."""
        while not self._on_the_way:
            self._kernel.park("ws:wait")
        due_us = self._on_the_way[0][0]
        if due_us > self._kernel.now_us:
            self._kernel.boundary("ws:receive", due_us - self._kernel.now_us)
        return self._on_the_way.popleft()[1]


@dataclass(eq=False, slots=True)
class Socket:
    """One connection, as the server has it."""

    to_server: Wire
    to_client: Wire
    conversation: Conversation = field(default_factory=Conversation)

    def send(self, frame: str) -> None:
        self.to_client.send(frame)


class SocketServer:
    """All sockets of one API process. Without a socket it does nothing and costs nothing.

    `thread` runs a job where requests are answered; `open_database` opens one more connection of
    the process, and is called on that thread.
    """

    _hub: Hub
    _sockets: dict[Socket, None]
    _tail: Tail | None
    _tail_database: Database | None
    _follower: Actor | None
    _sessions_end_s: list[int]
    _clock: Clock
    _started_us: int

    def __init__(
        self,
        name: str,
        kernel: Kernel,
        thread: ServerThread,
        open_database: Callable[[], Database],
    ) -> None:
        self._name = name
        self._kernel = kernel
        self._thread = thread
        self._open_database = open_database
        self._limits = SocketLimits()
        self._verifier: Verifier | None = None
        self._forget()

    def begin(self, verifier: Verifier, clock: Clock) -> None:
        """The process has started; `clock` is its own."""
        self._forget()
        self._verifier = verifier
        self._clock = clock
        self._started_us = self._kernel.now_us

    def end(self) -> None:
        """The process is dead: its threads too, and every connection breaks."""
        self._verifier = None
        for actor in (*(s.to_server.receiver for s in self._sockets), self._follower):
            if actor is not None:
                self._kernel.kill(actor)
        for socket in self._sockets:
            socket.to_client.send(Closed(BROKEN))
        self._forget()

    def connect(self, client_name: str) -> Socket:
        """Open a connection, from the running actor. Raises ConnectionRefusedError."""
        self._kernel.boundary("ws:connect", SOCKET_LATENCY_US)
        if self._follower is None:
            self._tail = self._thread(self._start_tail)
        if self._tail is None:
            reason = "is not running" if self._verifier is None else "cannot read its database"
            raise ConnectionRefusedError(f"{self._name} {reason}")
        socket = Socket(Wire(self._kernel), Wire(self._kernel))
        self._sockets[socket] = None
        self._hub.place(socket)
        listen = partial(self._listen, socket)
        socket.to_server.receiver = self._kernel.spawn(f"{self._name} to {client_name}", listen)
        if self._follower is None:
            self._follower = self._kernel.spawn(f"{self._name} tail", self._follow)
        self._kernel.boundary("ws:connected", SOCKET_LATENCY_US)
        return socket

    def committed(self) -> None:
        """Somebody has committed something: the next look at the ledger may find news."""
        self._has_to_look = True
        if self._follower is not None:
            self._kernel.wake(self._follower)

    @property
    def _passed_s(self) -> float:
        """The clock that no jump of the time of day changes."""
        return self._kernel.now_us / MICROSECONDS

    def _forget(self) -> None:
        self._hub = Hub()
        self._sockets = {}
        self._tail = None
        self._tail_database = None
        self._follower = None
        self._has_to_look = False
        self._sessions_end_s = []

    # --- one client ----------------------------------------------------------------------------

    def _listen(self, socket: Socket) -> None:
        limits = self._limits
        pace = Pace(limits.burst_frames, limits.frames_per_s, self._passed_s)
        while True:
            message = socket.to_server.receive()
            if isinstance(message, Closed):
                return self._part(socket, NORMAL)
            if len(message.encode()) > limits.message_bytes_max:
                return self._part(socket, TOO_BIG)
            self._answer(socket, read_frame(message))
            wait_s = pace.wait_s(self._passed_s)
            if wait_s:
                self._kernel.boundary("ws:pace", round(wait_s * MICROSECONDS))

    def _answer(self, socket: Socket, frame: ClientFrame) -> None:
        evidence, verifier = NO_EVIDENCE, self._verifier
        if verifier is not None and asks_the_ledger(frame):
            evidence = self._thread(partial(_evidence, verifier, frame)) or NO_EVIDENCE
            if evidence.session is not None:
                self._sessions_end_s.append(evidence.session.expires_at_s)
                self.committed()  # how long the follower may rest has changed
        for text in socket.conversation.answer(frame, evidence, self._clock.now_s()):
            socket.send(text)
        self._hub.place(socket)

    def _part(self, socket: Socket, code: int) -> None:
        self._hub.remove(socket)
        del self._sockets[socket]
        socket.to_client.send(Closed(code))

    # --- the ledger's news -----------------------------------------------------------------------

    def _start_tail(self) -> Tail | None:
        """Follow the ledger from now on, if it can be read; on one connection, kept for it."""
        try:
            if self._tail_database is None:
                self._tail_database = self._open_database()
            return Tail(self._tail_database)
        except (sqlite3.Error, DatabaseBusyError):
            return None

    def _follow(self) -> None:
        """Look every 50 ms as the server does, and rest while a look could find nothing new."""
        # The module stands on asyncio, which only worlds with sockets should have to load.
        from ztdx_spot.serving.sockets.follower import SWEEP_INTERVAL_S, TAIL_INTERVAL_S

        look_us = round(TAIL_INTERVAL_S * MICROSECONDS)
        sweep_us = round(SWEEP_INTERVAL_S * MICROSECONDS)
        while self._sockets and self._tail is not None:
            self._has_to_look = False
            changes = self._tail.news()
            for change in changes:
                self._hub.deliver(change, self._clock.now_s())
            self._end_sessions(sweep_us)
            if not (changes or self._tail.is_failing or self._has_to_look):
                self._kernel.park("ws:tail", self._rest_us(sweep_us))
            since_start_us = self._kernel.now_us - self._started_us
            self._kernel.boundary("ws:look", -since_start_us % look_us)
        self._follower = None

    def _end_sessions(self, sweep_us: int) -> None:
        if self._rest_us(sweep_us) == 0:
            now_s = self._clock.now_s()
            self._sessions_end_s = [end_s for end_s in self._sessions_end_s if end_s > now_s]
            self._hub.expire(now_s)

    def _rest_us(self, sweep_us: int) -> int | None:
        """How long until a sweep, of one in every `sweep_us`, finds a session at its end."""
        if not self._sessions_end_s:
            return None
        left_s = min(self._sessions_end_s) - self._clock.now_s()
        since_start_us = self._kernel.now_us - self._started_us
        end_us = since_start_us + round(left_s * MICROSECONDS)
        return max(-(-end_us // sweep_us) * sweep_us - since_start_us, 0)


def _evidence(verifier: Verifier, frame: ClientFrame) -> Evidence:
    """An error of the product ends neither its thread nor the socket, as on the real server."""
    try:
        return verifier.evidence(frame)
    except Exception:
        return Evidence(available=False)
