"""The server in front of the application: exact bytes in, exact bytes out, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ztdx_spot.api.app import BODY_BYTES_MAX, create_app
from ztdx_spot.api.security_headers import HEADERS
from ztdx_spot.auth.signatures import sign
from ztdx_spot.config import read_settings
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.service import API_BUSY_WAIT_S, running
from ztdx_spot.serving.connections import HEADERS_MAX, Awaited, ConnectionLimits
from ztdx_spot.serving.server import ApiServer

from .api_client import ADMIN_KEY, CREDIT_PATH, JWT_SECRET, Api
from .raw_http import exchange, get, post, refused
from .world import ALICE

PATIENCE_S = 10

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


def serve(application: Any, *requests: bytes, **limits: Any) -> list[bytes]:
    """The answers to these raw requests, each on its own connection, one after the other."""

    async def act(port: int) -> list[bytes]:
        return [await exchange(port, request) for request in requests]

    answers: list[bytes] = run(application, act, **limits)
    return answers


def run(application: Any, act: Callable[[int], Awaitable[Any]], **limits: Any) -> Any:
    """What `act` makes of a server of this application; it is given the port."""

    async def whole() -> Any:
        server = ApiServer(application, "127.0.0.1", 0, limits=ConnectionLimits(**limits))
        await server.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await act(int(server.url.rpartition(":")[2]))
        finally:
            await server.close()

    return asyncio.run(whole())


def connections_of(server: ApiServer) -> list[Any]:
    assert server._connections is not None
    return server._connections.connections


def application_of(api: Api) -> Any:
    return create_app(api.settings, api.environment, api.clock, api.entropy, api.database)


def chunked(target: bytes, body: bytes, *headers: bytes) -> bytes:
    """The body in two chunks."""
    lines = [b"POST " + target + b" HTTP/1.1", b"Host: h", b"Connection: close", *headers]
    parts = [part for part in (body[:7], body[7:]) if part]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return (
        b"\r\n".join([*lines, b"Transfer-Encoding: chunked"]) + b"\r\n\r\n" + chunks + b"0\r\n\r\n"
    )


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


SECRET = b"sk-never-to-be-repeated"
_GET = b"GET / HTTP/1.1\r\nHost: h\r\n"
_POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
_CHUNKS = _POST + b"Transfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "a line that is none": b"\x16\x03\x01" + SECRET + b"\r\n\r\n",
    "a method": b"GE T /" + SECRET + b" HTTP/1.1\r\n\r\n",
    "a version": b"GET /" + SECRET + b" HTTP/9.9\r\n\r\n",
    "a header without a colon": _GET + b"X-API-Key " + SECRET + b"\r\n\r\n",
    "a control character": _GET + b"X-API-Key: \x01" + SECRET + b"\r\n\r\n",
    "a length that is none": _POST + b"Content-Length: " + SECRET + b"\r\n\r\n",
    "two lengths": _POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n" + SECRET,
    "a line without end": b"GET /" + 9000 * b"x" + SECRET + b" HTTP/1.1\r\n\r\n",
    "a header without end": _GET + b"A: " + 9000 * b"x" + SECRET + b"\r\n\r\n",
    "too many headers": _GET + 200 * (b"A: " + SECRET + b"\r\n") + b"\r\n",
    "a chunk": _CHUNKS + SECRET + b"\r\n",
    "a later chunk": _CHUNKS + b"2\r\nab\r\n" + SECRET + b"\r\n",
}


class TestMalformedHttp:
    @pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
    def test_it_is_a_bad_request_and_nothing_of_it_is_repeated_or_logged(
        self, request_bytes: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        (answer,) = serve(Recorder(), request_bytes)
        assert refused(answer) == (400, "BAD_REQUEST")
        assert b"\r\nConnection: close\r\n" in answer
        assert SECRET not in answer
        assert SECRET.decode() not in caplog.text
        assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []

    def test_it_ends_its_own_connection_only(self) -> None:
        recorder = Recorder()
        bad, good = serve(recorder, MALFORMED["a version"], get(b"/"))
        assert refused(bad) == (400, "BAD_REQUEST")
        assert good.endswith(b"two parts")

    def test_a_chunk_that_breaks_after_the_answer_is_not_logged(
        self, api: Api, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The body is too large, so it is answered before its end; then comes what is no chunk."""

        async def act(port: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = b"%x\r\n" % (BODY_BYTES_MAX + 1) + (BODY_BYTES_MAX + 1) * b" " + b"\r\n"
            head = (
                b"POST /api/v1/auth/login HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            writer.write(head + body)
            answer = await reader.readuntil(b"}")
            writer.write(SECRET + b"\r\n")
            await reader.read()
            writer.close()
            return answer

        caplog.set_level(logging.DEBUG)
        assert b" 413 " in run(application_of(api), act, linger_s=0.2)
        assert SECRET.decode() not in caplog.text
        assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []


class TestUnusualRequests:
    @pytest.mark.parametrize("line", [b"OPTIONS *", b"CONNECT a:80"])
    def test_what_names_no_path_of_ours_is_not_found(self, api: Api, line: bytes) -> None:
        (answer,) = serve(
            application_of(api), line + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        assert refused(answer) == (404, "NOT_FOUND")

    def test_an_expectation_that_nobody_knows_is_ignored(self) -> None:
        (answer,) = serve(Recorder(), get(b"/", b"Expect: a-miracle"))
        assert answer.endswith(b"two parts")

    def test_a_client_that_waits_for_100_continue_is_told(self) -> None:
        recorder = Recorder()

        async def act(port: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head, _, body = post(b"/", b"body", b"Expect: 100-continue").partition(b"\r\n\r\n")
            writer.write(head + b"\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            answer = await reader.read()
            writer.close()
            return answer

        assert run(recorder, act).endswith(b"two parts")
        assert recorder.bodies == [b"body"]

    def test_a_large_body_is_refused_before_it_is_sent(self, api: Api) -> None:
        """A claimed size is enough: whoever waits for 100 Continue is spared the upload."""
        head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
        (answer,) = serve(
            application_of(api), head + b"Content-Length: 99999999\r\n\r\n", linger_s=0.05
        )
        assert refused(answer) == (413, "BODY_TOO_LARGE")

    def test_options_without_a_preflight_is_refused(self, api: Api) -> None:
        request = get(b"/api/v1/spot/balances").replace(b"GET", b"OPTIONS", 1)
        (answer,) = serve(application_of(api), request)
        assert refused(answer) == (405, "METHOD_NOT_ALLOWED")
        assert b"\r\nAllow: " in answer


class TestDeadlines:
    @pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost:"])
    def test_half_a_head_is_408(self, sent: bytes) -> None:
        (answer,) = serve(Recorder(), sent, head_s=0.05)
        assert refused(answer) == (408, "REQUEST_TIMEOUT")
        assert b"\r\nConnection: close\r\n" in answer

    def test_half_a_head_after_an_answer_is_408_too(self) -> None:
        async def act(port: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await reader.readuntil(b"two parts")
            writer.write(b"GET / HT")
            answer = await reader.read()
            writer.close()
            return answer

        assert refused(run(Recorder(), act, head_s=0.05)) == (408, "REQUEST_TIMEOUT")

    @pytest.mark.parametrize("framing", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
    def test_half_a_body_is_408_and_not_run(self, framing: bytes) -> None:
        recorder = Recorder()
        head = b"POST / HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n"
        (answer,) = serve(recorder, head + b"4\r\nab", body_s=0.05, linger_s=0.05)
        assert refused(answer) == (408, "REQUEST_TIMEOUT")
        assert recorder.environs == []

    def test_an_idle_connection_is_closed_without_a_word(self) -> None:
        async def act(port: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await reader.readuntil(b"two parts")
            rest = await reader.read()
            writer.close()
            return rest

        assert run(Recorder(), act, idle_s=0.05) == b""

    def test_one_connection_too_many_is_503_until_another_leaves(self) -> None:
        async def act(port: int) -> None:
            _, first = await asyncio.open_connection("127.0.0.1", port)
            second = await exchange(port)
            assert refused(second) == (503, "UNAVAILABLE")
            first.transport.abort()
            while b"two parts" not in await exchange(port, get(b"/")):
                pass

        run(Recorder(), act, connections_max=1)

    def test_the_refusal_arrives_although_the_request_is_never_read(self) -> None:
        async def act(port: int) -> None:
            _, first = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(20):
                refusal = await exchange(port, post(b"/", 100_000 * b" "))
                assert refused(refusal) == (503, "UNAVAILABLE")
            first.transport.abort()

        run(Recorder(), act, connections_max=1)

    def test_requests_far_ahead_of_their_turn_end_the_connection(self) -> None:
        recorder = Recorder()
        release, entered = threading.Event(), threading.Event()

        def before() -> None:
            entered.set()
            release.wait(PATIENCE_S)

        recorder.before = before

        async def act(port: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await asyncio.to_thread(entered.wait)
            ahead = b"GET /ahead HTTP/1.1\r\nA: " + 8000 * b"x" + b"\r\n\r\n"
            with contextlib.suppress(ConnectionError):
                for _ in range(10_000):
                    writer.write(ahead)
                    await writer.drain()
                assert await reader.read() == b""
            writer.transport.abort()
            release.set()

        run(recorder, act)
        assert len(recorder.environs) == 1

    def test_a_stop_does_not_wait_for_half_a_request(self) -> None:
        async def whole() -> None:
            server = ApiServer(Recorder(), "127.0.0.1", 0)
            await server.start()
            port = int(server.url.rpartition(":")[2])
            halves = (b"", b"GET /", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab")
            asking = [asyncio.create_task(exchange(port, half)) for half in halves]
            while len(connections_of(server)) < len(halves):
                await asyncio.sleep(0.005)
            async with asyncio.timeout(2):
                await server.close()
            await asyncio.gather(*asking, return_exceptions=True)

        asyncio.run(whole())

    def test_no_deadline_runs_while_the_application_works(self) -> None:
        recorder = Recorder()
        passed = threading.Event()
        recorder.before = lambda: passed.wait(0.15)
        (answer,) = serve(recorder, get(b"/"), head_s=0.05, body_s=0.05, idle_s=0.05)
        assert answer.endswith(b"two parts")


def test_the_limits_are_those_of_the_document() -> None:
    document = (Path(__file__).parents[3] / "docs" / "api.md").read_text("utf-8")
    limits = ConnectionLimits()
    for row in (
        f"| a body | {BODY_BYTES_MAX // 1024} KiB |",
        f"| headers | {HEADERS_MAX} |",
        f"| a head, from its first byte | {limits.head_s:g} s |",
        f"| a body | {limits.body_s:g} s |",
        f"| a connection without a request | {limits.idle_s:g} s |",
        f"| connections, without those of `/ws` | {limits.connections_max:,} |",
        f"| waiting for another process's write lock | {API_BUSY_WAIT_S:g} s |",
    ):
        assert f"\n{row}" in document, row


class TestBusyThread:
    """The application's one thread waits for a lock, or for whatever else."""

    def test_health_is_answered_all_the_same(self, api: Api) -> None:
        whole = application_of(api)
        release, entered = threading.Event(), threading.Event()

        def application(environ: Any, start: Any) -> Any:
            if environ["PATH_INFO"] == "/stuck":
                entered.set()
                release.wait(PATIENCE_S)
            return whole(environ, start)

        async def act(port: int) -> None:
            stuck = asyncio.create_task(exchange(port, get(b"/stuck")))
            await asyncio.to_thread(entered.wait)
            for path in (b"/health", b"/api/v1/spot/health"):
                told = await exchange(port, get(path))
                assert told.startswith(b"HTTP/1.1 200 OK\r\n")
                assert told.endswith(b'\r\n\r\n{"status":"ok"}\n')
                for header in (*HEADERS, "Access-Control-Allow-Origin"):
                    assert f"\r\n{header}: ".encode() in told
            refusal = await exchange(port, post(b"/health", b"{}"))
            assert refused(refusal) == (405, "METHOD_NOT_ALLOWED")
            assert not stuck.done()
            release.set()
            assert b" 404 " in await stuck

        run(application, act)

    def test_what_a_client_that_has_gone_asked_for_is_not_done(self) -> None:
        recorder = Recorder()
        release, entered = threading.Event(), threading.Event()

        def before() -> None:
            entered.set()
            release.wait(PATIENCE_S)

        recorder.before = before

        async def act(port: int) -> None:
            first = asyncio.create_task(exchange(port, get(b"/first")))
            await asyncio.to_thread(entered.wait)
            _, gone = await asyncio.open_connection("127.0.0.1", port)
            gone.write(get(b"/gone"))
            await gone.drain()
            stays = asyncio.create_task(exchange(port, get(b"/stays")))
            while len(server_connections()) < 3:
                await asyncio.sleep(0.005)
            gone.transport.abort()
            while len(server_connections()) > 2:
                await asyncio.sleep(0.005)
            release.set()
            assert (await first).endswith(b"two parts")
            assert (await stays).endswith(b"two parts")

        server: ApiServer

        def server_connections() -> list[Any]:
            return [each for each in connections_of(server) if each.transport is not None]

        async def whole() -> None:
            nonlocal server
            server = ApiServer(recorder, "127.0.0.1", 0)
            await server.start()
            try:
                await act(int(server.url.rpartition(":")[2]))
            finally:
                await server.close()

        asyncio.run(whole())
        assert [environ["PATH_INFO"] for environ in recorder.environs] == ["/first", "/stays"]

    def test_a_stop_does_not_wait_for_the_lock_that_requests_wait_for(
        self, api: Api, database_path: Path
    ) -> None:
        """Three credits queue behind a lock that is never released; all of them are told."""
        stop = threading.Event()
        clock = WallClock(stop)
        credit = post(
            CREDIT_PATH.encode(),
            json.dumps({"user_address": ALICE, "token": "DF", "amount": "1"}).encode(),
            f"X-API-Key: {ADMIN_KEY}".encode(),
        )

        async def whole() -> list[bytes]:
            with (
                closing(open_connection(database_path)) as asked,
                closing(open_connection(database_path)) as holder,
                Database(holder, clock).write(),
            ):
                waiting = Database(asked, clock, busy_wait_s=600)
                app = create_app(api.settings, api.environment, clock, api.entropy, waiting)
                server = ApiServer(app, "127.0.0.1", 0, interrupt=stop.set)
                await server.start()
                port = int(server.url.rpartition(":")[2])
                asking = [asyncio.create_task(exchange(port, credit)) for _ in range(3)]
                while sum(each._awaited is Awaited.TURN for each in connections_of(server)) < 3:
                    await asyncio.sleep(0.005)
                async with asyncio.timeout(2):
                    await server.close()
                return await asyncio.gather(*asking)

        answers = asyncio.run(whole())
        assert [refused(answer) for answer in answers] == [(503, "UNAVAILABLE")] * 3


class TestService:
    """The parts as the program puts them together, beside a process that holds the write lock."""

    def test_a_held_lock_costs_a_request_a_second_and_the_stop_nothing(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "spot.db"
        environment = {
            "DATABASE_URL": f"sqlite:///{path}",
            "JWT_SECRET": JWT_SECRET,
            "ADMIN_API_KEY": ADMIN_KEY,
            "PORT": "0",
            "TESTNET_ONLY": "true",
        }
        body = json.dumps({"user_address": ALICE, "token": "DF", "amount": "1"}).encode()
        credit = post(CREDIT_PATH.encode(), body, f"X-API-Key: {ADMIN_KEY}".encode())

        async def whole() -> None:
            async with AsyncExitStack() as parts:
                settings = read_settings(environment, listener=False)
                service = await parts.enter_async_context(running(settings, environment, print))
                assert service.url is not None
                port = int(service.url.rpartition(":")[2])
                with (
                    closing(open_connection(path)) as holder,
                    Database(holder, WallClock()).write(),
                ):
                    asking = [asyncio.create_task(exchange(port, credit)) for _ in range(9)]
                    async with asyncio.timeout(3):
                        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
                        assert b" 200 OK" in await exchange(port, get(b"/health"))
                        # The lock is still held.
                        await parts.aclose()
                answers = sorted(refused(answer) for answer in await asyncio.gather(*asking))
                assert (500, "DB_ERROR") in answers
                assert answers[-7:] == [(503, "UNAVAILABLE")] * 7

        asyncio.run(whole())


class TestWholeApi:
    """The application of the product behind the server."""

    def serve(self, api: Api, *requests: bytes) -> list[bytes]:
        return serve(application_of(api), *requests)

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

    @pytest.mark.parametrize("size", [BODY_BYTES_MAX + 1, 1024 * 1024 + 1])
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

    def test_a_chunked_credit_is_credited(self, api: Api) -> None:
        body = json.dumps({"user_address": ALICE, "token": "DF", "amount": "3"}).encode()
        request = chunked(CREDIT_PATH.encode(), body, f"X-API-Key: {ADMIN_KEY}".encode())
        (answer,) = self.serve(api, request)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert api.get_as(ALICE, "/spot/balances").json["balances"][0]["available"] == "3"

    def test_a_chunked_body_is_covered_by_its_signature(self, api: Api) -> None:
        key, body = api.api_key(), b'{"label": "chunked"}'
        payload = f"timestamp={int(api.clock.time_s * 1000)}"
        signature = sign(key.secret_key, payload.encode() + body)
        target = f"/api/v1/api-keys?{payload}&signature={signature}".encode()
        header = f"X-MBX-APIKEY: {key.api_key}".encode()
        forged = body.replace(b"chunked", b"changed")
        good, bad = self.serve(api, chunked(target, body, header), chunked(target, forged, header))
        assert b'"label":"chunked"' in good
        assert bad.startswith(b"HTTP/1.1 401 ")

    def test_a_chunked_body_that_is_too_large_is_413(self, api: Api) -> None:
        key = f"X-API-Key: {ADMIN_KEY}".encode()
        (answer,) = self.serve(api, chunked(CREDIT_PATH.encode(), 70_000 * b" ", key))
        assert refused(answer) == (413, "BODY_TOO_LARGE")

    def test_a_head_request_has_the_length_and_no_body(self, api: Api) -> None:
        token = f"Authorization: Bearer {api.token(ALICE)}".encode()
        request = get(b"/api/v1/spot/balances", token).replace(b"GET", b"HEAD", 1)
        (answer,) = self.serve(api, request)
        assert b"Content-Length: 16\r\n" in answer
        assert answer.endswith(b"\r\n\r\n")
