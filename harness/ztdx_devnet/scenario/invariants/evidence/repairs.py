"""Rows that a reorg left behind, and how long the listener may take to see that.

A reorg deeper than the confirmations leaves rows off the chain. The listener has a few polls,
counted from the moment when it can see it: it runs, its node answers honestly, nobody holds the
database's lock, and there is a block to process that the new branch holds.
"""

from __future__ import annotations

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.scenario.invariants.evidence.changes import Changes
from ztdx_devnet.scenario.invariants.evidence.heights import poll_work_us
from ztdx_devnet.sim.ledger_reader import DepositRow
from ztdx_devnet.sim.world import World

POLLS_TO_REPAIR = 3


class Repairs:
    """Knows which confirmed rows are off the canonical chain for a reason that is a while old."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stale: dict[int, DepositRow] = {}
        self._reorged_us: int | None = None
        self._cursor_at_reorg = 0
        self._able_since_us: int | None = None
        poll_us = world.settings.poll_interval_ms * 1_000 + poll_work_us(world)
        self._patience_us = POLLS_TO_REPAIR * poll_us

    @property
    def stale(self) -> tuple[DepositRow, ...]:
        """The rows that are left behind, oldest first."""
        return tuple(self._stale.values())

    @property
    def just_reorged(self) -> bool:
        """Whether what is written now may have been read before a reorg."""
        since_us = self._reorged_us
        return since_us is not None and self._world.now_us - since_us <= self._patience_us

    def follow(self, changes: Changes) -> None:
        """A row that was written since is judged anew."""
        for before, now in changes.deposits:
            for row in (before, now):
                if row is not None:
                    self._stale.pop(row.row, None)

    def excuse(self, row: DepositRow) -> None:
        """This one was written off the chain, for that reason."""
        self._stale[row.row] = row

    def head_changed(self, change: HeadChange) -> None:
        """Note which rows a reorg has left behind."""
        if not change.is_reorg:
            return
        world = self._world
        self._reorged_us, self._able_since_us = world.now_us, None
        self._cursor_at_reorg = world.cursor_block or 0
        self._stale = {
            row.row: row
            for row in world.ledger.deposits
            if row.status == "confirmed" and world.oracle.canonical_claimed(row) is None
        }

    def overdue(self) -> DepositRow | None:
        """A row that was left behind and that nobody reversed or moved in time."""
        if not self._stale:
            return None
        world = self._world
        if self.just_reorged and self._able_since_us is None:
            # A page that was read before the reorg may take the cursor further up the old branch.
            self._cursor_at_reorg = max(self._cursor_at_reorg, world.cursor_block or 0)
        if not (world.undisturbed and world.confirmed_height > self._cursor_at_reorg):
            self._able_since_us = None
        elif self._able_since_us is None:
            self._able_since_us = world.now_us
            self._cursor_at_reorg = 0  # the new branch was long enough once, that will do
        elif world.now_us - self._able_since_us > self._patience_us:
            return next(iter(self._stale.values()))
        return None
