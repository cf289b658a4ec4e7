"""The chain as its users hold it: submit, mine, reorg, switch, snapshot, edit, call.

Time is the caller's: every act that builds blocks is told the timestamp, and nothing here reads a
clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Place
from ztdx_devnet.chain.blocktree.branches import Branches
from ztdx_devnet.chain.blocktree.finality import Finality
from ztdx_devnet.chain.blocktree.logs import CanonicalLogs
from ztdx_devnet.chain.blocktree.patches import Patches
from ztdx_devnet.chain.blocktree.tree import BlockTree, HeadChange, TreeMark
from ztdx_devnet.chain.building.admission import refuse_inadmissible, refuse_never_valid
from ztdx_devnet.chain.building.builder import BlockBuilder, Dropped, Preview
from ztdx_devnet.chain.building.inclusions import Inclusions
from ztdx_devnet.chain.building.pool import Pool
from ztdx_devnet.chain.building.reorgs import Reorg, ReorgOutcome, prepare_pool, return_to_pool
from ztdx_devnet.chain.errors import (
    BlockImpossible,
    ReorgImpossible,
    UnknownBlock,
)
from ztdx_devnet.chain.evm.context import BlockContext
from ztdx_devnet.chain.evm.execution import Execution
from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.image import ChainImage
from ztdx_devnet.chain.origin.genesis import CHAIN_ID, TIMESTAMP_S, Genesis, template
from ztdx_devnet.chain.transactions import Transaction, decode

BLOCK_TIME_S = 2  # BSC testnet
_BEGINNING = 0  # the number of the snapshot that `reset` goes back to


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment to return to. What was built since is forgotten then."""

    head: Place
    pool: Pool
    patches: Patches
    branches: Branches
    finality: Finality
    tree: TreeMark
    nodes: int
    opened_branches: int
    min_gas_price_wei: int


