"""A simulated transport fault is a real one: the same step, in virtual time and on real sockets.

The real side is the product's own HTTP edge against the chain's server; what comes of one request
must be the same in the simulation, to the words of the error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from tests.live.chain_thread import ServedChain, served_node
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.mining import Mining
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.node import Node, node_of
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.transport import TransportFaultKind
from ztdx_devnet.live.rpc_client import RpcClient
from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.verbs.transport import TransportFault
from ztdx_devnet.sim.kernel import Kernel
from ztdx_devnet.sim.seed import stream
from ztdx_devnet.sim.transport import SimTransport
from ztdx_spot.edges import HttpTransport
from ztdx_spot.ports import HttpAnswer, Transport, TransportError

DEADLINE_S = 0.2  # where it is to be met
PATIENCE_S = 5.0  # where it is not
HEADERS = ("content-type", "content-encoding", "retry-after")
PLACE = re.compile(r" \('127\.0\.0\.1', [0-9]+\)$")

STEPS: list[dict[str, Any]] = [
    {"kind": "delay", "delay": "100ms"},
    {"kind": "delay", "delay": "10s"},
    {"kind": "hang"},
    {"kind": "trickle"},
    {"kind": "trickle", "pieces": 5, "pause": "20ms"},
    {"kind": "trickle", "pieces": 5, "pause": "100ms"},
    {"kind": "reset"},
    {"kind": "reset_mid_body"},
    {"kind": "cut_body"},
    {"kind": "rate_limited"},
    {"kind": "rate_limited", "retry_after_s": 3, "text": "slow down"},
    {"kind": "rate_limited", "retry_after_s": 0, "code": -32005},
    {"kind": "rate_limited", "status": 200, "code": 429, "text": "slow down"},
    {"kind": "too_large"},
    {"kind": "too_large", "answer_bytes_over": 100},
    {"kind": "too_large", "answer_bytes_over": 100_000},
    {"kind": "gateway"},
    {"kind": "gateway", "status": 503},
    {"kind": "gateway", "status": 504},
    {"kind": "html"},
    {"kind": "wrong_id"},
    {"kind": "bad_gzip"},
    {"kind": "not_json"},
    {"kind": "refused", "for": "300ms"},
]
LATE = ({"kind": "delay", "delay": "10s"}, {"kind": "hang"}, {"kind": "trickle"}, STEPS[5])
CALLS = [("eth_chainId", []), ("eth_blockNumber", []), ("eth_getBlockByNumber", ["0x3", False])]
BATCH = [
    {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    for number, (method, params) in enumerate(CALLS, 1)
]
BODIES = {"one call": json.dumps(BATCH[2]).encode(), "a batch": json.dumps(BATCH).encode()}


@dataclass(frozen=True)
class Outcome:
    """What came of one request: an error's type and words, or status, headers and body."""

    error: tuple[str, str] | None = None
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def outcome(transport: Transport, body: bytes, timeout_s: float) -> Outcome:
    try:
        answer = transport.post(body, timeout_s)
    except TransportError as error:
        return Outcome((type(error).__name__, PLACE.sub("", str(error))))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    shown = tuple((name, headers[name]) for name in HEADERS if name in headers)
    return Outcome(None, answer.status, shown, answer.body)


@pytest.fixture(scope="module")
def devnet() -> Devnet:
    chain = Chain(block_time_s=2)
    chain.mine_empty(5)
    return Devnet(chain, Mining(chain, automine=False))


@pytest.fixture(scope="module")
def served(devnet: Devnet) -> Iterator[ServedChain]:
    with served_node(node_of(devnet)) as chain_thread:
        yield chain_thread


@dataclass(frozen=True)
class _Url:
    """The node behind the simulated URL."""

    node: Node

    def answer(self, body: bytes) -> HttpAnswer:
        answered = endpoint.answer(self.node, body)
        return HttpAnswer(200, {"content-type": "application/json"}, answered)


def simulated(step: dict[str, Any], devnet: Devnet, body: bytes, timeout_s: float) -> Outcome:
    kernel = Kernel(0)
    faults = ArmedFaults(lambda: kernel.now_us)
    verb = loader.read_step({"transport_fault": step}, "step")
    assert isinstance(verb, TransportFault)
    faults.arm(verb.fault(verb.scope_at(kernel.now_us)))
    chance = stream(0, "transport faults")
    transport = SimTransport(kernel, _Url(node_of(devnet)), faults, chance, lambda *_, **__: None)
    seen: list[Outcome] = []
    client = kernel.spawn("client", lambda: seen.append(outcome(transport, body, timeout_s)))
    kernel.run_until_done(client)
    return seen[0]


def real(step: dict[str, Any], served: ServedChain, body: bytes, timeout_s: float) -> Outcome:
    client = RpcClient(served.url)
    transport = HttpTransport(served.url)
    try:
        assert outcome(transport, body, PATIENCE_S).status == 200  # over a connection that is kept
        client.ask("devnet_armFault", {"transport_fault": step})
        seen = outcome(transport, body, timeout_s)
        _open_again(served, step)
        client.ask("devnet_clearFaults")
        assert outcome(transport, body, PATIENCE_S).status == 200
        return seen
    finally:
        transport.close()


def _open_again(served: ServedChain, step: dict[str, Any]) -> None:
    if step["kind"] != "refused":
        return
    probe = HttpTransport(served.url)
    try:
        while outcome(probe, BODIES["one call"], PATIENCE_S).error:
            pass
    finally:
        probe.close()


def test_every_kind_is_compared() -> None:
    assert {step["kind"] for step in STEPS} == set(get_args(TransportFaultKind))


@pytest.mark.parametrize("asked", BODIES)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: " ".join(str(v) for v in step.values()))
def test_a_simulated_fault_comes_to_the_same_as_a_real_one(
    step: dict[str, Any], asked: str, devnet: Devnet, served: ServedChain
) -> None:
    body = BODIES[asked]
    timeout_s = DEADLINE_S if step in LATE else PATIENCE_S
    named = {"as": "fault", **step}
    assert simulated(named, devnet, body, timeout_s) == real(named, served, body, timeout_s)
