"""I2 and I6: what a confirmed row must be on the chain, when it is credited and ever after.

A reorg deeper than the confirmations leaves rows behind. The listener has a few polls to see that,
counted from the moment when it can: it runs, its node answers honestly, nobody holds the database's
lock, and there is a block to process that the new branch holds.
"""

from __future__ import annotations

from fractions import Fraction

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario.invariants.heights import POLL_WORK_US, Heights
from ztdx_devnet.scenario.invariants.problems import Problem, Problems, deposit_text, row_text
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.ledger_reader import DepositRow, LedgerSnapshot
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.world import World

POLLS_TO_REPAIR = 3


class Positions:
    """Looks at each row that a commit changes, and at all of them when blocks are replaced."""

    def __init__(self, world: World, heights: Heights) -> None:
        self._world = world
        self._heights = heights
        self._seen: dict[int, DepositRow] = {}
        self._stale: dict[int, DepositRow] = {}
        self._reorged_us: int | None = None
        self._cursor_at_reorg = 0
        self._able_since_us: int | None = None
        poll_us = world.settings.poll_interval_ms * 1_000 + POLL_WORK_US
        self._patience_us = POLLS_TO_REPAIR * poll_us

    def changed_rows(self, ledger: LedgerSnapshot) -> Problems:
        """I6 and I2 for the rows that the last commit wrote."""
        self._stale = {row.row: row for row in ledger.deposits if self._stale.get(row.row) == row}
        for row in ledger.deposits:
            if self._seen.get(row.row) == row:
                continue
            self._seen[row.row] = row
            if row.status == "confirmed":
                yield from self._depth(row)
                yield from self._credit(row)

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

    def overdue(self) -> Problems:
        """I2 for the rows that a reorg left behind and nobody reversed or moved in time."""
        if not self._stale:
            return
        world = self._world
        if not (world.undisturbed and world.confirmed_height > self._cursor_at_reorg):
            self._able_since_us = None
        elif self._able_since_us is None:
            self._able_since_us = world.now_us
            self._cursor_at_reorg = 0  # the new branch was long enough once, that will do
        elif world.now_us - self._able_since_us > self._patience_us:
            row = next(iter(self._stale.values()))
            expected = f"no confirmed row off the canonical chain for {POLLS_TO_REPAIR} polls"
            yield Problem("I2", expected, row_text(row))

    def all_rows(self, ledger: LedgerSnapshot) -> Problems:
        """I2 for every confirmed row, without any patience."""
        for row in ledger.deposits:
            if row.status == "confirmed":
                deposit = self._world.oracle.canonical_claimed(row)
                if deposit is None:
                    yield _none_at(row)
                else:
                    yield from self._content(row, deposit)

    def _depth(self, row: DepositRow) -> Problems:
        wanted = self._world.settings.confirmation_depth_blocks
        depth = self._heights.asked - row.block_number
        if depth < wanted:
            expected = f"a depth of at least {wanted} blocks"
            yield Problem("I6", expected, f"{row_text(row)} credited at depth {depth}")

    def _credit(self, row: DepositRow) -> Problems:
        deposit = self._world.oracle.canonical_claimed(row)
        if deposit is not None:
            yield from self._content(row, deposit)
            return
        orphan = self._world.oracle.claimed(row)
        if orphan is None or not self._just_reorged():
            yield _none_at(row)
        else:  # read before the reorg, written after it
            yield from self._content(row, orphan)
            self._stale[row.row] = row

    def _just_reorged(self) -> bool:
        since_us = self._reorged_us
        return since_us is not None and self._world.now_us - since_us <= self._patience_us

    def _content(self, row: DepositRow, deposit: TrueDeposit) -> Problems:
        amount, chain_id = Fraction(deposit.amount_wei, WEI), self._world.chain.chain_id
        true = (deposit.account, "DF", amount, chain_id)
        seen = (row.user, row.token, Fraction(row.amount), row.chain_id)
        if seen != true or deposit.token != contracts.DF_TOKEN:
            yield Problem("I2", deposit_text(deposit), row_text(row))


def _none_at(row: DepositRow) -> Problem:
    return Problem("I2", "a canonical deposit of DF into the vault", f"none at {row_text(row)}")
