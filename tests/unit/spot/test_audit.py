"""The audit finds whatever was changed behind the ledger's back, and nothing else."""

from __future__ import annotations

import pytest

from ztdx_spot.ledger import admin_credits, debits, deposits
from ztdx_spot.ledger.admin_credits import AdminCredit
from ztdx_spot.ledger.audit import audit
from ztdx_spot.ledger.database import Database
from ztdx_spot.ledger.reconcile import ConfirmedDeposit

from .world import ALICE, BOB, CountingEntropy


@pytest.fixture
def ledger(database: Database, entropy: CountingEntropy) -> Database:
    """Two deposits, one of them reversed, an admin credit and a debit."""
    kept, lost = (
        ConfirmedDeposit(
            user_address=user,
            token="DF",
            amount=amount,
            tx_hash=f"0x{number:064x}",
            event_ordinal=0,
            block_number=number,
            block_hash=f"0x{number:064x}",
            log_index=0,
        )
        for number, user, amount in ((5, ALICE, "1.5"), (6, BOB, "7"))
    )
    with database.write() as transaction:
        deposits.write_blocks(transaction, 97, 0, 6, [kept, lost], entropy, 1)
        deposits.write_blocks(transaction, 97, 5, 6, [], entropy, 2)
        credit = AdminCredit(BOB, "USDT", "20", None)
        admin_credits.credit(transaction, credit, "credit", 3)
        debits.debit(transaction, ALICE, "DF", "0.5", 4)
    return database


def differences(database: Database) -> list[str]:
    with database.read() as transaction:
        return [str(difference) for difference in audit(transaction).differences]


def test_a_sound_ledger_has_no_difference(ledger: Database) -> None:
    assert differences(ledger) == []
    with ledger.read() as transaction:
        seen = audit(transaction)
    assert (seen.balances, seen.entries, seen.deposits, seen.admin_credits) == (3, 5, 2, 1)


def test_an_empty_ledger_has_no_difference(database: Database) -> None:
    assert differences(database) == []


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        (
            "UPDATE spot_balances SET available = '1.1' WHERE available = '1'",
            [f"DF of {ALICE}, available: expected 1, found 1.1"],
        ),
        (
            "UPDATE spot_balances SET frozen = '2' WHERE token = 'USDT'",
            [f"USDT of {BOB}, frozen: expected 0, found 2"],
        ),
        (
            "DELETE FROM spot_balances WHERE token = 'USDT'",
            [f"USDT of {BOB}: expected a balance of 20, found none"],
        ),
        (
            "DELETE FROM spot_ledger_entries WHERE kind = 'debit'",
            [f"DF of {ALICE}, available: expected 1.5, found 1"],
        ),
        (
            "UPDATE spot_ledger_entries SET available = '0.2' WHERE kind = 'reversal'",
            [f"entry 3 (DF of {BOB}), available after it: expected 0, found 0.2"],
        ),
        (
            "UPDATE spot_deposits SET status = 'confirmed' WHERE status = 'orphaned'",
            [
                "deposit 00000000-0000-4000-8000-000000000002 (confirmed), entries: "
                "expected 7, found 0"
            ],
        ),
        (
            "UPDATE spot_deposits SET amount = '1.6' WHERE amount = '1.5'",
            [
                "deposit 00000000-0000-4000-8000-000000000001 (confirmed), entries: "
                "expected 1.6, found 1.5"
            ],
        ),
        (
            f"UPDATE spot_deposits SET user_address = '{BOB}' WHERE amount = '1.5'",
            [
                "deposit 00000000-0000-4000-8000-000000000001 (confirmed), entries: "
                f"expected DF of {BOB}, found DF of {ALICE}"
            ],
        ),
        (
            "UPDATE spot_admin_credits SET amount = '21'",
            [f"admin credit credit, entry: expected 21 USDT of {BOB}, found 20 USDT of {BOB}"],
        ),
    ],
)
def test_what_was_changed_is_named(ledger: Database, tampering: str, found: list[str]) -> None:
    with ledger.write() as transaction:
        transaction.execute(tampering)
    assert differences(ledger) == found


def test_an_entry_that_is_no_amount_is_named_and_the_rest_is_looked_at(ledger: Database) -> None:
    ledger.connection.execute("PRAGMA ignore_check_constraints=1")
    with ledger.write() as transaction:
        transaction.execute("UPDATE spot_ledger_entries SET amount = 'abc' WHERE kind = 'debit'")
    found = differences(ledger)
    assert f"entry 5 (DF of {ALICE}): expected an amount, found 'abc'" in found
    assert f"DF of {ALICE}, available: expected 1.5, found 1" in found


def test_a_missing_audit_row_is_named(ledger: Database) -> None:
    ledger.connection.execute("PRAGMA foreign_keys=OFF")
    with ledger.write() as transaction:
        transaction.execute("DELETE FROM spot_admin_credits")
    assert differences(ledger) == [
        "spot_ledger_entries row 4: expected a row of spot_admin_credits, found none"
    ]
