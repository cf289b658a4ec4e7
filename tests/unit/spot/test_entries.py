"""Entries and the tables: balances move by entries alone, exactly, and bad rows are refused."""

from __future__ import annotations

import random
import sqlite3
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.errors import DebitError
from ztdx_spot.ledger import admin_credits, balances, debits, entries, users
from ztdx_spot.ledger.admin_credits import AdminCredit
from ztdx_spot.ledger.amounts import UINT256_MAX, from_base_units
from ztdx_spot.ledger.balances import Balance, Debt
from ztdx_spot.ledger.database import Database, WriteTransaction, open_connection
from ztdx_spot.ledger.entries import BalanceChange

from .listener_world import Listener
from .world import ALICE, BOB, FakeClock, tx_hash

ROW = {
    "id": "x",
    "user_address": ALICE,
    "token": "DF",
    "amount": "1.5",
    "chain_id": 97,
    "tx_hash": "0x" + "ab" * 32,
    "block_number": 5,
    "log_index": 0,
    "status": "confirmed",
    "created_at": 1,
    "confirmed_at": 1,
    "event_ordinal": 0,
    "block_hash": "0x" + "cd" * 32,
}
BALANCE = {
    "user_address": ALICE,
    "token": "DF",
    "available": "1",
    "frozen": "0",
    "created_at": 1,
    "updated_at": 1,
}
ENTRY = {
    "user_address": ALICE,
    "token": "DF",
    "kind": "deposit",
    "amount": "1",
    "available": "1",
    "frozen": "0",
    "deposit_id": "x",
    "admin_credit_id": None,
    "created_at": 1,
}
CURSOR = {
    "chain_id": 97,
    "event_type": "deposit",
    "last_processed_block": -1,
    "updated_at": 1,
    "last_processed_hash": None,
    "first_block": 0,
    "genesis_hash": None,
}
NO_AMOUNTS = [
    *(None, "", "1e18", "01", "1.", ".5", "1.50", "0.0", "1.2.3", " 1", "NaN", "+1", "--1", "-"),
    *("\u0661", b"1", 1e30, "-0", "-01", "-.5", "1-1", "-1.0"),
]


def insert(database: Database, table: str, row: dict[str, Any], **changes: object) -> None:
    values = {**row, **changes}
    marks = ", ".join("?" for _ in values)
    database.connection.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
    )


def credit(transaction: WriteTransaction, user: str, amount: str, token: str = "DF") -> None:
    (count,) = transaction.execute("SELECT count(*) FROM spot_admin_credits").fetchone()
    admin_credits.credit(transaction, AdminCredit(user, token, amount, None), f"a{count}", 7)


def held(database: Database, user: str = ALICE) -> list[Balance]:
    with database.read() as transaction:
        return balances.balances_of(transaction, user)


class TestBalances:
    def test_a_change_reads_under_the_lock_that_it_writes_under(
        self, database: Database, database_path: Path, clock: FakeClock
    ) -> None:
        connection = open_connection(database_path, synchronous="OFF")
        other = Database(connection, clock)
        for writer in (database, other, database, other):
            with writer.write() as transaction:
                credit(transaction, ALICE, "0.1")
        connection.close()
        assert held(database) == [Balance("DF", "0.4", "0")]

    def test_balances_are_ordered_by_token_and_belong_to_one_user(self, database: Database) -> None:
        with database.write() as transaction:
            for user, token in ((ALICE, "USDT"), (BOB, "BNB"), (ALICE, "DF")):
                credit(transaction, user, "1", token)
        assert [balance.token for balance in held(database)] == ["DF", "USDT"]

    def test_a_credit_makes_its_user_exist_and_keeps_one_that_does(
        self, database: Database
    ) -> None:
        with database.write() as transaction:
            users.ensure(transaction, BOB, 3)
            for user in (ALICE, BOB):
                credit(transaction, user, "1")
        with database.read() as transaction:
            found = transaction.execute("SELECT user_address, created_at FROM users ORDER BY 1")
            assert found.fetchall() == [(ALICE, 7), (BOB, 3)]

    def test_each_entry_holds_the_balance_after_it(self, listener: Listener) -> None:
        with listener.database.write() as transaction:
            for user, amount in ((ALICE, "1"), (BOB, "5"), (ALICE, "0.5"), (ALICE, "2.5")):
                credit(transaction, user, amount)
        with listener.database.read() as transaction:
            newest = entries.newest_seq(transaction)
            changes = entries.changes_after(transaction, 0, 10)
            assert entries.changes_after(transaction, 2, 1) == [changes[2]]
            assert entries.changes_after(transaction, newest, 10) == []
        assert [(change.user_address, change.available) for change in changes] == [
            (ALICE, "1"),
            (BOB, "5"),
            (ALICE, "1.5"),
            (ALICE, "4"),
        ]
        assert changes[0] == BalanceChange(1, ALICE, "DF", "1", "0", 7)
        assert newest == 4

    def test_random_credits_and_debits_of_any_size_are_exact(self, listener: Listener) -> None:
        chance, sums = random.Random(3), {ALICE: Fraction(0), BOB: Fraction(0)}
        for _ in range(60):
            with listener.database.write() as transaction:
                for _ in range(chance.randrange(1, 4)):
                    user = chance.choice([ALICE, BOB])
                    units = 1 + chance.getrandbits(chance.choice([1, 53, 96, 128, 255]))
                    amount = from_base_units(units, chance.choice([0, 6, 18, 77]))
                    if chance.random() < 0.4 and Fraction(amount) <= sums[user]:
                        debits.debit(transaction, user, "DF", amount, 8)
                        sums[user] -= Fraction(amount)
                    else:
                        credit(transaction, user, amount)
                        sums[user] += Fraction(amount)
        for user, total in sums.items():
            assert Fraction(held(listener.database, user)[0].available) == total

    def test_nothing_of_a_block_that_fails_is_left(self, listener: Listener) -> None:
        with pytest.raises(ZeroDivisionError), listener.database.write() as transaction:  # noqa: PT012
            credit(transaction, ALICE, "1")
            raise ZeroDivisionError
        assert (held(listener.database), listener.entries()) == ([], [])


