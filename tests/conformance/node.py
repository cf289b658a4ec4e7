"""A node as a client sees it: bytes in, bytes out; and the chain that the conformance tests ask."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.unit.chain.builders import (
    add_deposit,
    creation_code,
    sign,
    sign_access_list,
    sign_delegation,
    sign_legacy,
)
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.log_limits import NO_LIMITS, LogLimits
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.rpc import node as rpc_node
from ztdx_devnet.chain.rpc.endpoint import answer
from ztdx_devnet.chain.transactions import Transaction
from ztdx_devnet.chain.view import View

RUN = 30  # empty blocks between the executed ones


class Node:
    """JSON-RPC over bytes."""

    def __init__(
        self, chain: Chain, lag_blocks: int = 0, log_limits: LogLimits = NO_LIMITS
    ) -> None:
        self.chain = chain
        self._node = rpc_node.Node(View(chain, lag_blocks, log_limits))

    def post(self, body: bytes) -> Any:
        """The decoded answer; None when there is none."""
        answered = answer(self._node, body)
        return json.loads(answered) if answered else None

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a request that must succeed."""
        response = self.request(method, *params)
        assert set(response) == {"jsonrpc", "id", "result"}, response
        return response["result"]

    def fail(self, method: str, *params: Any) -> tuple[int, str]:
        """Code and message of a request that must fail."""
        response = self.request(method, *params)
        assert set(response) == {"jsonrpc", "id", "error"}, response
        assert set(response["error"]) <= {"code", "message", "data"}
        return response["error"]["code"], response["error"]["message"]

    def request(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
        response = self.post(json.dumps(body).encode())
        assert response["jsonrpc"] == "2.0"
        assert response["id"] == 7
        return response


@dataclass(frozen=True)
class World:
    """Genesis, a run, a block of all transaction types, a run, a block of deposits, a run.

    The block of deposits replaced another one, whose transactions were the same in another order.
    """

    chain: Chain
    node: Node
    sent: dict[str, Transaction]
    mixed: int  # height of the block of all transaction types
    deposits: int  # height of the block of deposits
    orphan: str  # hash of the block of deposits that was replaced
    orphan_run: str  # hash of the empty block above that one


def build_world() -> World:
    chain = Chain()
    chain.mine_empty(RUN)
    judy = USERS["judy"].address
    token = creation_code("LookalikeToken", [], ())
    sent = {
        "dynamic": sign("alice", 0, wei=5),
        "legacy": sign_legacy("bob", 0, wei=6),
        "old": sign_legacy("bob", 1, wei=7, chain_id=None),
        "listed": sign_access_list("carol", 0, access_list=[(judy, [0, 258]), (judy, [])]),
        "delegation": sign_delegation("dave", 0, "erin", 0),
        "creation": sign("frank", 0, to=b"", data=token, wei=0, gas=3_000_000),
        "failed": sign("grace", 0, to=contracts.VAULT, data=b"\x01\x02\x03\x04", gas=90_000, wei=0),
        "capped": sign("heidi", 0, max_fee_wei=10**9, tip_wei=10**9),
    }
    for transaction in sent.values():
        chain.add(transaction)
    mixed = chain.mine().number
    chain.mine_empty(RUN)
    for user in ("alice", "bob", "carol"):
        approval, deposit = add_deposit(chain, user, 10**18 + len(user))
        sent |= {f"{user} approves": approval, f"{user} deposits": deposit}
    orphan = chain.mine()
    orphan_run = chain.mine_empty(1)
    order = [sent[f"carol {verb}"].hash for verb in ("approves", "deposits")]
    chain.reorg(Reorg(depth=2, length=3, order=order))
    chain.mine_empty(RUN)
    return World(
        chain,
        Node(chain),
        sent,
        mixed,
        orphan.number,
        "0x" + orphan.hash.hex(),
        "0x" + orphan_run.hash.hex(),
    )
