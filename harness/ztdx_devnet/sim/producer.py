"""The block producer: an actor that adds a block every block time, as long as it is not halted.

While nobody else is due and the pool is empty, it adds the blocks up to the next actor's moment as
one run: no actor can tell the difference, and a week of blocks costs a second.

Headers carry whole seconds. With several blocks in a second, those have the same timestamp.
"""

from __future__ import annotations

from collections.abc import Callable

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_devnet.virtual_time import MICROSECONDS


class Producer:
    """Produces blocks on one chain. `may_batch` says whether nobody watches single blocks."""

    def __init__(self, kernel: Kernel, chain: Chain, may_batch: Callable[[], bool]) -> None:
        self._kernel = kernel
        self._chain = chain
        self._may_batch = may_batch
        self._interval_us = chain.block_time_s * MICROSECONDS
        self._next_us = kernel.now_us + self._interval_us
        self._halted = False
        self._empty_below = 0
        self._actor: Actor | None = None

    @property
    def halted(self) -> bool:
        return self._halted

    @property
    def interval_us(self) -> int:
        """The time between two blocks."""
        return self._interval_us

    def start(self) -> None:
        self._actor = self._kernel.spawn("producer", self._produce)

    def halt(self) -> None:
        """Add no more blocks until `resume`."""
        self._halted = True

    def resume(self) -> None:
        if self._halted and self._actor is not None:
            self._halted = False
            self._next_us = self._kernel.now_us + self._interval_us
            self._kernel.wake(self._actor)

    def set_interval(self, interval_us: int) -> None:
        """Blocks come that far apart from now on, the next one included."""
        self._interval_us = interval_us
        self._chain.block_time_s = interval_us // MICROSECONDS
        self._next_us = self._kernel.now_us + interval_us
        if self._actor is not None:  # it waits for the moment that was the next one
            self._kernel.kill(self._actor)
            self.start()

    def hold_transactions(self, blocks: int) -> None:
        """The next `blocks` blocks are empty: transactions wait in the pool."""
        self._empty_below = self._chain.height + blocks + 1

    def chain_began_anew(self) -> None:
        """Heights of before mean nothing any more."""
        self._empty_below = 0

    def wait_us(self, blocks: int) -> int:
        """How long until that many more blocks exist, if nothing else adds any."""
        return self._next_us - self._kernel.now_us + (blocks - 1) * self._interval_us

    def _produce(self) -> None:
        while True:
            if self._halted:
                self._kernel.park("halted")
                continue
            if self._next_us > self._kernel.now_us:
                self._kernel.boundary("block", self._next_us - self._kernel.now_us)
                continue  # a halt may have come meanwhile
            self._next_us += self._interval_us
            self._add()

    def _add(self) -> None:
        chain = self._chain
        timestamp_s = chain.next_timestamp_s(self._kernel.now_us // MICROSECONDS)
        if chain.height + 1 >= self._empty_below and len(chain.pool):
            chain.mine(timestamp_s)
            return
        count = 1
        if self._may_batch() and not len(chain.pool):
            due_us = self._kernel.next_due_us()
            if due_us is not None and due_us > self._next_us:
                count += -((self._next_us - due_us) // self._interval_us)
        count = min(count, self._evenly_stamped(timestamp_s, count))
        self._next_us += (count - 1) * self._interval_us
        chain.mine_empty(count, timestamp_s)

    def _evenly_stamped(self, timestamp_s: int, count: int) -> int:
        """How many of the next `count` blocks, the first at `timestamp_s`, a run can hold."""
        if self._interval_us % MICROSECONDS == 0:
            return count
        if self._interval_us > MICROSECONDS:
            return 1  # 1.5 s apart are now one second, now two
        left_us = (timestamp_s + 1) * MICROSECONDS - 1 - self._kernel.now_us
        return left_us // self._interval_us + 1
