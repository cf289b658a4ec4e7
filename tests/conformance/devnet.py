"""A devnet as a client controls it: bytes in, bytes out, and what a connection would be pushed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.node import Node
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.chain.rpc.subscriptions import Subscriptions

ALICE, BOB, CAROL, DAVE = (USERS[n].address_hex for n in ("alice", "bob", "carol", "dave"))
NOBODY = "0x" + "99" * 20
UNKNOWN = "0x" + "07" * 32
DF_TOKEN, VAULT = ("0x" + address.hex() for address in (contracts.DF_TOKEN, contracts.VAULT))
GWEI = 10**9
PARSE, INVALID, NOT_FOUND, PARAMS, SERVER, REVERTED = -32700, -32600, -32601, -32602, -32000, 3


class DevnetNode(Node):
    """A node that controls its devnet, over a connection that can be pushed to.

    It mines a block for every transaction unless `automine` is False.
    """

    def __init__(self, devnet: Devnet | None = None, *, automine: bool = True) -> None:
        self.devnet = devnet or Devnet()
        self.devnet.mining.automine = automine
        self.chain = self.devnet.chain
        self.pushes: list[Iterator[Any]] = []
        self.subscriptions = Subscriptions(self.chain, self.pushes.append)
        self._node = node_of(self.devnet).connected(self.subscriptions)

    def pushed(self) -> list[Any]:
        """The (subscription, result) of every notification since the last time, in order."""
        pushes = list(self.pushes)
        self.pushes.clear()
        return [
            (notice["params"]["subscription"], notice["params"]["result"])
            for notices in pushes
            for notice in notices
        ]

    def send(self, sender: str = ALICE, to: str | None = BOB, **fields: Any) -> str:
        """The hash of a transaction that the devnet signs; integers become quantities."""
        values = {k: hex(v) if type(v) is int else v for k, v in fields.items()}
        given = {"from": sender, **({} if to is None else {"to": to}), **values}
        return self.ask("eth_sendTransaction", given)

    def deposit(self, user: str, wei: int) -> tuple[str, str]:
        """The hashes of an approval and a deposit of a named user."""
        approval = contracts.approve(contracts.VAULT, wei)
        deposit = contracts.deposit(contracts.DF_TOKEN, wei)
        sender = USERS[user].address_hex
        return (
            self.send(sender, DF_TOKEN, data="0x" + approval.hex(), gas=300_000),
            self.send(sender, VAULT, data="0x" + deposit.hex(), gas=300_000),
        )

    def head(self, full: bool = False) -> Any:
        return self.ask("eth_getBlockByNumber", "latest", full)

    def block(self, number: int, full: bool = False) -> Any:
        return self.ask("eth_getBlockByNumber", hex(number), full)

    def height(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)

    def number(self, method: str, *params: Any) -> int:
        """The result of a request that is answered with a quantity."""
        return int(self.ask(method, *params), 16)

    def receipt(self, transaction_hash: str) -> Any:
        return self.ask("eth_getTransactionReceipt", transaction_hash)

    def fate(self, transaction_hash: str) -> tuple[str, str | None]:
        """Status and drop reason."""
        found = self.ask("devnet_transaction", transaction_hash)
        return found["status"], found["dropReason"]

    def waiting(self) -> list[str]:
        """The hashes of the pool, in its order."""
        return ["0x" + waiting.transaction.hash.hex() for waiting in self.chain.pool]
