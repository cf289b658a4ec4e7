"""Subscriptions of one connection: what is pushed to it when the chain changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc import shapes
from ztdx_devnet.chain.rpc.notices import LogInterest, added_logs, new_heads, removed_logs
from ztdx_devnet.chain.transactions import Transaction

MAX_SUBSCRIPTIONS = 1_000

Kind = Literal["newHeads", "logs", "newPendingTransactions", "syncing"]
Notices = Iterator[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one subscription wants. `whole` asks for transactions rather than their hashes."""

    number: int
    kind: Kind
    interest: LogInterest | None = None
    whole: bool = False


class Subscriptions:
    """The subscriptions of one connection.

    `push` takes an iterator over notifications; they are made when it is drained, so a change of
    many blocks costs nothing until the client reads.
    """

    def __init__(self, chain: Chain, push: Callable[[Notices], None]) -> None:
        self._chain = chain
        self._push = push
        self._subscriptions: dict[int, Subscription] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._subscriptions)

    def add(self, kind: Kind, interest: LogInterest | None = None, whole: bool = False) -> int:
        if self._last == 0:
            self._chain.on_head.append(self._head_changed)
            self._chain.on_add.append(self._transaction_added)
        self._last += 1
        self._subscriptions[self._last] = Subscription(self._last, kind, interest, whole)
        return self._last

    def remove(self, number: int) -> bool:
        return self._subscriptions.pop(number, None) is not None

    def close(self) -> None:
        """The connection is gone: watch the chain no more."""
        self._subscriptions.clear()
        if self._last:
            self._chain.on_head.remove(self._head_changed)
            self._chain.on_add.remove(self._transaction_added)
            self._last = 0

    def _head_changed(self, change: HeadChange) -> None:
        if not change.announced:
            return
        everyone = tuple(self._subscriptions.values())
        if any(each.kind in ("logs", "newHeads") for each in everyone):
            self._push(_notices_of_head(change, everyone))

    def _transaction_added(self, transaction: Transaction) -> None:
        everyone = tuple(s for s in self._subscriptions.values() if s.kind == _PENDING)
        if everyone:
            self._push(_notices_of_transaction(transaction, everyone))


_PENDING = "newPendingTransactions"


def _notices_of_head(change: HeadChange, everyone: tuple[Subscription, ...]) -> Notices:
    logs = [(each, each.interest) for each in everyone if each.interest is not None]
    heads = [each for each in everyone if each.kind == "newHeads"]
    for each, interest in logs:
        for placed in removed_logs(change, interest):
            yield _notice(each, shapes.log(placed, removed=True))
    if heads:
        for place in new_heads(change):
            shape = shapes.head(place)
            for each in heads:
                yield _notice(each, shape)
    for each, interest in logs:
        for placed in added_logs(change, interest):
            yield _notice(each, shapes.log(placed))


def _notices_of_transaction(
    transaction: Transaction, everyone: tuple[Subscription, ...]
) -> Notices:
    for each in everyone:
        shape = shapes.transaction(transaction) if each.whole else shapes.data(transaction.hash)
        yield _notice(each, shape)


def _notice(subscription: Subscription, result: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "method": "eth_subscription",
        "params": {"subscription": shapes.quantity(subscription.number), "result": result},
    }
