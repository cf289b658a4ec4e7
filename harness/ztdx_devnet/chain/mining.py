"""Mining: when a chain that runs by itself gets its next block, and what time the block carries."""

from __future__ import annotations

from collections.abc import Callable

from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import BlockImpossible

WallClock = Callable[[], int]


class Mining:
    """The miner of one chain.

    `automine`: every transaction gets its block at once. `interval_s`: whoever runs the chain in
    real time calls `mine` that often; None for never. `wall_s` gives unix seconds; without it,
    blocks are one block time apart, so that the same calls give the same chain.
    """

    def __init__(
        self,
        chain: Chain,
        *,
        automine: bool = True,
        interval_s: float | None = None,
        wall_s: WallClock | None = None,
    ) -> None:
        self.automine = automine
        self.interval_s = interval_s
        self.timestamp_interval_s: int | None = None
        self.on_interval: list[Callable[[], None]] = []  # whoever calls `mine` sets the alarm anew
        self._chain = chain
        self._wall_s = wall_s
        self._ahead_s = 0  # how far the chain's time is ahead of the wall's, or of its own pace
        self._next_timestamp_s: int | None = None
        self._catch_up()

    def now_s(self) -> int:
        """The chain's time: that of the wall and what was added to it, or that of the head."""
        if self._wall_s is None:
            return self._chain.head.timestamp_s + self._ahead_s
        return self._wall_s() + self._ahead_s

    def next_timestamp_s(self) -> int:
        """The timestamp that a block mined now would carry."""
        head_s = self._chain.head.timestamp_s
        if self._next_timestamp_s is not None and self._next_timestamp_s > head_s:
            return self._next_timestamp_s  # else a reorg has overtaken it
        if self.timestamp_interval_s is not None:
            return head_s + self.timestamp_interval_s
        if self._wall_s is None:
            return head_s + self._chain.block_time_s + self._ahead_s
        return max(self.now_s(), head_s + 1)

    def increase_time(self, seconds: int) -> int:
        """Let `seconds` ≥ 0 pass at once. Returns how far ahead the chain's time is."""
        if seconds < 0:
            raise BlockImpossible(f"time can't go back by {-seconds} s")
        self._ahead_s += seconds
        return self._ahead_s

    def set_next_timestamp(self, timestamp_s: int) -> None:
        """The next block carries exactly that timestamp; time goes on from there."""
        head_s = self._chain.head.timestamp_s
        if timestamp_s <= head_s:
            raise BlockImpossible(f"timestamp {timestamp_s} is not later than the head's {head_s}")
        self._next_timestamp_s = timestamp_s

    def set_interval(self, seconds: float | None) -> None:
        """A block every so many seconds of the wall clock; None ends that."""
        self.interval_s = seconds
        for listener in self.on_interval:
            listener()

    def set_timestamp_interval(self, seconds: int | None) -> None:
        """Blocks are `seconds` ≥ 1 apart from now on, whatever the clock says; None ends that."""
        if seconds is not None and seconds < 1:
            raise BlockImpossible(f"blocks {seconds} s apart: expected 1 s or more")
        self.timestamp_interval_s = seconds

    def mine(self, timestamp_s: int | None = None) -> Place:
        """One block now."""
        place = self._chain.mine(self.next_timestamp_s() if timestamp_s is None else timestamp_s)
        self._mined()
        return place

    def mine_blocks(self, count: int, interval_s: int | None = None) -> Place:
        """`count` ≥ 1 blocks, `interval_s` apart (None: one block time).

        The pool's transactions go into the first of them that can hold them. Blocks that can hold
        none are added as one run.
        """
        chain = self._chain
        if count < 1:
            raise BlockImpossible(f"{count} blocks can't be mined: expected 1 or more")
        interval_s = self._interval_s() if interval_s is None else interval_s
        if interval_s < 1:
            raise BlockImpossible(f"blocks {interval_s} s apart: expected 1 s or more")
        timestamp_s = self.next_timestamp_s()
        while count and len(chain.pool):
            fee_wei = chain.head.header.base_fee_per_gas
            place = chain.mine(timestamp_s)
            timestamp_s, count = timestamp_s + interval_s, count - 1
            if place.receipts or place.header.base_fee_per_gas != fee_wei:
                continue
            # Empty blocks alone let nothing in until a transaction's height has come.
            held = [w.not_before_number for w in chain.pool if w.not_before_number > place.number]
            empty = min(min(held) - place.number - 1, count) if held else count
            if empty:
                chain.mine_empty(empty, timestamp_s, interval_s)
                timestamp_s, count = timestamp_s + empty * interval_s, count - empty
        if count:
            chain.mine_empty(count, timestamp_s, interval_s)
        self._mined()
        return chain.head

    def transaction_added(self) -> None:
        """A transaction has come into the pool: mine it, if that is the mode."""
        if self.automine and self._chain.mine_waiting(self.next_timestamp_s()) is not None:
            self._mined()

    def reorged(self) -> None:
        """The head is on another branch: time goes on from there if that is later."""
        self._catch_up()

    def chain_replaced(self) -> None:
        """The chain went back or became another: what was said of the next block is void."""
        self._next_timestamp_s = None
        self._ahead_s = 0
        self._catch_up()

    def _interval_s(self) -> int:
        if self.timestamp_interval_s is not None:
            return self.timestamp_interval_s
        return self._chain.block_time_s

    def _mined(self) -> None:
        self._next_timestamp_s = None
        if self._wall_s is None:
            self._ahead_s = 0
        self._catch_up()

    def _catch_up(self) -> None:
        """Time goes on from the head, if that is in the future."""
        if self._wall_s is not None:
            self._ahead_s = max(self._ahead_s, self._chain.head.timestamp_s - self._wall_s())
