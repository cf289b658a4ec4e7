"""The live edges of the ports: wall clock, system entropy, and HTTP to a real node.

The product's other edges are the program (`__main__`, `service`) and what stands between clients
and application (`serving`).
"""

from __future__ import annotations

import asyncio
import secrets  # noqa: TID251 - the live edge of chance
import threading
import time

import aiohttp

from ztdx_spot.ports import AnswerTooLarge, HttpAnswer, TransportError, TransportTimeout

ANSWER_BYTES_MAX = 32 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class Stopping(BaseException):
    """The process ends: raised by the next sleep, and no `except Exception` holds it up."""


class WallClock:
    """Real time. When `stop` is set, whoever sleeps or goes to sleep is told to stop."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def now_s(self) -> float:
        return time.time()  # noqa: TID251 - the live edge of time

    def sleep_s(self, duration_s: float) -> None:
        if self._stop.wait(duration_s):
            raise Stopping


class SystemEntropy:
    """Unpredictable bytes; the purpose makes no difference."""

    def bytes(self, purpose: str, count: int) -> bytes:
        return secrets.token_bytes(count)


class HttpTransport:
    """Posts to one URL over a kept-alive connection. For one thread; one request at a time.

    Drives aiohttp on an event loop of its own, because only there does one deadline bound name
    resolution, connecting, headers and body together. A POST is never sent twice, redirects are not
    followed, and the URL, which may hold a key, is in no message.
    """

    def __init__(self, url: str, *, answer_bytes_max: int = ANSWER_BYTES_MAX) -> None:
        self._url = url
        self._answer_bytes_max = answer_bytes_max
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        try:
            return self._loop.run_until_complete(self._post(body, timeout_s))
        except TimeoutError as error:
            raise TransportTimeout(f"not finished within {timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TransportError(_reason(error)) from error

    def close(self) -> None:
        if self._session is not None:
            self._loop.run_until_complete(self._session.close())
        self._loop.close()

    async def _post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        async with asyncio.timeout(timeout_s):
            session = self._open_session()
            await self._notice_closed_connections()
            async with session.post(self._url, data=body, allow_redirects=False) as answer:
                headers: dict[str, str] = {}
                for name, value in answer.headers.items():
                    key = name.lower()
                    headers[key] = f"{headers[key]}, {value}" if key in headers else value
                return HttpAnswer(answer.status, headers, await self._whole_body(answer))

    async def _whole_body(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > self._answer_bytes_max:
                raise AnswerTooLarge(f"it is larger than {self._answer_bytes_max} bytes")
        return bytes(body)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            )
        return self._session

    async def _notice_closed_connections(self) -> None:
        """The loop stood still between two posts: let it see what the node closed meanwhile.

        Otherwise the request goes into a dead connection and fails, since nothing is sent twice.
        """
        for _ in range(2):
            await asyncio.sleep(0)


def _reason(error: aiohttp.ClientError | OSError) -> str:
    detail = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__