class TestDebits:
    @pytest.mark.parametrize("amount", ["3", "0.000000000000000001", "1.5"])
    def test_what_is_there_can_be_taken(self, listener: Listener, amount: str) -> None:
        with listener.database.write() as transaction:
            credit(transaction, ALICE, "3")
            debits.debit(transaction, ALICE, "DF", amount, 8)
        (balance,) = held(listener.database)
        assert Fraction(balance.available) == 3 - Fraction(amount)
        assert listener.entries()[1] == ("debit", "-" + amount)

    @pytest.mark.parametrize(
        ("user", "token", "amount"),
        [
            (ALICE, "DF", "3.000000000000000001"),
            (ALICE, "DF", str(UINT256_MAX)),
            (ALICE, "USDT", "1"),
            (BOB, "DF", "1"),
        ],
    )
    def test_more_than_that_cannot(
        self, listener: Listener, user: str, token: str, amount: str
    ) -> None:
        with listener.database.write() as transaction:
            credit(transaction, ALICE, "3")
        with (
            pytest.raises(DebitError, match=f"{amount} cannot be taken"),
            listener.database.write() as transaction,
        ):
            debits.debit(transaction, user, token, amount, 8)
        assert listener.entries() == [("admin_credit", "3")]

    @pytest.mark.parametrize("amount", ["0", "-1"])
    def test_nothing_is_given_by_taking(self, listener: Listener, amount: str) -> None:
        with listener.database.write() as transaction:
            credit(transaction, ALICE, "3")
        with pytest.raises(sqlite3.IntegrityError), listener.database.write() as transaction:
            debits.debit(transaction, ALICE, "DF", amount, 8)
        assert listener.available() == "3"

    def test_debts_are_the_balances_below_zero(self, database: Database) -> None:
        for user, token, available in (
            (BOB, "DF", "-0.5"),
            (ALICE, "DF", "0"),
            (ALICE, "USDT", "-7"),
        ):
            insert(
                database,
                "spot_balances",
                BALANCE,
                user_address=user,
                token=token,
                available=available,
            )
        with database.read() as transaction:
            assert balances.below_zero(transaction) == [
                Debt(ALICE, "USDT", "-7"),
                Debt(BOB, "DF", "-0.5"),
            ]


