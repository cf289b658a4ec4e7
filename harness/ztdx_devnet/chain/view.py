"""What one node shows of the chain. Clients never see the chain, only a view of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Place, Receipt
from ztdx_devnet.chain.blocktree.logs import LogFilter, PlacedLog, logs_of
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.log_limits import NO_LIMITS, LogLimits


@dataclass(frozen=True, slots=True)
class View:
    """A node that is `lag_blocks` behind the canonical head. Everything above it is unknown.

    `log_limits` is what it refuses to eth_getLogs.
    """

    chain: Chain
    lag_blocks: int = 0
    log_limits: LogLimits = NO_LIMITS

    def behind(self, blocks: int) -> View:
        """What the same node would show if it were that many more blocks behind."""
        return replace(self, lag_blocks=self.lag_blocks + blocks)

    @property
    def height(self) -> int:
        return max(self.chain.height - self.lag_blocks, 0)

    @property
    def head(self) -> Place:
        place = self.chain.tree.at(self.height)
        assert place is not None
        return place

    @property
    def safe_number(self) -> int:
        return max(0, self.chain.finality.safe_number - self.lag_blocks)

    @property
    def finalized_number(self) -> int:
        return max(0, self.chain.finality.finalized_number - self.lag_blocks)

    def at(self, number: int) -> Place | None:
        return self.chain.tree.at(number) if number <= self.height else None

    def by_hash(self, block_hash: bytes) -> Place | None:
        place = self.chain.tree.by_hash(block_hash)
        if place is not None and self.lag_blocks and place.number > self.height:
            return None
        return place  # an orphan may be higher than the head

    def inclusion(self, transaction_hash: bytes) -> tuple[ExecutedBlock, Receipt] | None:
        found = self.chain.inclusions.canonical(transaction_hash)
        return found if found is not None and found[0].first_number <= self.height else None

    def logs(self, from_number: int, to_number: int, wanted: LogFilter) -> Iterator[PlacedLog]:
        """Matching logs of the canonical blocks in the range, in chain order."""
        for block in self.chain.logs.between(from_number, min(to_number, self.height)):
            yield from logs_of(block, wanted)

    def logs_in(self, place: Place, wanted: LogFilter) -> Iterator[PlacedLog]:
        """Matching logs of one block, which may be an orphan."""
        if isinstance(place.segment, ExecutedBlock):
            yield from logs_of(place.segment, wanted)
