"""A raw HTTP server on loopback for tests: sends the very bytes that a script says."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Script = Callable[["Exchange"], object]


class Exchange:
    """One received request and the connection it came on."""

    def __init__(self, connection: socket.socket, request: bytes, gone: threading.Event) -> None:
        self.connection = connection
        self.request = request
        self.gone = gone

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.connection.sendall(part)

    def trickle(self, whole: bytes, interval_s: float) -> None:
        """A byte at a time until the client leaves."""
        for position in range(len(whole)):
            if self.gone.wait(interval_s):
                return
            self.send(whole[position : position + 1])

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()


class LoopbackServer:
    """Answers the n-th request by the n-th script; the last one stays."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self._gone = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/key-4711"
        self._connection: socket.socket | None = None
        self.requests: list[bytes] = []
        self.connection_count = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._gone.set()
        # A shutdown, unlike a close, wakes the thread that reads from the socket.
        for waited_for in (self._socket, self._connection):
            if waited_for is not None:
                with suppress(OSError):
                    waited_for.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def close_connection(self) -> None:
        """Close the current connection, as a node does with one that is idle."""
        assert self._connection is not None
        self._connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while not self._gone.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connection_count += 1
            self._connection = connection
            with connection, suppress(OSError):
                while request := self._read_request(connection):
                    self.requests.append(request)
                    script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                    script(Exchange(connection, request, self._gone))
                    if connection.fileno() < 0:
                        break

    def _read_request(self, connection: socket.socket) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            if not chunk:
                return b""
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        (length,) = (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body


def http(body: bytes, *headers: bytes, status: bytes = b"200 OK", length: int = -1) -> bytes:
    size = len(body) if length < 0 else length
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % size, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
