"""How high the chain was when a listener asked, which is a moment before it writes."""

from __future__ import annotations

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.sim.world import World
from ztdx_devnet.virtual_time import MICROSECONDS


def poll_work_us(world: World) -> int:
    """What the requests and writes of one poll take, generously.

    With varied latency one boundary in a hundred takes a second, and a repair has hundreds.
    """
    return 10 * MICROSECONDS if world.settings.varied_latency else MICROSECONDS // 10


class Heights:
    """The chain's height, or the one that a shorter branch has just taken away."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = 0
        self._until_us = 0

    def head_changed(self, change: HeadChange) -> None:
        if change.new_head.number < change.old_head.number:
            self._before = change.old_head.number
            self._until_us = self._world.now_us + poll_work_us(self._world)

    @property
    def asked(self) -> int:
        """The highest head that a poll may have seen which writes now."""
        height = self._world.chain.height
        return max(height, self._before) if self._world.now_us <= self._until_us else height

    @property
    def asked_confirmed(self) -> int:
        """The highest block that was confirmed then."""
        return self.asked - self._world.settings.confirmation_depth_blocks
