"""Balances: one row per user and token. The only writer of `spot_balances`."""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.ledger import amounts, users
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction


@dataclass(frozen=True, slots=True)
class Balance:
    """What a user holds of one token; amounts are canonical decimal text."""

    token: str
    available: str
    frozen: str


def increase_available(
    transaction: WriteTransaction, user_address: str, token: str, amount: str, now_s: int
) -> None:
    """Add to `available`; the first increase creates the row and the user.

    Read, add, write: SQLite cannot add such numbers, and under the write lock nobody comes between.
    """
    row = transaction.execute(
        "SELECT available FROM spot_balances WHERE user_address = ? AND token = ?",
        (user_address, token),
    ).fetchone()
    if row is None:
        users.ensure(transaction, user_address, now_s)
        transaction.execute(
            "INSERT INTO spot_balances"
            " (user_address, token, available, frozen, created_at, updated_at)"
            " VALUES (?, ?, ?, '0', ?, ?)",
            (user_address, token, amount, now_s, now_s),
        )
    else:
        transaction.execute(
            "UPDATE spot_balances SET available = ?, updated_at = ?"
            " WHERE user_address = ? AND token = ?",
            (amounts.add(row[0], amount), now_s, user_address, token),
        )


def balances_of(transaction: ReadTransaction, user_address: str) -> list[Balance]:
    """Every token that the user ever held, ordered by token."""
    rows = transaction.execute(
        "SELECT token, available, frozen FROM spot_balances WHERE user_address = ? ORDER BY token",
        (user_address,),
    ).fetchall()
    return [Balance(*row) for row in rows]
