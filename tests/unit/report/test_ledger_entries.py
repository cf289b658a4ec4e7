"""What a run's journal says of its ledger: each change, once, for the deposit that it is about."""

from __future__ import annotations

from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.sim.ledger_changes import ledger_changes
from ztdx_devnet.sim.ledger_reader import DepositRow, HeldLog, LedgerSnapshot

from .runs import bundled_run, double_credit


def ledger_entries(run: Run) -> list[tuple[str, object]]:
    return [
        (entry.kind, entry.payload.get("user", entry.payload.get("block")))
        for entry in run.journal
        if entry.actor == "ledger"
    ]


def row(number: int, status: str = "confirmed", block: int = 5) -> DepositRow:
    hash_ = "0x" + f"{number:064x}"
    return DepositRow(
        number, f"id{number}", "0xabc", "DF", "1", hash_, block, 0, status, 97, 0, None
    )


def changes(
    old: tuple[DepositRow, ...], new: tuple[DepositRow, ...]
) -> list[tuple[str, object, object]]:
    before, after = LedgerSnapshot(old, {}, {}), LedgerSnapshot(new, {}, {})
    return [(k, p["row"], p["block"]) for k, p in ledger_changes(before, after, lambda _: None)]


def test_a_new_row_is_credited_and_an_orphaned_one_reversed() -> None:
    assert changes((), (row(1),)) == [("credited", 1, 5)]
    assert changes((row(1),), (row(1), row(2))) == [("credited", 2, 5)]
    assert changes((row(1),), (row(1, "orphaned"),)) == [("reversed", 1, 5)]
    assert changes((row(1, "orphaned"),), (row(1),)) == [("credited", 1, 5)]


def test_a_row_with_another_position_is_moved_and_one_that_went_deleted() -> None:
    assert changes((row(1), row(2)), (row(1), row(2, block=9))) == [("moved", 2, 9)]
    assert changes((row(1), row(2)), (row(2),)) == [("deleted", 1, 5)]


def test_nothing_is_said_of_a_ledger_that_is_the_same() -> None:
    assert changes((row(1), row(2)), (row(1), row(2))) == []


def test_a_log_is_held_once_and_let_go_once() -> None:
    held = LedgerSnapshot((), {}, {}, quarantined=(HeldLog("0x1", 0, 7),))
    none = LedgerSnapshot((), {}, {})
    assert [kind for kind, _ in ledger_changes(none, held, lambda _: None)] == ["quarantined"]
    assert [kind for kind, _ in ledger_changes(held, held, lambda _: None)] == []
    assert [kind for kind, _ in ledger_changes(held, none, lambda _: None)] == ["released"]


def test_a_journal_names_each_credit_and_each_balance() -> None:
    assert ledger_entries(double_credit()) == [
        ("credited", "alice"),
        ("credited", "bob"),
        ("balance", "bob"),
        ("balance", "alice"),
        ("credited", "bob"),
        ("credited", "alice"),
        ("balance", "bob"),
        ("balance", "alice"),
    ]


def test_a_journal_says_what_is_held_in_quarantine() -> None:
    assert ("quarantined", 1001) in ledger_entries(bundled_run("undecodable_log"))


def test_commits_that_move_the_cursor_say_where_to() -> None:
    cursors = [
        entry.payload["cursor"] for entry in double_credit().journal if "cursor" in entry.payload
    ]
    assert cursors == [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1052]
