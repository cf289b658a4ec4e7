"""The nodes behind the listeners' URL: the method table over HTTP, with faults, all journaled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.faults.answer_faults import AnswerFaults
from ztdx_devnet.faults.answers import without_results
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.pools import HONEST, NodePool
from ztdx_devnet.faults.views import Probe, ViewFault, ViewNode
from ztdx_devnet.sim.seed import stream
from ztdx_spot.ports import HttpAnswer, TransportError

_JSON = {"content-type": "application/json"}


class SimNode:
    """The nodes of the simulated chain under one URL: an honest one, and those that were named."""

    def __init__(
        self, chain: Chain, faults: ArmedFaults, seed: int, record: Callable[..., object]
    ) -> None:
        self._faults = faults
        self._record = record
        self._honest = Node(View(chain))
        chance = stream(seed, "answer faults")
        self._answer_faults = AnswerFaults(chain, faults, chance, self._on_answer)
        self._pool_chance = stream(seed, "node of a pool")
        self._view_chance = stream(seed, "answers of a view")
        self._asked = HONEST
        self._blocks: list[str] = []
        self.on_answer: list[Callable[[View, str, list[Any], Any], None]] = []
        """Told of each answer but plain headers: the answering view, method, arguments, result."""
        self.on_headers: list[Callable[[Sequence[str]], None]] = []
        """Told of the plain headers of an exchange: the numbers of canonical blocks."""

    def answer(self, body: bytes, listener: str = "") -> HttpAnswer:
        """Answer one HTTP request of that listener; a batch is answered by one node.

        Raises TransportError when the node ends the connection instead.
        """
        picked = self._picked(body, listener)
        self._asked = picked.name
        if isinstance(picked.node, ViewNode) and picked.node.resets:
            self._record("node", "reset", node=picked.name, faults=list(picked.fired))
            raise TransportError("ClientOSError: Connection reset by peer")
        answerer = _Faulty(self._answer_faults, picked)
        answered = without_results(endpoint.answer(answerer, body))
        self._record_blocks()
        return HttpAnswer(200, _JSON, answered)

    def door(self, listener: str) -> Door:
        """The URL, as that listener uses it."""
        return Door(self, listener)

    def _picked(self, body: bytes, listener: str) -> _Picked:
        """The node that answers this request, and the faults that make a difference by that."""
        honest = _Picked(HONEST, self._honest, ())
        pools = [pool for pool in self._faults.of(NodePool) if pool.serves(listener)]
        if not pools:
            return honest
        pool = pools[-1]
        name = pool.picked(listener, self._pool_chance)
        views = [view for view in self._faults.of(ViewFault) if view.name == name]
        if not views:
            return honest
        view = views[-1]
        node = view.backends.next(self._honest)
        if not node.resets and not self._differs(node, body):
            return _Picked(name, node, ())
        if not view.takes(self._view_chance):
            return honest
        pool.hits += 1
        return _Picked(name, node, (pool.name, name))

    def _differs(self, node: Node, body: bytes) -> bool:
        return endpoint.answer(Probe(node), body) != endpoint.answer(Probe(self._honest), body)

    def _on_answer(
        self, view: View, method: str, arguments: list[Any], result: Any, fired: Sequence[str]
    ) -> None:
        if method == "eth_getBlockByNumber" and isinstance(result, dict) and not fired:
            self._blocks.append(str(result["number"]))
            return
        for tell in self.on_answer:
            tell(view, method, arguments, result)
        self._record_blocks()
        shown: dict[str, Any] = {"method": method}
        if method == "eth_getLogs" and arguments:
            shown["from"] = arguments[0].get("fromBlock")
            shown["to"] = arguments[0].get("toBlock")
        if isinstance(result, RpcError):
            shown["error"] = result.message
        elif isinstance(result, list):
            shown["count"] = len(result)
        elif isinstance(result, str) and len(result) <= 66:
            shown["result"] = result
        elif result is None:
            shown["result"] = None
        if fired:
            shown["faults"] = list(fired)
        self._record_answer(shown)

    def _record_blocks(self) -> None:
        """One entry for blocks that were asked for one after another: pages ask for a hundred."""
        if self._blocks:
            for tell in self.on_headers:
                tell(self._blocks)
            shown = {"from": self._blocks[0], "to": self._blocks[-1], "count": len(self._blocks)}
            self._blocks = []
            self._record_answer({"method": "eth_getBlockByNumber", **shown})

    def _record_answer(self, shown: dict[str, Any]) -> None:
        if self._asked != HONEST:
            shown["node"] = self._asked
        self._record("node", "answer", **shown)


@dataclass(frozen=True, slots=True)
class Door:
    """The nodes' URL, as one listener uses it."""

    node: SimNode
    listener: str

    def answer(self, body: bytes) -> HttpAnswer:
        return self.node.answer(body, self.listener)


@dataclass(frozen=True, slots=True)
class _Picked:
    """The node of one HTTP request; `fired` are the faults by which it answers otherwise."""

    name: str
    node: Node
    fired: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Faulty:
    """The picked node, with the answer faults on top."""

    faults: AnswerFaults
    picked: _Picked

    def call(self, method: str, arguments: list[Any]) -> Any:
        picked = self.picked
        return self.faults.call(picked.node, picked.name, picked.fired, method, arguments)
