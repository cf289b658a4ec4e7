"""API keys: which user a key stands for, and the secret that signs its requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from ztdx_spot.ledger import users
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction
from ztdx_spot.ledger.row_ids import new_row_id
from ztdx_spot.ports import Entropy

KEY_BYTES = 32
LABEL_LENGTH_MAX = 50


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An active key. `secret_key` is the HMAC key, as text."""

    user_address: str
    api_key: str
    secret_key: str = field(repr=False)


def create(
    transaction: WriteTransaction, user_address: str, label: str, entropy: Entropy, now_s: int
) -> ApiKey:
    """A new active key of this user; a label has at most 50 characters."""
    key = ApiKey(
        user_address=user_address,
        api_key=entropy.bytes("api-key", KEY_BYTES).hex(),
        secret_key=entropy.bytes("api-key-secret", KEY_BYTES).hex(),
    )
    users.ensure(transaction, user_address, now_s)
    transaction.execute(
        "INSERT INTO api_keys (id, user_address, label, api_key, secret_key, status, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'active', ?)",
        (
            new_row_id(entropy, "api-key-id"),
            user_address,
            label,
            key.api_key,
            key.secret_key,
            now_s,
        ),
    )
    return key


def find_active(transaction: ReadTransaction, api_key: str) -> ApiKey | None:
    row = transaction.execute(
        "SELECT user_address, api_key, secret_key FROM api_keys"
        " WHERE api_key = ? AND status = 'active'",
        (api_key,),
    ).fetchone()
    return None if row is None else ApiKey(*row)
