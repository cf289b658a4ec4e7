"""The server in front of the application: exact bytes in, exact bytes out, one at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ztdx_spot.api.app import create_app
from ztdx_spot.server import BODY_BYTES_MAX, ApiServer

from .api_client import ADMIN_KEY, Api
from .raw_http import exchange, get, post
from .world import ALICE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Recorder:
    """A WSGI application that remembers what reached it."""

    def __init__(self) -> None:
        self.environs: list[WSGIEnvironment] = []
        self.bodies: list[bytes] = []
        self.before: Callable[[], object] = lambda: None
        self.closed = 0

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        self.before()
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start("201 Created", [("X-Two", "1"), ("X-Two", "2"), ("Content-Type", "text/x")])
        return Parts(self)


class Parts:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __iter__(self) -> Iterator[bytes]:
        yield b"two "
        yield b"parts"

    def close(self) -> None:
        self._recorder.closed += 1


def serve(application: Any, *requests: bytes) -> list[bytes]:
    """The answers to these raw requests, each on its own connection, one after the other."""

    async def run() -> list[bytes]:
        server = ApiServer(application, "127.0.0.1", 0)
        await server.start()
        port = int(server.url.rpartition(":")[2])
        try:
            return [await exchange(port, request) for request in requests]
        finally:
            await server.close()

    return asyncio.run(run())


class TestBytes:
    @pytest.mark.parametrize(
        ("target", "path", "query"),
        [
            (b"/a?b=%41+%2B&c=%zz&&d", "/a", "b=%41+%2B&c=%zz&&d"),
            (b"/a%20b%2Fc", "/a b/c", ""),
            (b"/%0A", "/\n", ""),
            (b"/%C3%A4?q=%C3%A4", "/Ã¤", "q=%C3%A4"),
            (b"http://h/a?b=1", "/a", "b=1"),
            (b"/a?b=1?c=2", "/a", "b=1?c=2"),
            (b"//a", "//a", ""),
        ],
    )
    def test_path_and_query_arrive_as_sent(self, target: bytes, path: str, query: str) -> None:
        recorder = Recorder()
        serve(recorder, get(target))
        (environ,) = recorder.environs
        assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)

    def test_headers_arrive_and_underscores_are_no_dashes(self) -> None:
        recorder = Recorder()
        serve(recorder, get(b"/", b"X-API-Key: k\xc3\xa4", b"X_Api_Key: forged", b"A: 1", b"A: 2"))
        (environ,) = recorder.environs
        assert environ["HTTP_X_API_KEY"] == "kÃ¤"
        assert environ["HTTP_A"] == "1,2"

    @pytest.mark.parametrize("encoding", [b"X-A: b", b"Content-Encoding: gzip"])
    def test_a_body_arrives_as_sent(self, encoding: bytes) -> None:
        recorder = Recorder()
        body = bytes(range(256))
        serve(recorder, post(b"/", body, b"Content-Type: a/b", encoding))
        assert recorder.bodies == [body]
        assert recorder.environs[0]["CONTENT_LENGTH"] == "256"
        assert recorder.environs[0]["CONTENT_TYPE"] == "a/b"

    def test_a_chunked_body_arrives_whole(self) -> None:
        recorder = Recorder()
        head = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        serve(recorder, head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        assert recorder.bodies == [b"abc"]
        assert recorder.environs[0]["CONTENT_LENGTH"] == "3"

    def test_the_answer_leaves_as_made_and_is_closed(self) -> None:
        recorder = Recorder()
        (answer,) = serve(recorder, get(b"/"))
        assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
        assert answer.count(b"X-Two:") == 2
        assert answer.endswith(b"\r\n\r\ntwo parts")
        assert recorder.closed == 1


class TestTrouble:
    def test_a_client_that_leaves_does_not_disturb_the_next(self) -> None:
        recorder = Recorder()

        async def run() -> bytes:
            server = ApiServer(recorder, "127.0.0.1", 0)
            await server.start()
            port = int(server.url.rpartition(":")[2])
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /left HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nab")
            await writer.drain()
            writer.transport.abort()
            answer = await exchange(port, get(b"/stayed"))
            await server.close()
            return answer

        assert asyncio.run(run()).endswith(b"two parts")
        assert [environ["PATH_INFO"] for environ in recorder.environs] == ["/stayed"]

    def test_an_application_that_raises_is_a_500(self) -> None:
        recorder = Recorder()
        recorder.before = lambda: 1 / 0
        (answer,) = serve(recorder, get(b"/"))
        assert answer.startswith(b"HTTP/1.1 500")

    def test_requests_are_handled_one_at_a_time_on_one_thread(self) -> None:
        recorder = Recorder()
        threads: set[int] = set()
        busy = threading.Lock()

        def before() -> None:
            assert busy.acquire(blocking=False)
            threads.add(threading.get_ident())
            busy.release()

        recorder.before = before

        async def run() -> None:
            server = ApiServer(recorder, "127.0.0.1", 0)
            await server.start()
            port = int(server.url.rpartition(":")[2])
            answers = await asyncio.gather(*(exchange(port, get(b"/")) for _ in range(20)))
            assert all(answer.startswith(b"HTTP/1.1 201") for answer in answers)
            await server.close()

        asyncio.run(run())
        assert len(threads) == 1

    def test_a_taken_port_is_an_os_error(self) -> None:
        async def run() -> None:
            first = ApiServer(Recorder(), "127.0.0.1", 0)
            await first.start()
            second = ApiServer(Recorder(), "127.0.0.1", int(first.url.rpartition(":")[2]))
            with pytest.raises(OSError, match="in use"):
                await second.start()
            await second.close()
            await first.close()

        asyncio.run(run())


class TestWholeApi:
    """The application of the product behind the server."""

    def serve(self, api: Api, *requests: bytes) -> list[bytes]:
        app = create_app(api.settings, api.environment, api.clock, api.entropy, api.database)
        return serve(app, *requests)

    def test_a_signature_covers_the_bytes_on_the_wire(self, api: Api) -> None:
        key = api.api_key()
        target = f"/api/v1/spot/deposits?{api.signed('b=%41+%zz&limit=20', key)}".encode()
        header = f"X-MBX-APIKEY: {key.api_key}".encode()
        good, bad = self.serve(api, get(target, header), get(target.replace(b"%41", b"A"), header))
        assert good.startswith(b"HTTP/1.1 200 OK\r\n")
        assert good.endswith(b"\r\n\r\n[]\n")
        assert bad.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert bad.endswith(b"\r\n\r\n")
        assert b"Content-Length: 0\r\n" in bad
        assert b"\r\nContent-Type:" not in bad

    @pytest.mark.parametrize("size", [64 * 1024 + 1, BODY_BYTES_MAX + 1])
    def test_a_large_body_is_judged_after_the_switch_and_the_key(self, api: Api, size: int) -> None:
        path, key = b"/api/v1/admin/spot/balances/credit", f"X-API-Key: {ADMIN_KEY}".encode()
        (large,) = self.serve(api, post(path, b" " * size, key))
        assert large.startswith(b"HTTP/1.1 413")
        assert b'{"error":"BODY_TOO_LARGE"}' in large
        (unauthorized,) = self.serve(api, post(path, b" " * size))
        assert unauthorized.startswith(b"HTTP/1.1 401")
        api.environment.clear()
        (disabled,) = self.serve(api, post(path, b" " * size))
        assert disabled.startswith(b"HTTP/1.1 404")
        assert b'{"error":"DISABLED"}' in disabled

    def test_a_head_request_has_the_length_and_no_body(self, api: Api) -> None:
        token = f"Authorization: Bearer {api.token(ALICE)}".encode()
        request = get(b"/api/v1/spot/balances", token).replace(b"GET", b"HEAD", 1)
        (answer,) = self.serve(api, request)
        assert b"Content-Length: 16\r\n" in answer
        assert answer.endswith(b"\r\n\r\n")
