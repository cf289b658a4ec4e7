"""What a commit changed in the ledger: the difference of two snapshots, as journal entries.

It looks at snapshots only. What a row is for is asked of the oracle, never of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ztdx_devnet.sim.ledger_reader import DepositRow, LedgerSnapshot
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.user_acts import user_of

Change = tuple[str, dict[str, Any]]
"""Kind of a journal entry and its payload."""

_KINDS = {"confirmed": "credited", "orphaned": "reversed"}


def moves_cursor(statements: Iterable[str]) -> bool:
    """Whether any of these writes may have moved the listener's cursor."""
    return any("spot_block_sync_state" in sql for sql in statements)


def ledger_changes(
    old: LedgerSnapshot, new: LedgerSnapshot, claimed: Callable[[DepositRow], TrueDeposit | None]
) -> Iterator[Change]:
    """Rows that came (`credited`), changed (`credited`, `reversed`, `moved`) or went (`deleted`);
    logs held (`quarantined`) or let go (`released`); then each `balance` that is another one."""
    for kind, row in _rows(old.deposits, new.deposits):
        yield kind, _row_payload(row, claimed(row))
    if old.quarantined != new.quarantined:
        for kind, some, others in (
            ("quarantined", new.quarantined, old.quarantined),
            ("released", old.quarantined, new.quarantined),
        ):
            for log in some:
                if log not in others:
                    yield (
                        kind,
                        {
                            "transaction": log.tx_hash,
                            "ordinal": log.event_ordinal,
                            "block": log.block_number,
                        },
                    )
    for key in sorted(new.available.keys() | old.available.keys()):
        was, now = old.available.get(key), new.available.get(key)
        if was != now:
            user, token = key
            yield "balance", {"user": user_of(user), "token": token, "was": was, "available": now}


def _rows(
    old: tuple[DepositRow, ...], new: tuple[DepositRow, ...]
) -> Iterator[tuple[str, DepositRow]]:
    if new[: len(old)] == old:  # as a rule rows are only added: no need to look at each
        for row in new[len(old) :]:
            yield _KINDS.get(row.status, row.status), row
        return
    before = {row.row: row for row in old}
    for row in new:
        was = before.pop(row.row, None)
        if was is None or was.status != row.status:
            yield _KINDS.get(row.status, row.status), row
        elif was != row:
            yield "moved", row
    for row in before.values():
        yield "deleted", row


def _row_payload(row: DepositRow, deposit: TrueDeposit | None) -> dict[str, Any]:
    """`ordinal` is the oracle's, and null for a row that is for no deposit on any branch."""
    return {
        "row": row.row,
        "transaction": row.tx_hash,
        "ordinal": None if deposit is None else deposit.ordinal,
        "user": user_of(row.user),
        "token": row.token,
        "amount": row.amount,
        "block": row.block_number,
        "log_index": row.log_index,
    }
