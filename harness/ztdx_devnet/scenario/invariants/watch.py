"""The watch: puts the invariants to a world at every commit and reorg, and once it has settled.

They compare the product's committed ledger with the oracle's block tree, and the ledger with
itself.
"""

from __future__ import annotations

from collections.abc import Callable

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.scenario.invariants.cursor import CursorMoves
from ztdx_devnet.scenario.invariants.heights import Heights
from ztdx_devnet.scenario.invariants.history import History
from ztdx_devnet.scenario.invariants.positions import Positions
from ztdx_devnet.scenario.invariants.problems import Problem, Problems, Violation, deposit_text
from ztdx_devnet.scenario.invariants.sums import ledger_problems
from ztdx_devnet.sim.ledger_reader import DepositRow, concerns_ledger
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.ports import Committed
from ztdx_devnet.sim.world import World


class Invariants:
    """Watches one world. `on_violation` is called once, for the first violation."""

    def __init__(self, world: World, on_violation: Callable[[Violation], None]) -> None:
        self._world = world
        self._on_violation = on_violation
        self._first: Violation | None = None
        self._heights = Heights(world)
        self._cursor = CursorMoves(world, self._heights)
        self._positions = Positions(world, self._heights)
        self._history = History()
        self._ordinals: dict[DepositRow, int] = {}
        world.on_commit.append(self._after_commit)
        # Not as one who watches single blocks: a week of them may still come at once.
        world.chain.on_head.append(self._after_head)

    def check_settled(self) -> None:
        """The whole ledger against the whole canonical chain, at a quiet moment."""
        world = self._world
        self._report(ledger_problems(world.ledger, self._ordinal_of))
        self._report(self._positions.all_rows(world.ledger))
        if world.product.listener_was_started:  # else nobody was there to credit
            self._report(self._completeness())

    def _after_commit(self, committed: Committed) -> None:
        self._report(self._cursor.problems())
        if concerns_ledger(committed.statements):
            ledger = self._world.ledger
            self._report(self._history.problems(ledger))
            self._report(self._positions.changed_rows(ledger))
            self._report(ledger_problems(ledger, self._ordinal_of))
        self._report(self._positions.overdue())

    def _after_head(self, change: HeadChange) -> None:
        self._heights.head_changed(change)
        self._positions.head_changed(change)
        self._report(self._positions.overdue())

    def _completeness(self) -> Problems:
        world = self._world
        rows = world.ledger.confirmed_by_transaction
        # Up to the cursor, which has come as far as it must: a block may have come just now.
        last_block = min(world.confirmed_height, world.cursor_block or 0)
        for deposit in world.oracle.canonical(world.start_block, last_block):
            ordinals = [self._ordinal_of(row) for row in rows.get(deposit.transaction_hash, ())]
            mine = ordinals.count(deposit.ordinal)
            if mine != 1 and deposit.amount_wei and not self._is_held(deposit):
                yield Problem("I1", f"one row for {deposit_text(deposit)}", f"{mine} rows")

    def _is_held(self, deposit: TrueDeposit) -> bool:
        """Whether the deposit's log is in quarantine, where it is neither credited nor lost."""
        identity = (deposit.transaction_hash, deposit.ordinal, deposit.block_number)
        return any(
            identity == (log.tx_hash, log.event_ordinal, log.block_number)
            for log in self._world.ledger.quarantined
        )

    def _ordinal_of(self, row: DepositRow) -> int:
        """Which event of its transaction the row is for; -1 - log index if it is for none."""
        ordinal = self._ordinals.get(row)
        if ordinal is None:
            deposit = self._world.oracle.claimed(row)
            if deposit is None:
                return -1 - row.log_index
            ordinal = self._ordinals[row] = deposit.ordinal
        return ordinal

    def _report(self, problems: Problems) -> None:
        """Tell of the first problem of the run. All are looked at, so that no state is missed."""
        for problem in problems:
            if self._first is not None:
                continue
            self._first = Violation(
                problem.invariant, self._world.now_us, problem.expected, problem.actual
            )
            self._world.record(
                "oracle",
                "violated",
                invariant=problem.invariant,
                expected=problem.expected,
                actual=problem.actual,
            )
            self._on_violation(self._first)
