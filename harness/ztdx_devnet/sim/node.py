"""The node behind the listener's URL: the faulty method table as HTTP, every answer journaled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.faults.answers import FaultyNode
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.pools import LaggingPool
from ztdx_devnet.sim.seed import stream
from ztdx_spot.ports import HttpAnswer

_JSON = {"content-type": "application/json"}


class SimNode:
    """One node of the simulated chain, or a pool of two, under one URL, with its faults."""

    def __init__(
        self, chain: Chain, faults: ArmedFaults, seed: int, record: Callable[..., object]
    ) -> None:
        self._chain = chain
        self._faults = faults
        self._record = record
        chance = stream(seed, "answer faults")
        self._faulty = FaultyNode(Node(View(chain)), faults, chance, self._on_answer)
        self._blocks: list[str] = []
        self._chance = stream(seed, "node of a pool")

    def answer(self, body: bytes) -> HttpAnswer:
        """Answer one HTTP request; a batch is answered by one node."""
        answer = HttpAnswer(200, _JSON, endpoint.answer(self._picked(body), body))
        self._record_blocks()
        return answer

    def _picked(self, body: bytes) -> endpoint.Answerer:
        lagging = [p for p in self._faults.of(LaggingPool) if p.picks_lagging(self._chance)]
        if not lagging:
            return self._faulty
        lag_blocks = sum(pool.lag_blocks for pool in lagging)
        behind = Node(View(self._chain, lag_blocks))
        if endpoint.answer(behind, body) != endpoint.answer(Node(View(self._chain)), body):
            for pool in lagging:
                pool.hits += 1
        return _Behind(self._faulty, lag_blocks, tuple(pool.name for pool in lagging))

    def _on_answer(
        self, method: str, arguments: list[Any], result: Any, fired: tuple[str, ...]
    ) -> None:
        if method == "eth_getBlockByNumber" and isinstance(result, dict) and not fired:
            self._blocks.append(str(result["number"]))
            return
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
        self._record("node", "answer", **shown)

    def _record_blocks(self) -> None:
        """One entry for blocks that were asked for one after another: pages ask for a hundred."""
        if self._blocks:
            shown = {"from": self._blocks[0], "to": self._blocks[-1], "count": len(self._blocks)}
            self._blocks = []
            self._record("node", "answer", method="eth_getBlockByNumber", **shown)


@dataclass(frozen=True, slots=True)
class _Behind:
    """The pool's lagging node, for one HTTP request."""

    faulty: FaultyNode
    lag_blocks: int
    pools: tuple[str, ...]

    def call(self, method: str, arguments: list[Any]) -> Any:
        return self.faulty.call_behind(self.lag_blocks, self.pools, method, arguments)
