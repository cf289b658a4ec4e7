"""The tail: every committed change of other connections, in order, once, whatever fails."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ws.tail import Tail

from .push_world import credit, debit
from .world import ALICE, BOB, FakeClock


class FailingConnection(sqlite3.Connection):
    """Fails every statement that holds `failing`."""

    failing = "nothing"
    statements: list[str]

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.statements = [*getattr(self, "statements", []), sql]
        if self.failing in sql:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *parameters)


@pytest.fixture
def connection(database: Database, database_path: Path) -> Iterator[FailingConnection]:
    connection = open_connection(database_path, factory=FailingConnection)
    assert isinstance(connection, FailingConnection)
    yield connection
    connection.close()


@pytest.fixture
def own(connection: FailingConnection, clock: FakeClock) -> Database:
    return Database(connection, clock)


def test_it_begins_after_the_newest_entry(database: Database, own: Database) -> None:
    credit(database, ALICE)
    tail = Tail(own)
    assert tail.news() == []
    credit(database, ALICE)
    assert [c.available for c in tail.news()] == ["2"]


def test_every_entry_is_one_change_with_the_balance_after_it(
    database: Database, own: Database
) -> None:
    tail = Tail(own)
    credit(database, ALICE, BOB, ALICE, now_s=7)
    debit(database, ALICE, "0.5", now_s=8)
    assert [(c.user_address, c.token, c.available, c.created_at) for c in tail.news()] == [
        (ALICE, "DF", "1", 7),
        (BOB, "DF", "1", 7),
        (ALICE, "DF", "2", 7),
        (ALICE, "DF", "1.5", 8),
    ]
    assert tail.news() == []


def test_nothing_is_seen_before_its_commit_nor_after_a_rollback(
    database: Database, own: Database
) -> None:
    tail = Tail(own)

    def fail_after_crediting() -> None:
        with database.write() as transaction:
            transaction.execute("INSERT INTO users (user_address, created_at) VALUES (?, 1)", [BOB])
            assert tail.news() == []
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_crediting()
    assert tail.news() == []


def test_a_look_without_a_commit_reads_no_entries(
    database: Database, own: Database, connection: FailingConnection
) -> None:
    tail = Tail(own)
    connection.statements.clear()
    tail.news()
    assert connection.statements == ["PRAGMA data_version"]


def test_a_full_batch_is_followed_by_the_rest_without_another_commit(
    database: Database, own: Database
) -> None:
    tail = Tail(own, batch_changes_max=2)
    credit(database, *[ALICE] * 5)
    batches = [[c.available for c in tail.news()] for _ in range(4)]
    assert batches == [["1", "2"], ["3", "4"], ["5"], []]


@pytest.mark.parametrize("failing", ["data_version", "BEGIN", "SELECT", "COMMIT"])
def test_a_failing_database_loses_nothing_and_is_one_line_each_way(
    database: Database,
    own: Database,
    connection: FailingConnection,
    failing: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tail = Tail(own)
    caplog.set_level(logging.INFO, "ztdx_spot.ws.tail")
    connection.failing = failing
    credit(database, ALICE)
    assert tail.news() == tail.news() == []
    credit(database, ALICE)
    assert tail.news() == []
    connection.failing = "nothing"
    assert [c.available for c in tail.news()] == ["1", "2"]
    assert tail.news() == []
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "balances are not pushed, the database fails: disk I/O error"),
        ("INFO", "balances are pushed again"),
    ]


def test_a_writer_that_holds_the_lock_does_not_stop_it(
    database: Database, own: Database, clock: FakeClock
) -> None:
    tail = Tail(own)
    credit(database, ALICE)
    with database.write():
        assert [c.available for c in tail.news()] == ["1"]
    assert clock.sleeps_s == []


def test_an_exclusive_lock_is_only_waited_out(
    database_path: Path, database: Database, clock: FakeClock
) -> None:
    """Not WAL: the file of a database that another program has turned back."""
    database.connection.execute("PRAGMA journal_mode=DELETE")
    connection = open_connection(database_path)
    tail = Tail(Database(connection, clock, busy_wait_s=0.0))
    credit(database, ALICE)
    database.connection.execute("BEGIN EXCLUSIVE")
    assert tail.news() == []
    database.connection.execute("COMMIT")
    assert [c.available for c in tail.news()] == ["1"]
    connection.close()
