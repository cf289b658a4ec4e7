"""What a change of the chain tells those who watch it, worked out when it is asked for.

The order is fixed: logs of the replaced blocks with `removed: true`, lowest block first; the new
heads from the fork point up; the logs of the new blocks. A return to a snapshot tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Place, Segment
from ztdx_devnet.chain.blocktree.logs import LogFilter, PlacedLog, logs_of
from ztdx_devnet.chain.blocktree.tree import HeadChange


@dataclass(frozen=True, slots=True)
class LogInterest:
    """Logs that somebody watches: a filter, and the heights between which it holds."""

    wanted: LogFilter
    from_number: int = 0
    to_number: int | None = None

    def covers(self, number: int) -> bool:
        return self.from_number <= number and (self.to_number is None or number <= self.to_number)


def new_heads(change: HeadChange) -> Iterator[Place]:
    """The blocks that the change made canonical, lowest first."""
    path: list[tuple[Segment, int, int]] = []
    place = change.new_head
    while place.number > change.ancestor.number:
        segment = place.segment
        first = max(change.ancestor.number + 1, segment.first_number)
        path.append((segment, first - segment.first_number, place.offset + 1))
        if segment.parent is None:
            break
        place = segment.parent
    for segment, start, end in reversed(path):
        for offset in range(start, end):
            if offset >= segment.count:  # a revert has cut it since
                break
            yield Place(segment, offset)


def removed_logs(change: HeadChange, interest: LogInterest) -> Iterator[PlacedLog]:
    """The logs that the change took from the canonical branch, lowest block first."""
    return _logs(change.removed, interest)


def added_logs(change: HeadChange, interest: LogInterest) -> Iterator[PlacedLog]:
    """The logs that the change made canonical, lowest block first."""
    return _logs(change.added, interest)


def _logs(blocks: tuple[ExecutedBlock, ...], interest: LogInterest) -> Iterator[PlacedLog]:
    for block in blocks:
        if interest.covers(block.first_number):
            yield from logs_of(block, interest.wanted)
