"""The client: JSON-RPC over HTTP/1.1 keep-alive on a bare socket, which costs little itself."""

from __future__ import annotations

import json
import re
import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any

HOST = "127.0.0.1"
LIMIT_S = 20.0  # no row waits longer for one answer, or for one round
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_RECEIVE_BYTES = 1 << 18


class CallFailed(Exception):
    """The server answered with a JSON-RPC error."""


class WrongAnswer(Exception):
    """The server answered what it should not have: its figure would mean nothing."""


class Connection:
    """One keep-alive connection. Raises TimeoutError after LIMIT_S without an answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def close(self) -> None:
        self.socket.close()

    def exchange(self, request: bytes) -> bytes:
        """Send one HTTP request; the body of its answer."""
        self.socket.sendall(request)
        return self.receive()

    def receive(self) -> bytes:
        """The body of the next answer, all of it."""
        head = self._until(b"\r\n\r\n")
        if b" 200 " not in head[:13]:
            raise WrongAnswer(head.split(b"\r\n", 1)[0].decode())
        length = _CONTENT_LENGTH.search(head)
        if length is not None:
            return self._take(int(length[1]))
        if _CHUNKED.search(head) is None:
            raise WrongAnswer("an HTTP answer of unknown length")
        return self._chunks()

    def call(self, method: str, *parameters: Any) -> Any:
        """The result of one JSON-RPC call. Raises CallFailed."""
        answer = json.loads(self.exchange(http_request(method, *parameters)))
        if "error" in answer:
            raise CallFailed(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def _chunks(self) -> bytes:
        chunks = []
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            chunks.append(self._take(size))
            self._until(b"\r\n")
        while self._until(b"\r\n") != b"\r\n":
            pass  # a trailer
        return b"".join(chunks)

    def _until(self, mark: bytes) -> bytes:
        """What comes up to the mark, with it."""
        while (at := self._received.find(mark)) < 0:
            self._receive_more()
        return self._take(at + len(mark))

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._receive_more()
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def _receive_more(self) -> None:
        more = self.socket.recv(_RECEIVE_BYTES)
        if not more:
            raise ConnectionError("the server closed the connection")
        self._received += more


def json_request(method: str, *parameters: Any) -> bytes:
    """One JSON-RPC request. The id is always 1, so that equal answers are equal bytes."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    return json.dumps(request, separators=(",", ":")).encode()


def http_request(method: str, *parameters: Any) -> bytes:
    """The same as an HTTP request, whole."""
    body = json_request(method, *parameters)
    head = (
        f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def rate_per_s(connection: Connection, request: bytes, duration_s: float) -> float:
    """How often a second this request is answered, one after another. All answers must be equal."""
    expected = _good(connection.exchange(request))
    count, started = 0, time.perf_counter()
    end = started + duration_s
    while (now := time.perf_counter()) < end:
        if connection.exchange(request) != expected:
            raise WrongAnswer("an answer differs from the first one")
        count += 1
    return count / (now - started)


def concurrent_rate_per_s(
    connections: Sequence[Connection], request: bytes, duration_s: float
) -> float:
    """The same on several connections at once, each with one request under way."""
    expected = _good(connections[0].exchange(request))
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.socket.sendall(request)
        count, started = 0, time.perf_counter()
        end = started + duration_s
        while (now := time.perf_counter()) < end:
            for key, _ in selector.select(LIMIT_S):
                if key.data.receive() != expected:
                    raise WrongAnswer("an answer differs from the first one")
                count += 1
                key.data.socket.sendall(request)
    for connection in connections:
        connection.receive()
    return count / (now - started)


def _good(answer: bytes) -> bytes:
    if "result" not in json.loads(answer):
        raise CallFailed(answer[:200].decode())
    return answer
