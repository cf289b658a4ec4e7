"""`devnet chain` as a process, and its server against clients that are slow, rude or gone."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.unit.chain.builders import sign
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.origin.accounts import OWNER, USERS, WITHDRAW_SIGNER
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.live import chain_server, connection
from ztdx_devnet.live.chain_server import ChainServer

START_S = 30.0
SOON_S = 10.0
ALICE, BOB = USERS["alice"].address_hex, USERS["bob"].address_hex
TRANSFER = {"from": ALICE, "to": BOB, "value": "0x1"}
JSON = {"Content-Type": "application/json"}


def body(method: str, *params: Any, request_id: Any = 1) -> bytes:
    request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
    return json.dumps(request).encode()


def batch(*bodies: bytes) -> bytes:
    return b"[" + b",".join(bodies) + b"]"


# --- a real process -------------------------------------------------------------------------------


class Process:
    """A running `devnet chain`; `ready` is the content of its ready file."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.ready_file = directory / "ready.json"
        self.command = [sys.executable, "-m", "ztdx_devnet", "chain"]
        command = [*self.command, "--port", "0", "--ready-file", str(self.ready_file), *options]
        self.popen = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + START_S
        while not self.ready_file.exists():
            assert self.popen.poll() is None, self.popen.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)  # the file is all there is to wait for
        self.ready = json.loads(self.ready_file.read_text("utf-8"))

    def post(self, content: bytes, path: str = "/", method: str = "POST", **headers: str) -> Any:
        """Status, headers and body of one HTTP exchange."""
        url = urlsplit(self.ready["rpc_url"])
        link = http.client.HTTPConnection(url.hostname or "", url.port, timeout=SOON_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            link.request(method, path, content, {**JSON, **named})
            answer = link.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            link.close()

    def ask(self, method: str, *params: Any) -> Any:
        status, _, answer = self.post(body(method, *params))
        assert status == 200
        return json.loads(answer)["result"]

    def socket(self) -> socket.socket:
        url = urlsplit(self.ready["rpc_url"])
        return socket.create_connection((url.hostname, url.port), timeout=SOON_S)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self.popen.send_signal(number)
        try:
            output, errors = self.popen.communicate(timeout=SOON_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.communicate()
            raise
        return self.popen.returncode, output, errors


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Process]:
    process = Process(directory, *options)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.communicate()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One for all tests of the module; blocks come on request. It must end without a complaint."""
    with running(tmp_path_factory.mktemp("chain"), "--no-mining") as each:
        yield each
        code, _, errors = each.stop()
    assert (code, errors) == (0, "")
    assert not each.ready_file.exists()


def test_the_ready_file_tells_all_that_a_client_needs(process: Process) -> None:
    ready = process.ready
    assert set(ready) == {
        *("rpc_url", "ws_rpc_url", "chain_id", "vault", "df_token", "confirmation_depth"),
        *("owner", "withdraw_signer_private_key", "pid", "users"),
    }
    assert ready["ws_rpc_url"] == ready["rpc_url"].replace("http://", "ws://")
    assert ready["chain_id"] == 97
    assert ready["vault"].lower() == "0x4fe0b354c5865ee9deb979a99030d757ae47664a"
    assert ready["owner"].lower() == OWNER.address_hex
    assert ready["withdraw_signer_private_key"] == WITHDRAW_SIGNER.private_key
    assert [(u["name"], u["address"].lower(), u["private_key"]) for u in ready["users"]] == [
        (user.name, user.address_hex, user.private_key) for user in USERS.values()
    ]
    assert len(process.ask("eth_getCode", ready["vault"])) > 1_000
    names = sorted(path.name for path in process.ready_file.parent.iterdir())
    assert names == ["ready.json"]  # nothing is left of the writing


def test_http_answers_json_to_any_origin(process: Process) -> None:
    status, headers, answer = process.post(body("eth_chainId"), Origin="http://localhost:3000")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert json.loads(answer) == {"jsonrpc": "2.0", "id": 1, "result": "0x61"}


def test_a_browser_may_ask_first(process: Process) -> None:
    asked = {
        "Origin": "http://localhost:3000",
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "content-type,x-more",
        "Access_Control_Request_Private_Network": "true",
    }
    status, headers, answer = process.post(b"", method="OPTIONS", **asked)
    assert (status, answer) == (204, b"")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in headers["Access-Control-Allow-Methods"]
    assert headers["Access-Control-Allow-Headers"] == "content-type,x-more"
    assert headers["Access-Control-Allow-Private-Network"] == "true"


def test_a_batch_over_http_is_answered_in_its_order(process: Process) -> None:
    content = batch(*(body("eth_chainId", request_id=n) for n in range(1_000)))
    _, _, answer = process.post(content)
    assert [each["id"] for each in json.loads(answer)] == list(range(1_000))
    _, _, answer = process.post(batch(*[body("eth_chainId")] * 1_001))
    assert json.loads(answer)["error"]["code"] == -32600


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"nonsense"])
def test_what_is_no_json_is_answered_with_a_parse_error(process: Process, content: bytes) -> None:
    status, headers, answer = process.post(content)
    assert status == 200
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert json.loads(answer)["error"]["code"] == -32700


def test_a_notification_is_answered_with_an_empty_body(process: Process) -> None:
    status, _, answer = process.post(b'{"jsonrpc":"2.0","method":"eth_chainId"}')
    assert (status, answer) == (200, b"")


def test_a_body_of_ten_megabytes_is_read_and_one_beyond_the_limit_is_413(
    process: Process,
) -> None:
    padding = b" " * (10 * 2**20)
    status, _, answer = process.post(body("eth_chainId") + padding)
    assert (status, json.loads(answer)["result"]) == (200, "0x61")
    with process.socket() as link:
        size = chain_server.MAX_BODY_BYTES + 1
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
        link.sendall(head.encode())
        with contextlib.suppress(ConnectionError):  # it may refuse before it has all
            link.sendall(b" " * size)
        refusal = http.client.HTTPResponse(link)
        refusal.begin()
        assert refusal.status == 413
        assert json.loads(refusal.read())["error"] == {
            "code": -32600,
            "message": "body too large: at most 16777216 bytes",
        }
    assert process.ask("eth_chainId") == "0x61"


def test_a_get_says_what_is_there_and_other_verbs_are_refused(process: Process) -> None:
    status, _, answer = process.post(b"", method="GET")
    assert status == 200
    assert json.loads(answer)["name"] == "ztdx-devnet"
    assert process.post(b"", method="DELETE")[0] == 405
    assert process.post(b"", method="GET", Upgrade="websocket")[0] == 400


def test_connections_that_drop_or_half_close_do_no_harm(process: Process) -> None:
    for sent in (
        b"",
        b"POST / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\xff\xff",
    ):
        with process.socket() as link:
            link.sendall(sent)
        with process.socket() as link:
            link.sendall(sent)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    with process.socket() as link:  # a client that has said all it wants to say still gets answers
        content = body("eth_chainId")
        link.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content))
        link.sendall(content)
        assert link.recv(4_096).startswith(b"HTTP/1.1 200")
        link.shutdown(socket.SHUT_WR)
        link.recv(4_096)
    assert process.ask("eth_chainId") == "0x61"


def test_requests_over_a_websocket_are_answered_in_order_with_what_they_cause(
    process: Process,
) -> None:
    async def talk() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(process.ready["ws_rpc_url"]) as ws,
        ):
            await ws.send_bytes(batch(body("eth_chainId", request_id=1), body("web3_nothing")))
            first = await ws.receive_json(timeout=SOON_S)
            assert [each.get("result") for each in first] == ["0x61", None]
            await ws.send_str("{")
            assert (await ws.receive_json(timeout=SOON_S))["error"]["code"] == -32700
            await ws.send_str(body("eth_subscribe", "newHeads", request_id=2).decode())
            number = (await ws.receive_json(timeout=SOON_S))["result"]
            await ws.send_str(body("evm_mine", request_id=3).decode())
            # The answer goes out before the notification that the request caused.
            assert (await ws.receive_json(timeout=SOON_S))["id"] == 3
            notice = await ws.receive_json(timeout=SOON_S)
            assert notice["params"]["subscription"] == number

    asyncio.run(talk())


def test_what_is_logged_is_a_line_of_plain_text(process: Process) -> None:
    process.ask("anvil_setLoggingEnabled", True)
    try:
        for method in ("\ud800", "\x1b[2J", "a\nb"):
            status, _, answer = process.post(body(method))
            assert (status, json.loads(answer)["error"]["code"]) == (200, -32601)
    finally:
        process.ask("anvil_setLoggingEnabled", False)


def test_two_clients_that_write_at_once_get_every_transaction_in(process: Process) -> None:
    async def talk() -> list[Any]:
        async with aiohttp.ClientSession() as session:

            async def write(user: str, nonce: int) -> Any:
                raw = "0x" + sign(user, nonce).raw().hex()
                content = body("eth_sendRawTransaction", raw)
                async with session.post(process.ready["rpc_url"], data=content) as answer:
                    return (await answer.json())["result"]

            return await asyncio.gather(
                *(write(user, n) for n in range(20) for user in ("erin", "frank"))
            )

    sent = asyncio.run(talk())
    process.ask("evm_mine")
    head = process.ask("eth_getBlockByNumber", "latest")
    assert set(head["transactions"]) >= set(sent)
    assert len(set(sent)) == 40


# --- start and stop -------------------------------------------------------------------------------


def test_a_process_ends_cleanly_while_clients_are_connected_and_do_not_read(
    tmp_path: Path,
) -> None:
    with running(tmp_path, "--automine", "--log-requests", "--chain-id", "5") as process:
        assert process.ready["chain_id"] == 5
        assert process.ask("eth_chainId") == "0x5"
        deaf = deaf_client(process, body("eth_subscribe", "newHeads"))
        process.ask("anvil_mine", 30_000)  # more than the buffers on the way to it hold
        for _ in range(200):  # the server writes between requests, until it can't
            process.ask("eth_chainId")
        idle = process.socket()
        code, output, errors = process.stop(signal.SIGINT)
        deaf.close()
        idle.close()
    assert (code, errors) == (0, "")
    assert not process.ready_file.exists()
    lines = output.splitlines()
    assert lines[0] == "ztdx-devnet: chain 5, a block for every transaction"
    assert process.ready["rpc_url"] in output
    for user in USERS.values():
        assert f"{user.name:<8} " in output
        assert user.private_key in output
    assert lines[-201:] == ["anvil_mine", *["eth_chainId"] * 200]


def deaf_client(process: Process, *frames: bytes) -> socket.socket:
    """A WebSocket that sends these frames and reads nothing but the first answer."""
    link = process.socket()
    link.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert link.recv(4_096).startswith(b"HTTP/1.1 101")
    for frame in frames:
        assert len(frame) < 126
        link.sendall(bytes([0x81, 0x80 | len(frame)]) + bytes(4) + frame)
        assert b"result" in link.recv(4_096)
    return link


def test_blocks_come_by_the_clock_and_the_interval_can_be_changed(tmp_path: Path) -> None:
    with running(tmp_path, "--block-time", "1") as process:

        async def heads(count: int) -> list[int]:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(process.ready["ws_rpc_url"]) as ws,
            ):
                await ws.send_bytes(body("eth_subscribe", "newHeads"))
                await ws.receive_json(timeout=SOON_S)
                found = [await ws.receive_json(timeout=SOON_S) for _ in range(count)]
                await ws.send_bytes(body("evm_setIntervalMining", 0))
                await ws.receive_json(timeout=SOON_S)
                return [int(each["params"]["result"]["timestamp"], 16) for each in found]

        (mined_s,) = asyncio.run(heads(1))
        assert abs(mined_s - int(time.time())) <= 2
        height = process.ask("eth_blockNumber")
        process.ask("evm_setIntervalMining", 3_600)
        sent = process.ask("eth_sendTransaction", TRANSFER)
        assert process.ask("eth_getTransactionReceipt", sent) is None
        assert process.ask("eth_blockNumber") == height
        process.ask("evm_setIntervalMining", 1_000)
        asyncio.run(heads(1))
        assert process.ask("eth_getTransactionReceipt", sent)["status"] == "0x1"
        assert process.stop()[0] == 0


def test_a_busy_port_is_one_line_and_leaves_the_other_alone(process: Process) -> None:
    port = urlsplit(process.ready["rpc_url"]).port
    ended = run("--port", str(port), "--ready-file", str(process.ready_file))
    assert ended.returncode == 3
    assert ended.stdout == ""
    assert ended.stderr == (
        f"devnet: 127.0.0.1:{port} is in use; choose another with --port, or --port 0 for any "
        "free one\n"
    )
    assert json.loads(process.ready_file.read_text("utf-8")) == process.ready


def test_the_ready_file_of_a_killed_devnet_is_removed_even_by_one_that_can_not_start(
    tmp_path: Path, process: Process
) -> None:
    left = tmp_path / "ready.json"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    port = str(urlsplit(process.ready["rpc_url"]).port)
    for content in ({"pid": dead.pid}, {"pid": os.getpid()}, {}):
        left.write_text(json.dumps(content), "utf-8")
        assert run("--port", port, "--ready-file", str(left)).returncode == 3
        # That of a running devnet stays, and so does a file that is none of ours.
        assert left.exists() == (content != {"pid": dead.pid})


def test_a_ready_file_in_no_directory_is_one_line(tmp_path: Path) -> None:
    ended = run("--port", "0", "--ready-file", str(tmp_path / "none" / "ready.json"))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == f"devnet: --ready-file: no such directory: {tmp_path / 'none'}\n"


@pytest.mark.parametrize(
    "flags",
    [
        ["--port", "x"],
        ["--port", "-1"],
        ["--port", "65536"],
        ["--chain-id", "0"],
        ["--block-time", "0"],
        ["--automine", "--no-mining"],
        ["--automine", "--block-time", "2"],
        ["--ready-file", "."],
        ["--bogus"],
        ["more"],
    ],
    ids=" ".join,
)
def test_a_bad_flag_is_one_line_and_exit_code_3(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ztdx_devnet import cli

    monkeypatch.setattr(sys, "argv", ["devnet", "chain", *flags])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("devnet chain: ")
    assert errors.endswith(" `devnet chain --help` shows what it takes\n")
    assert errors.count("\n") == 1


def test_a_host_that_is_not_there_is_one_line() -> None:
    ended = run("--host", "203.0.113.7", "--port", "0")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith("devnet: 203.0.113.7:0: ")
    assert ended.stderr.count("\n") == 1


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ztdx_devnet", "chain", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=START_S)


# --- the server in this process, with smaller bounds ----------------------------------------------


class Live:
    """A server in the event loop of the test."""

    def __init__(self, devnet: Devnet, server: ChainServer, port: int) -> None:
        self.devnet = devnet
        self.server = server
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    async def post(self, session: aiohttp.ClientSession, content: bytes) -> Any:
        async with session.post(self.url, data=content) as answer:
            return await answer.json()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A WebSocket whose frames nobody reads; little of them fits on the way."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=1_024)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        return reader, writer


def frame(content: bytes) -> bytes:
    """A masked text frame."""
    assert len(content) < 2**16
    size = bytes([0xFE]) + len(content).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + content


@asynccontextmanager
async def serving(devnet: Devnet) -> Any:
    server = ChainServer(node_of(devnet), lambda _: None)
    port = await server.start("127.0.0.1", 0)
    try:
        yield Live(devnet, server, port)
    finally:
        async with asyncio.timeout(SOON_S):
            await server.stop()


def with_server(test: Callable[[Live], Awaitable[None]]) -> None:
    async def play() -> None:
        async with serving(Devnet()) as live, asyncio.timeout(3 * SOON_S):
            await test(live)

    asyncio.run(play())


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop run until it holds."""
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.001)


