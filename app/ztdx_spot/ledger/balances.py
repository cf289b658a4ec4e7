"""Balances as users see them. They are moved by `ztdx_spot.ledger.entries` alone."""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.ledger.database import ReadTransaction


@dataclass(frozen=True, slots=True)
class Balance:
    """What a user holds of one token; amounts are canonical decimal text."""

    token: str
    available: str
    frozen: str


@dataclass(frozen=True, slots=True)
class Debt:
    """A balance below zero."""

    user_address: str
    token: str
    available: str


def below_zero(transaction: ReadTransaction) -> list[Debt]:
    """The balances whose money was spent before its deposit was reversed."""
    rows = transaction.execute(
        "SELECT user_address, token, available FROM spot_balances WHERE available GLOB '-*'"
        " ORDER BY user_address, token"
    ).fetchall()
    return [Debt(*row) for row in rows]


def balances_of(transaction: ReadTransaction, user_address: str) -> list[Balance]:
    """Every token that the user ever held, ordered by token."""
    rows = transaction.execute(
        "SELECT token, available, frozen FROM spot_balances WHERE user_address = ? ORDER BY token",
        (user_address,),
    ).fetchall()
    return [Balance(*row) for row in rows]
