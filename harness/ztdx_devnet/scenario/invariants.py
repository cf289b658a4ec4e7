"""The invariants that are always on: what no deposit system may ever show.

They compare the product's committed ledger with the oracle's block tree at every commit and, once
the run has settled, as a whole. Numbers are those of the documentation (docs/invariants.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.ledger_reader import DepositRow
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.ports import Committed
from ztdx_devnet.sim.world import World, user_of

SENTENCES = {
    "I1": "every confirmed deposit of the vault has exactly one row",
    "I2": "every row is a canonical deposit: same account, token, amount and position",
    "I3": "no deposit is credited twice",
    "I4": "a balance is the sum of its confirmed deposits and admin credits",
    "I5": "no row without its balance, no balance without its rows",
    "I6": "nothing is credited before its block is deep enough",
    "I7": "the cursor never goes back and never passes the highest confirmed block",
    "I10": "once faults are lifted the listener catches up",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and the first virtual instant at which it did not."""

    invariant: str
    at_us: int
    expected: str
    actual: str


class Invariants:
    """Watches one world. `on_violation` is called once, for the first violation."""

    def __init__(self, world: World, on_violation: Callable[[Violation], None]) -> None:
        self._world = world
        self._on_violation = on_violation
        self._first: Violation | None = None
        self._cursor_block = world.start_block - 1
        self._seen_row = 0
        self._genuine: dict[int, TrueDeposit | None] = {}
        world.on_commit.append(self._after_commit)

    def check_settled(self) -> None:
        """The whole ledger against the whole canonical chain, at a quiet moment."""
        world = self._world
        self._report(self._ledger_problems())
        self._report(self._orphaned_rows())
        if not world.listener_was_started:
            return  # nobody was there to credit
        rows = world.ledger.confirmed_by_transaction
        for deposit in world.oracle.canonical(world.start_block, world.confirmed_height):
            mine = [
                row
                for row in rows.get(deposit.transaction_hash, ())
                if self._deposit_of(row) is not None and self._ordinal_of(row) == deposit.ordinal
            ]
            if len(mine) != 1 and deposit.amount_wei:
                self._report(iter([("I1", f"one row for {_shown(deposit)}", f"{len(mine)} rows")]))

    def _after_commit(self, committed: Committed) -> None:
        self._report(self._cursor_problems())
        if any("spot_block_sync_state" not in sql for sql in committed.statements):
            self._report(self._new_row_problems())
            self._report(self._ledger_problems())

    def _cursor_problems(self) -> Iterator[tuple[str, str, str]]:
        cursor, before = self._world.cursor_block, self._cursor_block
        if cursor is None or cursor == before:
            return  # a shorter branch may have come since: only a move can be wrong
        highest = max(self._world.confirmed_height, self._world.start_block - 1)
        if not before < cursor <= highest:
            yield "I7", f"a cursor from {before} to {highest}", f"cursor {cursor}"
        self._cursor_block = cursor

    def _new_row_problems(self) -> Iterator[tuple[str, str, str]]:
        """I2 and I6 for the rows that this commit added."""
        world = self._world
        for row in world.ledger.deposits:
            if row.row <= self._seen_row:
                continue
            self._seen_row = row.row
            depth = world.chain.height - row.block_number
            if depth < world.settings.confirmation_depth_blocks:
                yield (
                    "I6",
                    f"a depth of at least {world.settings.confirmation_depth_blocks} blocks",
                    f"{_row(row)} credited at depth {depth}",
                )
            yield from self._soundness(row)

    def _soundness(self, row: DepositRow) -> Iterator[tuple[str, str, str]]:
        deposit = self._canonical_deposit_of(row)
        if deposit is None:
            yield "I2", "a canonical deposit of DF into the vault", f"none at {_row(row)}"
            return
        seen = (row.user, row.token, Fraction(row.amount), row.chain_id)
        amount, chain_id = Fraction(deposit.amount_wei, WEI), self._world.chain.chain_id
        true = (deposit.account, "DF", amount, chain_id)
        if seen != true or deposit.token != contracts.DF_TOKEN:
            yield "I2", _shown(deposit), _row(row)

    def _orphaned_rows(self) -> Iterator[tuple[str, str, str]]:
        for rows in self._world.ledger.confirmed_by_transaction.values():
            for row in rows:
                yield from self._soundness(row)

    def _ledger_problems(self) -> Iterator[tuple[str, str, str]]:
        """I3, I4 and I5 over the whole ledger."""
        ledger = self._world.ledger
        sums: dict[tuple[str, str], Fraction] = dict(ledger.admin_credits)
        credited: set[tuple[str, int]] = set()
        for rows in ledger.confirmed_by_transaction.values():
            for row in rows:
                key = (row.user, row.token)
                sums[key] = sums.get(key, Fraction(0)) + Fraction(row.amount)
                ordinal = self._ordinal_of(row)
                if (row.tx_hash, ordinal) in credited:
                    yield "I3", f"one credit of event {ordinal} of {row.tx_hash}", "two or more"
                credited.add((row.tx_hash, ordinal))
        for key in sums.keys() | ledger.available.keys():
            total, text = sums.get(key), ledger.available.get(key)
            label = f"{user_of(key[0])}'s {key[1]}"
            if total is None or text is None:
                found = "a balance without rows" if total is None else "rows without a balance"
                yield "I5", f"rows and balance of {label} together", found
            elif _number(text) != total or _number(ledger.frozen[key]) != 0:
                seen = f"{text} available, {ledger.frozen[key]} frozen"
                yield "I4", f"{label}: {_decimal(total)} available, the sum of its rows", seen

    def _deposit_of(self, row: DepositRow) -> TrueDeposit | None:
        """The deposit that stands at the row's position on any branch."""
        if row.row not in self._genuine:
            self._genuine[row.row] = self._world.oracle.on_any_branch(
                row.block_number, row.tx_hash, row.log_index
            )
        return self._genuine[row.row]

    def _canonical_deposit_of(self, row: DepositRow) -> TrueDeposit | None:
        for deposit in self._world.oracle.canonical_at(row.tx_hash):
            if (deposit.block_number, deposit.log_index) == (row.block_number, row.log_index):
                return deposit
        return None

    def _ordinal_of(self, row: DepositRow) -> int:
        """The event's ordinal in its transaction; -1 - log index when no branch has it."""
        deposit = self._deposit_of(row)
        return -1 - row.log_index if deposit is None else deposit.ordinal

    def _report(self, problems: Iterator[tuple[str, str, str]]) -> None:
        for invariant, expected, actual in problems:
            if self._first is not None:
                return
            self._first = Violation(invariant, self._world.now_us, expected, actual)
            self._world.record(
                "oracle", "violated", invariant=invariant, expected=expected, actual=actual
            )
            self._on_violation(self._first)


def _number(text: str) -> Fraction | None:
    try:
        return Fraction(text)
    except ValueError:
        return None


def _decimal(value: Fraction) -> str:
    """Exact decimal text; admin credits may have more places than wei."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(int(value * 10**places)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def _row(row: DepositRow) -> str:
    return (
        f"{row.amount} {row.token} of {user_of(row.user)} "
        f"at block {row.block_number}, log {row.log_index}"
    )


def _shown(deposit: TrueDeposit) -> str:
    token = "DF" if deposit.token == contracts.DF_TOKEN else "0x" + deposit.token.hex()
    return (
        f"{_decimal(Fraction(deposit.amount_wei, WEI))} {token} of {user_of(deposit.account)} "
        f"at block {deposit.block_number}, log {deposit.log_index}"
    )
