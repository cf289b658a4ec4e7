"""Logs of the vault that could not be credited: kept with their raw bytes, never dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction

Status: TypeAlias = Literal["held", "released", "orphaned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedLog:
    """`raw_log` is JSON with the log's topics and data; `reason` says why it was not credited."""

    chain_id: int
    tx_hash: str
    event_ordinal: int
    block_number: int
    block_hash: str
    log_index: int
    raw_log: str
    reason: str


@dataclass(frozen=True, slots=True)
class HeldLog:
    id: str
    log: QuarantinedLog


def hold(transaction: WriteTransaction, log: QuarantinedLog, row_id: str, now_s: int) -> bool:
    """Keep it, if it is not held already; says whether it is new."""
    return (
        transaction.execute(
            "INSERT INTO spot_quarantined_logs (id, chain_id, tx_hash, event_ordinal,"
            " block_number, block_hash, log_index, raw_log, reason, status, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'held', ?)"
            " ON CONFLICT (chain_id, tx_hash, event_ordinal, block_hash) DO UPDATE"
            " SET status = 'held', reason = excluded.reason WHERE status <> 'held'",
            (
                row_id,
                log.chain_id,
                log.tx_hash,
                log.event_ordinal,
                log.block_number,
                log.block_hash,
                log.log_index,
                log.raw_log,
                log.reason,
                now_s,
            ),
        ).rowcount
        == 1
    )


def orphan_above(transaction: WriteTransaction, chain_id: int, ancestor_block: int) -> None:
    """What is held of blocks above the ancestor stands no more; pages hold it again if it does."""
    transaction.execute(
        "UPDATE spot_quarantined_logs SET status = 'orphaned'"
        " WHERE chain_id = ? AND block_number > ? AND status = 'held'",
        (chain_id, ancestor_block),
    )


def held(transaction: ReadTransaction, chain_id: int) -> list[HeldLog]:
    """All that is held of a chain, in its order."""
    rows = transaction.execute(
        "SELECT id, tx_hash, event_ordinal, block_number, block_hash, log_index,"
        " raw_log, reason FROM spot_quarantined_logs WHERE chain_id = ? AND status = 'held'"
        " ORDER BY block_number, log_index",
        (chain_id,),
    ).fetchall()
    return [
        HeldLog(
            row_id,
            QuarantinedLog(
                chain_id=chain_id,
                tx_hash=tx_hash,
                event_ordinal=event_ordinal,
                block_number=block_number,
                block_hash=block_hash,
                log_index=log_index,
                raw_log=raw_log,
                reason=reason,
            ),
        )
        for (
            row_id,
            tx_hash,
            event_ordinal,
            block_number,
            block_hash,
            log_index,
            raw_log,
            reason,
        ) in rows
    ]


def release(transaction: WriteTransaction, row_id: str) -> bool:
    """Hold it no more, since it is credited after all; False when it is not held any more."""
    released = transaction.execute(
        "UPDATE spot_quarantined_logs SET status = 'released' WHERE id = ? AND status = 'held'",
        (row_id,),
    ).rowcount
    return released == 1


def keep_reason(transaction: WriteTransaction, row_id: str, reason: str) -> None:
    transaction.execute(
        "UPDATE spot_quarantined_logs SET reason = ? WHERE id = ?", (reason, row_id)
    )
