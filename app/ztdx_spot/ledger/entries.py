"""Entries: every change of a balance, in order, with the balance after it.

The only writer of `spot_balances` and `spot_ledger_entries`: a balance moves only by an entry, in
the same transaction, so it is always the sum of its entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ztdx_spot.ledger import amounts, users
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction

EntryKind: TypeAlias = Literal["deposit", "reversal", "admin_credit", "debit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A change to make: `amount` is canonical and signed; the id names what caused it."""

    user_address: str
    token: str
    kind: EntryKind
    amount: str
    deposit_id: str | None = None
    admin_credit_id: str | None = None


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """A change that was made, as its user is told of it: the balance after entry `seq`."""

    seq: int
    user_address: str
    token: str
    available: str
    frozen: str
    created_at: int


def enter(transaction: WriteTransaction, entries: Iterable[Entry], now_s: int) -> None:
    """Move the balances by these entries, in this order; the first entry creates user and row.

    A balance is read and written once, however many entries it has: SQLite cannot add such
    numbers, and under the write lock nobody comes between.
    """
    moved: dict[tuple[str, str], tuple[str, str]] = {}
    for entry in entries:
        key = (entry.user_address, entry.token)
        if key not in moved:
            moved[key] = _balance(transaction, key, now_s)
        available, frozen = moved[key]
        available = amounts.add(available, entry.amount)
        moved[key] = (available, frozen)
        transaction.execute(
            "INSERT INTO spot_ledger_entries (user_address, token, kind, amount, available,"
            " frozen, deposit_id, admin_credit_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.user_address,
                entry.token,
                entry.kind,
                entry.amount,
                available,
                frozen,
                entry.deposit_id,
                entry.admin_credit_id,
                now_s,
            ),
        )
    for (user_address, token), (available, _) in moved.items():
        transaction.execute(
            "UPDATE spot_balances SET available = ?, updated_at = ?"
            " WHERE user_address = ? AND token = ?",
            (available, now_s, user_address, token),
        )


def newest_seq(transaction: ReadTransaction) -> int:
    """The number of the newest entry; 0 before the first."""
    (seq,) = transaction.execute("SELECT max(seq) FROM spot_ledger_entries").fetchone()
    return int(seq or 0)


def changes_after(transaction: ReadTransaction, seq: int, limit: int) -> list[BalanceChange]:
    """The changes after entry `seq`, oldest first, at most `limit`."""
    rows = transaction.execute(
        "SELECT seq, user_address, token, available, frozen, created_at"
        " FROM spot_ledger_entries WHERE seq > ? ORDER BY seq LIMIT ?",
        (seq, limit),
    ).fetchall()
    return [BalanceChange(*row) for row in rows]


def _balance(transaction: WriteTransaction, key: tuple[str, str], now_s: int) -> tuple[str, str]:
    row = transaction.execute(
        "SELECT available, frozen FROM spot_balances WHERE user_address = ? AND token = ?", key
    ).fetchone()
    if row is not None:
        available, frozen = row
        return available, frozen
    user_address, token = key
    users.ensure(transaction, user_address, now_s)
    transaction.execute(
        "INSERT INTO spot_balances"
        " (user_address, token, available, frozen, created_at, updated_at)"
        " VALUES (?, ?, '0', '0', ?, ?)",
        (user_address, token, now_s, now_s),
    )
    return "0", "0"
