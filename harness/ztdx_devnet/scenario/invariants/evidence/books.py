"""Our own books: what each balance must be, kept from the rows of the ledger as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import TypeVar

from ztdx_devnet.scenario.invariants.evidence.changes import Changes, Key, Pairs
from ztdx_devnet.sim.ledger_reader import (
    NOTHING,
    AdminCreditRow,
    DepositRow,
    LedgerEntry,
    LedgerSnapshot,
    Sighting,
    exact,
)

_STANDS, _IS_GONE = ("moved", "orphaned"), ("restored",)
_ACTS_AFTER: Mapping[str | None, tuple[str, ...]] = {
    None: ("credited",),
    "credited": _STANDS,
    "moved": _STANDS,
    "restored": _STANDS,
    "orphaned": _IS_GONE,
}
"""What may be done with a deposit after what was done with it last."""

_Row = TypeVar("_Row")


class Books:
    """Sums by user and token of rows, admin credits, debits and entries.

    `entered` is what the entries of each deposit, by its id, sum to, and `entered_credits` those of
    each admin credit; `last` what the last entry of each balance says is available and frozen after
    it, and `times` when its first and its last entry were made; `spendings` how often each amount
    was debited. `seen` is each deposit's last sighting.

    What does not go on from where it was is told of once, after each `follow`: `odd_entries`, each
    with the balance before it, and `odd_sightings`, each with the one before it.
    """

    def __init__(self) -> None:
        self.rows: dict[Key, Fraction] = {}
        self.credits: dict[Key, Fraction] = {}
        self.debits: dict[Key, Fraction] = {}
        self.entries: dict[Key, Fraction] = {}
        self.entered: dict[str, Fraction] = {}
        self.entered_credits: dict[str, Fraction] = {}
        self.last: dict[Key, tuple[str, str]] = {}
        self.times: dict[Key, tuple[int, int]] = {}
        self.seen: dict[str, Sighting] = {}
        self.odd_entries: list[tuple[tuple[str, str], LedgerEntry]] = []
        self.odd_sightings: list[tuple[Sighting | None, Sighting]] = []
        self.spendings: Counter[tuple[Key, Fraction]] = Counter()
        self._named: Counter[Key] = Counter()

    def follow(self, changes: Changes, ledger: LedgerSnapshot) -> None:
        """Enter what has changed; `ledger` is the snapshot after it."""
        _each(changes.deposits, self._deposit)
        _each(changes.admin_credits, self._credit)
        _each(changes.entries, self._entry)
        self.odd_entries, self.odd_sightings = [], []
        if changes.only_adds:
            self._continue(entry for _, entry in changes.entries if entry is not None)
        else:
            self.last, self.times = {}, {}
            self._continue(ledger.entries)
        for sighting in changes.sightings:
            before = self.seen.get(sighting.deposit_id)
            if sighting.act not in _ACTS_AFTER[None if before is None else before.act]:
                self.odd_sightings.append((before, sighting))
            self.seen[sighting.deposit_id] = sighting

    def due(self, key: Key) -> Fraction | None:
        """What the rows of the ledger say should be there; None: no row names that balance."""
        if self._named[key] <= 0:
            return None
        credited = self.rows.get(key, NOTHING) + self.credits.get(key, NOTHING)
        return credited - self.debits.get(key, NOTHING)

    def _continue(self, entries: Iterable[LedgerEntry]) -> None:
        for entry in entries:
            key = (entry.user, entry.token)
            before = self.last.get(key, ("0", "0"))
            available = exact(before[0]) + exact(entry.amount)
            if available != exact(entry.available) or before[1] != entry.frozen:
                self.odd_entries.append((before, entry))
            self.last[key] = (entry.available, entry.frozen)
            first, _ = self.times.get(key, (entry.created_at, 0))
            self.times[key] = (first, entry.created_at)

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
