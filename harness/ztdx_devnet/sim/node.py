"""The node behind the listener's URL: the faulty method table as HTTP, every answer journaled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.faults.answers import FaultyNode
from ztdx_devnet.sim.seed import stream
from ztdx_spot.ports import HttpAnswer

_JSON = {"content-type": "application/json"}


class SimNode:
    """One node of the simulated chain. `faulty` holds its faults."""

    def __init__(self, chain: Chain, seed: int, record: Callable[..., object]) -> None:
        self.faulty = FaultyNode(Node(View(chain)), stream(seed, "answer faults"), self._on_answer)
        self._record = record

    def answer(self, body: bytes) -> HttpAnswer:
        return HttpAnswer(200, _JSON, endpoint.answer(self.faulty, body))

    def _on_answer(
        self, method: str, arguments: list[Any], result: Any, fired: tuple[str, ...]
    ) -> None:
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
        if fired:
            shown["faults"] = list(fired)
        self._record("node", "answer", **shown)
