"""The live edges against real sockets on loopback: one deadline, one attempt, whole answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ztdx_spot.edges import HttpTransport, Stopping, SystemEntropy, WallClock
from ztdx_spot.ports import AnswerTooLarge, HttpAnswer, TransportError, TransportTimeout

from .loopback import Exchange, LoopbackServer, Script, http

DEADLINE_S = 0.2
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answering(body: bytes) -> Script:
    return lambda exchange: exchange.send(http(body))


@pytest.fixture
def transports() -> Iterator[list[HttpTransport]]:
    made: list[HttpTransport] = []
    yield made
    for transport in made:
        transport.close()


def post(
    server: LoopbackServer, transports: list[HttpTransport], timeout_s: float = 5.0
) -> HttpAnswer:
    if not transports:
        transports.append(HttpTransport(server.url, answer_bytes_max=1000))
    return transports[0].post(b'{"id":1}', timeout_s)


def reason_of_failure(
    server: LoopbackServer,
    transports: list[HttpTransport],
    timeout_s: float = 5.0,
    kind: type[TransportError] = TransportError,
) -> str:
    with pytest.raises(TransportError) as caught:
        post(server, transports, timeout_s)
    assert type(caught.value) is kind
    assert "4711" not in str(caught.value)
    return str(caught.value)


class TestAnswers:
    def test_status_headers_and_body_come_back(self, transports: list[HttpTransport]) -> None:
        answer = http(b"busy", b"Retry-After: 7", b"X-A: 1", b"x-a: 2", status=b"429 Slow Down")
        with LoopbackServer(lambda exchange: exchange.send(answer)) as server:
            got = post(server, transports)
        assert (got.status, got.body) == (429, b"busy")
        assert got.headers == {"content-length": "4", "retry-after": "7", "x-a": "1, 2"}

    def test_the_request_is_a_plain_json_post(self, transports: list[HttpTransport]) -> None:
        with LoopbackServer(answering(b"{}")) as server:
            post(server, transports)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /key-4711 HTTP/1.1\r\n")
        assert b"Content-Type: application/json" in head
        assert b"Accept-Encoding: identity" in head
        assert body == b'{"id":1}'

    def test_the_connection_is_kept(self, transports: list[HttpTransport]) -> None:
        with LoopbackServer(answering(b"{}")) as server:
            for _ in range(3):
                post(server, transports)
        assert (len(server.requests), server.connection_count) == (3, 1)

    def test_a_redirect_is_an_answer_and_not_an_order(
        self, transports: list[HttpTransport]
    ) -> None:
        answer = http(b"", b"Location: /elsewhere", status=b"307 Temporary Redirect")
        with LoopbackServer(lambda exchange: exchange.send(answer)) as server:
            assert post(server, transports).status == 307
        assert len(server.requests) == 1


class TestDeadline:
    def late(
        self, transports: list[HttpTransport], script: Script, timeout_s: float = DEADLINE_S
    ) -> None:
        with LoopbackServer(script) as server:
            started_s = time.monotonic()
            reason = reason_of_failure(server, transports, timeout_s, TransportTimeout)
            took_s = time.monotonic() - started_s
        assert reason == "not finished within 0.2 s"
        assert timeout_s <= took_s < timeout_s + 0.5
        assert len(server.requests) == 1

    def test_it_holds_for_a_body_that_trickles(self, transports: list[HttpTransport]) -> None:
        def script(exchange: Exchange) -> None:
            exchange.send(http(b"", length=900))
            exchange.trickle(b"x" * 900, 0.02)

        self.late(transports, script)

    def test_it_holds_for_headers_that_trickle(self, transports: list[HttpTransport]) -> None:
        self.late(transports, lambda exchange: exchange.trickle(http(b"{}"), 0.02))

    def test_it_holds_for_silence(self, transports: list[HttpTransport]) -> None:
        self.late(transports, lambda exchange: exchange.gone.wait(5))

    def test_the_next_request_is_not_answered_by_a_late_answer(
        self, transports: list[HttpTransport]
    ) -> None:
        def late(exchange: Exchange) -> None:
            exchange.trickle(http(b"late"), 0.02)

        with LoopbackServer(late, answering(b"fresh")) as server:
            reason_of_failure(server, transports, DEADLINE_S, TransportTimeout)
            assert post(server, transports).body == b"fresh"


class TestNoHiddenRetry:
    def test_a_reset_is_told_after_one_attempt(self, transports: list[HttpTransport]) -> None:
        with LoopbackServer(lambda exchange: exchange.reset()) as server:
            reason_of_failure(server, transports)
            assert len(server.requests) == 1

    def test_a_reset_on_a_kept_connection_too(self, transports: list[HttpTransport]) -> None:
        with LoopbackServer(answering(b"{}"), lambda exchange: exchange.reset()) as server:
            post(server, transports)
            reason_of_failure(server, transports)
            assert len(server.requests) == 2

    def test_a_close_without_an_answer_too(self, transports: list[HttpTransport]) -> None:
        with LoopbackServer(lambda exchange: exchange.connection.close()) as server:
            reason_of_failure(server, transports)
            assert len(server.requests) == 1

    def test_a_connection_closed_between_two_posts_is_replaced(
        self, transports: list[HttpTransport]
    ) -> None:
        with LoopbackServer(answering(b"{}")) as server:
            for _ in range(3):
                post(server, transports)
                server.close_connection()
        assert (len(server.requests), server.connection_count) == (3, 3)


class TestIncompleteAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(http(b"{}", length=100), id="cut body"),
            pytest.param(CHUNKED + b"5\r\nabc", id="cut chunk"),
            pytest.param(CHUNKED + b"3\r\nabc\r\n", id="no last chunk"),
            pytest.param(CHUNKED + b"xyz\r\n", id="bad chunk"),
            pytest.param(b"HTTP/1.1 200", id="cut head"),
            pytest.param(b"\x00\x01 nonsense\r\n\r\n", id="no HTTP"),
            pytest.param(http(b"not gzip", b"Content-Encoding: gzip"), id="bad gzip"),
            pytest.param(http(b"{}", b"A: " + b"x" * 100_000), id="endless header"),
        ],
    )
    def test_an_answer_that_is_not_whole_is_no_answer(
        self, transports: list[HttpTransport], answer: bytes
    ) -> None:
        def script(exchange: Exchange) -> None:
            exchange.send(answer)
            exchange.connection.close()

        with LoopbackServer(script) as server:
            reason_of_failure(server, transports)
            assert len(server.requests) == 1

    @pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
    def test_an_answer_has_a_size_bound(
        self, transports: list[HttpTransport], size: int, fits: bool
    ) -> None:
        with LoopbackServer(answering(b"x" * size)) as server:
            if fits:
                assert len(post(server, transports).body) == size
            else:
                reason = reason_of_failure(server, transports, kind=AnswerTooLarge)
                assert reason == "it is larger than 1000 bytes"

    def test_nobody_listening_is_told_without_the_url(
        self, transports: list[HttpTransport]
    ) -> None:
        with LoopbackServer(answering(b"")) as server:
            pass
        assert reason_of_failure(server, transports).startswith("ClientConnectorError")


class TestClockAndEntropy:
    def test_a_stopped_clock_wakes_its_sleeper(self) -> None:
        stop = threading.Event()
        clock = WallClock(stop)
        clock.sleep_s(0)
        stop.set()
        with pytest.raises(Stopping):
            clock.sleep_s(3600)
        assert not issubclass(Stopping, Exception)

    def test_entropy_gives_as_many_bytes_as_asked_for(self) -> None:
        assert len(SystemEntropy().bytes("deposit-id", 16)) == 16
