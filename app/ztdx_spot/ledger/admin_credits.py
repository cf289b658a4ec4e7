"""Admin credits: the audit row and the balance move together; a repeated key moves nothing.

The only writer of `spot_admin_credits` and `spot_admin_credit_keys`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.ledger import entries
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction
from ztdx_spot.ledger.entries import Entry

ADMIN_ACTOR = "admin_api_key"
"""The one actor on record: the admin key is shared, so it names nobody."""


@dataclass(frozen=True, slots=True)
class AdminCredit:
    """What an admin asked for, checked: lower-case address, canonical positive amount."""

    user_address: str
    token: str
    amount: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class KeyedAnswer:
    """What the first request with an idempotency key sent and was answered."""

    body_sha256: str
    answer: str


def credit(transaction: WriteTransaction, wanted: AdminCredit, credit_id: str, now_s: int) -> None:
    """Write the audit row and move the balance."""
    transaction.execute(
        "INSERT INTO spot_admin_credits"
        " (id, user_address, token, amount, admin_actor, reason, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            credit_id,
            wanted.user_address,
            wanted.token,
            wanted.amount,
            ADMIN_ACTOR,
            wanted.reason,
            now_s,
        ),
    )
    entry = Entry(
        user_address=wanted.user_address,
        token=wanted.token,
        kind="admin_credit",
        amount=wanted.amount,
        admin_credit_id=credit_id,
    )
    entries.enter(transaction, [entry], now_s)


def find_answer(transaction: ReadTransaction, idempotency_key: str) -> KeyedAnswer | None:
    row = transaction.execute(
        "SELECT body_sha256, answer FROM spot_admin_credit_keys WHERE idempotency_key = ?",
        (idempotency_key,),
    ).fetchone()
    return None if row is None else KeyedAnswer(*row)


def keep_answer(
    transaction: WriteTransaction,
    idempotency_key: str,
    answer: KeyedAnswer,
    credit_id: str,
    now_s: int,
) -> None:
    transaction.execute(
        "INSERT INTO spot_admin_credit_keys"
        " (idempotency_key, body_sha256, admin_credit_id, answer, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (idempotency_key, answer.body_sha256, credit_id, answer.answer, now_s),
    )
