"""Migrations: a file of version 1 becomes one of today, whole or not at all, with all it held."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ztdx_spot.errors import SchemaError
from ztdx_spot.ledger import amounts, cursor, migrations
from ztdx_spot.ledger.cursor import Cursor
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.ledger.schema import SCHEMA_VERSION

from . import version_1
from .listener_world import Kill, Listener, kill_at, open_boundary
from .version_1 import ALICE, BOB, CAROL, HUGE
from .world import CountingEntropy, FakeClock, ScriptedNode, deposit_log


@pytest.fixture
def old_path(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    version_1.make(path)
    return path


def convert(path: Path) -> None:
    with closing(open_connection(path, synchronous="OFF")) as connection:
        prepare_schema(Database(connection, FakeClock()))


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def schema_of(path: Path) -> set[tuple[object, ...]]:
    """Every object of the file; of its text, blanks do not count."""
    found = ask(path, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master")
    return {(*names, " ".join(str(sql).split())) for *names, sql in found}


def contents_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    names = ask(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return {str(name): ask(path, f"SELECT * FROM {name}") for (name,) in names}


class TestContents:
    def test_what_the_old_tables_held_is_held_by_the_new_ones(self, old_path: Path) -> None:
        convert(old_path)
        deposits = ask(old_path, "SELECT * FROM spot_deposits ORDER BY rowid")
        assert [row[:11] for row in deposits] == version_1.DEPOSITS
        assert ask(old_path, "SELECT * FROM spot_balances") == version_1.BALANCES
        assert ask(old_path, "SELECT * FROM spot_admin_credits") == version_1.ADMIN_CREDITS
        assert ask(old_path, "SELECT * FROM spot_admin_credit_keys") == version_1.ADMIN_KEYS
        assert ask(old_path, "SELECT * FROM api_keys") == version_1.KEYS
        assert ask(old_path, "SELECT user_address, created_at FROM users") == version_1.USERS
        cursors = ask(
            old_path,
            "SELECT chain_id, event_type, last_processed_block, updated_at"
            " FROM spot_block_sync_state",
        )
        assert cursors == version_1.CURSORS

    def test_what_was_not_known_is_left_open(self, old_path: Path) -> None:
        convert(old_path)
        assert ask(old_path, "SELECT DISTINCT block_hash FROM spot_deposits") == [(None,)]
        assert ask(old_path, "SELECT DISTINCT login_nonce FROM users") == [(0,)]
        with closing(open_connection(old_path)) as connection:
            database = Database(connection, FakeClock())
            with database.read() as transaction:
                assert cursor.read(transaction, 97) == Cursor(block=12)

    def test_ordinals_are_the_ranks_in_the_transaction_on_its_chain(self, old_path: Path) -> None:
        convert(old_path)
        found = ask(old_path, "SELECT id, event_ordinal FROM spot_deposits ORDER BY id")
        assert found == [("d1", 0), ("d2", 0), ("d3", 1), ("d4", 0), ("d5", 0)]

    def test_an_orphaned_row_takes_no_ordinal_from_a_confirmed_one(self, old_path: Path) -> None:
        with closing(sqlite3.connect(old_path)) as connection, connection:
            connection.execute(
                "INSERT INTO spot_deposits SELECT 'd6', user_address, token, amount, chain_id,"
                " tx_hash, 9, 1, 'orphaned', 99, 99 FROM spot_deposits WHERE id = 'd1'"
            )
        convert(old_path)
        found = ask(
            old_path,
            "SELECT status, log_index, event_ordinal FROM spot_deposits"
            f" WHERE tx_hash = '{version_1.tx_hash(1)}' ORDER BY log_index",
        )
        assert found == [("orphaned", 1, 0), ("confirmed", 4, 0)]

    def test_every_credit_has_its_entry_in_the_order_of_time(self, old_path: Path) -> None:
        convert(old_path)
        found = ask(
            old_path,
            "SELECT kind, user_address, token, amount, coalesce(deposit_id, admin_credit_id),"
            " created_at FROM spot_ledger_entries ORDER BY seq",
        )
        assert found == [
            ("deposit", ALICE, "DF", "1.5", "d1", 100),
            ("admin_credit", ALICE, "DF", "100", "a1", 105),
            ("deposit", BOB, "DF", "0.000000000000000001", "d2", 110),
            ("deposit", ALICE, "DF", "2", "d3", 110),
            ("deposit", ALICE, "DF", "7", "d4", 120),
            ("admin_credit", BOB, "USDT", "3", "a2", 130),
            ("deposit", CAROL, "DF", HUGE, "d5", 130),
        ]

    def test_balances_are_the_sums_of_their_entries(self, old_path: Path) -> None:
        convert(old_path)
        sums: dict[tuple[object, object], str] = {}
        for user, token, amount, available in ask(
            old_path,
            "SELECT user_address, token, amount, available FROM spot_ledger_entries ORDER BY seq",
        ):
            sums[user, token] = amounts.add(sums.get((user, token), "0"), str(amount))
            assert available == sums[user, token]
        assert sums == {(row[0], row[1]): row[2] for row in version_1.BALANCES}

    def test_every_deposit_has_been_seen_where_it_was_credited(self, old_path: Path) -> None:
        convert(old_path)
        found = ask(
            old_path,
            "SELECT deposit_id, act, block_number, log_index, created_at"
            " FROM spot_deposit_sightings ORDER BY seq",
        )
        assert found == [(r[0], "credited", r[6], r[7], r[9]) for r in version_1.DEPOSITS]

    def test_its_schema_is_that_of_a_new_file(self, old_path: Path, tmp_path: Path) -> None:
        convert(old_path)
        convert(tmp_path / "new.db")
        assert schema_of(old_path) == schema_of(tmp_path / "new.db")
        assert ask(old_path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
        assert ask(old_path, "PRAGMA integrity_check") == [("ok",)]
        assert ask(old_path, "PRAGMA foreign_key_check") == []

    def test_a_converted_file_is_left_as_it_is(self, old_path: Path) -> None:
        convert(old_path)
        before = contents_of(old_path)
        convert(old_path)
        assert contents_of(old_path) == before

    def test_a_page_that_was_credited_under_version_1_is_credited_no_second_time(
        self, old_path: Path
    ) -> None:
        clock, node = FakeClock(), ScriptedNode(head=40)
        node.logs = [
            deposit_log(10, log_index=4, tx=1, amount_wei=15 * 10**17),
            deposit_log(11, log_index=2, tx=2, account=BOB, amount_wei=1),
            deposit_log(11, log_index=3, tx=2, amount_wei=2 * 10**18),
            deposit_log(12, tx=3, account=CAROL, amount_wei=2**256 - 1),
            deposit_log(15, tx=9, account=BOB),
        ]
        convert(old_path)
        with closing(open_connection(old_path, synchronous="OFF")) as connection:
            connection.execute("UPDATE spot_block_sync_state SET last_processed_block = 5")
            database = Database(connection, clock)
            listener = Listener(node, clock, CountingEntropy(), database, old_path)
            listener.poll_to_the_end()
            listener.check_ledger()
            assert listener.available(BOB) == "1.000000000000000001"
        assert ask(old_path, "SELECT count(*) FROM spot_ledger_entries") == [(8,)]
        assert ask(old_path, "SELECT log_index FROM spot_deposits WHERE id = 'd3'") == [(3,)]


class TestWholeOrNot:
    def test_a_kill_at_any_statement_leaves_a_file_of_version_1(
        self, old_path: Path, tmp_path: Path
    ) -> None:
        before = (schema_of(old_path), contents_of(old_path))
        copy = old_path.read_bytes()
        boundaries = 0
        for boundary in range(1, 500):
            path = tmp_path / f"killed{boundary}.db"
            path.write_bytes(copy)
            connection = open_boundary(path)
            kill_at(connection, boundary)
            try:
                prepare_schema(Database(connection, FakeClock()))
            except Kill:
                boundaries += 1
                assert ask(path, "PRAGMA user_version") == [(1,)]
                assert (schema_of(path), contents_of(path)) == before
                path.unlink()
            else:
                connection.close()
                assert ask(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
                break
        assert 30 < boundaries < 499

    def test_a_full_disk_leaves_a_file_of_version_1(self, old_path: Path) -> None:
        before = contents_of(old_path)
        with closing(open_connection(old_path, synchronous="OFF")) as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count={pages + 3}")
            with pytest.raises(sqlite3.OperationalError, match="full"):
                prepare_schema(Database(connection, FakeClock()))
        assert contents_of(old_path) == before
        convert(old_path)

    def test_several_processes_may_convert_it_at_once(self, old_path: Path) -> None:
        class Yielding(FakeClock):
            def sleep_s(self, duration_s: float) -> None:
                self.sleeps_s.append(duration_s)

        def start(_number: int) -> None:
            with closing(open_connection(old_path, synchronous="OFF")) as connection:
                prepare_schema(Database(connection, Yielding(), busy_wait_s=10_000))

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(start, range(8)))
        assert ask(old_path, "SELECT count(*) FROM spot_ledger_entries") == [(7,)]

    @pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 99, -1])
    def test_a_file_of_another_version_is_refused_in_one_line_and_not_touched(
        self, old_path: Path, version: int
    ) -> None:
        with closing(sqlite3.connect(old_path)) as connection:
            connection.execute(f"PRAGMA user_version={version}")
        before = contents_of(old_path)
        with pytest.raises(SchemaError) as caught:
            convert(old_path)
        assert str(caught.value) == (
            f"the database has schema version {version}, expected 1 to {SCHEMA_VERSION}: "
            "use the program that wrote it, or another DATABASE_URL"
        )
        assert contents_of(old_path) == before

    def test_a_file_of_another_program_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "other.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE photos (name TEXT)")
        with pytest.raises(SchemaError, match="schema version 0"):
            convert(path)
        assert contents_of(path) == {"photos": []}

    def test_there_is_a_way_from_every_older_version(self) -> None:
        assert set(migrations.CONVERSIONS) == set(range(1, SCHEMA_VERSION))