def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_server, "BODY_TIMEOUT_S", 0.05)

    async def test(live: Live) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        answer = await reader.readuntil(b"}")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the body did not come within" in answer
        writer.close()

    with_server(test)


def test_a_client_that_never_reads_is_cut_off_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "MAX_WAITING", 50)

    async def test(live: Live) -> None:
        chain, session = live.devnet.chain, aiohttp.ClientSession()
        servers = len(chain.on_head)
        async with session, session.ws_connect(live.url) as good:
            _, deaf = await live.connect()
            deaf.write(frame(body("eth_subscribe", "newHeads")))
            await until(lambda: len(chain.on_head) == servers + 1)
            await good.send_bytes(body("eth_subscribe", "newHeads"))
            await good.receive_json()
            live.devnet.mining.mine_blocks(20_000)  # the deaf client's writer waits from here on
            for number in range(1, 20_001):
                told = await good.receive_json()
                assert told["params"]["result"]["number"] == hex(number)
            for number in range(20_001, 20_101):
                live.devnet.mining.mine()
                told = await good.receive_json()
                assert told["params"]["result"]["number"] == hex(number)
            # Nobody works for the deaf one any more.
            await until(lambda: len(chain.on_head) == servers + 1)
            deaf.close()

    with_server(test)


def test_a_client_that_asks_and_never_reads_is_read_no_more_and_can_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test(live: Live) -> None:
        asked = 0

        def count(*_: Any) -> bytes:
            nonlocal asked
            asked += 1
            return b'"' + b"x" * 2**16 + b'"'

        monkeypatch.setattr(chain_server.endpoint, "answer", count)
        _, deaf = await live.connect()
        for _ in range(2_000):
            deaf.write(frame(body("eth_chainId")))
        await until(lambda: asked > connection._UNREAD_ANSWERS)
        for _ in range(100):
            await asyncio.sleep(0)
        assert asked < 2_000
        before = asked
        (found,) = live.server._connections
        deaf.transport.abort()
        await until(lambda: not live.server._connections)
        assert asked <= before + 1
        assert not found._outbox

    with_server(test)


