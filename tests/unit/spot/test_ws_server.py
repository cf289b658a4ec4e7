"""`/ws` on real sockets: upgrades, order, owners, limits, slow and dead clients, the end."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.serving.connections import ConnectionLimits
from ztdx_spot.serving.server import ApiServer
from ztdx_spot.serving.sockets.limits import SocketLimits
from ztdx_spot.serving.sockets.upgrade import REFUSALS
from ztdx_spot.ws import verifier as verifier_module
from ztdx_spot.ws.frames import FRAME_BYTES_MAX
from ztdx_spot.ws.hub import Hub
from ztdx_spot.ws.tail import BATCH_CHANGES_MAX

from .push_world import (
    CHANNEL,
    PATIENCE_S,
    Client,
    connected,
    credit,
    open_sockets,
    served,
    token,
)
from .raw_http import exchange, get, post, refused
from .world import ALICE, BOB, FakeClock

UPGRADE = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)

Act = Callable[[ApiServer], Awaitable[None]]


@pytest.fixture
def run(database: Database, database_path: Path, clock: FakeClock) -> Callable[..., None]:
    """Run this against a server of the ledger, with these limits."""

    def run(act: Act, **changes: Any) -> None:
        async def whole() -> None:
            async with served(database_path, clock, **changes) as server:
                await act(server)

        asyncio.run(whole())

    return run


async def no_sockets(server: ApiServer) -> None:
    """Until the server holds none any more."""
    async with asyncio.timeout(PATIENCE_S):
        while open_sockets(server):
            await asyncio.sleep(0.005)
    assert server._sockets is not None
    assert len(server._sockets._hub) == 0


def upgrade(*headers: bytes, target: bytes = b"/ws") -> bytes:
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: h", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def port_of(server: ApiServer) -> int:
    return int(server.url.rpartition(":")[2])


async def answer_to(server: ApiServer, request: bytes) -> tuple[int, bytes]:
    """Status and body of what a server says to this and then closes."""
    answer = await exchange(int(server.url.rpartition(":")[2]), request)
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]


class TestUpgrade:
    @pytest.mark.parametrize(
        ("sent", "status", "code"),
        [
            (get(b"/ws"), 426, "UPGRADE_REQUIRED"),
            (get(b"/ws?a=b", b"Upgrade: h2c"), 426, "UPGRADE_REQUIRED"),
            (post(b"/ws", b"{}", *UPGRADE[1:]), 405, "METHOD_NOT_ALLOWED"),
            (get(b"/ws", *UPGRADE[1:]), 400, "BAD_REQUEST"),
            (upgrade(*UPGRADE[:2], b"Sec-WebSocket-Version: 13"), 400, "BAD_REQUEST"),
            (upgrade(*UPGRADE[:2], b"Sec-WebSocket-Version: 6", UPGRADE[3]), 400, "BAD_REQUEST"),
            (upgrade(*UPGRADE[:2], b"Sec-WebSocket-Version: 8", UPGRADE[3]), 400, "BAD_REQUEST"),
            (upgrade(*UPGRADE[:3], b"Sec-WebSocket-Key: short"), 400, "BAD_REQUEST"),
        ],
    )
    def test_what_is_no_upgrade_is_told_so(
        self, run: Any, sent: bytes, status: int, code: str
    ) -> None:
        async def act(server: ApiServer) -> None:
            answer = await exchange(port_of(server), sent)
            assert refused(answer) == (status, code)
            assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in answer
            assert REFUSALS[code].status == status

        run(act)

    def test_every_refusal_is_in_the_document(self) -> None:
        document = (Path(__file__).parents[3] / "docs" / "websocket.md").read_text("utf-8")
        rows = set(re.findall(r"^\| (\d{3}) `([A-Z_]+)` \|", document, re.MULTILINE))
        assert rows == {(str(known.status), code) for code, known in REFUSALS.items()}

    def test_every_other_path_is_the_applications(self, run: Any) -> None:
        async def act(server: ApiServer) -> None:
            for path in (b"/", b"/ws/", b"//ws", b"/ws/x", b"/wss"):
                assert await answer_to(server, get(path)) == (200, b"the application")

        run(act)

    def test_without_push_the_path_is_the_applications_too(self) -> None:
        def application(environ: Any, start: Any) -> list[bytes]:
            start("200 OK", [])
            return [environ["PATH_INFO"].encode()]

        async def whole() -> None:
            server = ApiServer(application, "127.0.0.1", 0)
            await server.start()
            assert await answer_to(server, get(b"/ws")) == (200, b"/ws")
            assert open_sockets(server) == 0
            await server.close()

        asyncio.run(whole())

    @pytest.mark.parametrize("origin", ["http://evil", "null", "http://good:80", "HTTP://good"])
    def test_a_page_of_another_origin_is_refused(self, run: Any, origin: str) -> None:
        async def act(server: ApiServer) -> None:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with connected(server, headers={"Origin": origin}):
                    pass
            assert caught.value.status == 403
            sent = upgrade(*UPGRADE, f"Origin: {origin}".encode(), b"Connection: close")
            answer = await exchange(port_of(server), sent)
            assert refused(answer) == (403, "ORIGIN_NOT_ALLOWED")
            assert b"\r\nVary: Origin\r\n" in answer
            assert b"Access-Control-Allow-Origin" not in answer

        run(act, allowed_origins=("http://good",))

    @pytest.mark.parametrize(
        ("allowed", "headers"),
        [
            ((), {"Origin": "http://any"}),
            (("http://good",), {"Origin": "http://good"}),
            (("x",), {}),
        ],
    )
    def test_an_allowed_page_and_a_program_without_origin_are_not(
        self, run: Any, allowed: tuple[str, ...], headers: dict[str, str]
    ) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server, headers=headers) as client:
                assert await client.ask(type="ping") == {"type": "pong"}

        run(act, allowed_origins=allowed)

    def test_one_socket_too_many_is_503_until_another_leaves(self, run: Any) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server, 2):
                answer = await exchange(port_of(server), upgrade(*UPGRADE))
                assert refused(answer) == (503, "TOO_MANY_SOCKETS")
            await no_sockets(server)
            async with connected(server) as client:
                assert await client.ask(type="ping") == {"type": "pong"}

        run(act, sockets_max=2)

    def test_sockets_of_nobody_are_fewer_and_a_proven_one_makes_room(
        self, run: Any, clock: FakeClock
    ) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                refusal = await exchange(port_of(server), upgrade(*UPGRADE))
                assert refused(refusal) == (503, "TOO_MANY_SOCKETS")
                await client.ask(type="auth", token=token(clock))
                async with connected(server) as other:
                    assert await other.ask(type="ping") == {"type": "pong"}

        run(act, unproven_max=1)

    def test_a_subprotocol_that_is_offered_is_not_taken_and_not_logged(
        self, run: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Some clients send their token as one."""
        caplog.set_level(logging.DEBUG)

        async def act(server: ApiServer) -> None:
            async with connected(server, headers={"Sec-WebSocket-Protocol": "my-token"}) as client:
                assert client.socket.protocol is None
                assert await client.ask(type="ping") == {"type": "pong"}

        run(act)
        logged = [r for r in caplog.records if "my-token" in r.getMessage()]
        assert logged == []

    def test_sockets_do_not_take_the_places_of_requests(
        self, database_path: Path, database: Database, clock: FakeClock
    ) -> None:
        async def whole() -> None:
            limits = ConnectionLimits(connections_max=1)
            async with (
                served(database_path, clock, connections=limits) as server,
                connected(server, 3),
            ):
                assert await answer_to(server, get(b"/")) == (200, b"the application")

        asyncio.run(whole())


