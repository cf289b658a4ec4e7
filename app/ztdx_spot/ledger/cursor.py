"""The cursor: the last block of a chain whose deposits are all in the ledger, and the hashes by
which a later reorg of processed blocks is noticed and its common ancestor found.
"""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.errors import CursorMovedError
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction

DEPOSIT_EVENTS = "deposit"

BUCKET_BLOCKS = 100
RECENT_BUCKETS = 10
"""Of the last 1,000 blocks each page's last hash is kept; below, about one in a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a chain is processed.

    `block` is -1 before block 0. `block_hash` is None when it was never seen: before the first
    page, and in files older than the keeping of hashes. `first_block` is the first one that was to
    be scanned, None in such files. `genesis_hash` is the chain's identity, None until it is asked.
    """

    block: int
    block_hash: str | None = None
    first_block: int | None = None
    genesis_hash: str | None = None


def read(transaction: ReadTransaction, chain_id: int) -> Cursor | None:
    """The cursor, or None if this chain was never scanned."""
    row = transaction.execute(
        "SELECT last_processed_block, last_processed_hash, first_block, genesis_hash"
        " FROM spot_block_sync_state WHERE chain_id = ? AND event_type = ?",
        (chain_id, DEPOSIT_EVENTS),
    ).fetchone()
    if row is None:
        return None
    block, block_hash, first_block, genesis_hash = row
    return Cursor(
        block=block, block_hash=block_hash, first_block=first_block, genesis_hash=genesis_hash
    )


def start(
    transaction: WriteTransaction, chain_id: int, first_block: int, genesis_hash: str, now_s: int
) -> None:
    """Write the first cursor, just below `first_block`; nothing if there is one."""
    transaction.execute(
        "INSERT INTO spot_block_sync_state (chain_id, event_type, last_processed_block,"
        " updated_at, first_block, genesis_hash) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (chain_id, DEPOSIT_EVENTS, first_block - 1, now_s, first_block, genesis_hash),
    )


def keep_genesis(transaction: WriteTransaction, chain_id: int, genesis_hash: str) -> None:
    """Remember the identity of a chain whose cursor is older than the keeping of hashes."""
    transaction.execute(
        "UPDATE spot_block_sync_state SET genesis_hash = ?"
        " WHERE chain_id = ? AND event_type = ? AND genesis_hash IS NULL",
        (genesis_hash, chain_id, DEPOSIT_EVENTS),
    )


def move(
    transaction: WriteTransaction,
    chain_id: int,
    expected: Cursor,
    block: int,
    block_hash: str | None,
    now_s: int,
) -> None:
    """Compare and set: raises CursorMovedError when another listener has moved it since."""
    moved = transaction.execute(
        "UPDATE spot_block_sync_state SET last_processed_block = ?, last_processed_hash = ?,"
        " updated_at = ? WHERE chain_id = ? AND event_type = ?"
        " AND last_processed_block = ? AND last_processed_hash IS ?",
        (
            block,
            block_hash,
            now_s,
            chain_id,
            DEPOSIT_EVENTS,
            expected.block,
            expected.block_hash,
        ),
    ).rowcount
    if moved != 1:
        raise CursorMovedError(f"another listener has moved the cursor from block {expected.block}")


def kept_blocks(
    transaction: ReadTransaction, chain_id: int, above: int, up_to: int, limit: int
) -> list[tuple[int, str]]:
    """Processed blocks in that range with their hashes, newest first, at most `limit`."""
    return transaction.execute(
        "SELECT block_number, block_hash FROM spot_processed_blocks WHERE chain_id = ?"
        " AND block_number > ? AND block_number <= ? ORDER BY block_number DESC LIMIT ?",
        (chain_id, above, up_to, limit),
    ).fetchall()


def keep_block(
    transaction: WriteTransaction,
    chain_id: int,
    ancestor_block: int,
    block: int,
    block_hash: str | None,
) -> None:
    """Keep the hash of a processed block; what was kept above the ancestor is of another branch."""
    transaction.execute(
        "DELETE FROM spot_processed_blocks WHERE chain_id = ? AND block_number > ?",
        (chain_id, ancestor_block),
    )
    if block_hash is None:
        return
    transaction.execute(
        "INSERT INTO spot_processed_blocks (chain_id, block_number, block_hash) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET block_hash = excluded.block_hash",
        (chain_id, block, block_hash),
    )
    if block // BUCKET_BLOCKS != ancestor_block // BUCKET_BLOCKS:
        _thin_out(transaction, chain_id, block // BUCKET_BLOCKS - RECENT_BUCKETS)


def _thin_out(transaction: WriteTransaction, chain_id: int, bucket: int) -> None:
    """Leave the oldest kept block of a bucket."""
    first = bucket * BUCKET_BLOCKS
    transaction.execute(
        "DELETE FROM spot_processed_blocks"
        " WHERE chain_id = ?1 AND block_number BETWEEN ?2 AND ?3 AND block_number >"
        " (SELECT min(block_number) FROM spot_processed_blocks"
        "  WHERE chain_id = ?1 AND block_number BETWEEN ?2 AND ?3)",
        (chain_id, first, first + BUCKET_BLOCKS - 1),
    )