class Chain:
    """One devnet chain in memory.

    `on_head` is called after every change of head, `on_add` for every transaction that the pool
    takes, `on_drop` for every one that left it without a block, and `on_act` after every act that
    changed anything, when all of it is done.

    `block_time_s` 0 is for more than one block a second: they may have equal timestamps.
    """

    def __init__(self, genesis: Genesis | None = None, block_time_s: int = BLOCK_TIME_S) -> None:
        genesis = genesis or template(CHAIN_ID, TIMESTAMP_S)
        self.block_time_s = block_time_s
        self.on_head: list[Callable[[HeadChange], None]] = []
        self.on_add: list[Callable[[Transaction], None]] = []
        self.on_drop: list[Callable[[Dropped], None]] = []
        self.on_act: list[Callable[[], None]] = []
        self._next_snapshot = 1
        self._begin(ExecutedBlock(None, genesis.header, ()), genesis.execution.copy())

    def _begin(self, genesis: ExecutedBlock, execution: Execution) -> None:
        self.execution = execution
        self.tree = BlockTree(genesis)
        self.pool = Pool()
        self.logs = CanonicalLogs()
        self.patches = Patches()
        self.inclusions = Inclusions(self.tree)
        self.branches = Branches(self.tree.head)
        self.finality = Finality()
        self.min_gas_price_wei = 0
        self.builder = BlockBuilder(self.tree, self.execution, self.patches)
        self._preview: tuple[tuple[Any, ...], Preview] | None = None
        self._snapshots: dict[int, Snapshot] = {_BEGINNING: self._moment()}

    # --- reading -------------------------------------------------------------------------------

    @property
    def chain_id(self) -> int:
        return self.execution.chain_id

    @property
    def head(self) -> Place:
        return self.tree.head

    @property
    def height(self) -> int:
        return self.tree.head.number

    def state_at(self, place: Place) -> State:
        """The state after that block, edits included."""
        return self.execution.state(self.patches.header(place))

    def context(self, place: Place) -> BlockContext:
        """Where calls on the state after that block run."""
        return BlockContext(
            self.execution,
            self.patches.header(place),
            lambda: (ancestor.hash for ancestor in self.tree.ancestors(place)),
        )

    def pending(self, timestamp_s: int | None = None) -> Preview:
        """The block that would be built now."""
        timestamp_s = self.next_timestamp_s() if timestamp_s is None else timestamp_s
        key = (self.head, self.patches.version, self.pool.version, timestamp_s)
        if self._preview is None or self._preview[0] != key:
            self._preview = (key, self.builder.preview(self.head, self.pool, timestamp_s))
        return self._preview[1]

    def pending_context(self, timestamp_s: int | None = None) -> BlockContext:
        """Where calls on the pending block run."""
        preview, head = self.pending(timestamp_s), self.head
        return BlockContext(preview.execution, preview.header, lambda: self.tree.hashes_from(head))

    # --- the pool ------------------------------------------------------------------------------

    def submit(self, raw: bytes) -> bytes:
        """Put a signed transaction from the wire into the pool; returns its hash.

        Raises TransactionRefused, in geth's words, when it can't be taken.
        """
        transaction = decode(raw)
        self.add(transaction)
        return transaction.hash

    def add(self, transaction: Transaction) -> None:
        """Put a decoded transaction into the pool. Raises TransactionRefused."""
        refuse_inadmissible(
            transaction,
            chain_id=self.chain_id,
            gas_limit=self.patches.gas_limit(self.head),
            state=self.state_at(self.head),
            min_gas_price_wei=self.min_gas_price_wei,
        )
        replaced = self.pool.add(transaction)
        if replaced is not None:
            self._report_drop(Dropped(replaced, f"replaced by 0x{transaction.hash.hex()}"))
        for listener in self.on_add:
            listener(transaction)
        self._acted()

    def drop(self, transaction_hash: bytes, reason: str) -> bool:
        """Take a waiting transaction out of the pool for good. False if it does not wait."""
        transaction = self.pool.get(transaction_hash)
        if transaction is None:
            return False
        self.pool.remove(transaction_hash)
        self._report_drop(Dropped(transaction, reason))
        self._acted()
        return True

    def next_nonce(self, sender: bytes) -> int:
        """The nonce for the sender's next transaction, waiting ones counted."""
        return self.pool.next_nonce(sender, self.state_at(self.head).nonce(sender))

    # --- building ------------------------------------------------------------------------------

    def next_timestamp_s(self, not_before_s: int = 0) -> int:
        """The timestamp of the next block: one block time after the head, or later."""
        return max(self.head.timestamp_s + self.block_time_s, not_before_s)

    def mine(self, timestamp_s: int | None = None) -> Place:
        """One block from the pool on the head, which it becomes. Raises BlockImpossible."""
        timestamp_s = self.next_timestamp_s() if timestamp_s is None else timestamp_s
        self._refuse_standing_time(timestamp_s)
        place = self._build_one(self.head, self.pool, timestamp_s)
        self._announce(self._set_head(place))
        return place

    def mine_waiting(self, timestamp_s: int) -> Place | None:
        """As `mine`, but None and no block when the pool has nothing for it."""
        self._refuse_standing_time(timestamp_s)
        before = (self.pool.version, self.builder.branches)
        block = self._build(self.head, self.pool, timestamp_s)
        if block is None:
            if before != (self.pool.version, self.builder.branches):  # what it tried is gone
                self._acted()
            return None
        self._announce(self._set_head(Place(block)))
        return self.head

    def mine_empty(
        self, count: int, first_timestamp_s: int | None = None, interval_s: int | None = None
    ) -> Place:
        """`count` ≥ 1 empty blocks on the head; the pool waits. Raises BlockImpossible."""
        interval_s = self.block_time_s if interval_s is None else interval_s
        if count < 1:
            raise BlockImpossible(f"{count} blocks can't be mined: expected 1 or more")
        if interval_s < min(self.block_time_s, 1):
            raise BlockImpossible(f"blocks {interval_s} s apart: expected 1 s or more")
        first_s = self.next_timestamp_s() if first_timestamp_s is None else first_timestamp_s
        self._refuse_standing_time(first_s)
        place = self.builder.empty(self.head, count, first_s, interval_s)
        self._announce(self._set_head(place))
        return place

    def reorg(self, plan: Reorg) -> ReorgOutcome:
        """Replace the last blocks. Raises ReorgTooDeep or ReorgImpossible, and changes nothing."""
        plan.refuse_impossible(self.height)
        if plan.branch is not None and plan.branch in self.branches:
            raise ReorgImpossible(f"branch {plan.branch!r} is there already")
        fork = self.tree.at(self.height - plan.depth)
        assert fork is not None
        orphans = [
            receipt.transaction
            for block in self.tree.executed_above(fork.number)
            for receipt in block.receipts
        ]
        waiting = [entry.transaction for entry in self.pool]
        plan.refuse_unknown(t.hash for t in (*orphans, *waiting))
        for transaction in plan.given():
            refuse_never_valid(transaction, self.chain_id)
        with self._collecting_drops() as dropped:
            for entry in prepare_pool(plan, self.pool, orphans, fork.number):
                self._report_drop(entry)
            place = self._build_branch(plan, fork)
        change = self._set_head(place, plan.branch)
        included = {r.transaction.hash for block in change.added for r in block.receipts}
        for transaction_hash in included:  # of `blocks`, some may have waited
            self.pool.remove(transaction_hash)
        self._announce(change)
        return self._outcome(change, orphans, dropped)

    def switch(self, block_hash: bytes) -> ReorgOutcome:
        """Make the branch that ends in that block canonical; orphans go back to the pool.

        Raises UnknownBlock.
        """
        place = self.tree.by_hash(block_hash)
        if place is None:
            raise UnknownBlock(f"no block with hash 0x{block_hash.hex()}")
        change = self._set_head(place)
        included = {r.transaction.hash for block in change.added for r in block.receipts}
        orphans = [r.transaction for block in change.removed for r in block.receipts]
        with self._collecting_drops() as dropped:
            for transaction_hash in included:
                self.pool.remove(transaction_hash)
            left_behind = [t for t in orphans if t.hash not in included]
            for entry in return_to_pool(self.pool, left_behind, self.state_at(self.head)):
                self._report_drop(entry)
        self._announce(change)
        return self._outcome(change, orphans, dropped)

    def rollback(self, depth: int) -> None:
        """Cut the last `depth` blocks off, unannounced; their transactions are dropped.

        The blocks stay readable by hash. Raises ReorgTooDeep.
        """
        Reorg(depth=depth).refuse_impossible(self.height)
        place = self.tree.at(self.height - depth)
        assert place is not None
        change = self._set_head(place, announced=False)
        for block in change.removed:
            for receipt in block.receipts:
                self._report_drop(Dropped(receipt.transaction, "rolled back"))
        self._announce(change)

    # --- edits and snapshots -------------------------------------------------------------------

    def edit_state(self, edit: Callable[[State], None]) -> None:
        """Change the state after the head; whatever is built on the head builds on the change."""
        state = self.state_at(self.head)
        edit(state)
        self.patches.change(self.head, state_root=state.persist())
        self._acted()

    def set_finality(self, safe_depth: int, finalized_depth: int) -> None:
        """How many blocks below the head `safe` and `finalized` follow from now on."""
        self.finality.set_depths(safe_depth, finalized_depth, self.height)
        self._acted()

    def set_min_gas_price(self, price_wei: int) -> None:
        """The pool refuses what offers less from now on."""
        self.min_gas_price_wei = price_wei
        self._acted()

    def edit_next_header(self, **fields: Any) -> None:
        """Set `coinbase`, `gas_limit` or `base_fee_wei` of the next block (see Patch)."""
        self.patches.change(self.head, **fields)
        self._acted()

    def snapshot(self) -> int:
        """Remember this moment; returns the number to come back to it."""
        number = self._next_snapshot
        self._next_snapshot += 1
        self._snapshots[number] = self._moment()
        return number

    def revert(self, number: int) -> bool:
        """Go back to a snapshot, which is used up with all later ones. False if unknown.

        What was built since is forgotten, not orphaned; nothing of it is announced.
        """
        if number == _BEGINNING or number not in self._snapshots:
            return False
        moment = self._snapshots[number]
        for later in [n for n in self._snapshots if n >= number]:
            del self._snapshots[later]
        self._restore(moment)
        return True

    def reset(self) -> None:
        """Go back to the beginning; all snapshots are used up."""
        self._snapshots = {_BEGINNING: self._snapshots[_BEGINNING]}
        self._restore(self._snapshots[_BEGINNING])

    def restart(self, genesis: Genesis) -> None:
        """Begin anew, on another genesis of the same chain id; all there was is forgotten."""
        assert genesis.execution.chain_id == self.chain_id, "another chain needs another Chain"
        old_head, removed = self.head, self.tree.executed_above(0)
        self._begin(ExecutedBlock(None, genesis.header, ()), genesis.execution.copy())
        self._announce(HeadChange(old_head, self.head, self.head, removed, (), announced=False))

    def load(self, image: ChainImage) -> None:
        """Become the chain of the image; all snapshots are used up. Nothing is announced."""
        genesis = image.segments[0]
        assert isinstance(genesis, ExecutedBlock)
        self._begin(genesis, Execution(self.chain_id, dict(image.nodes)))
        self.execution.nodes.added += list(image.nodes)[image.first_nodes :]
        for segment in image.segments[1:]:
            self.tree.add(segment)
            if isinstance(segment, ExecutedBlock):
                self.inclusions.enter(segment)
        self.logs.follow(self.tree.set_head(image.head))
        self.branches.restore(image.current_branch, image.tips)
        self.builder.branches = image.opened_branches
        for block_hash, patch in image.patches.items():
            self.patches.put(block_hash, patch)
        for waiting in image.waiting:
            self.pool.add(waiting.transaction, waiting.not_before_number)
        self.finality = copy(image.finality)
        self.min_gas_price_wei = image.min_gas_price_wei
        self._acted()

    # --- inside --------------------------------------------------------------------------------

    def _outcome(
        self, change: HeadChange, orphans: Sequence[Transaction], dropped: Sequence[Dropped]
    ) -> ReorgOutcome:
        new = {r.transaction.hash: r.transaction for block in change.added for r in block.receipts}
        old = {orphan.hash for orphan in orphans}
        gone = {entry.transaction.hash: entry for entry in dropped}  # the last reason counts
        return ReorgOutcome(
            change,
            self.branches.current,
            tuple(t for t in orphans if t.hash in new),
            tuple(t for t in new.values() if t.hash not in old),
            tuple(t for t in orphans if t.hash in self.pool),
            tuple(gone[h] for h in gone if h not in new and h not in self.pool),
        )

    def _moment(self) -> Snapshot:
        return Snapshot(
            self.head,
            self.pool.copy(),
            self.patches.copy(),
            self.branches.copy(),
            copy(self.finality),
            self.tree.mark(),
            len(self.execution.nodes.added),
            self.builder.branches,
            self.min_gas_price_wei,
        )

    def _restore(self, moment: Snapshot) -> None:
        change = self._set_head(moment.head, announced=False)
        self.inclusions.forget(self.tree.forget_after(moment.tree))
        self.execution.nodes.forget_after(moment.nodes)
        self.pool = moment.pool.copy()
        self.patches.restore(moment.patches)
        self.branches = moment.branches.copy()
        self.finality = copy(moment.finality)
        self.builder.branches = moment.opened_branches
        self.min_gas_price_wei = moment.min_gas_price_wei
        self._preview = None
        self._announce(change)

    def _refuse_standing_time(self, timestamp_s: int) -> None:
        head_s = self.head.timestamp_s
        if timestamp_s < head_s + min(self.block_time_s, 1):
            raise BlockImpossible(f"timestamp {timestamp_s} is not later than the head's {head_s}")

    def _build(self, parent: Place, pool: Pool, timestamp_s: int) -> ExecutedBlock | None:
        """A block of what the pool has for it; None when that is nothing."""
        block, dropped = self.builder.build(parent, pool, timestamp_s)
        if block is not None:
            self.inclusions.enter(block)
        for entry in dropped:
            self._report_drop(entry)
        return block

    def _build_one(self, parent: Place, pool: Pool, timestamp_s: int) -> Place:
        block = self._build(parent, pool, timestamp_s)
        if block is not None:
            return Place(block)
        return self.builder.empty(parent, 1, timestamp_s, timestamp_s - parent.timestamp_s)

    def _build_branch(self, plan: Reorg, fork: Place) -> Place:
        place, left = fork, plan.new_blocks
        given = None if plan.blocks is None else list(plan.blocks)
        while left:
            pool = self.pool if given is None else Pool()
            for transaction in given.pop(0) if given else ():
                pool.add(transaction)
            timestamp_s = place.timestamp_s + self.block_time_s
            if not given and not len(pool):  # nothing can come any more
                return self.builder.empty(place, left, timestamp_s, self.block_time_s)
            place, left = self._build_one(place, pool, timestamp_s), left - 1
            if given is not None:
                for waiting in pool:
                    self._report_drop(Dropped(waiting.transaction, "not valid in its block"))
        return place

    def _set_head(
        self, place: Place, branch: str | None = None, *, announced: bool = True
    ) -> HeadChange:
        change = self.tree.set_head(place, announced=announced)
        self.logs.follow(change)
        self.finality.follow(change)
        self.branches.follow(change, branch)
        return change

    def _announce(self, change: HeadChange) -> None:
        for listener in self.on_head:
            listener(change)
        self._acted()

    def _acted(self) -> None:
        for listener in self.on_act:
            listener()

    def _report_drop(self, dropped: Dropped) -> None:
        self.inclusions.note_drop(dropped)
        for listener in self.on_drop:
            listener(dropped)

    @contextmanager
    def _collecting_drops(self) -> Iterator[list[Dropped]]:
        collected: list[Dropped] = []
        self.on_drop.append(collected.append)
        try:
            yield collected
        finally:
            self.on_drop.remove(collected.append)
