"""Deposits: credits each event on the chain at most once. The only writer of `spot_deposits`."""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.ledger import balances
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositCredit:
    """A confirmed event, ready to be credited. Hex is lower case, `amount` canonical."""

    user_address: str
    token: str
    amount: str
    chain_id: int
    tx_hash: str
    block_number: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Deposit:
    """A row as the API shows it. Times are Unix seconds."""

    id: str
    token: str
    amount: str
    chain_id: int
    tx_hash: str
    block_number: int
    status: str
    created_at: int
    confirmed_at: int | None


def credit(
    transaction: WriteTransaction, deposit: DepositCredit, deposit_id: str, now_s: int
) -> bool:
    """Insert the row and increase the balance, or do neither; says whether it did.

    The unique key decides: a replay finds the row, and then the balance has moved already.
    """
    inserted = transaction.execute(
        "INSERT INTO spot_deposits (id, user_address, token, amount, chain_id, tx_hash,"
        " block_number, log_index, status, created_at, confirmed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'confirmed', ?, ?)"
        " ON CONFLICT (chain_id, tx_hash, log_index) WHERE status = 'confirmed' DO NOTHING",
        (
            deposit_id,
            deposit.user_address,
            deposit.token,
            deposit.amount,
            deposit.chain_id,
            deposit.tx_hash,
            deposit.block_number,
            deposit.log_index,
            now_s,
            now_s,
        ),
    ).rowcount
    if inserted != 1:
        return False
    balances.increase_available(
        transaction, deposit.user_address, deposit.token, deposit.amount, now_s
    )
    return True


def confirmed_deposits_of(
    transaction: ReadTransaction, user_address: str, limit: int
) -> list[Deposit]:
    """The user's newest confirmed deposits; the order is total, so pages never shuffle."""
    rows = transaction.execute(
        "SELECT id, token, amount, chain_id, tx_hash, block_number, status, created_at,"
        " confirmed_at FROM spot_deposits WHERE user_address = ? AND status = 'confirmed'"
        " ORDER BY created_at DESC, block_number DESC, log_index DESC, id DESC LIMIT ?",
        (user_address, limit),
    ).fetchall()
    return [Deposit(*row) for row in rows]
