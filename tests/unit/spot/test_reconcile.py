"""The truth rules, one by one; tests/explore enumerates them in every small history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ztdx_spot.ledger.reconcile import ConfirmedDeposit, DepositRow, Reconciliation, reconcile

DEPOSIT = ConfirmedDeposit(
    user_address="alice",
    token="DF",
    amount="1",
    tx_hash="t",
    event_ordinal=0,
    block_number=10,
    block_hash="h10",
    log_index=3,
)
NOTHING = Reconciliation((), (), (), ())


def row(status: Any = "confirmed", row_id: str = "r", **changes: Any) -> DepositRow:
    fields = {name: getattr(DEPOSIT, name) for name in DEPOSIT.__slots__}
    return DepositRow(id=row_id, status=status, **{**fields, **changes})


def test_a_new_event_is_credited_once_however_often_it_is_read() -> None:
    assert reconcile(9, [], [DEPOSIT, DEPOSIT]) == replace(NOTHING, credited=(DEPOSIT,))


def test_what_stands_where_it_stood_is_left_alone() -> None:
    assert reconcile(9, [row()], [DEPOSIT]) == NOTHING


def test_a_row_at_or_below_the_ancestor_is_never_touched() -> None:
    for ancestor in (10, 11, 100):
        assert reconcile(ancestor, [row()], []) == NOTHING
        moved = replace(DEPOSIT, block_number=101, amount="2")
        assert reconcile(ancestor, [row()], [moved]) == NOTHING


def test_a_row_that_does_not_stand_is_orphaned() -> None:
    assert reconcile(9, [row()], []) == replace(NOTHING, orphaned=(row(),))


def test_a_row_that_stands_elsewhere_is_moved() -> None:
    for changes in ({"block_number": 11}, {"block_hash": "other"}, {"log_index": 4}):
        deposit = replace(DEPOSIT, **changes)
        assert reconcile(9, [row()], [deposit]) == replace(NOTHING, moved=((row(), deposit),))


def test_a_row_without_a_hash_gets_one() -> None:
    old = row(block_hash=None)
    assert reconcile(9, [old], [DEPOSIT]) == replace(NOTHING, moved=((old, DEPOSIT),))


def test_other_content_is_another_credit() -> None:
    for changes in ({"amount": "2"}, {"user_address": "bob"}, {"token": "USDT"}):
        deposit = replace(DEPOSIT, **changes)
        expected = replace(NOTHING, orphaned=(row(),), credited=(deposit,))
        assert reconcile(9, [row()], [deposit]) == expected


def test_an_orphaned_row_of_the_same_content_is_restored_and_no_other() -> None:
    same, other = row("orphaned", "same"), row("orphaned", "other", amount="2")
    expected = replace(NOTHING, restored=((same, DEPOSIT),))
    assert reconcile(9, [other, same], [DEPOSIT]) == expected
    assert reconcile(9, [other], [DEPOSIT]) == replace(NOTHING, credited=(DEPOSIT,))


def test_an_orphaned_row_without_its_event_stays_orphaned() -> None:
    assert reconcile(9, [row("orphaned")], []) == NOTHING


def test_a_change_of_content_and_back_ends_with_the_first_row() -> None:
    first, second = row("orphaned", "first"), row("confirmed", "second", amount="2")
    expected = replace(NOTHING, orphaned=(second,), restored=((first, DEPOSIT),))
    assert reconcile(9, [first, second], [DEPOSIT]) == expected


def test_events_of_one_transaction_are_told_apart_by_their_ordinal() -> None:
    second = replace(DEPOSIT, event_ordinal=1, log_index=4)
    changes = reconcile(9, [row()], [DEPOSIT, second])
    assert changes == replace(NOTHING, credited=(second,))
