"""What a node shows that still stands on a branch that the others have left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Place, Receipt
from ztdx_devnet.chain.blocktree.logs import LogFilter, PlacedLog, logs_of
from ztdx_devnet.chain.view import View


@dataclass(frozen=True, slots=True)
class BranchView(View):
    """The branch that ends in `tip`, as if it were the canonical one, less `lag_blocks`."""

    tip: Place = field(kw_only=True)

    @property
    def height(self) -> int:
        return max(self.tip.number - self.lag_blocks, 0)

    @property
    def head(self) -> Place:
        return self.chain.tree.ancestor_at(self.tip, self.height)

    def at(self, number: int) -> Place | None:
        if not 0 <= number <= self.height:
            return None
        return self.chain.tree.ancestor_at(self.tip, number)

    def inclusion(self, transaction_hash: bytes) -> tuple[ExecutedBlock, Receipt] | None:
        for block in self.chain.inclusions.blocks(transaction_hash):
            if self._holds(block):
                for receipt in block.receipts:
                    if receipt.transaction.hash == transaction_hash:
                        return block, receipt
        return None

    def logs(self, from_number: int, to_number: int, wanted: LogFilter) -> Iterator[PlacedLog]:
        for number in range(from_number, min(to_number, self.height) + 1):
            for block in self.chain.tree.executed_at(number):
                if self._holds(block):
                    yield from logs_of(block, wanted)

    def _holds(self, block: ExecutedBlock) -> bool:
        place = self.at(block.first_number)
        return place is not None and place.segment is block