class TestTables:
    """The rules hold for every writer of the file, also for one that is not this program."""

    @pytest.fixture(autouse=True)
    def good_rows(self, database: Database) -> None:
        insert(database, "spot_deposits", ROW)
        insert(database, "spot_balances", BALANCE)
        insert(database, "spot_ledger_entries", ENTRY)
        insert(database, "spot_block_sync_state", CURSOR)

    def refused(self, database: Database, table: str, row: dict[str, Any], **changes: Any) -> None:
        with pytest.raises(sqlite3.IntegrityError):
            insert(database, table, row, **changes)

    @pytest.mark.parametrize("amount", [*NO_AMOUNTS, "0", "-1"])
    def test_a_deposit_has_a_canonical_positive_amount(
        self, database: Database, amount: object
    ) -> None:
        self.refused(
            database, "spot_deposits", ROW, id="y", log_index=1, event_ordinal=1, amount=amount
        )

    @pytest.mark.parametrize(
        "changes",
        [
            {"user_address": ALICE.upper()},
            {"user_address": "0X" + ALICE[2:]},
            {"user_address": ALICE[:-1]},
            {"user_address": ALICE + "0"},
            {"tx_hash": "0x" + "AB" * 32},
            {"tx_hash": None},
            {"log_index": None},
            {"log_index": "0x1"},
            {"log_index": -1},
            {"log_index": 1.5},
            {"chain_id": None},
            {"chain_id": 0},
            {"block_number": "five"},
            {"block_number": -1},
            {"status": "pending"},
            {"status": None},
            {"token": ""},
            {"event_ordinal": None},
            {"event_ordinal": -1},
            {"block_hash": "0x"},
            {"block_hash": "0x" + "CD" * 32},
            {"id": None},
            {"id": "x"},
        ],
    )
    def test_a_deposit_has_one_spelling_of_each_key(
        self, database: Database, changes: dict[str, object]
    ) -> None:
        other = {"id": "y", "tx_hash": tx_hash(9), **changes}
        self.refused(database, "spot_deposits", ROW, **other)

    def test_an_event_and_a_log_have_one_confirmed_row(self, database: Database) -> None:
        self.refused(database, "spot_deposits", ROW, id="y", event_ordinal=1)
        self.refused(database, "spot_deposits", ROW, id="y", log_index=1)
        self.refused(database, "spot_deposits", ROW, id="y", event_ordinal=1, log_index="0")
        insert(database, "spot_deposits", ROW, id="z", log_index=1, event_ordinal=1)
        for row_id in ("o1", "o2"):
            insert(database, "spot_deposits", ROW, id=row_id, status="orphaned")
        insert(database, "spot_deposits", ROW, id="c", chain_id=56)

    @pytest.mark.parametrize("column", ["available", "frozen"])
    @pytest.mark.parametrize("amount", NO_AMOUNTS)
    def test_a_balance_is_canonical(self, database: Database, column: str, amount: object) -> None:
        self.refused(database, "spot_balances", BALANCE, token="USDT", **{column: amount})

    def test_a_balance_may_be_below_zero_and_what_is_frozen_may_not(
        self, database: Database
    ) -> None:
        insert(database, "spot_balances", BALANCE, token="A", available="-0.5")
        self.refused(database, "spot_balances", BALANCE, token="B", frozen="-1")
        self.refused(database, "spot_balances", BALANCE)

    @pytest.mark.parametrize(
        "changes",
        [
            {"amount": "0"},
            {"amount": "-1"},
            {"amount": "1.0"},
            {"available": "x"},
            {"kind": "gift"},
            {"kind": "reversal"},
            {"kind": "debit"},
            {"kind": "debit", "amount": "-1"},
            {"kind": "admin_credit"},
            {"kind": "admin_credit", "deposit_id": None},
            {"deposit_id": None},
            {"deposit_id": "nobody"},
            {"admin_credit_id": "nobody", "deposit_id": None, "kind": "admin_credit"},
            {"user_address": None},
            {"token": ""},
        ],
    )
    def test_an_entry_says_what_caused_it_and_its_sign_is_that_of_its_kind(
        self, database: Database, changes: dict[str, object]
    ) -> None:
        self.refused(database, "spot_ledger_entries", ENTRY, **changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {"last_processed_block": None},
            {"last_processed_block": -2},
            {"last_processed_block": "0x5"},
            {"last_processed_block": 1.5},
            {"first_block": -1},
            {"last_processed_hash": "0x"},
            {"genesis_hash": "garbage"},
            {"chain_id": 0},
            {},
        ],
    )
    def test_a_chain_has_one_cursor_and_no_garbage_in_it(
        self, database: Database, changes: dict[str, object]
    ) -> None:
        other = {"chain_id": 56, **changes} if changes else {}
        self.refused(database, "spot_block_sync_state", CURSOR, **other)

    def test_a_deposit_with_entries_cannot_be_deleted(self, database: Database) -> None:
        with pytest.raises(sqlite3.IntegrityError):
            database.connection.execute("DELETE FROM spot_deposits")
