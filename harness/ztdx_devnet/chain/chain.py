"""The chain as its users hold it: submit, mine, reorg, switch, snapshot, call.

Time is the caller's: every act that builds blocks is told the timestamp, and nothing here reads a
clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ztdx_devnet.chain.blocks import ExecutedBlock, Place, Receipt
from ztdx_devnet.chain.builder import BlockBuilder, Dropped
from ztdx_devnet.chain.errors import BlockImpossible, ReorgTooDeep, TransactionRefused, UnknownBlock
from ztdx_devnet.chain.execution import CallResult, Execution
from ztdx_devnet.chain.genesis import CHAIN_ID, TIMESTAMP_S, Genesis, template
from ztdx_devnet.chain.intrinsic_gas import floor_gas, init_code_gas
from ztdx_devnet.chain.logs import CanonicalLogs
from ztdx_devnet.chain.pool import Pool
from ztdx_devnet.chain.state import State
from ztdx_devnet.chain.transactions import Transaction, decode
from ztdx_devnet.chain.tree import BlockTree, HeadChange

BLOCK_TIME_S = 2  # BSC testnet
INIT_CODE_LIMIT_BYTES = 49_152  # EIP-3860


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment to return to: the head and what waited in the pool."""

    head: Place
    pool: Pool


