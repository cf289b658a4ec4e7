"""The block builder: takes from the pool what a block can hold, one transaction at a time.

Every waiting transaction has one of three fates: it is included; it waits on (nonce gap, fee below
the base fee, block full, held back); it can never be valid on this branch and is dropped with a
reason. No transaction makes the building of a block fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eth_utils import ValidationError

from ztdx_devnet.chain.blocktree.blocks import EmptyRun, ExecutedBlock, Place, Receipt
from ztdx_devnet.chain.blocktree.headers import EmptyHeaders, Header
from ztdx_devnet.chain.blocktree.patches import Patches
from ztdx_devnet.chain.blocktree.tree import BlockTree
from ztdx_devnet.chain.building.pool import Pool, Waiting
from ztdx_devnet.chain.evm.execution import BlockExecution, Execution
from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.py_evm import VMError
from ztdx_devnet.chain.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Preview:
    """A block as it would be now, in no tree: its header, receipts, and the states beneath it."""

    header: Header
    receipts: tuple[Receipt, ...]
    execution: Execution


@dataclass(frozen=True, slots=True)
class Dropped:
    """A transaction that left the pool without a block, and why."""

    transaction: Transaction
    reason: str


class BlockBuilder:
    """Builds blocks on any parent of one tree, and on the patch that a parent has.

    `branches` counts the branches that it opened.
    """

    def __init__(self, tree: BlockTree, execution: Execution, patches: Patches) -> None:
        self._tree = tree
        self._execution = execution
        self._patches = patches
        self.branches = 0

    def build(
        self, parent: Place, pool: Pool, timestamp_s: int
    ) -> tuple[ExecutedBlock | None, tuple[Dropped, ...]]:
        """One block on `parent` from the pool; None when the pool has nothing for it.

        Included and dropped transactions leave the pool.
        """
        number = parent.number + 1
        if not any(waiting.not_before_number <= number for waiting in pool):
            return None, ()
        header = self._child_header(parent, timestamp_s)
        block = self._execution.open_block(header, lambda: self._tree.hashes_from(parent))
        dropped = _fill(block, pool, number)
        if not block.receipts:
            return None, dropped
        executed = ExecutedBlock(parent, block.seal(), block.receipts)
        self._tree.add(executed)
        return executed, dropped

    def preview(self, parent: Place, pool: Pool, timestamp_s: int) -> Preview:
        """The block that `build` would build; nothing is changed."""
        header = self._header_on(parent, timestamp_s, None)
        execution = self._execution.overlay()
        block = execution.open_block(header, lambda: self._tree.hashes_from(parent))
        _fill(block, pool.copy(), header.block_number)
        return Preview(block.seal(), block.receipts, execution)

    def empty(self, parent: Place, count: int, first_timestamp_s: int, interval_s: int) -> Place:
        """`count` ≥ 1 empty blocks on `parent`, `interval_s` apart; the last one's place."""
        run = parent.segment
        grows = (
            isinstance(run, EmptyRun)
            and not self._tree.has_child(parent)
            and self._patches.of(parent) is None
            and (count == 1 or run.headers.interval_s == interval_s)
            and run.headers.timestamp_s(run.count) == first_timestamp_s
        )
        if grows and isinstance(run, EmptyRun):
            self._tree.grow(run, count)
            return Place(run, run.count - 1)
        headers = EmptyHeaders(self._child_header(parent, first_timestamp_s), interval_s)
        headers.extend(count)
        run = EmptyRun(parent, headers)
        self._tree.add(run)
        return Place(run, run.count - 1)

    def _child_header(self, parent: Place, timestamp_s: int) -> Header:
        """A header that no block of the tree has: a second child of `parent` opens a new branch.

        Without a mark, an empty block that competes with an empty block would be the same block.
        """
        mark = None
        if self._tree.has_child(parent):
            self.branches += 1
            mark = b"ztdx-devnet branch %d" % self.branches
        return self._header_on(parent, timestamp_s, mark)

    def _header_on(self, parent: Place, timestamp_s: int, extra_data: bytes | None) -> Header:
        header = self._execution.child_header(self._patches.header(parent), timestamp_s, extra_data)
        patch = self._patches.of(parent)
        if patch is None:
            return header
        # The parent's hash is that of the block as it was sealed.
        fields: dict[str, Any] = {"parent_hash": parent.hash}
        if patch.coinbase is not None:
            fields["coinbase"] = patch.coinbase
        if patch.gas_limit is not None:
            fields["gas_limit"] = patch.gas_limit
        if patch.base_fee_wei is not None:
            fields["base_fee_per_gas"] = patch.base_fee_wei
        return header.copy(**fields)


def _fill(block: BlockExecution, pool: Pool, number: int) -> tuple[Dropped, ...]:
    dropped: list[Dropped] = []
    progress = True
    while progress:  # once more after each round: an authorization may have used up a nonce
        progress = False
        for waiting in _by_nonce(pool):
            transaction = waiting.transaction
            if waiting.not_before_number > number or not _fits(block, transaction):
                continue
            reason = _never_valid(block.state, transaction)
            if reason is None:
                try:
                    block.apply(transaction)
                except (ValidationError, VMError) as error:
                    reason = str(error)
            if reason is not None:
                dropped.append(Dropped(transaction, reason))
            pool.remove(transaction.hash)
            progress = True
    return tuple(dropped)


def _by_nonce(pool: Pool) -> Iterator[Waiting]:
    """The pool in its order, where the places of one sender are taken by its lowest nonces."""
    entries = tuple(pool)
    queues: dict[bytes, list[Waiting]] = {}
    for waiting in entries:
        queues.setdefault(waiting.transaction.sender, []).append(waiting)
    for queue in queues.values():
        queue.sort(key=lambda waiting: waiting.transaction.nonce, reverse=True)
    for waiting in entries:
        yield queues[waiting.transaction.sender].pop()


def _fits(block: BlockExecution, transaction: Transaction) -> bool:
    return (
        transaction.nonce <= block.state.nonce(transaction.sender)
        and transaction.tip_wei(block.base_fee_wei) >= 0
        and int(transaction.signed.gas) <= block.gas_left
    )


def _never_valid(state: State, transaction: Transaction) -> str | None:
    signed = transaction.signed
    state_nonce = state.nonce(transaction.sender)
    if transaction.nonce < state_nonce:
        return f"nonce too low: next nonce {state_nonce}, tx nonce {transaction.nonce}"
    balance_wei = state.balance_wei(transaction.sender)
    cost_wei = int(signed.gas) * transaction.max_fee_wei + int(signed.value)
    if balance_wei < cost_wei:
        return f"insufficient funds: balance {balance_wei}, tx cost {cost_wei} (wei)"
    return None
