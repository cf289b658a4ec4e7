"""What became of each transaction: the blocks that include it, or why it is gone."""

from __future__ import annotations

from collections.abc import Iterable

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Place, Receipt
from ztdx_devnet.chain.blocktree.tree import BlockTree
from ztdx_devnet.chain.building.builder import Dropped

REASONS_KEPT = 10_000


class Inclusions:
    """Blocks by transaction, and the reasons of the last drops."""

    def __init__(self, tree: BlockTree) -> None:
        self._tree = tree
        self._blocks: dict[bytes, list[ExecutedBlock]] = {}
        self._reasons: dict[bytes, str] = {}

    def enter(self, block: ExecutedBlock) -> None:
        for receipt in block.receipts:
            self._blocks.setdefault(receipt.transaction.hash, []).append(block)

    def forget(self, blocks: Iterable[ExecutedBlock]) -> None:
        for block in blocks:
            for receipt in block.receipts:
                entered = self._blocks[receipt.transaction.hash]
                entered.remove(block)
                if not entered:
                    del self._blocks[receipt.transaction.hash]

    def canonical(self, transaction_hash: bytes) -> tuple[ExecutedBlock, Receipt] | None:
        """Where the canonical branch includes this transaction."""
        for block in reversed(self._blocks.get(transaction_hash, ())):
            if self._tree.is_canonical(Place(block)):
                for receipt in block.receipts:
                    if receipt.transaction.hash == transaction_hash:
                        return block, receipt
        return None

    def blocks(self, transaction_hash: bytes) -> tuple[ExecutedBlock, ...]:
        """Every block that includes this transaction, oldest first."""
        return tuple(self._blocks.get(transaction_hash, ()))

    def note_drop(self, dropped: Dropped) -> None:
        self._reasons.pop(dropped.transaction.hash, None)
        self._reasons[dropped.transaction.hash] = dropped.reason
        if len(self._reasons) > REASONS_KEPT:
            del self._reasons[next(iter(self._reasons))]

    def drop_reason(self, transaction_hash: bytes) -> str | None:
        """Why the transaction last left the pool without a block, if that is remembered."""
        return self._reasons.get(transaction_hash)
