"""Reads the product's database from outside: one snapshot, own SQL, exact numbers.

It never writes and never crosses a boundary, so looking changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

_TABLES = (
    "spot_deposits",
    "spot_deposit_sightings",
    "spot_quarantined_logs",
    "spot_balances",
    "spot_admin_credits",
    "spot_ledger_entries",
)


@dataclass(frozen=True, slots=True)
class DepositRow:
    """A row of spot_deposits. `row` is SQLite's rowid, which grows with each insert."""

    row: int
    id: str
    user: str
    token: str
    amount: str
    tx_hash: str
    block_number: int
    log_index: int
    status: str
    chain_id: int
    event_ordinal: int
    block_hash: str | None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A change of a balance, and the balance after it."""

    seq: int
    user: str
    token: str
    kind: str
    amount: str
    available: str
    frozen: str
    deposit_id: str | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where the ledger says that it saw a deposit, and what it did with it then."""

    seq: int
    deposit_id: str
    act: str
    block_number: int
    log_index: int
    block_hash: str | None


@dataclass(frozen=True, slots=True)
class HeldLog:
    """A log that is held in quarantine."""

    tx_hash: str
    event_ordinal: int
    block_number: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last processed block, and its hash if the listener kept it."""

    block_number: int
    block_hash: str | None


@dataclass(frozen=True)
class LedgerSnapshot:
    """The ledger at one instant. Balances and admin credits are keyed by (user, token)."""

    deposits: tuple[DepositRow, ...]
    available: Mapping[tuple[str, str], str]
    frozen: Mapping[tuple[str, str], str]
    admin_credits: Mapping[tuple[str, str], Fraction]
    entries: tuple[LedgerEntry, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    quarantined: tuple[HeldLog, ...] = ()

    @cached_property
    def confirmed_by_transaction(self) -> Mapping[str, tuple[DepositRow, ...]]:
        """The confirmed rows of each transaction hash."""
        return self._by_transaction("confirmed")

    @cached_property
    def orphaned_by_transaction(self) -> Mapping[str, tuple[DepositRow, ...]]:
        """The orphaned rows of each transaction hash."""
        return self._by_transaction("orphaned")

    @cached_property
    def keeps_entries(self) -> bool:
        """Whether whoever writes deposits also writes entries or sightings of them.

        Nothing that does not keep a history can be asked for it.
        """
        return bool(self.sightings or self.deposit_sums)

    @cached_property
    def deposit_sums(self) -> Mapping[str, Fraction]:
        """What the entries of each deposit, by its id, sum to."""
        sums: dict[str, Fraction] = {}
        for entry in self.entries:
            if entry.deposit_id is not None:
                sums[entry.deposit_id] = sums.get(entry.deposit_id, _NOTHING) + Fraction(
                    entry.amount
                )
        return sums

    @cached_property
    def debits(self) -> Mapping[tuple[str, str], Fraction]:
        """What was spent, as positive numbers."""
        return _sums((e.user, e.token, e.amount.removeprefix("-")) for e in self._of_kind("debit"))

    def _of_kind(self, kind: str) -> Iterable[LedgerEntry]:
        return (entry for entry in self.entries if entry.kind == kind)

    def _by_transaction(self, status: str) -> Mapping[str, tuple[DepositRow, ...]]:
        found: dict[str, tuple[DepositRow, ...]] = {}
        for row in self.deposits:
            if row.status == status:
                found[row.tx_hash] = (*found.get(row.tx_hash, ()), row)
        return found


_NOTHING = Fraction(0)
EMPTY_LEDGER = LedgerSnapshot((), {}, {}, {})


def concerns_ledger(statements: Iterable[str]) -> bool:
    """Whether any of these writes may have changed what a snapshot shows."""
    return any(table in sql for sql in statements for table in _TABLES)


class LedgerReader:
    """A read-only look at the database file, from beside the product."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def cursor(self) -> Cursor | None:
        """Where the listener stands, or None before it wrote that."""
        connection = self._open()
        if connection is None:
            return None
        row = connection.execute(
            "SELECT last_processed_block, last_processed_hash FROM spot_block_sync_state"
            " WHERE event_type = 'deposit'"
        ).fetchone()
        return None if row is None else Cursor(*row)

    def cursor_block(self) -> int | None:
        """The last processed block, or None before the listener wrote one."""
        cursor = self.cursor()
        return None if cursor is None else cursor.block_number

    def snapshot(self) -> LedgerSnapshot:
        connection = self._open()
        if connection is None:
            return EMPTY_LEDGER
        connection.execute("BEGIN")
        try:
            deposits = connection.execute(
                "SELECT rowid, id, user_address, token, amount, tx_hash, block_number, log_index,"
                " status, chain_id, event_ordinal, block_hash FROM spot_deposits ORDER BY rowid"
            ).fetchall()
            balances = connection.execute(
                "SELECT user_address, token, available, frozen FROM spot_balances"
            ).fetchall()
            admin_credits = connection.execute(
                "SELECT user_address, token, amount FROM spot_admin_credits"
            ).fetchall()
            entries = connection.execute(
                "SELECT seq, user_address, token, kind, amount, available, frozen, deposit_id"
                " FROM spot_ledger_entries ORDER BY seq"
            ).fetchall()
            sightings = connection.execute(
                "SELECT seq, deposit_id, act, block_number, log_index, block_hash"
                " FROM spot_deposit_sightings ORDER BY seq"
            ).fetchall()
            quarantined = connection.execute(
                "SELECT tx_hash, event_ordinal, block_number FROM spot_quarantined_logs"
                " WHERE status = 'held' ORDER BY rowid"
            ).fetchall()
        finally:
            connection.execute("COMMIT")
        return LedgerSnapshot(
            tuple(DepositRow(*row) for row in deposits),
            {(user, token): available for user, token, available, _ in balances},
            {(user, token): frozen for user, token, _, frozen in balances},
            _sums(admin_credits),
            tuple(LedgerEntry(*row) for row in entries),
            tuple(Sighting(*row) for row in sightings),
            tuple(HeldLog(*row) for row in quarantined),
        )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> sqlite3.Connection | None:
        """The connection, once the product has made its tables."""
        if self._connection is None and self._path.exists():
            connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=0
            )
            try:
                found = connection.execute(
                    "SELECT 1 FROM sqlite_master WHERE name = 'spot_block_sync_state'"
                ).fetchone()
            except sqlite3.OperationalError:
                found = None
            if found is None:
                connection.close()
            else:
                self._connection = connection
        return self._connection


def _sums(rows: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], Fraction]:
    """The amounts of (user, token, amount), summed by user and token."""
    sums: dict[tuple[str, str], Fraction] = {}
    for user, token, amount in rows:
        sums[user, token] = sums.get((user, token), _NOTHING) + Fraction(amount)
    return sums
