"""What a reorg does with the transactions of the blocks that it replaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.building.builder import Dropped
from ztdx_devnet.chain.building.pool import Pool
from ztdx_devnet.chain.errors import ReorgImpossible, ReorgTooDeep
from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.transactions import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorg:
    """The last `depth` blocks are replaced by `length` new ones (None: depth + 1).

    Transactions of the replaced blocks, and those that wait in the pool, are named by their 32-byte
    hash. Those in `drop` are gone for good; with `keep`, so are all replaced ones that it does not
    name. `replace` puts another transaction in the place of one. What is left goes back to the
    pool and from there into the new branch, `order` first, at the earliest `delay_blocks` blocks
    after the fork point.

    With `blocks`, the new branch has exactly those transactions in exactly those blocks; replaced
    ones that it does not hold are dropped, and the pool waits.
    """

    depth: int
    length: int | None = None
    drop: frozenset[bytes] = frozenset()
    keep: frozenset[bytes] | None = None
    replace: Mapping[bytes, Transaction] = field(default_factory=dict)
    order: Sequence[bytes] = ()
    delay_blocks: int = 0
    blocks: Sequence[Sequence[Transaction]] | None = None
    branch: str | None = None

    @property
    def new_blocks(self) -> int:
        return self.depth + 1 if self.length is None else self.length

    def refuse_impossible(self, height: int) -> None:
        """Raise ReorgTooDeep or ReorgImpossible unless a chain of that height can do it."""
        if self.depth < 1 or self.new_blocks < 1:
            raise ReorgTooDeep(
                f"a reorg has depth and length ≥ 1, not {self.depth} and {self.new_blocks}"
            )
        if self.depth > height:
            raise ReorgTooDeep(f"depth {self.depth} reaches below genesis: the head is {height}")
        if self.delay_blocks < 0:
            raise ReorgImpossible(f"delay of {self.delay_blocks} blocks: expected 0 or more")
        blocks = self.blocks or ()
        if len(blocks) > self.new_blocks:
            raise ReorgImpossible(
                f"transactions for {len(blocks)} blocks, but the new branch has {self.new_blocks}"
            )
        for index, block in enumerate(blocks):
            if len({(each.sender, each.nonce) for each in block}) < len(block):
                raise ReorgImpossible(f"block {index} has two transactions of one sender and nonce")

    def given(self) -> Iterator[Transaction]:
        """The transactions that come with the plan."""
        yield from self.replace.values()
        for block in self.blocks or ():
            yield from block

    def refuse_unknown(self, known: Iterable[bytes]) -> None:
        """Raise ReorgImpossible if it names a transaction that is neither replaced nor waits."""
        named = {*self.drop, *(self.keep or ()), *self.replace, *self.order}
        coming = (transaction.hash for transaction in self.replace.values())
        for stranger in sorted(named.difference(known, coming)):
            raise ReorgImpossible(
                f"transaction 0x{stranger.hex()} is neither in the replaced blocks nor in the pool"
            )

    def fate(self, transaction: Transaction) -> str | None:
        """Why this transaction of a replaced block does not come back; None if it does."""
        if transaction.hash in self.drop:
            return "dropped by the reorg"
        replacement = self.replace.get(transaction.hash)
        if replacement is not None:
            return f"replaced by 0x{replacement.hash.hex()}"
        if self.keep is not None and transaction.hash not in self.keep:
            return "not kept by the reorg"
        if self.blocks is not None and not any(
            transaction.hash == given.hash for block in self.blocks for given in block
        ):
            return "not in the blocks of the new branch"
        return None


@dataclass(frozen=True, slots=True)
class ReorgOutcome:
    """What a reorg changed.

    Of the replaced blocks' transactions, `included` are in the new branch and `returned` wait in
    the pool; `added` are others of the new branch. `dropped` are in neither.
    """

    change: HeadChange
    branch: str
    included: tuple[Transaction, ...]
    added: tuple[Transaction, ...]
    returned: tuple[Transaction, ...]
    dropped: tuple[Dropped, ...]


def prepare_pool(
    plan: Reorg, pool: Pool, orphans: Sequence[Transaction], fork_number: int
) -> list[Dropped]:
    """Bring back, replace and drop what the plan says, before the new branch is built.

    `orphans` are the transactions of the replaced blocks. Returns those that are gone.
    """
    dropped, coming = [], []
    for transaction in orphans:
        reason = plan.fate(transaction)
        if reason is not None:
            dropped.append(Dropped(transaction, reason))
        if transaction.hash in plan.replace:
            coming.append(plan.replace[transaction.hash])
        elif reason is None and plan.blocks is None:
            coming.append(transaction)
    for transaction in [waiting.transaction for waiting in pool]:
        if transaction.hash in plan.drop or transaction.hash in plan.replace:
            pool.remove(transaction.hash)
            reason = plan.fate(transaction)
            assert reason is not None
            dropped.append(Dropped(transaction, reason))
        if transaction.hash in plan.replace:
            coming.append(plan.replace[transaction.hash])
    coming = [t for t in coming if t.hash not in pool]  # a replacement may wait already
    dropped += _returned(pool, coming, fork_number + plan.delay_blocks + 1)
    pool.rank(plan.order)
    return dropped


def return_to_pool(pool: Pool, transactions: Sequence[Transaction], state: State) -> list[Dropped]:
    """Put orphans of a branch that was left back into the pool; returns those that can't be there.

    `state` is that of the new head.
    """
    dropped, coming = [], []
    for transaction in transactions:
        if transaction.nonce < state.nonce(transaction.sender):
            dropped.append(Dropped(transaction, "its nonce is used up on this branch"))
        else:
            coming.append(transaction)
    return dropped + _returned(pool, coming, 0)


def _returned(pool: Pool, transactions: Sequence[Transaction], not_before: int) -> list[Dropped]:
    displaced = pool.return_orphans(transactions, not_before)
    return [Dropped(t, "its nonce is taken by a waiting transaction") for t in displaced]
