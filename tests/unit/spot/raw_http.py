"""Raw HTTP/1.1 for tests: requests as bytes, and the bytes that come back."""

from __future__ import annotations

import asyncio
import json

from ztdx_spot.api.security_headers import HEADERS


async def exchange(port: int, *requests: bytes) -> bytes:
    """Send bytes on one connection, and read until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def get(target: bytes, *headers: bytes) -> bytes:
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: h", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def post(target: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST " + target + b" HTTP/1.1", b"Host: h", b"Connection: close", *headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def refused(answer: bytes) -> tuple[int, str]:
    """Status and code of an answer that must look like every refusal of this API."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers.items() >= HEADERS.items()
    assert headers["Content-Type"] == "application/json"
    members = json.loads(body)
    assert list(members) == ["error"]
    return int(first.split(" ")[1]), members["error"]
