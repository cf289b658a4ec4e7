"""A server that keeps every request as the bytes that came, and answers `{}` to each."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
STOP_S = 10


class RequestRecorder:
    """One request per connection, in the order in which they came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.requests: list[bytes] = []

    def __enter__(self) -> RequestRecorder:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A shutdown, unlike a close, wakes the thread that accepts.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(STOP_S)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.requests.append(_read(connection))
                connection.sendall(ANSWER)


def _read(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, _ = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    whole = len(head) + 4 + (int(length[1]) if length else 0)
    while len(received) < whole:
        received += connection.recv(65536)
    return received
