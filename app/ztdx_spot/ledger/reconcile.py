"""The truth rules: what the rows of the ledger become when blocks are read, for the first time or
again after a reorg. Pure; `ztdx_spot.ledger.deposits` carries out what is decided here.

An event is the same on every branch when chain, transaction and its ordinal in the transaction's
receipt are. A row is never edited into another deposit: an event that comes back with another
account, token or amount is another credit, and the old row stays as history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

EventKey: TypeAlias = tuple[str, int]
"""Transaction hash and ordinal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedDeposit:
    """A deposit as it stands in a confirmed block. Hex is lower case, `amount` canonical."""

    user_address: str
    token: str
    amount: str
    tx_hash: str
    event_ordinal: int
    block_number: int
    block_hash: str
    log_index: int

    @property
    def key(self) -> EventKey:
        return self.tx_hash, self.event_ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositRow:
    """A row of the ledger; `block_hash` is None for rows older than the keeping of hashes."""

    id: str
    user_address: str
    token: str
    amount: str
    tx_hash: str
    event_ordinal: int
    block_number: int
    block_hash: str | None
    log_index: int
    status: Literal["confirmed", "orphaned"]

    @property
    def key(self) -> EventKey:
        return self.tx_hash, self.event_ordinal

    @property
    def is_confirmed(self) -> bool:
        return self.status == "confirmed"

    def is_credit_of(self, deposit: ConfirmedDeposit) -> bool:
        """Whether account, token and amount are the same."""
        mine = (self.user_address, self.token, self.amount)
        return mine == (deposit.user_address, deposit.token, deposit.amount)

    def stands_at(self, deposit: ConfirmedDeposit) -> bool:
        mine = (self.block_number, self.block_hash, self.log_index)
        return mine == (deposit.block_number, deposit.block_hash, deposit.log_index)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What to do. `orphaned` rows lose their credit, `restored` ones get it again, `moved` ones
    keep it and change their place; `credited` deposits get a new row.
    """

    orphaned: tuple[DepositRow, ...]
    moved: tuple[tuple[DepositRow, ConfirmedDeposit], ...]
    restored: tuple[tuple[DepositRow, ConfirmedDeposit], ...]
    credited: tuple[ConfirmedDeposit, ...]


def reconcile(
    ancestor_block: int, rows: Iterable[DepositRow], deposits: Sequence[ConfirmedDeposit]
) -> Reconciliation:
    """Decide for the blocks above `ancestor_block`, up to which the chain is what it was.

    `deposits` are all that now stand in the blocks read, in the order of the chain; `rows` must
    hold every confirmed row above the ancestor and every row with the key of one of `deposits`.
    An event that appears twice is one event.
    """
    confirmed: dict[EventKey, DepositRow] = {}
    orphaned: dict[EventKey, list[DepositRow]] = {}
    for row in rows:
        if row.is_confirmed:
            confirmed[row.key] = row
        else:
            orphaned.setdefault(row.key, []).append(row)
    kept: set[str] = set()
    moved: list[tuple[DepositRow, ConfirmedDeposit]] = []
    restored: list[tuple[DepositRow, ConfirmedDeposit]] = []
    credited: list[ConfirmedDeposit] = []
    seen: set[EventKey] = set()
    for deposit in deposits:
        if deposit.key in seen:
            continue
        seen.add(deposit.key)
        standing = confirmed.get(deposit.key)
        if standing is not None and (
            standing.block_number <= ancestor_block or standing.is_credit_of(deposit)
        ):
            kept.add(standing.id)
            if standing.block_number > ancestor_block and not standing.stands_at(deposit):
                moved.append((standing, deposit))
            continue
        earlier = (row for row in orphaned.get(deposit.key, ()) if row.is_credit_of(deposit))
        former = next(earlier, None)
        if former is not None:
            restored.append((former, deposit))
        else:
            credited.append(deposit)
    lost = tuple(
        row
        for row in confirmed.values()
        if row.block_number > ancestor_block and row.id not in kept
    )
    return Reconciliation(lost, tuple(moved), tuple(restored), tuple(credited))
