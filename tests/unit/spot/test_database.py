"""Transactions: whole or not at all, one snapshot each, and a bounded wait for the lock."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ledger import users
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.ledger.schema import TABLES

from .world import ALICE, BOB, FakeClock


@pytest.fixture
def other(database_path: Path, database: Database, clock: FakeClock) -> Iterator[Database]:
    """A second process on the same file."""
    connection = open_connection(database_path, synchronous="OFF")
    yield Database(connection, clock)
    connection.close()


def user_count(database: Database) -> int:
    with database.read() as transaction:
        return int(transaction.execute("SELECT count(*) FROM users").fetchone()[0])


class TestTransactions:
    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_an_exception_undoes_the_whole_block(
        self, database: Database, error: type[BaseException]
    ) -> None:
        with pytest.raises(error), database.write() as transaction:  # noqa: PT012
            users.ensure(transaction, ALICE, 1)
            raise error
        assert user_count(database) == 0

    def test_a_read_block_sees_one_state(self, database: Database, other: Database) -> None:
        with database.read() as transaction:
            before = transaction.execute("SELECT count(*) FROM users").fetchone()
            with other.write() as writing:
                users.ensure(writing, ALICE, 1)
            assert transaction.execute("SELECT count(*) FROM users").fetchone() == before
        assert user_count(database) == 1

    def test_a_transaction_inside_a_transaction_is_a_mistake(self, database: Database) -> None:
        with (
            pytest.raises(RuntimeError, match="one at a time"),
            database.write(),
            database.read(),
        ):
            pass
        assert user_count(database) == 0

    def test_a_failed_rollback_hides_nothing_and_leaves_nothing(
        self, database_path: Path, database: Database, clock: FakeClock
    ) -> None:
        class NoRollback(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql == "ROLLBACK" and not healed:
                    raise sqlite3.OperationalError("disk I/O error")
                return super().execute(sql, *parameters)

        healed: list[bool] = []
        connection = open_connection(database_path, factory=NoRollback, synchronous="OFF")
        failing = Database(connection, clock)
        with pytest.raises(ValueError, match="the cause"), failing.write() as transaction:  # noqa: PT012
            users.ensure(transaction, ALICE, 1)
            raise ValueError("the cause")
        healed.append(True)
        with failing.write() as transaction:
            users.ensure(transaction, BOB, 1)
        connection.close()
        with database.read() as reading:
            assert reading.execute("SELECT user_address FROM users").fetchall() == [(BOB,)]

    def test_a_closed_connection_hides_no_kill(
        self, database_path: Path, database: Database, clock: FakeClock
    ) -> None:
        class Kill(BaseException):
            pass

        connection = open_connection(database_path, synchronous="OFF")
        with pytest.raises(Kill), Database(connection, clock).write() as transaction:  # noqa: PT012
            users.ensure(transaction, ALICE, 1)
            connection.close()
            raise Kill
        assert user_count(database) == 0

    def test_a_full_disk_at_commit_writes_nothing(
        self, database: Database, database_path: Path, clock: FakeClock
    ) -> None:
        class FullDisk(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql == "COMMIT":
                    raise sqlite3.OperationalError("database or disk is full")
                return super().execute(sql, *parameters)

        connection = open_connection(database_path, factory=FullDisk, synchronous="OFF")
        with (
            pytest.raises(sqlite3.OperationalError, match="full"),
            Database(connection, clock).write() as transaction,
        ):
            users.ensure(transaction, ALICE, 1)
        assert not connection.in_transaction
        connection.close()
        assert user_count(database) == 0


class TestWaiting:
    def test_a_writer_waits_by_the_clock_until_the_lock_is_free(
        self, database: Database, other: Database, clock: FakeClock
    ) -> None:
        holder = other.write()
        holder.__enter__()

        def release(duration_s: float) -> None:
            if len(clock.sleeps_s) == 3:
                holder.__exit__(None, None, None)

        clock.on_sleep = release
        with database.write() as transaction:
            users.ensure(transaction, ALICE, 1)
        assert len(clock.sleeps_s) == 3

    def test_the_wait_is_bounded(
        self, database: Database, other: Database, clock: FakeClock
    ) -> None:
        with (
            other.write(),
            pytest.raises(DatabaseBusyError, match=r"locked for 5\.\d+ s"),
            database.write(),
        ):
            pass
        assert 5.0 <= sum(clock.sleeps_s) < 5.1
        with database.write() as transaction:
            users.ensure(transaction, ALICE, 1)

    def test_readers_do_not_wait_for_a_writer(
        self, database: Database, other: Database, clock: FakeClock
    ) -> None:
        with other.write() as transaction:
            users.ensure(transaction, ALICE, 1)
            assert user_count(database) == 0
        assert clock.sleeps_s == []


class TestSchema:
    def test_a_credit_is_durable_and_the_file_is_wal(
        self, database: Database, database_path: Path
    ) -> None:
        connection = open_connection(database_path)
        pragmas = ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
        connection.close()
        assert found == [2, "wal", 1, 0]

    def test_creating_it_again_changes_nothing(self, database: Database) -> None:
        with database.write() as transaction:
            users.ensure(transaction, ALICE, 1)
        prepare_schema(database)
        assert user_count(database) == 1

    def test_many_processes_may_create_it_at_once(self, tmp_path: Path) -> None:
        class Yielding(FakeClock):
            def sleep_s(self, duration_s: float) -> None:
                self.sleeps_s.append(duration_s)

        def start(number: int) -> int:
            connection = open_connection(tmp_path / "new.db", synchronous="OFF")
            prepare_schema(Database(connection, Yielding(), busy_wait_s=10_000))
            (count,) = connection.execute(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
                " AND name NOT GLOB 'sqlite_*'"
            ).fetchone()
            connection.close()
            return int(count)

        with ThreadPoolExecutor(4) as threads:
            assert set(threads.map(start, range(8))) == {len(TABLES)}

    def test_opening_waits_while_another_process_makes_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "new.db"
        maker = sqlite3.connect(path, isolation_level=None)
        maker.execute("CREATE TABLE t (x)")
        maker.execute("BEGIN EXCLUSIVE")
        opened: list[sqlite3.Connection] = []
        opener = threading.Thread(target=lambda: opened.append(open_connection(path)))
        opener.start()
        opener.join(0.05)
        assert not opened
        maker.execute("COMMIT")
        maker.close()
        opener.join()
        opened[0].close()
