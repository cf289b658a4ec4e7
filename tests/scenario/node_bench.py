"""A node of a small chain, asked over HTTP: what tests of answers and views stand on."""

from __future__ import annotations

import json
from typing import Any

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.faults.answers import AnswerFault, AnswerFaultKind
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.pools import NodePool, Pick
from ztdx_devnet.faults.views import Backends, Shown, ViewFault
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.node import SimNode
from ztdx_devnet.sim.wallets import SentDeposit, Wallets

TOPIC = "0x" + contracts.SPOT_DEPOSIT_TOPIC.hex()
VAULT = "0x" + contracts.VAULT.hex()


class Bench:
    """A chain of 30 empty blocks, then one with a deposit and one with two in one transaction."""

    def __init__(self) -> None:
        self.chain = Chain(block_time_s=2)
        self.chain.mine_empty(30)
        wallets = Wallets(self.chain)
        self.single = wallets.deposit("alice", WEI)
        self.chain.mine()
        self.double = wallets.deposit_together([("bob", WEI), ("carol", 2 * WEI)])
        self.chain.mine()
        self.faults = ArmedFaults(lambda: 0)
        self.journal: list[dict[str, Any]] = []
        self.node = SimNode(
            self.chain,
            self.faults,
            0,
            lambda _, kind, **payload: self.journal.append({"kind": kind, **payload}),
        )

    def arm(self, kind: AnswerFaultKind, method: str = "*", **more: Any) -> AnswerFault:
        fault = AnswerFault("fault", method, kind, **more)
        self.faults.arm(fault)
        return fault

    def show(self, *shows: Shown, name: str = "odd", **scope: Any) -> ViewFault:
        """Name a node that shows that, and let it be the only one behind the URL."""
        view = self.name(*shows, name=name, **scope)
        self.pool(name)
        return view

    def name(self, *shows: Shown, name: str = "odd", **scope: Any) -> ViewFault:
        view = ViewFault(name, backends=Backends(shows), **scope)
        self.faults.arm(view)
        return view

    def pool(
        self, *nodes: str, pick: Pick = "in_turn", listeners: tuple[str, ...] | None = None
    ) -> NodePool:
        pool = NodePool("pool", nodes, pick, listeners)
        self.faults.arm(pool)
        return pool

    def post(self, *calls: tuple[str, list[Any]], listener: str = "listener") -> list[Any]:
        """The results, or the errors' codes, of one HTTP request: a batch of these calls."""
        body = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
            for i, (method, params) in enumerate(calls)
        ]
        answers = json.loads(self.node.answer(json.dumps(body).encode(), listener).body)
        return [a["result"] if "result" in a else a["error"]["code"] for a in answers]

    def ask(self, method: str, *params: Any) -> Any:
        return self.post((method, list(params)))[0]

    def logs(self, first: int = 1, last: int = 40, **more: Any) -> Any:
        bounds = {"fromBlock": hex(first), "toBlock": hex(last)}
        return self.ask("eth_getLogs", {**bounds, "address": VAULT, "topics": [TOPIC], **more})

    def receipt(self, sent: SentDeposit) -> Any:
        return self.ask("eth_getTransactionReceipt", "0x" + sent.transaction_hash.hex())


def indexes(logs: list[dict[str, Any]]) -> list[int]:
    return [int(log["logIndex"], 16) for log in logs]
