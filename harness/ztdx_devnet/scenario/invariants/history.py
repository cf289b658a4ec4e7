"""I18: what a ledger must be compared with what it was before."""

from __future__ import annotations

from ztdx_devnet.scenario.invariants.problems import Problem, Problems, row_text
from ztdx_devnet.sim.ledger_reader import (
    DepositRow,
    LedgerEntry,
    LedgerSnapshot,
    Sighting,
)


class History:
    """Remembers the last snapshot: rows and entries stay, a row moves only with a sighting."""

    def __init__(self) -> None:
        self._rows: dict[str, DepositRow] = {}
        self._entries: tuple[LedgerEntry, ...] = ()
        self._last_sighting = 0

    def problems(self, ledger: LedgerSnapshot) -> Problems:
        """What this snapshot has lost or changed since the one before, which it replaces."""
        rows = {row.id: row for row in ledger.deposits}
        fresh = {s.deposit_id: s for s in ledger.sightings if s.seq > self._last_sighting}
        before, self._rows = self._rows, rows
        entries, self._entries = self._entries, ledger.entries
        if ledger.sightings:
            self._last_sighting = ledger.sightings[-1].seq
        for row_id, row in before.items():
            yield from _row_problems(row, rows.get(row_id), fresh.get(row_id))
        for entry, now in zip(entries, ledger.entries, strict=False):
            if entry != now:
                yield Problem("I18", f"entry {entry.seq} as it was: {entry}", f"{now}")
        if len(ledger.entries) < len(entries):
            lost = len(entries) - len(ledger.entries)
            yield Problem("I18", f"the {len(entries)} entries there were", f"{lost} fewer")


def _row_problems(before: DepositRow, now: DepositRow | None, fresh: Sighting | None) -> Problems:
    if now is None:
        yield Problem("I18", f"the row of {row_text(before)}", "it is gone")
    elif _content(now) != _content(before):
        yield Problem("I18", f"the row of {row_text(before)}", f"now of {row_text(now)}")
    elif _place(now) != _place(before):
        if fresh is None:
            change = f"{row_text(now)}, {now.status}"
            yield Problem("I18", f"a sighting that makes the {before.status} row", change)
        elif (fresh.block_number, fresh.log_index) != (now.block_number, now.log_index):
            seen = f"one at block {fresh.block_number}, log {fresh.log_index}"
            yield Problem("I18", f"a sighting of {row_text(now)}", seen)


def _content(row: DepositRow) -> tuple[object, ...]:
    return (row.user, row.token, row.amount, row.chain_id, row.tx_hash, row.event_ordinal)


def _place(row: DepositRow) -> tuple[object, ...]:
    return (row.status, row.block_number, row.log_index, row.block_hash)
