"""Reads the product's database from outside: one snapshot, own SQL, exact numbers.

It never writes and never crosses a boundary, so looking changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DepositRow:
    """A row of spot_deposits. `row` is SQLite's rowid, which grows with each insert."""

    row: int
    user: str
    token: str
    amount: str
    tx_hash: str
    block_number: int
    log_index: int
    status: str
    chain_id: int


@dataclass(frozen=True)
class LedgerSnapshot:
    """The ledger at one instant. Balances and admin credits are keyed by (user, token)."""

    deposits: tuple[DepositRow, ...]
    available: Mapping[tuple[str, str], str]
    frozen: Mapping[tuple[str, str], str]
    admin_credits: Mapping[tuple[str, str], Fraction]

    @cached_property
    def confirmed_by_transaction(self) -> Mapping[str, tuple[DepositRow, ...]]:
        """The confirmed rows of each transaction hash."""
        found: dict[str, tuple[DepositRow, ...]] = {}
        for row in self.deposits:
            if row.status == "confirmed":
                found[row.tx_hash] = (*found.get(row.tx_hash, ()), row)
        return found


EMPTY_LEDGER = LedgerSnapshot((), {}, {}, {})


class LedgerReader:
    """A read-only look at the database file, from beside the product."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def cursor_block(self) -> int | None:
        """The last processed block, or None before the listener wrote one."""
        connection = self._open()
        if connection is None:
            return None
        row = connection.execute(
            "SELECT last_processed_block FROM spot_block_sync_state WHERE event_type = 'deposit'"
        ).fetchone()
        return None if row is None else int(row[0])

    def snapshot(self) -> LedgerSnapshot:
        connection = self._open()
        if connection is None:
            return EMPTY_LEDGER
        connection.execute("BEGIN")
        try:
            deposits = connection.execute(
                "SELECT rowid, user_address, token, amount, tx_hash, block_number, log_index,"
                " status, chain_id FROM spot_deposits ORDER BY rowid"
            ).fetchall()
            balances = connection.execute(
                "SELECT user_address, token, available, frozen FROM spot_balances"
            ).fetchall()
            credit_rows = connection.execute(
                "SELECT user_address, token, amount FROM spot_admin_credits"
            ).fetchall()
        finally:
            connection.execute("COMMIT")
        admin_credits: dict[tuple[str, str], Fraction] = {}
        for user, token, amount in credit_rows:
            key = (user, token)
            admin_credits[key] = admin_credits.get(key, Fraction(0)) + Fraction(amount)
        return LedgerSnapshot(
            tuple(DepositRow(*row) for row in deposits),
            {(user, token): str(available) for user, token, available, _ in balances},
            {(user, token): str(frozen) for user, token, _, frozen in balances},
            admin_credits,
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