class TestFrames:
    def test_a_whole_conversation(self, run: Any, clock: FakeClock, database: Database) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                assert await client.ask(type="ping") == {"type": "pong"}
                refused = await client.ask(type="subscribe", channel=CHANNEL)
                assert refused["code"] == "AUTH_REQUIRED"
                bad = await client.ask(type="auth", token="no")
                assert bad["success"] is False
                good = await client.ask(type="auth_token", token=token(clock))
                assert good == {
                    "type": "auth_result",
                    "success": True,
                    "message": f"authenticated as {ALICE}",
                }
                unknown = await client.ask(type="subscribe", channel="spot:all")
                assert unknown["code"] == "INVALID_CHANNEL"
                assert await client.ask(type="subscribe", channel=CHANNEL) == {
                    "type": "subscribed",
                    "channel": CHANNEL,
                }
                credit(database, ALICE, amount="0.000000000000000001", now_s=77)
                assert await client.next() == {
                    "type": "spot_user_balance",
                    "channel": CHANNEL,
                    "data": {
                        "token": "DF",
                        "available": "0.000000000000000001",
                        "frozen": "0",
                        "ts": 77,
                    },
                }
                left = await client.ask(type="unsubscribe", channel=CHANNEL)
                assert left["type"] == "unsubscribed"
                credit(database, ALICE)
                assert await client.ask(type="ping") == {"type": "pong"}

        run(act)

    def test_a_wallet_subscribes_with_its_signature(self, run: Any, database: Database) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                wrong = await client.ask(type="auth", address=BOB, signature="0x", timestamp=1)
                assert wrong["message"] == "SIGNATURE_INVALID: not Bob's"
                await client.ask(type="auth", address=BOB, signature="0xb0b", timestamp=1)
                await client.ask(type="subscribe", channel=CHANNEL)
                credit(database, BOB)
                assert (await client.next())["data"]["available"] == "1"

        run(act)

    @pytest.mark.parametrize(
        "send",
        [
            lambda socket: socket.send_str("{"),
            lambda socket: socket.send_bytes(b'{"type":"ping"}'),
            lambda socket: socket.send_str('{"type":"ping","x":"' + 16384 * "x" + '"}'),
            lambda socket: socket.send_str('{"type":"sing"}'),
        ],
        ids=["malformed", "binary", "oversized", "unknown"],
    )
    def test_an_error_does_not_close_the_socket(self, run: Any, send: Any) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                await send(client.socket)
                assert (await client.next())["code"] == "INVALID_MESSAGE"
                assert await client.ask(type="ping") == {"type": "pong"}

        run(act)

    def test_a_message_that_cannot_be_held_closes_with_1009(self, run: Any) -> None:
        async def act(server: ApiServer) -> None:
            for size_bytes, code in ((1024, None), (1025, 1009)):
                async with connected(server) as client:
                    await client.socket.send_str("x" * size_bytes)
                    if code is None:
                        assert (await client.next())["code"] == "INVALID_MESSAGE"
                    else:
                        assert await client.close_code() == code
            await no_sockets(server)

        run(act, message_bytes_max=1024)

    def test_an_error_of_ours_is_unavailable_logged_and_does_not_close(
        self, run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(*_: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(verifier_module.Verifier, "_of_token", broken)

        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                answer = await client.ask(type="subscribe", channel=CHANNEL, token="secret")
                assert answer["code"] == "UNAVAILABLE"
                assert await client.ask(type="ping") == {"type": "pong"}

        run(act)
        assert "a Subscribe frame could not be checked" in caplog.text
        assert "secret" not in caplog.text

    def test_an_error_of_ours_in_the_answer_closes_with_1011(
        self, run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("ztdx_spot.serving.sockets.reception.read_frame", lambda _data: 1 / 0)

        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                await client.send(type="ping")
                assert await client.close_code() == 1011
            await no_sockets(server)

        run(act)
        assert "a socket ends by an error of the server" in caplog.text

    def test_a_fast_client_is_read_at_the_rate_and_loses_nothing(self, run: Any) -> None:
        async def act(server: ApiServer) -> None:
            loop = asyncio.get_running_loop()
            async with connected(server) as client:
                started_s = loop.time()
                for _ in range(30):
                    await client.send(type="ping")
                for _ in range(30):
                    assert await client.next() == {"type": "pong"}
                assert loop.time() - started_s >= 0.2

        run(act, burst_frames=5, frames_per_s=100.0)


class TestDelivery:
    def test_only_the_owner_hears_of_a_change(
        self, run: Any, clock: FakeClock, database: Database
    ) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server, 3) as (alice, again, bob):
                for client, user in ((alice, ALICE), (again, ALICE), (bob, BOB)):
                    await client.subscribe(token(clock, user))
                credit(database, ALICE, BOB, ALICE)
                for client, available in ((alice, "12"), (again, "12"), (bob, "1")):
                    heard = [(await client.next())["data"]["available"] for _ in available]
                    assert heard == list(available)
                    assert await client.ask(type="ping") == {"type": "pong"}

        run(act)

    def test_what_is_committed_after_subscribed_comes_and_what_was_before_does_not(
        self, run: Any, clock: FakeClock, database: Database
    ) -> None:
        """The commit before falls between two looks of the tail: it is still to be read then."""

        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                proof = token(clock)
                for round_number in range(8):
                    credit(database, ALICE)
                    await client.subscribe(proof)
                    credit(database, ALICE)
                    push = await client.next()
                    assert push["data"]["available"] == str(2 * round_number + 2)
                    answer = await client.ask(type="unsubscribe", channel=CHANNEL)
                    assert answer["type"] == "unsubscribed"

        run(act)

    def test_a_burst_of_one_transaction_comes_whole_and_in_order(
        self, run: Any, clock: FakeClock, database: Database
    ) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                await client.subscribe(token(clock))
                credit(database, *[ALICE] * 2500)
                heard = [int((await client.next())["data"]["available"]) for _ in range(2500)]
                assert heard == list(range(1, 2501))

        # Room for two batches of the tail, not for all: what is sent waits no more.
        run(act, outbox_bytes_max=300_000)

    def test_a_token_that_expires_is_told_and_ends_the_pushes(
        self, run: Any, clock: FakeClock, database: Database
    ) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                await client.subscribe(token(clock, lasts_s=60))
                clock.time_s += 60
                credit(database, ALICE)
                assert (await client.next())["type"] == "unsubscribed"
                assert (await client.next())["code"] == "AUTH_REQUIRED"
                assert await client.ask(type="ping") == {"type": "pong"}

        run(act)

    def test_a_token_that_expires_is_told_without_any_change(
        self, run: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ztdx_spot.serving.sockets.follower.SWEEP_INTERVAL_S", 0.01)

        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                await client.subscribe(token(clock, lasts_s=60))
                clock.time_s += 60
                assert (await client.next())["type"] == "unsubscribed"

        run(act)

    def test_a_round_that_fails_does_not_end_the_pushes(
        self,
        run: Any,
        clock: FakeClock,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        deliver, failures = Hub.deliver, [ZeroDivisionError()]

        def fails_once(hub: Hub, *arguments: Any) -> int:
            if failures:
                raise failures.pop()
            return deliver(hub, *arguments)

        monkeypatch.setattr(Hub, "deliver", fails_once)

        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                await client.subscribe(token(clock))
                credit(database, ALICE)
                while failures:
                    await client.ask(type="ping")
                credit(database, ALICE)
                assert (await client.next())["data"]["available"] == "2"

        run(act)
        assert "a round of pushes failed" in caplog.text

    def test_the_database_is_asked_on_the_thread_of_the_application(
        self, run: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        threads: list[int] = []
        newest_seq = verifier_module.Verifier._newest_seq

        def noted(asked: verifier_module.Verifier) -> int:
            threads.append(threading.get_ident())
            return newest_seq(asked)

        monkeypatch.setattr(verifier_module.Verifier, "_newest_seq", noted)

        async def act(server: ApiServer) -> None:
            async with connected(server) as client:
                for _ in range(3):
                    await client.subscribe(token(clock))
            loop = asyncio.get_running_loop()
            thread = await loop.run_in_executor(server._thread._executor, threading.get_ident)
            assert threads == [thread] * 3

        run(act)

    def test_a_request_that_takes_long_does_not_hold_up_a_push(
        self, database_path: Path, database: Database, clock: FakeClock
    ) -> None:
        """The application's one thread is busy; pings and pushes do not pass through it."""

        async def whole() -> None:
            async with served(database_path, clock) as server, connected(server) as client:
                await client.subscribe(token(clock))
                free = asyncio.Event()
                loop = asyncio.get_running_loop()
                busy = loop.run_in_executor(
                    server._thread._executor,
                    lambda: asyncio.run_coroutine_threadsafe(free.wait(), loop).result(),
                )
                credit(database, ALICE)
                assert (await client.next())["data"]["available"] == "1"
                assert await client.ask(type="ping") == {"type": "pong"}
                free.set()
                await busy

        asyncio.run(whole())


async def stalled_client(server: ApiServer, proof: str) -> asyncio.StreamReader:
    """A client that subscribed and whose next frames nobody reads."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(server.url.rpartition(":")[2]), limit=1024
    )
    writer.write(upgrade(*UPGRADE))
    await reader.readuntil(b"\r\n\r\n")
    frame = json.dumps({"type": "subscribe", "channel": CHANNEL, "token": proof}).encode()
    # A mask of zeros leaves the text as it is.
    writer.write(b"\x81\xfe" + len(frame).to_bytes(2, "big") + bytes(4) + frame)
    await reader.readuntil(b"}")
    reader.writer = writer  # type: ignore[attr-defined] - kept open with its reader
    return reader


class TestSlowClients:
    def test_one_that_does_not_read_is_dropped_with_1013_and_delays_nobody(
        self,
        run: Any,
        clock: FakeClock,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr("ztdx_spot.serving.sockets.client.CLOSE_S", 0.3)
        caplog.set_level(logging.INFO, "ztdx_spot.serving.sockets.client")

        async def act(server: ApiServer) -> None:
            async with connected(server) as bob:
                await bob.subscribe(token(clock, BOB))
                slow = await stalled_client(server, token(clock))
                transport = slow.writer.transport  # type: ignore[attr-defined]
                transport.pause_reading()
                count = 0
                while "a client is dropped" not in caplog.text:
                    credit(database, *[ALICE] * 1000, BOB)
                    count += 1
                    assert (await bob.next())["data"]["available"] == str(count)
                transport.resume_reading()
                received = bytearray()
                async with asyncio.timeout(PATIENCE_S):
                    while chunk := await slow.read(65536):
                        received += chunk
                close = received.rindex(b"\x88")
                assert int.from_bytes(received[close + 2 : close + 4], "big") == 1013
                assert received[close + 4 :] == b"too slow: reconnect and read the balances"
                transport.abort()
                credit(database, BOB)
                assert (await bob.next())["data"]["available"] == str(count + 1)
            await no_sockets(server)

        run(act, outbox_frames_max=1500, outbox_bytes_max=10**9)

    def test_one_that_never_reads_again_is_cut(
        self, run: Any, clock: FakeClock, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ztdx_spot.serving.sockets.client.CLOSE_S", 0.05)

        async def act(server: ApiServer) -> None:
            slow = await stalled_client(server, token(clock))
            transport = slow.writer.transport  # type: ignore[attr-defined]
            transport.pause_reading()
            async with asyncio.timeout(PATIENCE_S):
                while open_sockets(server):
                    credit(database, *[ALICE] * 1000)
                    await asyncio.sleep(0.01)
            transport.abort()

        run(act, outbox_bytes_max=64 * 1024, outbox_frames_max=10**9)

    def test_a_silent_client_that_answers_pings_stays(
        self, run: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ztdx_spot.serving.sockets.follower.SWEEP_INTERVAL_S", 0.0)

        async def act(server: ApiServer) -> None:
            async with connected(server, autoping=False) as client:
                for _ in range(3):
                    message = await client.socket.receive(timeout=PATIENCE_S)
                    assert message.type is aiohttp.WSMsgType.PING
                    await client.socket.pong(message.data)
                assert await client.ask(type="ping") == {"type": "pong"}

        run(act, heartbeat_s=0.1)

    def test_a_dead_client_is_cut(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ztdx_spot.serving.sockets.follower.SWEEP_INTERVAL_S", 0.0)

        async def act(server: ApiServer) -> None:
            async with connected(server, autoping=False) as client:
                assert (await client.socket.receive()).type is aiohttp.WSMsgType.PING
                assert await client.close_code() == 1006
                await no_sockets(server)

        run(act, heartbeat_s=0.1)

    def test_a_ping_of_the_client_is_answered(self, run: Any) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server, autoping=False) as client:
                await client.socket.ping(b"here?")
                message = await client.socket.receive(timeout=PATIENCE_S)
                assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"here?")

        run(act)


class TestTheEnd:
    def test_a_server_that_stops_closes_every_socket_with_1001(
        self, database_path: Path, database: Database, clock: FakeClock
    ) -> None:
        async def whole() -> None:
            async with aiohttp.ClientSession() as session:
                async with served(database_path, clock) as server:
                    url = f"{server.url}/ws"
                    clients = [Client(await session.ws_connect(url)) for _ in range(20)]
                    closings = [asyncio.create_task(client.close_code()) for client in clients]
                    for client in clients[::2]:
                        # On its way when the server stops: it must not reset the connection.
                        await client.send(type="ping")
                assert await asyncio.gather(*closings) == [1001] * 20

        asyncio.run(whole())

    def test_a_client_that_does_not_read_does_not_hold_up_the_stop(
        self,
        database_path: Path,
        database: Database,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("ztdx_spot.serving.sockets.client.CLOSE_S", 0.1)

        async def whole() -> None:
            loop = asyncio.get_running_loop()
            async with served(database_path, clock, outbox_frames_max=10**6) as server:
                slow = await stalled_client(server, token(clock))
                slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
                async with connected(server) as other:
                    await other.subscribe(token(clock))
                    credit(database, *[ALICE] * 1500)
                    for _ in range(1500):
                        await other.next()
                started_s = loop.time()
            assert loop.time() - started_s < 5
            slow.writer.transport.abort()  # type: ignore[attr-defined]

        asyncio.run(whole())

    def test_a_client_that_leaves_is_forgotten(self, run: Any, clock: FakeClock) -> None:
        async def act(server: ApiServer) -> None:
            async with connected(server, 2) as (leaving, cut):
                await leaving.subscribe(token(clock))
                await cut.subscribe(token(clock))
                assert open_sockets(server) == 2
                await leaving.socket.close()
                assert leaving.socket.close_code == 1000
                slow = await stalled_client(server, token(clock))
                slow.writer.transport.abort()  # type: ignore[attr-defined]
            await no_sockets(server)

        run(act)

    def test_a_database_that_cannot_be_followed_is_an_error_at_the_start(
        self, tmp_path: Path, clock: FakeClock
    ) -> None:
        async def whole() -> None:
            async with served(tmp_path / "empty.db", clock):
                pass

        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            asyncio.run(whole())


def test_a_second_connection_of_the_same_thread_writes_and_is_heard(
    run: Any, clock: FakeClock, database_path: Path
) -> None:
    """What the admin endpoint does: it commits on the connection that the verifier reads with."""

    async def act(server: ApiServer) -> None:
        async with connected(server) as client:
            await client.subscribe(token(clock))
            with closing(open_connection(database_path)) as connection:
                credit(Database(connection, clock), ALICE)
            assert (await client.next())["data"]["available"] == "1"

    run(act)


def test_the_limits_are_those_of_the_document() -> None:
    document = (Path(__file__).parents[3] / "docs" / "websocket.md").read_text("utf-8")
    limits = SocketLimits()
    for row in (
        f"| a frame of the client | {FRAME_BYTES_MAX // 1024} KiB |",
        f"| a message of the client | {limits.message_bytes_max // 1024} KiB |",
        f"| frames of a client | {limits.burst_frames} at once, then {limits.frames_per_s:g} per",
        f"| silence of a client | {limits.heartbeat_s:g} s |",
        f"| sockets of a server | {limits.sockets_max:,} |",
        f"| sockets of a server that have proven nobody | {limits.unproven_max:,} |",
    ):
        assert f"\n{row}" in document, row


def test_the_limits_leave_room_for_two_batches_of_the_tail() -> None:
    assert SocketLimits().outbox_frames_max >= 2 * BATCH_CHANGES_MAX
