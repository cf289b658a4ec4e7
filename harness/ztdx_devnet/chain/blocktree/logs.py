"""The log index: which canonical blocks hold logs, so that a query touches no other block."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Log, Receipt
from ztdx_devnet.chain.blocktree.tree import HeadChange


class PlacedLog(NamedTuple):
    """A log together with the receipt and block that it stands in."""

    log: Log
    receipt: Receipt
    block: ExecutedBlock


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What eth_getLogs filters by. Empty `addresses` or an empty topic position match anything."""

    addresses: frozenset[bytes] = frozenset()
    topics: tuple[frozenset[bytes], ...] = ()

    def matches(self, log: Log) -> bool:
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(
            not wanted or topic in wanted
            for wanted, topic in zip(self.topics, log.topics, strict=False)
        )


class CanonicalLogs:
    """The canonical blocks that hold logs, by height."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._blocks: list[ExecutedBlock] = []

    def follow(self, change: HeadChange) -> None:
        """Take over a change of head."""
        keep = bisect_right(self._numbers, change.ancestor.number)
        del self._numbers[keep:], self._blocks[keep:]
        for block in change.added:
            if block.has_logs:
                self._numbers.append(block.first_number)
                self._blocks.append(block)

    def between(self, from_number: int, to_number: int) -> Sequence[ExecutedBlock]:
        """The canonical blocks with logs from `from_number` to `to_number`, both included."""
        start = bisect_left(self._numbers, from_number)
        return self._blocks[start : bisect_right(self._numbers, to_number)]


def logs_of(block: ExecutedBlock, wanted: LogFilter) -> Iterator[PlacedLog]:
    """The logs of one block that match, in their order."""
    for receipt in block.receipts:
        for log in receipt.logs:
            if wanted.matches(log):
                yield PlacedLog(log, receipt, block)
