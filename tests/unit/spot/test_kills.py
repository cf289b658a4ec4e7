"""Kills, two listeners on one file, and a database that fails: all is written together or not."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.errors import DatabaseBusyError, ListenerHalted
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.listener.loop import run_listener

from .listener_world import BoundaryConnection, Kill, Listener, kill_at, open_boundary
from .world import (
    BOB,
    FakeClock,
    ScriptedNode,
    deposit_log,
    listener_settings,
    tx_hash,
)


def rewind(path: Path, copy: bytes) -> None:
    """The file as it was; WAL has been emptied into it before the copy."""
    path.write_bytes(copy)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def a_page(listener: Listener) -> None:
    """Deposits of two users and a log to quarantine, not yet read."""
    listener.node.head = 30
    listener.node.logs = [
        deposit_log(4),
        deposit_log(5, account=BOB),
        deposit_log(6, data="0x"),
    ]


def a_repair(listener: Listener) -> None:
    """Credits of which a deep reorg drops one, moves one, changes one and adds one."""
    node = listener.node
    node.head = 60
    node.logs = [
        deposit_log(10, tx=1),
        deposit_log(30, tx=2),
        deposit_log(31, tx=3, account=BOB),
        deposit_log(32, tx=4, amount_wei=5),
        deposit_log(33, tx=5, topics=deposit_log(1)["topics"][:2]),
    ]
    listener.poll_to_the_end()
    node.reorg(25)
    node.logs = [
        deposit_log(10, tx=1),
        deposit_log(28, tx=3, account=BOB, log_index=2),
        deposit_log(32, tx=4, amount_wei=7),
        deposit_log(35, tx=6),
    ]


class TestKills:
    @pytest.mark.parametrize("prepare", [a_page, a_repair])
    @pytest.mark.parametrize("verify", ["full", "boundary"])
    def test_a_kill_at_any_statement_leaves_all_of_a_page_or_nothing(
        self, listener: Listener, prepare: Callable[[Listener], None], verify: str
    ) -> None:
        listener.settings["verify"] = verify
        prepare(listener)
        if prepare is a_page:
            # The first cursor is written before the page: that is progress of its own.
            head, listener.node.head = listener.node.head, 0
            listener.poll()
            listener.node.head = head
        before = listener.state()
        listener.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        listener.database.connection.close()
        copy = listener.path.read_bytes()
        after: tuple[Any, ...] | None = None
        seen: list[tuple[Any, ...]] = []
        recovered: list[tuple[Any, ...]] = []
        boundaries = 0
        for boundary in itertools.count(1):
            rewind(listener.path, copy)
            connection = open_boundary(listener.path)
            kill_at(connection, boundary)
            listener.entropy.purposes.clear()
            try:
                listener.poller(Database(connection, listener.clock)).poll_once()
            except Kill:
                boundaries += 1
            else:
                connection.close()
            killed = listener.state()
            second = open_connection(listener.path, synchronous="OFF")
            listener.database = Database(second, listener.clock)
            listener.check_ledger()
            if boundary > boundaries:
                after = killed
                break
            seen.append(killed)
            listener.entropy.purposes.clear()
            listener.poller().poll_once()
            recovered.append(listener.state())
            second.close()
        assert after is not None
        assert after != before
        committed = seen.index(after) if after in seen else boundaries
        assert seen == [before] * committed + [after] * (boundaries - committed)
        assert recovered == [after] * boundaries
        assert boundaries > 12

    def test_a_kill_passes_through_the_loop_unchanged(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        def die(call: object) -> None:
            raise Kill

        node.fail("eth_blockNumber", die)
        with pytest.raises(Kill) as caught:
            run_listener(
                listener_settings(start_block=1),
                node,
                listener.clock,
                listener.entropy,
                listener.database,
            )
        assert caught.value.__context__ is None


class TestTwoListeners:
    @pytest.fixture
    def fast(self, listener: Listener) -> Iterator[Listener]:
        """A second process on the same file."""
        connection = open_connection(listener.path, synchronous="OFF")
        database = Database(connection, listener.clock)
        yield Listener(
            listener.node,
            listener.clock,
            listener.entropy,
            database,
            listener.path,
            listener.settings,
        )
        connection.close()

    def test_the_slower_of_two_credits_nothing_and_moves_nothing_back(
        self, node: ScriptedNode, either: Listener, fast: Listener
    ) -> None:
        node.logs, node.head = [deposit_log(5)], 30

        def overtake(method: str) -> None:
            if method == "eth_getLogs":
                node.before = lambda _method: None
                fast.poll()
                node.head = 300
                fast.poll_to_the_end()

        node.before = overtake
        assert either.poll().credited == 0
        assert (either.available(), either.cursor_block()) == ("1", 280)
        assert either.poll().last_block == 280

    @pytest.mark.parametrize("method", ["eth_chainId", "eth_getBlockByNumber", "eth_getLogs"])
    def test_a_repair_is_written_by_one_of_two(
        self, node: ScriptedNode, either: Listener, fast: Listener, method: str
    ) -> None:
        a_repair(either)
        seen = itertools.count()

        def overtake(asked: str) -> None:
            # Late enough to be inside the slower one's walk or page.
            if asked == method and next(seen) == 2:
                node.before = lambda _method: None
                fast.poll_to_the_end()

        node.before = overtake
        either.poll_to_the_end()
        node.before = lambda _method: None
        either.poll_to_the_end()
        assert sorted(either.entries()[4:]) == sorted(
            [
                ("reversal", "-1"),
                ("reversal", "-0.000000000000000005"),
                ("deposit", "0.000000000000000007"),
                ("deposit", "1"),
            ]
        )

    def test_a_slow_repair_does_not_undo_a_second_reorg(
        self, node: ScriptedNode, either: Listener, fast: Listener
    ) -> None:
        node.head, node.logs = 60, [deposit_log(30, tx=2)]
        either.poll_to_the_end()
        node.reorg(25)
        node.logs = []

        def overtake(method: str) -> None:
            if method == "eth_getLogs":
                node.before = lambda _method: None
                fast.poll_to_the_end()
                node.reorg(25, branch=0)
                node.logs = [deposit_log(30, tx=2)]
                fast.poll_to_the_end()

        node.before = overtake
        either.poll()
        either.poll_to_the_end()
        assert (either.available(), either.statuses()) == ("1", [("1", "confirmed")])
        assert [kind for kind, _ in either.entries()] == ["deposit", "reversal", "deposit"]

    def test_both_may_make_the_first_cursor(
        self, node: ScriptedNode, listener: Listener, fast: Listener
    ) -> None:
        node.head, node.logs = 2000, [deposit_log(1100)]
        listener.settings["start_block"] = None
        first = fast.poller()
        second = listener.poller()

        def overtake(method: str) -> None:
            if method == "eth_blockNumber":
                node.before = lambda _method: None
                first.poll_once()
                node.head = 2500

        node.before = overtake
        second.poll_once()
        second.poll_once()
        assert (listener.available(), listener.cursor_block()) == ("1", 1299)


class TestDatabaseErrors:
    """They roll back whole, the loop goes on, and nothing is lost when they end."""

    @pytest.fixture
    def failing(self, listener: Listener) -> Iterator[BoundaryConnection]:
        connection = open_boundary(listener.path)
        yield connection
        connection.close()

    def test_errors_at_any_place_are_repeated_like_any_other(
        self, node: ScriptedNode, listener: Listener, failing: BoundaryConnection
    ) -> None:
        node.logs, node.head = [deposit_log(5)], 30
        places = [
            *("COMMIT", "INSERT INTO spot_balances", "UPDATE spot_block_sync_state"),
            *("INSERT INTO spot_ledger_entries", "BEGIN IMMEDIATE", "COMMIT"),
        ]

        def before(sql: str) -> None:
            if places and sql.startswith(places[0]):
                places.pop(0)
                raise sqlite3.OperationalError("disk I/O error")

        failing.before = before
        listener.run(12, Database(failing, listener.clock))
        assert not places
        assert (listener.available(), len(listener.rows()), listener.cursor_block()) == ("1", 1, 10)

    def test_a_full_disk_holds_the_page_back_until_there_is_room(
        self, node: ScriptedNode, listener: Listener, failing: BoundaryConnection
    ) -> None:
        node.head = 30
        node.logs = [deposit_log(5, log_index=i) for i in range(300)]
        (pages,) = failing.execute("PRAGMA page_count").fetchone()
        failing.execute(f"PRAGMA max_page_count={pages + 5}")
        listener.run(3, Database(failing, listener.clock))
        assert (listener.available(), listener.cursor_block()) == (None, 0)
        status = listener.status()
        assert status is not None
        assert status.trouble == "database or disk is full"
        failing.execute("PRAGMA max_page_count=100000")
        listener.run(1, Database(failing, listener.clock))
        assert (listener.available(), listener.cursor_block()) == ("300", 10)

    def test_a_file_that_became_read_only_holds_the_page_back(
        self,
        node: ScriptedNode,
        listener: Listener,
        failing: BoundaryConnection,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        node.logs, node.head = [deposit_log(5)], 30
        failing.execute("PRAGMA query_only=ON")
        listener.run(3, Database(failing, listener.clock))
        assert (listener.available(), listener.cursor()) == (None, None)
        assert ["readonly" in message for message in caplog.messages] == [True]
        failing.execute("PRAGMA query_only=OFF")
        listener.run(1, Database(failing, listener.clock))
        assert listener.available() == "1"

    def test_a_lock_that_is_held_too_long_is_told_and_waited_for_again(
        self, node: ScriptedNode, listener: Listener, failing: BoundaryConnection, clock: FakeClock
    ) -> None:
        node.logs, node.head = [deposit_log(5)], 30
        failing.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusyError):
            listener.poll()
        assert sum(clock.sleeps_s) >= 5
        failing.execute("ROLLBACK")
        listener.poll()
        assert listener.available() == "1"


def test_a_halted_listener_has_written_nothing(node: ScriptedNode, listener: Listener) -> None:
    a_repair(listener)
    before = listener.state()
    node.chain = 56
    with pytest.raises(ListenerHalted):
        listener.poll()
    assert listener.state() == before
    assert tx_hash(2) in str(before)
