"""What one snapshot of the ledger has that the one before had not, and the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ztdx_devnet.sim.ledger_reader import (
    EMPTY_LEDGER,
    AdminCreditRow,
    DepositRow,
    KeptAnswer,
    LedgerEntry,
    LedgerSnapshot,
    QuarantineRow,
    Sighting,
)

Key = tuple[str, str]
"""User and token: what a balance is known by."""

_Row = TypeVar("_Row")
Pairs = tuple[tuple[_Row | None, _Row | None], ...]
"""Each row that differs, as it was and as it is; None: it was not there, or is gone."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference of two snapshots. `sightings` are the new ones, `old_sightings` those that
    are gone, or say something else now."""

    deposits: Pairs[DepositRow]
    entries: Pairs[LedgerEntry]
    admin_credits: Pairs[AdminCreditRow]
    sightings: tuple[Sighting, ...]
    old_sightings: Pairs[Sighting]
    balances: tuple[Key, ...]
    quarantine: Pairs[QuarantineRow]
    kept_answers: Pairs[KeptAnswer]

    @property
    def rows(self) -> Iterable[DepositRow]:
        """The rows that are new or different."""
        return (now for _, now in self.deposits if now is not None)

    @property
    def keys(self) -> list[Key]:
        """The balances that any of it concerns, in order."""
        found = set(self.balances)
        for pairs in (self.deposits, self.entries, self.admin_credits):
            for pair in pairs:
                found.update((row.user, row.token) for row in pair if row is not None)
        return sorted(found)

    @property
    def only_adds(self) -> bool:
        """Whether no entry is another one now, and none is gone."""
        return all(before is None for before, _ in self.entries)


def changes_between(before: LedgerSnapshot, now: LedgerSnapshot) -> Changes:
    """What `now` has changed since `before`."""
    balances = [
        key
        for key in before.available.keys() | now.available.keys()
        if before.available.get(key) != now.available.get(key)
        or before.frozen.get(key) != now.frozen.get(key)
        or before.balance_times.get(key) != now.balance_times.get(key)
    ]
    deposits = _pairs(before.deposits, now.deposits, _row_number)
    entries = _pairs(before.entries, now.entries, _seq_number)
    admin_credits = _pairs(before.admin_rows, now.admin_rows, _row_number)
    sightings = _pairs(before.sightings, now.sightings, _seq_number)
    quarantine = _pairs(before.quarantine, now.quarantine, _quarantine_number)
    kept_answers = _pairs(before.kept_answers, now.kept_answers, _kept_number)
    return Changes(
        deposits,
        entries,
        admin_credits,
        tuple(after for was, after in sightings if after is not None and was is None),
        tuple(pair for pair in sightings if pair[0] is not None),
        tuple(sorted(balances)),
        quarantine,
        kept_answers,
    )


def whole(ledger: LedgerSnapshot) -> Changes:
    """Everything that the ledger holds, as if all of it had just been written."""
    return changes_between(EMPTY_LEDGER, ledger)


def _row_number(row: DepositRow | AdminCreditRow) -> int:
    return row.row


def _quarantine_number(row: QuarantineRow) -> int:
    return row.row


def _kept_number(row: KeptAnswer) -> int:
    return row.row


def _seq_number(row: LedgerEntry | Sighting) -> int:
    return row.seq


def _pairs(
    before: Sequence[_Row], now: Sequence[_Row], number: Callable[[_Row], int]
) -> Pairs[_Row]:
    if before is now:
        return ()
    if now[: len(before)] == before:  # as a rule rows are only added
        return tuple((None, row) for row in now[len(before) :])
    left = {number(row): row for row in before}
    pairs: list[tuple[_Row | None, _Row | None]] = []
    for row in now:
        was = left.pop(number(row), None)
        if was != row:
            pairs.append((was, row))
    pairs += ((was, None) for was in left.values())
    return tuple(pairs)
