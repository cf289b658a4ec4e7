"""The cursor: the last block of a chain whose deposits are all in the ledger. Never goes back."""

from __future__ import annotations

from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction

DEPOSIT_EVENTS = "deposit"


def read(transaction: ReadTransaction, chain_id: int) -> int | None:
    """The last processed block, or None if this chain was never scanned."""
    row = transaction.execute(
        "SELECT last_processed_block FROM spot_block_sync_state"
        " WHERE chain_id = ? AND event_type = ?",
        (chain_id, DEPOSIT_EVENTS),
    ).fetchone()
    return None if row is None else int(row[0])


def advance(
    transaction: WriteTransaction, chain_id: int, last_processed_block: int, now_s: int
) -> None:
    """Move forward to this block, or stay: another listener may have been faster."""
    transaction.execute(
        "INSERT INTO spot_block_sync_state"
        " (chain_id, event_type, last_processed_block, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (chain_id, event_type) DO UPDATE SET"
        " last_processed_block = excluded.last_processed_block, updated_at = excluded.updated_at"
        " WHERE excluded.last_processed_block > spot_block_sync_state.last_processed_block",
        (chain_id, DEPOSIT_EVENTS, last_processed_block, now_s),
    )