class Chain:
    """One devnet chain in memory.

    `on_head` is called after every change of head, `on_drop` for every transaction that left the
    pool without a block.
    """

    def __init__(self, genesis: Genesis | None = None, block_time_s: int = BLOCK_TIME_S) -> None:
        genesis = genesis or template(CHAIN_ID, TIMESTAMP_S)
        self.block_time_s = block_time_s
        self.execution: Execution = genesis.execution.copy()
        self.tree = BlockTree(ExecutedBlock(None, genesis.header, ()))
        self.pool = Pool()
        self.logs = CanonicalLogs()
        self.on_head: list[Callable[[HeadChange], None]] = []
        self.on_drop: list[Callable[[Dropped], None]] = []
        self._builder = BlockBuilder(self.tree, self.execution)
        self._inclusions: dict[bytes, list[ExecutedBlock]] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._next_snapshot = 1

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
        """The state after that block."""
        return self.execution.state(place.header)

    def inclusion(self, transaction_hash: bytes) -> tuple[ExecutedBlock, Receipt] | None:
        """Where the canonical branch includes this transaction."""
        for block in reversed(self._inclusions.get(transaction_hash, ())):
            if self.tree.is_canonical(Place(block)):
                for receipt in block.receipts:
                    if receipt.transaction.hash == transaction_hash:
                        return block, receipt
        return None

    def inclusions(self, transaction_hash: bytes) -> tuple[ExecutedBlock, ...]:
        """Every block that includes this transaction, on all branches, oldest first."""
        return tuple(self._inclusions.get(transaction_hash, ()))

    def call(
        self,
        place: Place,
        *,
        sender: bytes,
        to: bytes,
        data: bytes = b"",
        value_wei: int = 0,
        gas: int,
        gas_price_wei: int = 0,
    ) -> CallResult:
        """Execute a message on the state after `place` and throw its effects away."""
        return self.execution.call(
            place.header,
            lambda: (ancestor.hash for ancestor in self.tree.ancestors(place)),
            sender=sender,
            to=to,
            data=data,
            value_wei=value_wei,
            gas=gas,
            gas_price_wei=gas_price_wei,
        )

    # --- building ------------------------------------------------------------------------------

    def submit(self, raw: bytes) -> bytes:
        """Put a signed transaction from the wire into the pool; returns its hash.

        Raises TransactionRefused, in geth's words, when it can't be taken.
        """
        transaction = decode(raw)
        self.add(transaction)
        return transaction.hash

    def add(self, transaction: Transaction) -> None:
        """Put a decoded transaction into the pool. Raises TransactionRefused."""
        signed = transaction.signed
        if signed.chain_id is not None and signed.chain_id != self.chain_id:
            raise TransactionRefused(
                f"invalid chain id for signer: have {signed.chain_id} want {self.chain_id}"
            )
        if signed.gas > self.head.header.gas_limit:
            raise TransactionRefused("exceeds block gas limit")
        _refuse_what_no_state_makes_valid(transaction)
        state = self.state_at(self.head)
        state_nonce = state.nonce(transaction.sender)
        if transaction.nonce < state_nonce:
            raise TransactionRefused(
                f"nonce too low: next nonce {state_nonce}, tx nonce {transaction.nonce}"
            )
        cost_wei = int(signed.gas) * transaction.max_fee_wei + int(signed.value)
        balance_wei = state.balance_wei(transaction.sender)
        if balance_wei < cost_wei:
            raise TransactionRefused(
                f"insufficient funds for gas * price + value: "
                f"balance {balance_wei}, tx cost {cost_wei}"
            )
        replaced = self.pool.add(transaction)
        if replaced is not None:
            self._report_drop(Dropped(replaced, f"replaced by 0x{transaction.hash.hex()}"))

    def next_nonce(self, sender: bytes) -> int:
        """The nonce for the sender's next transaction, waiting ones counted."""
        return self.pool.next_nonce(sender, self.state_at(self.head).nonce(sender))

    def next_timestamp_s(self, not_before_s: int = 0) -> int:
        """The timestamp of the next block: one block time after the head, or later."""
        return max(self.head.timestamp_s + self.block_time_s, not_before_s)

    def mine(self, timestamp_s: int | None = None) -> Place:
        """One block from the pool on the head, which it becomes. Raises BlockImpossible."""
        timestamp_s = self.next_timestamp_s() if timestamp_s is None else timestamp_s
        self._refuse_standing_time(timestamp_s)
        place = self._build(self.head, timestamp_s)
        self._set_head(place)
        return place

    def mine_empty(self, count: int, first_timestamp_s: int | None = None) -> Place:
        """`count` ≥ 1 empty blocks on the head; the pool waits. Raises BlockImpossible."""
        if count < 1:
            raise BlockImpossible(f"{count} blocks can't be mined: expected 1 or more")
        first_s = self.next_timestamp_s() if first_timestamp_s is None else first_timestamp_s
        self._refuse_standing_time(first_s)
        place = self._builder.empty(self.head, count, first_s, self.block_time_s)
        self._set_head(place)
        return place

    def reorg(
        self,
        depth: int,
        *,
        length: int | None = None,
        drop: Iterable[bytes] = (),
        order: Sequence[bytes] = (),
        delay_blocks: int = 0,
    ) -> HeadChange:
        """Replace the last `depth` blocks by a branch of `length` new ones (default depth + 1).

        Transactions of the replaced blocks go back to the pool and into the new branch, those in
        `order` first, except those in `drop`, which are gone. They appear no earlier than
        `delay_blocks` blocks after the fork point. Raises ReorgTooDeep.
        """
        length = depth + 1 if length is None else length
        if depth < 1 or length < 1:
            raise ReorgTooDeep(f"a reorg has depth and length ≥ 1, not {depth} and {length}")
        if depth > self.height:
            raise ReorgTooDeep(f"depth {depth} reaches below genesis: the head is {self.height}")
        fork = self.tree.at(self.height - depth)
        assert fork is not None
        dropped = set(drop)
        orphans = [
            receipt.transaction
            for block in self.tree.executed_above(fork.number)
            for receipt in block.receipts
        ]
        for transaction in orphans:
            if transaction.hash in dropped:
                self._report_drop(Dropped(transaction, "dropped by the reorg"))
        kept = [t for t in orphans if t.hash not in dropped]
        waiting = [entry.transaction.hash for entry in self.pool]
        not_before = fork.number + delay_blocks + 1
        for displaced in self.pool.return_orphans(kept, not_before):
            self._report_drop(Dropped(displaced, "its nonce is taken by a waiting transaction"))
        for transaction_hash in waiting:
            if transaction_hash in dropped:
                self._drop_waiting(transaction_hash)
        self.pool.rank(order)
        place = fork
        for _ in range(length):
            place = self._build(place, place.timestamp_s + self.block_time_s)
        return self._set_head(place)

    def switch(self, block_hash: bytes) -> HeadChange:
        """Make the branch that ends in that block canonical; orphans go back to the pool."""
        place = self.tree.by_hash(block_hash)
        if place is None:
            raise UnknownBlock(f"no block with hash 0x{block_hash.hex()}")
        change = self._set_head(place)
        included = {r.transaction.hash for block in change.added for r in block.receipts}
        state = self.state_at(place)
        orphans = []
        for block in change.removed:
            for receipt in block.receipts:
                transaction = receipt.transaction
                if transaction.hash in included:
                    continue
                if transaction.nonce < state.nonce(transaction.sender):
                    self._report_drop(Dropped(transaction, "its nonce is used up on this branch"))
                else:
                    orphans.append(transaction)
        for transaction_hash in included:
            self.pool.remove(transaction_hash)
        for displaced in self.pool.return_orphans(orphans, 0):
            self._report_drop(Dropped(displaced, "its nonce is taken by a waiting transaction"))
        return change

    # --- snapshots -----------------------------------------------------------------------------

    def snapshot(self) -> int:
        """Remember this moment; returns the number to come back to it."""
        number = self._next_snapshot
        self._next_snapshot += 1
        self._snapshots[number] = Snapshot(self.head, self.pool.copy())
        return number

    def revert(self, number: int) -> bool:
        """Go back to a snapshot, which is used up with all later ones. False if unknown."""
        snapshot = self._snapshots.get(number)
        if snapshot is None:
            return False
        for later in [n for n in self._snapshots if n >= number]:
            del self._snapshots[later]
        self._set_head(snapshot.head)
        self.pool = snapshot.pool
        return True

    # --- inside --------------------------------------------------------------------------------

    def _refuse_standing_time(self, timestamp_s: int) -> None:
        head_s = self.head.timestamp_s
        if timestamp_s <= head_s:
            raise BlockImpossible(f"timestamp {timestamp_s} is not later than the head's {head_s}")

    def _build(self, parent: Place, timestamp_s: int) -> Place:
        place, dropped = self._builder.build(parent, self.pool, timestamp_s)
        for receipt in place.receipts:
            self._inclusions.setdefault(receipt.transaction.hash, []).append(_executed(place))
        for entry in dropped:
            self._report_drop(entry)
        return place

    def _set_head(self, place: Place) -> HeadChange:
        change = self.tree.set_head(place)
        self.logs.follow(change)
        for listener in self.on_head:
            listener(change)
        return change

    def _drop_waiting(self, transaction_hash: bytes) -> None:
        transaction = self.pool.get(transaction_hash)
        if transaction is not None:
            self.pool.remove(transaction_hash)
            self._report_drop(Dropped(transaction, "dropped by the reorg"))

    def _report_drop(self, dropped: Dropped) -> None:
        for listener in self.on_drop:
            listener(dropped)


def _refuse_what_no_state_makes_valid(transaction: Transaction) -> None:
    signed = transaction.signed
    if transaction.nonce >= 2**64 - 1:
        raise TransactionRefused("nonce has max value")
    if transaction.kind in (2, 4) and signed.max_priority_fee_per_gas > signed.max_fee_per_gas:
        raise TransactionRefused("max priority fee per gas higher than max fee per gas")
    init_code = b"" if signed.to else signed.data
    if len(init_code) > INIT_CODE_LIMIT_BYTES:
        raise TransactionRefused(
            f"max initcode size exceeded: code size {len(init_code)}, limit {INIT_CODE_LIMIT_BYTES}"
        )
    needed = int(signed.intrinsic_gas) + init_code_gas(init_code)
    if signed.gas < needed:
        raise TransactionRefused(
            f"intrinsic gas too low: gas {signed.gas}, minimum needed {needed}"
        )
    floor = floor_gas(signed.data)
    if signed.gas < floor:
        raise TransactionRefused(
            f"insufficient gas for floor data gas cost: gas {signed.gas}, minimum needed {floor}"
        )


def _executed(place: Place) -> ExecutedBlock:
    assert isinstance(place.segment, ExecutedBlock)
    return place.segment
