"""Our own books: what each balance must be, kept from the rows of the ledger as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

from ztdx_devnet.scenario.invariants.changes import Changes, Key, Pairs
from ztdx_devnet.sim.ledger_reader import (
    NOTHING,
    AdminCreditRow,
    DepositRow,
    LedgerEntry,
    LedgerSnapshot,
    exact,
)

_Row = TypeVar("_Row")


class Books:
    """Sums by user and token of rows, admin credits, debits and entries.

    `entered` is what the entries of each deposit, by its id, sum to, and `entered_credits` those of
    each admin credit; `last` what the last entry of
    each balance says is available and frozen after it; `spendings` how often each amount was
    debited.
    """

    def __init__(self) -> None:
        self.rows: dict[Key, Fraction] = {}
        self.credits: dict[Key, Fraction] = {}
        self.debits: dict[Key, Fraction] = {}
        self.entries: dict[Key, Fraction] = {}
        self.entered: dict[str, Fraction] = {}
        self.entered_credits: dict[str, Fraction] = {}
        self.last: dict[Key, tuple[str, str]] = {}
        self.spendings: Counter[tuple[Key, Fraction]] = Counter()
        self._named: Counter[Key] = Counter()

    def follow(self, changes: Changes, ledger: LedgerSnapshot) -> None:
        """Enter what has changed; `ledger` is the snapshot after it."""
        _each(changes.deposits, self._deposit)
        _each(changes.admin_credits, self._credit)
        _each(changes.entries, self._entry)
        if changes.only_adds:
            for _, entry in changes.entries:
                if entry is not None:
                    self.last[entry.user, entry.token] = (entry.available, entry.frozen)
        else:
            self.last = {(e.user, e.token): (e.available, e.frozen) for e in ledger.entries}

    def due(self, key: Key) -> Fraction | None:
        """What the rows of the ledger say should be there; None: no row names that balance."""
        if self._named[key] <= 0:
            return None
        credited = self.rows.get(key, NOTHING) + self.credits.get(key, NOTHING)
        return credited - self.debits.get(key, NOTHING)

    def _deposit(self, row: DepositRow, times: int) -> None:
        key = (row.user, row.token)
        self._named[key] += times
        if row.status == "confirmed":
            _add(self.rows, key, times * exact(row.amount))

    def _credit(self, row: AdminCreditRow, times: int) -> None:
        key = (row.user, row.token)
        self._named[key] += times
        _add(self.credits, key, times * exact(row.amount))

    def _entry(self, entry: LedgerEntry, times: int) -> None:
        key, amount = (entry.user, entry.token), times * exact(entry.amount)
        _add(self.entries, key, amount)
        if entry.deposit_id is not None:
            _add(self.entered, entry.deposit_id, amount)
        if entry.admin_credit_id is not None:
            _add(self.entered_credits, entry.admin_credit_id, amount)
        if entry.kind == "debit":
            self._named[key] += times
            _add(self.debits, key, -amount)
            self.spendings[key, -exact(entry.amount)] += times


_Name = TypeVar("_Name")


def _add(sums: dict[_Name, Fraction], name: _Name, amount: Fraction) -> None:
    sums[name] = sums.get(name, NOTHING) + amount


def _each(pairs: Pairs[_Row], enter: Callable[[_Row, int], None]) -> None:
    """Take back what was, enter what is."""
    for before, now in pairs:
        if before is not None:
            enter(before, -1)
        if now is not None:
            enter(now, 1)
