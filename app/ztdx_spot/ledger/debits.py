"""Debits: money that leaves a balance. No endpoint makes one; tests and tools spend with it."""

from __future__ import annotations

from ztdx_spot.errors import DebitError
from ztdx_spot.ledger import amounts, balances, entries
from ztdx_spot.ledger.database import WriteTransaction
from ztdx_spot.ledger.entries import Entry


def debit(
    transaction: WriteTransaction, user_address: str, token: str, amount: str, now_s: int
) -> None:
    """Take a canonical positive amount. Raises DebitError when less than that is available."""
    held = {row.token: row.available for row in balances.balances_of(transaction, user_address)}
    available = held.get(token, "0")
    if amounts.is_negative(amounts.add(available, amounts.negated(amount))):
        raise DebitError(f"{user_address} has {available} {token}: {amount} cannot be taken")
    entry = Entry(
        user_address=user_address, token=token, kind="debit", amount=amounts.negated(amount)
    )
    entries.enter(transaction, [entry], now_s)
