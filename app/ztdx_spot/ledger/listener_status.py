"""The listener's word about itself: written by the listener, read by whoever shows health.

The only writer of `spot_listener_status`. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.ledger.cursor import DEPOSIT_EVENTS
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerStatus:
    """What the listener said last. `trouble` is None when all is well."""

    head_block: int | None
    head_since: int | None
    succeeded_at: int | None
    failed_polls: int
    trouble: str | None
    halted: bool
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What listener and ledger have left behind that health depends on."""

    status: ListenerStatus | None
    cursor_block: int | None
    cursor_moved_at: int | None
    quarantined_logs: int
    negative_balances: int


def record(
    transaction: WriteTransaction,
    chain_id: int,
    *,
    head_block: int | None,
    succeeded_at: int | None,
    failed_polls: int,
    trouble: str | None,
    halted: bool,
    now_s: int,
) -> None:
    """Replace what was said; a `head_block` or `succeeded_at` of None keeps the earlier one."""
    transaction.execute(
        "INSERT INTO spot_listener_status"
        " (chain_id, head_block, head_since, succeeded_at, failed_polls, trouble, halted,"
        " updated_at) VALUES (?1, ?2, iif(?2 IS NULL, NULL, ?7), ?3, ?4, ?5, ?6, ?7)"
        " ON CONFLICT (chain_id) DO UPDATE SET"
        " head_since = iif(coalesce(excluded.head_block, head_block) IS head_block,"
        "  coalesce(head_since, excluded.updated_at), excluded.updated_at),"
        " head_block = coalesce(excluded.head_block, head_block),"
        " succeeded_at = coalesce(excluded.succeeded_at, succeeded_at),"
        " failed_polls = excluded.failed_polls, trouble = excluded.trouble,"
        " halted = excluded.halted, updated_at = excluded.updated_at",
        (chain_id, head_block, succeeded_at, failed_polls, trouble, int(halted), now_s),
    )


def read(transaction: ReadTransaction, chain_id: int) -> ListenerStatus | None:
    """What the listener of this chain said last; None when none ever ran on this file."""
    row = transaction.execute(
        "SELECT head_block, head_since, succeeded_at, failed_polls, trouble, halted, updated_at"
        " FROM spot_listener_status WHERE chain_id = ?",
        (chain_id,),
    ).fetchone()
    if row is None:
        return None
    head_block, head_since, succeeded_at, failed_polls, trouble, halted, updated_at = row
    return ListenerStatus(
        head_block=head_block,
        head_since=head_since,
        succeeded_at=succeeded_at,
        failed_polls=failed_polls,
        trouble=trouble,
        halted=bool(halted),
        updated_at=updated_at,
    )


def read_traces(transaction: ReadTransaction, chain_id: int) -> Traces:
    """The status, and what the listener's work shows of itself in the other tables."""
    cursor_block, cursor_moved_at = transaction.execute(
        "SELECT max(last_processed_block), max(updated_at) FROM spot_block_sync_state"
        " WHERE chain_id = ? AND event_type = ?",
        (chain_id, DEPOSIT_EVENTS),
    ).fetchone()
    (quarantined_logs,) = transaction.execute(
        "SELECT count(*) FROM spot_quarantined_logs WHERE chain_id = ? AND status = 'held'",
        (chain_id,),
    ).fetchone()
    (negative_balances,) = transaction.execute(
        "SELECT count(*) FROM spot_balances WHERE available GLOB '-*'"
    ).fetchone()
    return Traces(
        status=read(transaction, chain_id),
        cursor_block=cursor_block,
        cursor_moved_at=cursor_moved_at,
        quarantined_logs=quarantined_logs,
        negative_balances=negative_balances,
    )
