"""Faults of a served devnet: armed by its control methods, met by whoever asks over HTTP.

They are the faults of scenarios, in the words of scenarios. Control methods are never touched, and
neither is what is asked over a WebSocket.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ztdx_devnet.chain.rpc import table
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError, invalid_params
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.faults import transport
from ztdx_devnet.faults.answer_faults import AnswerFaults
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.pools import HONEST
from ztdx_devnet.faults.transport import TransportFault
from ztdx_devnet.sim.seed import stream
from ztdx_devnet.virtual_time import MICROSECONDS

if TYPE_CHECKING:
    from ztdx_devnet.scenario.verbs.node import AnswerFault as AnswerFaultVerb
    from ztdx_devnet.scenario.verbs.transport import TransportFault as TransportFaultVerb

FAULTS_MAX = 100
_NO_LINGER = struct.pack("ii", 1, 0)  # close with a reset


class LiveFaults:
    """The faults of one devnet, and the node as they show it.

    `now_us` is the server's clock, which `for` counts by; `close_port` closes the server's port
    for so many seconds.
    """

    def __init__(
        self, node: Node, now_us: Callable[[], int], close_port: Callable[[float], None]
    ) -> None:
        self._node = node
        self._now_us = now_us
        self._close_port = close_port
        self._armed = ArmedFaults(now_us)
        self._steps: dict[str, tuple[str, str]] = {}
        chance = stream(0, "answer faults")
        chain = node.view.chain
        self._answers = AnswerFaults(chain, self._armed, chance, lambda *_: None)
        self._chance = stream(0, "transport faults")
        self._controls = frozenset(entry.name for entry in table.methods() if entry.control)

    # --- for the control methods ----------------------------------------------------------------

    def arm(self, step: Any) -> str:
        """Arm the fault of an `answer_fault` or a `transport_fault`. Raises RpcError."""
        if len(self._armed) >= FAULTS_MAX:
            raise RpcError(
                SERVER_ERROR, f"{FAULTS_MAX} faults were armed: devnet_clearFaults forgets them"
            )
        verb = _read(step)
        if verb.name in self._steps:
            raise invalid_params(f"the fault {verb.name!r} is armed twice: name it anew")
        fault = verb.fault(verb.scope_at(self._now_us()))
        if isinstance(fault, TransportFault) and fault.kind == "refused":
            if verb.duration is None or (verb.first, verb.last, verb.percent) != (1, None, 100):
                raise invalid_params(
                    "refused: here the port is closed `for` some time, which must be given, and "
                    "nobody can count who comes to it"
                )
            self._close_port(verb.duration / MICROSECONDS)
            fault.eligible = fault.hits = 1
        self._armed.arm(fault)
        self._steps[verb.name] = (verb.KEY, verb.kind)
        return verb.name

    def listed(self) -> list[dict[str, Any]]:
        """All of them in the order of arming, those that are over included."""
        still = self._armed.of(Fault)
        return [
            {
                "name": fault.name,
                "verb": self._steps[fault.name][0],
                "kind": self._steps[fault.name][1],
                "eligible": fault.eligible,
                "hits": fault.hits,
                "armed": any(fault is each for each in still),
            }
            for fault in self._armed
        ]

    def clear(self) -> list[dict[str, Any]]:
        """Lift and forget all. An exchange that has begun goes on as it was to."""
        last = self.listed()
        self._armed.forget()
        self._steps.clear()
        return last

    # --- for the server -------------------------------------------------------------------------

    @property
    def any_armed(self) -> bool:
        return bool(self._armed.of(Fault))

    def call(self, method: str, arguments: list[Any]) -> Any:
        """Answer one request as the faults of answers will have it. Raises RpcError."""
        if method in self._controls:
            return self._node.call(method, arguments)
        return self._answers.call(self._node, HONEST, (), method, arguments)

    def plan(
        self, request_body: bytes, ask: Callable[[], transport.WholeAnswer]
    ) -> transport.Plan | None:
        """What to do instead of sending the honest answer, None: send it."""
        faults = self._armed.of(TransportFault)
        if not faults or not self._controls.isdisjoint(transport.methods_of(request_body)):
            return None
        fault = transport.taking(faults, self._chance, request_body, ask)
        return None if fault is None else transport.plan(fault, request_body, ask)


async def perform(plan: transport.Plan, request: web.Request) -> web.StreamResponse:
    """Act by the plan, until it ends or the client leaves."""
    response = web.StreamResponse()
    with contextlib.suppress(ConnectionError):  # the client has gone
        for act in plan:
            match act:
                case transport.Head(status, headers):
                    response = web.StreamResponse(status=status, headers=headers)
                    await response.prepare(request)
                case transport.Send(content):
                    await response.write(content)
                case transport.Pause(duration_us):
                    await asyncio.sleep(duration_us / MICROSECONDS)
                case transport.Hang():
                    await asyncio.Event().wait()  # the server cancels it when the client leaves
                case transport.Close() if request.transport is not None:
                    request.transport.close()
                case transport.Reset() | transport.Refuse() if request.transport is not None:
                    _reset(request.transport)
    return response


def hang_up(connection: asyncio.Transport) -> None:
    """End a connection now: who is told anything after this call finds it ended."""
    with contextlib.suppress(OSError):  # the other side was faster
        connection.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
    connection.close()


def _reset(connection: asyncio.Transport) -> None:
    link = connection.get_extra_info("socket")
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    connection.abort()


def _read(step: Any) -> AnswerFaultVerb | TransportFaultVerb:
    """The verb of a step. Raises RpcError."""
    # The language of scenarios is loaded only where somebody speaks it.
    from ztdx_devnet.scenario import loader
    from ztdx_devnet.scenario.errors import BadScenario
    from ztdx_devnet.scenario.verbs.node import AnswerFault
    from ztdx_devnet.scenario.verbs.transport import TransportFault

    try:
        verb = loader.read_step(step, "step")
    except BadScenario as error:
        raise invalid_params("; ".join(problem.message for problem in error.problems)) from error
    if not isinstance(verb, AnswerFault | TransportFault):
        raise invalid_params(
            f"{verb.KEY} is no fault of a served node: expected answer_fault or transport_fault"
        )
    if verb.uses():
        words = ", ".join(f"{named.kind} {named.name!r}" for named in verb.uses())
        raise invalid_params(f"{words}: only a scenario gives names to what it makes")
    return verb
