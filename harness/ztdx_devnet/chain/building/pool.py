"""The pool: transactions that wait for a block, first come first served.

Order is by arrival, not by price, so that a run can be predicted; a sender's transactions always
go by nonce. `rank` moves named transactions to the front.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.transactions import Transaction

REPLACEMENT_BUMP_PERCENT = 10  # geth's rule: a replacement pays at least this much more


@dataclass(frozen=True, slots=True)
class Waiting:
    """One transaction in the pool. It is in no block below `not_before_number`."""

    transaction: Transaction
    not_before_number: int = 0


class Pool:
    """Waiting transactions, in the order in which a block takes them.

    `version` counts its changes.
    """

    def __init__(self) -> None:
        self.version = 0
        self._waiting: dict[bytes, Waiting] = {}
        self._by_nonce: dict[tuple[bytes, int], bytes] = {}
        self._authorized: Counter[tuple[bytes, int]] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._waiting

    def __iter__(self) -> Iterator[Waiting]:
        return iter(tuple(self._waiting.values()))

    def get(self, transaction_hash: bytes) -> Transaction | None:
        waiting = self._waiting.get(transaction_hash)
        return waiting.transaction if waiting else None

    def next_nonce(self, sender: bytes, state_nonce: int) -> int:
        """The first nonce from `state_nonce` up that no waiting transaction uses up."""
        nonce = state_nonce
        while (sender, nonce) in self._by_nonce or self._authorized[sender, nonce]:
            nonce += 1
        return nonce

    def add(self, transaction: Transaction, not_before_number: int = 0) -> Transaction | None:
        """Take a transaction; return the one that it replaces, if any.

        Raises TransactionRefused when it is here already or pays too little to replace another.
        """
        if transaction.hash in self._waiting:
            raise TransactionRefused("already known")
        replaced = self.get(self._by_nonce.get((transaction.sender, transaction.nonce), b""))
        if replaced is not None:
            if _underpriced(transaction, replaced):
                raise TransactionRefused("replacement transaction underpriced")
            held_below = self._waiting[replaced.hash].not_before_number
            not_before_number = max(not_before_number, held_below)
            self.remove(replaced.hash)
        self._enter(transaction, not_before_number)
        return replaced

    def remove(self, transaction_hash: bytes) -> None:
        waiting = self._waiting.pop(transaction_hash, None)
        if waiting is not None:
            transaction = waiting.transaction
            self.version += 1
            del self._by_nonce[transaction.sender, transaction.nonce]
            self._authorized.subtract(transaction.authorities)

    def return_orphans(
        self, transactions: Sequence[Transaction], not_before_number: int
    ) -> tuple[Transaction, ...]:
        """Put transactions of orphaned blocks in front of all others, in the given order.

        Returns those for which there is no place any more: a waiting one has their nonce.
        """
        waiting, self._waiting = self._waiting, {}
        displaced = []
        for transaction in transactions:
            if (transaction.sender, transaction.nonce) in self._by_nonce:
                displaced.append(transaction)
                continue
            self._enter(transaction, not_before_number)
        self._waiting.update(waiting)
        self.version += 1
        return tuple(displaced)

    def rank(self, order: Iterable[bytes]) -> None:
        """Move these waiting transactions to the front, in this order.

        Each is preceded by those of its sender that must go before it.
        """
        self.version += 1
        by_sender: dict[bytes, list[Waiting]] = {}
        for waiting in self._waiting.values():
            by_sender.setdefault(waiting.transaction.sender, []).append(waiting)
        first: dict[bytes, Waiting] = {}
        for named in (self._waiting[h] for h in order if h in self._waiting):
            group = [
                waiting
                for waiting in by_sender[named.transaction.sender]
                if waiting.transaction.nonce <= named.transaction.nonce
            ]
            group.sort(key=lambda waiting: waiting.transaction.nonce)
            for waiting in group:
                first.setdefault(waiting.transaction.hash, waiting)
        self._waiting = {**first, **{h: w for h, w in self._waiting.items() if h not in first}}

    def hold(self, transaction_hash: bytes, not_before_number: int) -> None:
        """Keep a waiting transaction out of all blocks below that height."""
        waiting = self._waiting[transaction_hash]
        self.version += 1
        self._waiting[transaction_hash] = replace(waiting, not_before_number=not_before_number)

    def copy(self) -> Pool:
        pool = Pool()
        pool.version = self.version
        pool._waiting = dict(self._waiting)
        pool._by_nonce = dict(self._by_nonce)
        pool._authorized = Counter(self._authorized)
        return pool

    def _enter(self, transaction: Transaction, not_before_number: int) -> None:
        self.version += 1
        self._waiting[transaction.hash] = Waiting(transaction, not_before_number)
        self._by_nonce[transaction.sender, transaction.nonce] = transaction.hash
        self._authorized.update(transaction.authorities)


def _underpriced(transaction: Transaction, replaced: Transaction) -> bool:
    """Whether fee cap or tip are not higher by the bump, which is geth's rule for both."""
    least = 100 + REPLACEMENT_BUMP_PERCENT
    return (
        transaction.max_fee_wei * 100 < replaced.max_fee_wei * least
        or transaction.max_tip_wei * 100 < replaced.max_tip_wei * least
    )