def test_subscriptions_of_dead_sockets_are_gone_from_the_chain() -> None:
    async def test(live: Live) -> None:
        chain = live.devnet.chain
        servers = len(chain.on_head)
        async with aiohttp.ClientSession() as session:
            for _ in range(20):
                ws = await session.ws_connect(live.url)
                for kind in ("newHeads", "logs", "newPendingTransactions"):
                    await ws.send_bytes(body("eth_subscribe", kind))
                    await ws.receive_json()
                await ws.close()
            for _ in range(20):
                _, rude = await live.connect()
                rude.write(frame(body("eth_subscribe", "newHeads")))
                await until(lambda: len(chain.on_head) == servers + 1)
                rude.transport.abort()
                await until(lambda: len(chain.on_head) == servers)
        await until(lambda: not live.server._connections)
        assert (len(chain.on_head), chain.on_add) == (servers, [])
        live.devnet.mining.mine()

    with_server(test)


def test_a_revert_while_a_client_reads_leaves_its_connection_alive() -> None:
    async def test(live: Live) -> None:
        chain = live.devnet.chain
        chain.mine_empty(5)
        async with aiohttp.ClientSession() as session, session.ws_connect(live.url) as ws:
            await ws.send_bytes(body("eth_subscribe", "newHeads"))
            await ws.receive_json()
            number = chain.snapshot()
            live.devnet.mining.mine_blocks(20_000)
            assert (await ws.receive_json())["params"]["result"]["number"] == "0x6"
            chain.revert(number)
            await ws.send_bytes(body("eth_blockNumber", request_id="last"))
            while "params" in (told := await ws.receive_json()):
                pass
            assert told == {"jsonrpc": "2.0", "id": "last", "result": "0x5"}

    with_server(test)


