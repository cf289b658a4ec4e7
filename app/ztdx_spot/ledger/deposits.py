"""Deposits: writes what the truth rules decide. The only writer of `spot_deposits` and of the
history of where each deposit has been seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ztdx_spot.errors import RowRefusedError
from ztdx_spot.ledger import entries
from ztdx_spot.ledger.amounts import negated
from ztdx_spot.ledger.database import ReadTransaction, SqlValue, WriteTransaction
from ztdx_spot.ledger.entries import Entry, EntryKind
from ztdx_spot.ledger.reconcile import ConfirmedDeposit, DepositRow, Reconciliation, reconcile
from ztdx_spot.ledger.row_ids import new_row_id
from ztdx_spot.ports import Entropy

Act: TypeAlias = Literal["credited", "moved", "orphaned", "restored"]

_ROW_COLUMNS = (
    "id, user_address, token, amount, tx_hash, event_ordinal, block_number, block_hash,"
    " log_index, status"
)


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


def write_blocks(
    transaction: WriteTransaction,
    chain_id: int,
    ancestor_block: int,
    up_to_block: int,
    deposits: Sequence[ConfirmedDeposit],
    entropy: Entropy,
    now_s: int,
) -> Reconciliation:
    """Make rows and balances agree with the deposits of the blocks above the ancestor.

    `deposits` are in the order of the chain. Rows of blocks above `up_to_block` are left as they
    are, unless their deposit is among these. Says what changed; a page that was written before
    changes nothing.
    """
    rows = {
        row.id: row for row in _rows_between(transaction, chain_id, ancestor_block, up_to_block)
    }
    for key in dict.fromkeys(deposit.key for deposit in deposits):
        rows |= {row.id: row for row in _rows_of(transaction, chain_id, key)}
    changes = reconcile(ancestor_block, rows.values(), deposits)
    _write(transaction, chain_id, changes, entropy, now_s)
    return changes


def write_one(
    transaction: WriteTransaction,
    chain_id: int,
    deposit: ConfirmedDeposit,
    entropy: Entropy,
    now_s: int,
) -> None:
    """Credit one deposit of a block that was processed before; nothing if it is credited."""
    rows = _rows_of(transaction, chain_id, deposit.key)
    changes = reconcile(deposit.block_number, rows, [deposit])
    _write(transaction, chain_id, changes, entropy, now_s)


def credited_blocks(
    transaction: ReadTransaction, chain_id: int, above: int, up_to: int, limit: int
) -> list[tuple[int, str]]:
    """Blocks in that range, newest first, that hold credits, with the hashes they had."""
    return transaction.execute(
        "SELECT DISTINCT block_number, block_hash FROM spot_deposits WHERE chain_id = ?"
        " AND block_number > ? AND block_number <= ? AND status = 'confirmed'"
        " AND block_hash IS NOT NULL ORDER BY block_number DESC LIMIT ?",
        (chain_id, above, up_to, limit),
    ).fetchall()


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


def _rows_between(
    transaction: ReadTransaction, chain_id: int, above: int, up_to: int
) -> list[DepositRow]:
    """The confirmed rows of blocks that are read again: none, as long as the chain only grows."""
    return _rows(
        transaction,
        "WHERE chain_id = ? AND block_number > ? AND block_number <= ? AND status = 'confirmed'"
        " ORDER BY block_number, log_index",
        (chain_id, above, up_to),
    )


def _rows_of(transaction: ReadTransaction, chain_id: int, key: tuple[str, int]) -> list[DepositRow]:
    """All rows of one event."""
    tx_hash, event_ordinal = key
    found = []
    for status in ("orphaned", "confirmed"):  # an index each
        found += _rows(
            transaction,
            "WHERE chain_id = ? AND tx_hash = ? AND event_ordinal = ?"
            f" AND status = '{status}' ORDER BY rowid",
            (chain_id, tx_hash, event_ordinal),
        )
    return found


def _rows(
    transaction: ReadTransaction, where: str, parameters: Sequence[SqlValue]
) -> list[DepositRow]:
    found = transaction.execute(
        f"SELECT {_ROW_COLUMNS} FROM spot_deposits {where}",  # noqa: S608 - texts of this module
        parameters,
    ).fetchall()
    return [
        DepositRow(
            id=row_id,
            user_address=user_address,
            token=token,
            amount=amount,
            tx_hash=tx_hash,
            event_ordinal=event_ordinal,
            block_number=block_number,
            block_hash=block_hash,
            log_index=log_index,
            status=status,
        )
        for (
            row_id,
            user_address,
            token,
            amount,
            tx_hash,
            event_ordinal,
            block_number,
            block_hash,
            log_index,
            status,
        ) in found
    ]


def _write(
    transaction: WriteTransaction,
    chain_id: int,
    changes: Reconciliation,
    entropy: Entropy,
    now_s: int,
) -> None:
    # All that leaves its place leaves first: two rows that swap theirs never share a unique key.
    for row in (*changes.orphaned, *(row for row, _ in changes.moved)):
        transaction.execute("UPDATE spot_deposits SET status = 'orphaned' WHERE id = ?", (row.id,))
    moves: list[Entry] = []
    for row in changes.orphaned:
        _see(transaction, row.id, "orphaned", row, now_s)
        moves.append(_entry(row, row.id, "reversal"))
    for row, deposit in changes.moved:
        with _refusals_of(deposit):
            _place(transaction, row.id, deposit)
        _see(transaction, row.id, "moved", deposit, now_s)
    for row, deposit in changes.restored:
        with _refusals_of(deposit):
            _place(transaction, row.id, deposit)
        _see(transaction, row.id, "restored", deposit, now_s)
        moves.append(_entry(row, row.id, "deposit"))
    for deposit in changes.credited:
        deposit_id = new_row_id(entropy, "deposit-id")
        with _refusals_of(deposit):
            _insert(transaction, chain_id, deposit, deposit_id, now_s)
        _see(transaction, deposit_id, "credited", deposit, now_s)
        moves.append(_entry(deposit, deposit_id, "deposit"))
    entries.enter(transaction, moves, now_s)


@contextmanager
def _refusals_of(deposit: ConfirmedDeposit) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise RowRefusedError(f"the database refuses its row: {error}", *deposit.key) from error


def _insert(
    transaction: WriteTransaction,
    chain_id: int,
    deposit: ConfirmedDeposit,
    deposit_id: str,
    now_s: int,
) -> None:
    transaction.execute(
        "INSERT INTO spot_deposits (id, user_address, token, amount, chain_id, tx_hash,"
        " block_number, log_index, status, created_at, confirmed_at, event_ordinal, block_hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'confirmed', ?, ?, ?, ?)",
        (
            deposit_id,
            deposit.user_address,
            deposit.token,
            deposit.amount,
            chain_id,
            deposit.tx_hash,
            deposit.block_number,
            deposit.log_index,
            now_s,
            now_s,
            deposit.event_ordinal,
            deposit.block_hash,
        ),
    )


def _place(transaction: WriteTransaction, deposit_id: str, deposit: ConfirmedDeposit) -> None:
    transaction.execute(
        "UPDATE spot_deposits SET status = 'confirmed', block_number = ?, block_hash = ?,"
        " log_index = ? WHERE id = ?",
        (deposit.block_number, deposit.block_hash, deposit.log_index, deposit_id),
    )


def _see(
    transaction: WriteTransaction,
    deposit_id: str,
    act: Act,
    place: ConfirmedDeposit | DepositRow,
    now_s: int,
) -> None:
    transaction.execute(
        "INSERT INTO spot_deposit_sightings"
        " (deposit_id, act, block_number, log_index, block_hash, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (deposit_id, act, place.block_number, place.log_index, place.block_hash, now_s),
    )


def _entry(credit: ConfirmedDeposit | DepositRow, deposit_id: str, kind: EntryKind) -> Entry:
    return Entry(
        user_address=credit.user_address,
        token=credit.token,
        kind=kind,
        amount=credit.amount if kind == "deposit" else negated(credit.amount),
        deposit_id=deposit_id,
    )
