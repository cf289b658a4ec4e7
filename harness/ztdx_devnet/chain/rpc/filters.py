"""Filters: what a client asks for again and again, and what has come up since it last asked.

Memory is bounded: of more than `MAX_FILTERS` the one that waited longest to be asked goes, and so
does one for which more than `MAX_EVENTS` events or `MAX_BLOCKS` blocks wait. A client sees 'filter
not found', as it does when a real node has forgotten its filter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc import shapes
from ztdx_devnet.chain.rpc.notices import LogInterest, added_logs, new_heads, removed_logs
from ztdx_devnet.chain.transactions import Transaction

MAX_FILTERS = 1_000
MAX_EVENTS = 10_000
MAX_BLOCKS = 1_000_000  # their hashes are one answer

Kind = Literal["logs", "blocks", "pending"]


@dataclass(slots=True)
class Filter:
    """One filter and the events that wait for it. `query` is the log filter as it was asked."""

    kind: Kind
    interest: LogInterest | None = None
    query: Any = None
    events: list[HeadChange | Transaction] = field(default_factory=list)
    blocks: int = 0

    def enter(self, event: HeadChange | Transaction) -> bool:
        """Let an event wait; False when there are too many."""
        self.events.append(event)
        if isinstance(event, HeadChange) and self.kind == "blocks":
            self.blocks += event.new_head.number - event.ancestor.number
        return len(self.events) <= MAX_EVENTS and self.blocks <= MAX_BLOCKS

    def changes(self) -> Iterator[Any]:
        """The JSON of what has come up, in order."""
        for event in self.events:
            if isinstance(event, Transaction):
                yield shapes.data(event.hash)
            elif self.interest is None:
                for place in new_heads(event):
                    yield shapes.data(place.hash)
            else:
                for placed in removed_logs(event, self.interest):
                    yield shapes.log(placed, removed=True)
                for placed in added_logs(event, self.interest):
                    yield shapes.log(placed)


class Filters:
    """The filters of one node, by number."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._filters: dict[int, Filter] = {}
        self._last = 0

    def add(self, kind: Kind, interest: LogInterest | None = None, query: Any = None) -> int:
        """A new filter; it sees what happens from now on."""
        if self._last == 0:  # nobody pays for filters that nobody has
            self._chain.on_head.append(self._head_changed)
            self._chain.on_add.append(self._transaction_added)
        self._last += 1
        if len(self._filters) == MAX_FILTERS:
            del self._filters[next(iter(self._filters))]
        self._filters[self._last] = Filter(kind, interest, query)
        return self._last

    def get(self, number: int) -> Filter | None:
        found = self._filters.pop(number, None)
        if found is not None:
            self._filters[number] = found  # asked for last
        return found

    def take_changes(self, number: int) -> list[Any] | None:
        """What has come up since the last time; None for an unknown filter."""
        found = self.get(number)
        if found is None:
            return None
        changes = list(found.changes())
        found.events.clear()
        found.blocks = 0
        return changes

    def remove(self, number: int) -> bool:
        return self._filters.pop(number, None) is not None

    def _head_changed(self, change: HeadChange) -> None:
        if change.announced:
            self._enter(("logs", "blocks"), change)

    def _transaction_added(self, transaction: Transaction) -> None:
        self._enter(("pending",), transaction)

    def _enter(self, kinds: tuple[Kind, ...], event: HeadChange | Transaction) -> None:
        overflowing = []
        for number, each in self._filters.items():
            if each.kind in kinds and not each.enter(event):
                overflowing.append(number)
        for number in overflowing:
            del self._filters[number]
