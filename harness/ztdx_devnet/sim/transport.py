"""The product's transport port in virtual time: one HTTP exchange with a node, and its faults."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from ztdx_devnet.faults import transport
from ztdx_devnet.faults.armed import ArmedFaults, Tally
from ztdx_devnet.faults.fault import Chance
from ztdx_devnet.faults.transport import TransportFault
from ztdx_devnet.sim.kernel import Kernel
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.ports import HttpAnswer, TransportError, TransportTimeout

RPC_LATENCY_US = 10_000  # one way


class HttpNode(Protocol):
    """What stands behind the node's URL: one HTTP body in, one HTTP answer out."""

    def answer(self, body: bytes) -> HttpAnswer: ...


class SimTransport:
    """Carries a request to the node and its answer back, each taking virtual time.

    `timeout_s` bounds the whole exchange, and what fails fails as at the product's live edge
    (`ztdx_spot.edges.HttpTransport`); tests/fidelity compares the two, fault by fault.

    What made an answer wrong counts when the client has the answer, as the node gave it: not when
    it was lost or spoilt on the way, and not when the client died first.
    """

    def __init__(
        self,
        kernel: Kernel,
        node: HttpNode,
        faults: ArmedFaults,
        chance: Chance,
        record: Callable[..., object],
    ) -> None:
        self._kernel = kernel
        self._node = node
        self._faults = faults
        self._chance = chance
        self._record = record

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        exchange = _Exchange(self._kernel, timeout_s)
        exchange.wait("rpc:send", RPC_LATENCY_US)
        if not len(self._faults):
            answer = self._node.answer(body)
            exchange.wait("rpc:receive", RPC_LATENCY_US)
            return answer
        asked = _Asked(self._node, self._faults, body)
        try:
            received = self._answered(exchange, body, asked)
        except BaseException:
            asked.is_lost()
            raise
        if not asked.gave(received):
            asked.is_lost()
        return received

    def _answered(self, exchange: _Exchange, body: bytes, asked: _Asked) -> HttpAnswer:
        fault = transport.taking(self._faults.of(TransportFault), self._chance, body, asked.answer)
        if fault is None:
            answer = asked.answer()
            exchange.wait("rpc:receive", RPC_LATENCY_US)
            return answer
        plan = transport.plan(fault, body, asked.answer)
        self._record("faults", "fired", name=fault.name, kind_of_fault=fault.kind)
        with self._faults.striking():
            return exchange.received(plan)


class _Asked:
    """One request at the node: asked once, when somebody wants the answer, and if anybody does."""

    def __init__(self, node: HttpNode, faults: ArmedFaults, body: bytes) -> None:
        self._node = node
        self._faults = faults
        self._body = body
        self._answer: HttpAnswer | None = None
        self._tally: Tally | None = None

    def answer(self) -> HttpAnswer:
        """Raises TransportError when the node ends the connection, which does reach the client."""
        if self._answer is None:
            tally = self._faults.tally()
            self._answer = self._node.answer(self._body)
            tally.close()
            self._tally = tally
        return self._answer

    def gave(self, received: HttpAnswer) -> bool:
        """Whether what was received is what the node answered."""
        sent = self._answer
        return sent is not None and (sent.status, sent.body) == (received.status, received.body)

    def is_lost(self) -> None:
        """Nobody has got the answer."""
        if self._tally is not None:
            self._tally.take_back()


class _Exchange:
    """One HTTP exchange in virtual time, as its client sees it."""

    def __init__(self, kernel: Kernel, timeout_s: float) -> None:
        self._kernel = kernel
        self._timeout_s = timeout_s
        self._deadline_us = kernel.now_us + round(timeout_s * MICROSECONDS)

    def wait(self, kind: str, duration_us: int | None) -> None:
        """Let that much time pass, None: for ever. Raises TransportTimeout at the deadline."""
        left_us = self._deadline_us - self._kernel.now_us
        self._kernel.boundary(kind, left_us if duration_us is None else min(duration_us, left_us))
        if self._kernel.now_us >= self._deadline_us:
            raise TransportTimeout(f"not finished within {self._timeout_s:g} s")

    def received(self, plan: transport.Plan) -> HttpAnswer:
        """What comes of a server that acts by the plan. Raises TransportError."""
        head: transport.Head | None = None
        body = bytearray()
        broken: str | None = None
        for act in plan:
            match act:
                case transport.Head():
                    head = act
                case transport.Send(content):
                    body += content
                case transport.Pause(duration_us):
                    self.wait("pause", duration_us)
                case transport.Hang():
                    self.wait("pause", None)
                case transport.Reset() | transport.Close() if head is not None:
                    broken = "ClientPayloadError"
                case transport.Reset():
                    broken = "ClientOSError: Connection reset by peer"
                case transport.Close():
                    broken = "ServerDisconnectedError"
                case transport.Refuse():
                    broken = "ClientConnectorError: Connect call failed"
        self.wait("rpc:receive", RPC_LATENCY_US)
        if broken is not None:
            raise TransportError(broken)
        assert head is not None, "a plan sends an answer or breaks the connection"
        return HttpAnswer(head.status, head.headers, _decoded(head.headers, bytes(body)))


def _decoded(headers: Mapping[str, str], body: bytes) -> bytes:
    if headers.get("content-encoding") != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise TransportError("ClientPayloadError") from error