def test_a_message_beyond_the_limit_ends_the_websocket_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chain_server, "MAX_BODY_BYTES", 1_000)

    async def test(live: Live) -> None:
        async with aiohttp.ClientSession() as session:
            big, small = await session.ws_connect(live.url), await session.ws_connect(live.url)
            await big.send_bytes(b" " * (1_001))
            ended = await big.receive()
            assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 1009)
            await small.send_bytes(body("eth_chainId"))
            assert (await small.receive_json())["result"] == "0x61"
            await small.close()
            await big.close()

    with_server(test)


def test_clients_are_told_when_the_devnet_stops() -> None:
    async def play() -> None:
        async with aiohttp.ClientSession() as session:
            async with serving(Devnet()) as live:
                ws = await session.ws_connect(live.url)

                async def listen() -> Any:
                    return await ws.receive()

                listener = asyncio.create_task(listen())
                await until(lambda: bool(live.server._connections))
            told = await listener
            assert (told.type, told.data, told.extra) == (
                aiohttp.WSMsgType.CLOSE,
                1001,
                "the devnet stops",
            )

    asyncio.run(play())


def test_the_interval_can_be_changed_while_the_miner_waits() -> None:
    async def test(live: Live) -> None:
        mining, chain = live.devnet.mining, live.devnet.chain
        mining.set_interval(3_600)
        await asyncio.sleep(0)
        assert chain.height == 0
        mining.set_interval(0.001)
        await until(lambda: chain.height >= 3)
        mining.set_interval(None)
        await asyncio.sleep(0)
        height = chain.height
        await asyncio.sleep(0.01)
        assert chain.height == height
        # A timestamp that a reorg has overtaken does not end the miner.
        mining.set_next_timestamp(chain.head.timestamp_s + 1)
        async with aiohttp.ClientSession() as session:
            await live.post(session, body("devnet_reorg", {"depth": 1}))
        height = chain.height
        mining.set_interval(0.001)
        await until(lambda: chain.height >= height + 2)

    with_server(test)


def test_a_port_on_the_loopback_is_there_for_ipv6_too() -> None:
    async def test(live: Live) -> None:
        try:
            reader, writer = await asyncio.open_connection("::1", live.port)
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        content = body("eth_chainId")
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content))
        writer.write(content)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()

    with_server(test)
