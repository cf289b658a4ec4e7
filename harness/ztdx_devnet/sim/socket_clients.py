"""Clients of the WebSocket: each has a name, sends frames, and keeps what it receives.

All that a client does and receives is journaled under its name.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from ztdx_devnet.sim.kernel import Kernel
from ztdx_devnet.sim.sockets import NORMAL, Closed, Socket, SocketServer


class SocketClient:
    """One client, connected. `unread` holds the frames that nobody has asked for yet.

    `closed` is the code with which the connection ended, None while it is open.
    """

    def __init__(
        self,
        name: str,
        kernel: Kernel,
        socket: Socket,
        record: Callable[..., object],
        on_news: Callable[[], None],
    ) -> None:
        self.name = name
        self.unread: deque[Any] = deque()
        self.closed: int | None = None
        self._kernel = kernel
        self._socket = socket
        self._record = record
        self._on_news = on_news
        socket.to_client.receiver = kernel.spawn(name, self._receive)

    def send(self, text: str, times: int = 1) -> None:
        """Send a text message so many times, one after the other."""
        self._kernel.boundary("ws:send")
        for _ in range(times):
            self._socket.to_server.send(text)
        self._record(self.name, "sent", text=text, times=times)

    def close(self) -> None:
        """Say goodbye; `closed` tells when it has been answered."""
        self._kernel.boundary("ws:send")
        self._socket.to_server.send(Closed(NORMAL))
        self._record(self.name, "closing")

    def _receive(self) -> None:
        while True:
            message = self._socket.to_client.receive()
            if isinstance(message, Closed):
                self.closed = message.code
                self._record(self.name, "closed", code=message.code)
                self._on_news()
                return
            frame = json.loads(message)
            self.unread.append(frame)
            self._record(self.name, "received", frame=frame)
            self._on_news()


class SocketClients:
    """The clients of one world, by name. `on_news` is called with each frame and each end."""

    def __init__(
        self,
        kernel: Kernel,
        server: SocketServer,
        record: Callable[..., object],
        on_news: Callable[[], None],
    ) -> None:
        self._kernel = kernel
        self._server = server
        self._record = record
        self._on_news = on_news
        self._clients: dict[str, SocketClient] = {}
        self.on_traffic: list[Callable[[str, str, dict[str, Any]], None]] = []
        """Told of all that is journaled of a client: its name, what happened, and the payload."""

    def __getitem__(self, name: str) -> SocketClient:
        return self._clients[name]

    def connect(self, name: str) -> None:
        """A new client connects. Raises ConnectionRefusedError when the server does not run."""
        socket = self._server.connect(name)
        client = SocketClient(name, self._kernel, socket, self._note, self._on_news)
        self._clients[name] = client
        self._note(name, "connected")

    def _note(self, name: str, kind: str, **payload: Any) -> None:
        self._record(name, kind, **payload)
        for tell in self.on_traffic:
            tell(name, kind, payload)
