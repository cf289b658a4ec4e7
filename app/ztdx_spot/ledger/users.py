"""Users: an address that was ever credited, given a key, or asked to log in."""

from __future__ import annotations

from ztdx_spot.ledger.database import WriteTransaction


def ensure(transaction: WriteTransaction, user_address: str, now_s: int) -> None:
    transaction.execute(
        "INSERT INTO users (user_address, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (user_address, now_s),
    )
