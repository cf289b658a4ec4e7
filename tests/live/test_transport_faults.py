"""Faults of a running chain: armed over JSON-RPC, met by HTTP requests, byte for byte."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.live.chain_thread import ServedChain, served_node
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.mining import Mining
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.live.faults import FAULTS_MAX
from ztdx_devnet.live.rpc_client import Refused, RpcClient

SOON_S = 5.0
HEAD = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}


class Bench:
    """A served devnet at height 5 whose blocks come on request."""

    def __init__(self, devnet: Devnet, served: ServedChain) -> None:
        self.devnet = devnet
        self.chain = devnet.chain
        self.served = served
        self.client = RpcClient(served.url)
        url = urlsplit(served.url)
        assert url.port is not None
        self.address = ("127.0.0.1", url.port)

    def ask(self, method: str, *params: Any) -> Any:
        return self.client.ask(method, *params)

    def arm(self, kind: str, verb: str = "transport_fault", **fields: Any) -> str:
        name: str = self.ask("devnet_armFault", {verb: {"as": kind, "kind": kind, **fields}})
        return name

    def hits(self) -> dict[str, tuple[int, int]]:
        return {row["name"]: (row["eligible"], row["hits"]) for row in self.ask("devnet_faults")}

    def answers(self) -> bool:
        try:
            return self.answer(HEAD)[0] == 200
        except OSError:
            return False

    def refusal(self, step: Any) -> str:
        with pytest.raises(Refused) as caught:
            self.ask("devnet_armFault", step)
        return str(caught.value)

    @contextmanager
    def sent(self, *calls: dict[str, Any]) -> Iterator[socket.socket]:
        """A connection over which the calls were just sent."""
        content = json.dumps(list(calls) if len(calls) > 1 else calls[0]).encode()
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
        with socket.create_connection(self.address, timeout=SOON_S) as link:
            link.sendall(head.encode() + content)
            yield link

    def bytes_of(self, *calls: dict[str, Any]) -> tuple[bytes, str]:
        """All that comes back until the connection ends, and how it ends."""
        received = b""
        with self.sent(*calls) as link:
            try:
                while more := link.recv(65_536):
                    received += more
            except ConnectionResetError:
                return received, "reset"
            return received, "closed"

    def answer(self, *calls: dict[str, Any]) -> tuple[int, http.client.HTTPMessage, bytes]:
        with self.sent(*calls) as link:
            answer = http.client.HTTPResponse(link)
            answer.begin()
            return answer.status, answer.msg, answer.read()


@pytest.fixture
def bench() -> Iterator[Bench]:
    chain = Chain(block_time_s=2)
    chain.mine_empty(5)
    devnet = Devnet(chain, Mining(chain, automine=False))
    with served_node(node_of(devnet)) as served:
        yield Bench(devnet, served)


# --- arming ---------------------------------------------------------------------------------------


def test_a_fault_is_armed_listed_and_cleared(bench: Bench) -> None:
    assert bench.arm("gateway", status=504, last=1) == "gateway"
    row = {"name": "gateway", "verb": "transport_fault", "kind": "gateway"}
    untouched = {**row, "eligible": 0, "hits": 0, "armed": True}
    assert bench.ask("devnet_faults") == [untouched]
    assert bench.answer(HEAD)[0] == 504
    over = {**row, "eligible": 1, "hits": 1, "armed": False}
    assert bench.ask("devnet_faults") == [over]
    assert bench.ask("eth_blockNumber") == "0x5"
    assert bench.ask("devnet_clearFaults") == [over]
    assert bench.ask("devnet_faults") == []
    assert bench.arm("gateway") == "gateway"


def test_a_cleared_fault_touches_nothing_more(bench: Bench) -> None:
    bench.arm("gateway")
    bench.arm("error", "answer_fault", method="*")
    assert bench.answer(HEAD)[0] == 502
    bench.ask("devnet_clearFaults")
    assert bench.ask("eth_blockNumber") == "0x5"


def test_a_fault_ends_after_its_time(bench: Bench) -> None:
    bench.arm("gateway", **{"for": "100ms"})
    assert bench.answer(HEAD)[0] == 502
    until(lambda: not bench.ask("devnet_faults")[0]["armed"])
    assert bench.ask("eth_blockNumber") == "0x5"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"transport_fault": {"as": "f", "kind": "hung"}}, "kind: "),
        ({"transport_falt": {}}, "did you mean 'transport_fault'?"),
        ({"transport_fault": {"as": "f", "kind": "hang", "dealy": "1s"}}, "did you mean 'delay'?"),
        ({"transport_fault": {"as": "f", "kind": "hang", "delay": "1s"}}, "goes with kind: delay"),
        ({"transport_fault": {"kind": "hang"}}, "missing field 'as'"),
        ({"transport_fault": {"as": "f", "kind": "refused"}}, "the port is closed `for` some"),
        (
            {"transport_fault": {"as": "f", "kind": "refused", "for": "1s", "last": 2}},
            "nobody can count who comes to it",
        ),
        (
            {"answer_fault": {"as": "f", "method": "*", "kind": "undecodable", "deposit": "d1"}},
            "deposit 'd1': only a scenario gives names",
        ),
        ({"mine": 1}, "mine is no fault of a served node"),
        ({}, "a step is one verb"),
        (7, "a step is one verb"),
    ],
)
def test_what_is_no_fault_is_refused_with_the_repair(bench: Bench, step: Any, message: str) -> None:
    told = bench.refusal(step)
    assert message in told
    assert "\n" not in told
    assert bench.ask("devnet_faults") == []


def test_a_name_is_taken_until_the_faults_are_cleared(bench: Bench) -> None:
    bench.arm("html")
    assert "armed twice" in bench.refusal({"transport_fault": {"as": "html", "kind": "hang"}})


def test_faults_are_bounded(bench: Bench) -> None:
    for number in range(FAULTS_MAX):
        step = {"as": f"f{number}", "kind": "gateway", "method": "eth_call"}
        bench.ask("devnet_armFault", {"transport_fault": step})
    told = bench.refusal({"transport_fault": {"as": "last", "kind": "hang"}})
    assert "devnet_clearFaults" in told


# --- what is touched ------------------------------------------------------------------------------


def test_control_methods_are_never_touched(bench: Bench) -> None:
    bench.arm("gateway")
    bench.arm("error", "answer_fault", method="*")
    assert bench.ask("evm_mine") == "0x0"
    assert bench.ask("devnet_reorg", {"depth": 1})["newHead"]
    mixed = {**HEAD, "id": 2, "method": "anvil_getAutomine"}
    status, _, content = bench.answer(HEAD, mixed)
    assert status == 200
    refused, answered = json.loads(content)
    assert refused["error"]["message"] == "internal error"
    assert answered["result"] is False
    assert bench.hits()["gateway"] == (0, 0)


def test_what_is_asked_over_a_websocket_is_not_touched(bench: Bench) -> None:
    async def ask() -> Any:
        async with aiohttp.ClientSession() as session, session.ws_connect(bench.served.url) as ws:
            await ws.send_json(HEAD)
            return (await ws.receive_json(timeout=SOON_S))["result"]

    bench.arm("gateway")
    bench.arm("error", "answer_fault", method="*")
    assert asyncio.run(ask()) == "0x5"


def test_only_requests_with_the_method_are_touched(bench: Bench) -> None:
    bench.arm("gateway", method="eth_getLogs")
    assert bench.answer(HEAD)[0] == 200
    logs = {**HEAD, "id": 2, "method": "eth_getLogs", "params": [{}]}
    assert bench.answer(HEAD, logs)[0] == 502
    assert bench.hits() == {"gateway": (1, 1)}


def test_scopes_count_requests(bench: Bench) -> None:
    bench.arm("gateway", first=2, last=3)
    assert [bench.answer(HEAD)[0] for _ in range(4)] == [200, 502, 502, 200]


def test_only_answers_that_are_too_large_are_refused(bench: Bench) -> None:
    block = {**HEAD, "method": "eth_getBlockByNumber", "params": ["0x3", False]}
    size = len(bench.answer(block)[2])
    bench.arm("too_large", answer_bytes_over=size)
    assert bench.answer(block)[0] == 200
    assert bench.answer(block, HEAD)[0] == 413
    assert bench.hits() == {"too_large": (1, 1)}


def test_an_answer_fault_is_served_too(bench: Bench) -> None:
    bench.arm("head_ahead", "answer_fault", method="eth_blockNumber", ahead_blocks=100)
    assert bench.ask("eth_blockNumber") == hex(105)
    assert bench.ask("eth_chainId") == "0x61"
    assert bench.hits() == {"head_ahead": (1, 1)}


def test_the_branch_that_was_left_before_anything_was_armed_is_known(bench: Bench) -> None:
    left = bench.ask("eth_getBlockByNumber", "0x5", False)["hash"]
    bench.served.act(lambda: bench.chain.reorg(Reorg(depth=1)))
    bench.arm("pre_reorg", "answer_fault", method="eth_getBlockByNumber")
    assert bench.ask("eth_getBlockByNumber", "0x5", False)["hash"] == left


def test_a_transaction_whose_answer_is_lost_is_sent_all_the_same(bench: Bench) -> None:
    alice, bob = bench.ask("eth_accounts")[:2]
    transfer = {"from": alice, "to": bob, "value": "0x1"}
    bench.arm("reset", method="eth_sendTransaction")
    assert bench.bytes_of({**HEAD, "method": "eth_sendTransaction", "params": [transfer]}) == (
        b"",
        "reset",
    )
    assert bench.ask("txpool_status")["pending"] == "0x1"


def test_a_gateway_does_not_let_a_transaction_through(bench: Bench) -> None:
    alice, bob = bench.ask("eth_accounts")[:2]
    transfer = {"from": alice, "to": bob, "value": "0x1"}
    bench.arm("gateway", method="eth_sendTransaction")
    call = {**HEAD, "method": "eth_sendTransaction", "params": [transfer]}
    assert bench.answer(call)[0] == 502
    assert bench.ask("txpool_status")["pending"] == "0x0"


# --- bytes ----------------------------------------------------------------------------------------


def test_a_reset_comes_before_any_byte_and_as_a_reset(bench: Bench) -> None:
    bench.arm("reset")
    assert bench.bytes_of(HEAD) == (b"", "reset")


@pytest.mark.parametrize(("kind", "end"), [("reset_mid_body", "reset"), ("cut_body", "closed")])
def test_half_of_the_promised_body_comes(bench: Bench, kind: str, end: str) -> None:
    honest = bench.answer(HEAD)[2]
    bench.arm(kind)
    received, ended = bench.bytes_of(HEAD)
    head, _, half = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"content-length: {len(honest)}" in head.decode().lower()
    assert (half, ended) == (honest[: len(honest) // 2], end)


def test_a_trickle_sends_its_head_at_once_and_all_of_its_body_in_the_end(bench: Bench) -> None:
    honest = bench.answer(HEAD)[2]
    bench.arm("trickle", pieces=4, pause="30ms")
    with bench.sent(HEAD) as link:
        first = link.recv(65_536)
        assert first.endswith(b"\r\n\r\n")
        pieces = []
        while len(b"".join(pieces)) < len(honest):
            pieces.append(link.recv(65_536))
    assert b"".join(pieces) == honest
    assert len(pieces) == 4


def test_a_hang_holds_the_connection_without_a_byte_and_nobody_else(bench: Bench) -> None:
    bench.arm("hang", last=1)
    with bench.sent(HEAD) as link:
        link.settimeout(0.1)
        with pytest.raises(TimeoutError):
            link.recv(1)
        assert bench.ask("eth_blockNumber") == "0x5"


def test_a_hang_ends_when_its_client_leaves(bench: Bench) -> None:
    def tasks() -> int:
        return bench.served.act(lambda: len(asyncio.all_tasks(bench.served.loop)))

    bench.arm("hang")
    before = tasks()
    with bench.sent(HEAD):
        until(lambda: bench.hits() == {"hang": (1, 1)})
        assert tasks() > before
    until(lambda: tasks() <= before)


def test_a_server_with_a_hanging_answer_stops_at_once() -> None:
    chain = Chain(block_time_s=2)
    devnet = Devnet(chain, Mining(chain, automine=False))
    with ExitStack() as links:
        with served_node(node_of(devnet)) as served:
            bench = Bench(devnet, served)
            bench.arm("hang")
            link = links.enter_context(bench.sent(HEAD))
            until(lambda: bench.hits() == {"hang": (1, 1)})
            started_s = time.monotonic()
        assert time.monotonic() - started_s < 0.5
        assert ended(link)


def test_a_closed_port_refuses_and_opens_again(bench: Bench) -> None:
    with bench.sent(HEAD) as kept:
        assert kept.recv(65_536)
        bench.arm("refused", **{"for": "200ms"})
        assert ended(kept)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(bench.address, timeout=SOON_S)
    until(bench.answers)
    assert bench.ask("eth_blockNumber") == "0x5"
    assert bench.hits() == {"refused": (1, 1)}


def test_a_closed_port_leaves_websockets_alone(bench: Bench) -> None:
    async def ask() -> Any:
        async with aiohttp.ClientSession() as session, session.ws_connect(bench.served.url) as ws:
            step = {"transport_fault": {"as": "away", "kind": "refused", "for": "100ms"}}
            await ws.send_json({**HEAD, "method": "devnet_armFault", "params": [step]})
            assert (await ws.receive_json(timeout=SOON_S))["result"] == "away"
            await ws.send_json(HEAD)
            return (await ws.receive_json(timeout=SOON_S))["result"]

    assert asyncio.run(ask()) == "0x5"
    until(bench.answers)


def until(reached: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + SOON_S
    while not reached():
        assert time.monotonic() < deadline_s


def ended(link: socket.socket) -> bool:
    """Whether nothing more comes. Waits for it, and fails when something does."""
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True
