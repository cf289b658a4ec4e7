"""The rules of the ledger hold in every small history of a chain with a fork.

The rows are the product's own decisions (`ledger/reconcile.py`) on a ledger of tuples; the poll
around them is the documented one, with hash links. Checked after each poll: no event has two
credits (I3), nothing is credited below the depth (I6), every credit stands in the view (I2), no
row vanishes or changes its deposit (I18); at the end every event of the branch that stays has
exactly one credit, at its place (I1).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from ztdx_spot.ledger.reconcile import ConfirmedDeposit, DepositRow, reconcile

from .chains_with_a_fork import (
    DEPTH_BLOCKS,
    PAGE_BLOCKS,
    Block,
    Event,
    History,
    View,
    histories,
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The blocks processed, by name, from number 0; and the rows."""

    processed: tuple[str, ...] = ("0",)
    rows: tuple[DepositRow, ...] = ()


def poll(ledger: Ledger, view: View) -> Ledger:
    """One poll of a node that shows `view`."""
    cursor = len(ledger.processed) - 1
    if cursor > view.head:
        return ledger  # the node does not know the cursor's block: it has not answered
    ancestor = cursor
    while view.blocks[ancestor].name != ledger.processed[ancestor]:
        ancestor -= 1
    target = view.head - DEPTH_BLOCKS
    last = max(min(target, ancestor + PAGE_BLOCKS), ancestor)
    if ancestor == last == cursor:
        return ledger
    deposits = [
        deposit_of(event, number, view.blocks[number])
        for number in range(ancestor + 1, last + 1)
        for event in view.blocks[number].events
    ]
    processed = (
        *ledger.processed[: ancestor + 1],
        *(block.name for block in view.blocks[ancestor + 1 : last + 1]),
    )
    return Ledger(processed, changed(ledger.rows, ancestor, deposits))


def changed(
    rows: tuple[DepositRow, ...], ancestor: int, deposits: list[ConfirmedDeposit]
) -> tuple[DepositRow, ...]:
    decided = reconcile(ancestor, rows, deposits)
    ledger = {row.id: row for row in rows}
    for row in decided.orphaned:
        ledger[row.id] = replace(row, status="orphaned")
    for row, deposit in (*decided.moved, *decided.restored):
        ledger[row.id] = replace(
            row,
            block_number=deposit.block_number,
            block_hash=deposit.block_hash,
            log_index=deposit.log_index,
            status="confirmed",
        )
    for deposit in decided.credited:
        row_id = str(len(ledger))
        ledger[row_id] = DepositRow(
            id=row_id,
            user_address="",
            token="",
            amount=deposit.amount,
            tx_hash=deposit.tx_hash,
            event_ordinal=deposit.event_ordinal,
            block_number=deposit.block_number,
            block_hash=deposit.block_hash,
            log_index=deposit.log_index,
            status="confirmed",
        )
    return tuple(ledger.values())


@cache
def deposit_of(event: Event, number: int, block: Block) -> ConfirmedDeposit:
    return ConfirmedDeposit(
        user_address="",
        token="",
        amount=str(event.amount),
        tx_hash=str(event.transaction),
        event_ordinal=event.ordinal,
        block_number=number,
        block_hash=block.name,
        log_index=event.log_index,
    )


def check_poll(before: Ledger, after: Ledger, view: View) -> None:
    confirmed = [row for row in after.rows if row.is_confirmed]
    assert len({row.key for row in confirmed}) == len(confirmed), "I3"
    assert len({(row.key, row.amount) for row in after.rows}) == len(after.rows), "I18: revived"
    if len(before.processed) - 1 <= view.head:
        for row in confirmed:
            assert row.block_number <= view.head - DEPTH_BLOCKS or row in before.rows, "I6"
            block = view.blocks[row.block_number]
            assert any(
                row.is_credit_of(deposit) and row.stands_at(deposit) and row.key == deposit.key
                for deposit in (deposit_of(e, row.block_number, block) for e in block.events)
            ), "I2"
    for old, new in zip(before.rows, after.rows, strict=False):
        assert (old.id, old.key, old.amount) == (new.id, new.key, new.amount), "I18"
    assert len(after.rows) >= len(before.rows), "I18"


def check_end(ledger: Ledger, final: View) -> None:
    standing = {
        (e.transaction, e.ordinal): deposit_of(e, number, block)
        for number, block in enumerate(final.blocks[: final.head - DEPTH_BLOCKS + 1])
        for e in block.events
    }
    confirmed = [row for row in ledger.rows if row.is_confirmed]
    assert len(confirmed) == len(standing), "I1"


@dataclass(slots=True, eq=False)
class State:
    """A ledger, and what each poll from it led to: most histories share most of their polls."""

    ledger: Ledger
    after: dict[View, State] = field(default_factory=dict)
    ended: set[View] = field(default_factory=set)


class Polls:
    """Plays histories, each different poll once."""

    def __init__(self) -> None:
        self._states: dict[Ledger, State] = {}
        self.start = self._state(Ledger())

    def play(self, history: History) -> None:
        state = self.start
        for view in history.views:
            state = self._poll(state, view)
        while (after := self._poll(state, history.final)) is not state:
            state = after
        if history.final not in state.ended:
            state.ended.add(history.final)
            check_end(state.ledger, history.final)

    def _poll(self, state: State, view: View) -> State:
        after = state.after.get(view)
        if after is None:
            ledger = poll(state.ledger, view)
            check_poll(state.ledger, ledger, view)
            after = state.after[view] = self._state(ledger)
        return after

    def _state(self, ledger: Ledger) -> State:
        return self._states.setdefault(ledger, State(ledger))


def test_no_history_loses_doubles_or_invents_a_credit() -> None:
    polls, played = Polls(), 0
    for history in histories():
        polls.play(history)
        played += 1
    assert played == 640_216
