"""Users: an address that was ever credited, given a key, or asked to log in."""

from __future__ import annotations

from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction


def ensure(transaction: WriteTransaction, user_address: str, now_s: int) -> None:
    transaction.execute(
        "INSERT INTO users (user_address, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (user_address, now_s),
    )


def login_nonce(transaction: ReadTransaction, user_address: str) -> int | None:
    """What the user's next login signs; None for an address that is no user."""
    row = transaction.execute(
        "SELECT login_nonce FROM users WHERE user_address = ?", (user_address,)
    ).fetchone()
    return None if row is None else int(row[0])


def spend_login_nonce(transaction: WriteTransaction, user_address: str, nonce: int) -> bool:
    """Count up from this nonce; False when it is not the current one any more."""
    spent = transaction.execute(
        "UPDATE users SET login_nonce = login_nonce + 1 WHERE user_address = ? AND login_nonce = ?",
        (user_address, nonce),
    ).rowcount
    return spent == 1
