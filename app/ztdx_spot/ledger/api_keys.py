"""API keys: which user a key stands for, and the secret that signs its requests.

The only writer of `api_keys`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ztdx_spot.ledger import users
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction
from ztdx_spot.ledger.row_ids import new_row_id
from ztdx_spot.ports import Entropy

KEY_BYTES = 32
LABEL_LENGTH_MAX = 50
KEYS_PER_USER_MAX = 30

KeyStatus: TypeAlias = Literal["active", "disabled"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An active key. `secret_key` is the HMAC key, as text."""

    user_address: str
    api_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; nobody is shown its secret again."""

    id: str
    user_address: str
    api_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as its owner sees it: without the secret."""

    id: str
    label: str
    api_key: str
    status: KeyStatus
    created_at: int


def create(
    transaction: WriteTransaction, user_address: str, label: str, entropy: Entropy, now_s: int
) -> NewKey:
    """A new active key of this user; a label has at most 50 characters.

    How many a user may have is the caller's rule: see `count`.
    """
    key = draw(user_address, entropy)
    add(transaction, key, label, now_s)
    return key


def draw(user_address: str, entropy: Entropy) -> NewKey:
    """A key of this user that is in no ledger yet."""
    return NewKey(
        id=new_row_id(entropy, "api-key-id"),
        user_address=user_address,
        api_key=entropy.bytes("api-key", KEY_BYTES).hex(),
        secret_key=entropy.bytes("api-key-secret", KEY_BYTES).hex(),
    )


def add(transaction: WriteTransaction, key: NewKey, label: str, now_s: int) -> None:
    """Put a drawn key into the ledger, active; see `create`."""
    users.ensure(transaction, key.user_address, now_s)
    transaction.execute(
        "INSERT INTO api_keys (id, user_address, label, api_key, secret_key, status, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'active', ?)",
        (
            key.id,
            key.user_address,
            label,
            key.api_key,
            key.secret_key,
            now_s,
        ),
    )


def find_active(transaction: ReadTransaction, api_key: str) -> ApiKey | None:
    row = transaction.execute(
        "SELECT user_address, api_key, secret_key FROM api_keys"
        " WHERE api_key = ? AND status = 'active'",
        (api_key,),
    ).fetchone()
    return None if row is None else ApiKey(*row)


def secret_of(transaction: ReadTransaction, api_key: str) -> str | None:
    """The secret of a key, be it active or disabled; None when there is no such key."""
    row = transaction.execute(
        "SELECT secret_key FROM api_keys WHERE api_key = ?", (api_key,)
    ).fetchone()
    return None if row is None else str(row[0])


def count(transaction: ReadTransaction, user_address: str) -> int:
    """How many keys the user has, disabled ones included."""
    (number,) = transaction.execute(
        "SELECT count(*) FROM api_keys WHERE user_address = ?", (user_address,)
    ).fetchone()
    return int(number)


def list_of(transaction: ReadTransaction, user_address: str) -> list[KeyEntry]:
    """The user's keys, oldest first."""
    rows = transaction.execute(
        "SELECT id, label, api_key, status, created_at FROM api_keys WHERE user_address = ?"
        " ORDER BY created_at, rowid",
        (user_address,),
    ).fetchall()
    return [KeyEntry(*row) for row in rows]


def change(
    transaction: WriteTransaction,
    user_address: str,
    key_id: str,
    *,
    label: str | None = None,
    status: KeyStatus | None = None,
) -> KeyEntry | None:
    """Give the user's key these values; None keeps one. None when the user has no such key."""
    row = transaction.execute(
        "UPDATE api_keys SET label = coalesce(?, label), status = coalesce(?, status)"
        " WHERE id = ? AND user_address = ?"
        " RETURNING id, label, api_key, status, created_at",
        (label, status, key_id, user_address),
    ).fetchone()
    return None if row is None else KeyEntry(*row)


def delete(transaction: WriteTransaction, user_address: str, key_id: str) -> bool:
    """Forget the user's key; False when the user has no such key."""
    deleted = transaction.execute(
        "DELETE FROM api_keys WHERE id = ? AND user_address = ?", (key_id, user_address)
    ).rowcount
    return deleted == 1
