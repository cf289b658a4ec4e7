"""The rules of one poll: which blocks are asked for, what is credited, what is written when."""

from __future__ import annotations

import itertools
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.errors import ChainMismatchError, EventError, NodeError
from ztdx_spot.ledger import balances, cursor, deposits
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.deposits import Deposit
from ztdx_spot.listener.poller import Poller, run_listener
from ztdx_spot.ports import HttpAnswer
from ztdx_spot.rpc import NodeClient

from .world import (
    ALICE,
    BOB,
    DF,
    ONE_DF,
    VAULT,
    CountingEntropy,
    FakeClock,
    ScriptedNode,
    address_topic,
    answers,
    cuts,
    deposit_log,
    good_answer,
    listener_settings,
    sends,
)

UINT256_MAX = 2**256 - 1


def available(database: Database, user: str = ALICE) -> str | None:
    with database.read() as transaction:
        held = balances.balances_of(transaction, user)
    return held[0].available if held else None


def rows(database: Database, user: str = ALICE) -> list[Deposit]:
    with database.read() as transaction:
        return deposits.confirmed_deposits_of(transaction, user, 200)


def cursor_block(database: Database) -> int | None:
    with database.read() as transaction:
        return cursor.read(transaction, 97)


def poll_to_the_end(poller: Poller) -> None:
    while (poll := poller.poll_once()).first_block <= poll.last_block:
        pass


class TestConfirmations:
    def test_a_deposit_is_credited_at_20_blocks_on_top_and_not_at_19(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.logs = [deposit_log(50)]
        node.head = 69
        poll_to_the_end(poller)
        assert (available(database), cursor_block(database)) == (None, 49)
        node.head = 70
        assert poller.poll_once().credited == 1
        assert (available(database), cursor_block(database)) == ("1", 50)

    def test_blocks_above_the_target_are_never_asked_for(
        self, node: ScriptedNode, poller: Poller
    ) -> None:
        for node.head in range(60):
            poller.poll_once()
        assert all(last <= max(node.head - 20, 0) for _, last in node.windows())

    def test_the_target_has_a_floor_of_zero(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.head = 19
        poll = poller.poll_once()
        assert (poll.first_block, poll.last_block, cursor_block(database)) == (1, 0, 0)


class TestWindows:
    def test_windows_are_closed_touch_and_hold_at_most_100_blocks(
        self, node: ScriptedNode, poller: Poller
    ) -> None:
        node.head = 270
        poll_to_the_end(poller)
        assert node.windows() == [(1, 100), (101, 200), (201, 250)]

    def test_deposits_at_the_seams_of_windows_are_credited_once_each(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        seams = [1, 99, 100, 101, 199, 200, 201, 250]
        node.logs, node.head = [deposit_log(block) for block in seams], 270
        poll_to_the_end(poller)
        assert sorted(row.block_number for row in rows(database)) == seams
        assert available(database) == "8"

    def test_one_poll_asks_for_head_then_logs_filtered_by_vault_and_topic(
        self, node: ScriptedNode, poller: Poller
    ) -> None:
        node.head = 30
        poller.poll_once()
        assert node.methods() == ["eth_chainId", "eth_blockNumber", "eth_getLogs"]
        assert node.requests[-1]["params"] == [
            {
                "fromBlock": "0x1",
                "toBlock": "0xa",
                "address": VAULT,
                "topics": ["0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d"],
            }
        ]

    def test_with_nothing_new_no_logs_are_asked_for(
        self, node: ScriptedNode, poller: Poller
    ) -> None:
        node.head = 30
        poll_to_the_end(poller)
        node.requests.clear()
        poller.poll_once()
        assert node.methods() == ["eth_blockNumber"]

    def test_a_head_below_the_cursor_moves_nothing(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.head = 100
        poll_to_the_end(poller)
        node.head = 50
        poller.poll_once()
        assert cursor_block(database) == 80


class TestStart:
    def test_the_start_block_is_scanned_and_the_one_before_is_not(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.logs, node.head = [deposit_log(0, tx=1), deposit_log(1, tx=2)], 30
        poll_to_the_end(poller)
        assert [row.block_number for row in rows(database)] == [1]

    def test_without_a_start_block_the_last_1000_are_scanned_with_a_warning(
        self,
        node: ScriptedNode,
        clock: FakeClock,
        entropy: CountingEntropy,
        database: Database,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        poller = Poller(listener_settings(), NodeClient(node), clock, entropy, database)
        node.head = 5000
        assert poller.poll_once().first_block == 4000
        (warning,) = caplog.messages
        assert "first block scanned is 4000" in warning

    def test_without_a_start_block_a_short_chain_is_scanned_from_zero(
        self, node: ScriptedNode, clock: FakeClock, entropy: CountingEntropy, database: Database
    ) -> None:
        poller = Poller(listener_settings(), NodeClient(node), clock, entropy, database)
        node.head = 500
        assert poller.poll_once().first_block == 0

    def test_a_derived_start_stays_when_the_first_polls_fail(
        self, node: ScriptedNode, clock: FakeClock, entropy: CountingEntropy, database: Database
    ) -> None:
        node.head = 5000
        node.fail("eth_getLogs", cuts)
        settings = listener_settings()
        with pytest.raises(NodeError):
            Poller(settings, NodeClient(node), clock, entropy, database).poll_once()
        node.head = 9000
        restarted = Poller(settings, NodeClient(node), clock, entropy, database)
        assert restarted.poll_once().first_block == 4000

    def test_a_stored_cursor_wins_over_the_start_block(
        self, node: ScriptedNode, clock: FakeClock, entropy: CountingEntropy, database: Database
    ) -> None:
        node.head = 5000
        first = Poller(
            listener_settings(start_block=10), NodeClient(node), clock, entropy, database
        )
        first.poll_once()
        restarted = Poller(
            listener_settings(start_block=4000), NodeClient(node), clock, entropy, database
        )
        assert restarted.poll_once().first_block == 110


class TestCredit:
    def test_the_row_holds_what_the_chain_says(
        self, node: ScriptedNode, poller: Poller, database: Database, clock: FakeClock
    ) -> None:
        node.logs, node.head = [deposit_log(5, log_index=3, amount_wei=100 * ONE_DF)], 30
        poller.poll_once()
        (row,) = rows(database)
        assert row == Deposit(
            id="00000000-0000-4000-8000-000000000001",
            token="DF",
            amount="100",
            chain_id=97,
            tx_hash=f"0x{5003:064x}",
            block_number=5,
            status="confirmed",
            created_at=int(clock.time_s),
            confirmed_at=int(clock.time_s),
        )

    def test_several_deposits_of_one_transaction_are_all_credited(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.logs = [
            deposit_log(5, log_index=0, tx=7),
            deposit_log(5, log_index=1, tx=7),
            deposit_log(5, log_index=2, tx=7, account=BOB),
        ]
        node.head = 30
        assert poller.poll_once().credited == 3
        assert (available(database), available(database, BOB)) == ("2", "1")

    def test_equal_deposits_of_one_user_are_different_deposits(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.logs, node.head = [deposit_log(5), deposit_log(6), deposit_log(5, log_index=1)], 30
        poller.poll_once()
        assert available(database) == "3"

    def test_a_log_twice_in_a_page_is_credited_once(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.logs, node.head = [deposit_log(5), deposit_log(5)], 30
        assert poller.poll_once().credited == 1
        assert (available(database), len(rows(database))) == ("1", 1)

    def test_a_replayed_page_changes_nothing_whatever_the_case_of_its_hex(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        tx_hash = "0x" + "ab" * 32
        node.logs, node.head = [deposit_log(5, transactionHash=tx_hash)], 30
        poller.poll_once()
        with database.write() as transaction:
            transaction.execute("UPDATE spot_block_sync_state SET last_processed_block = 0")
        node.logs = [deposit_log(5, transactionHash=tx_hash.upper().replace("X", "x"))]
        assert poller.poll_once().credited == 0
        assert (available(database), len(rows(database)), cursor_block(database)) == ("1", 1, 10)

    def test_the_account_of_the_event_is_stored_in_lower_case(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        mixed = "0x" + "aB" * 20
        node.logs, node.head = [deposit_log(5, account=mixed)], 30
        poller.poll_once()
        assert available(database, mixed.lower()) == "1"

    def test_other_tokens_and_zero_amounts_are_skipped_and_the_cursor_moves(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.logs = [deposit_log(4, token="0x" + "cc" * 20), deposit_log(5, amount_wei=0)]
        node.head = 30
        assert poller.poll_once().credited == 0
        assert (available(database), cursor_block(database)) == (None, 10)

    def test_a_repeated_row_id_is_an_error_and_not_a_known_deposit(
        self, node: ScriptedNode, clock: FakeClock, database: Database
    ) -> None:
        class Stuck:
            def bytes(self, purpose: str, count: int) -> bytes:
                return bytes(count)

        settings = listener_settings(start_block=1)
        node.logs, node.head = [deposit_log(5), deposit_log(6)], 30
        with pytest.raises(sqlite3.IntegrityError):
            Poller(settings, NodeClient(node), clock, Stuck(), database).poll_once()
        assert (available(database), cursor_block(database)) == (None, 0)

    def test_credits_come_in_chain_order_whatever_the_order_of_the_answer(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        places = [(6, 1), (5, 2), (6, 0), (5, 0)]
        node.logs = [deposit_log(block, log_index=position) for block, position in places]
        node.head = 30
        poller.poll_once()
        by_id = sorted(rows(database), key=lambda row: row.id)
        assert [int(row.tx_hash, 16) for row in by_id] == [5000, 5002, 6000, 6001]

    @pytest.mark.parametrize(
        ("amount_wei", "amount"),
        [
            (1, "0.000000000000000001"),
            (10**17 + 2 * 10**17, "0.3"),
            (10**21 + 1, "1000.000000000000000001"),
            (2**53 + 1, "0.009007199254740993"),
            (2**96, "79228162514.264337593543950336"),
            (
                UINT256_MAX,
                "115792089237316195423570985008687907853269984665640564039457.584007913129639935",
            ),
        ],
    )
    def test_amounts_are_exact(
        self,
        node: ScriptedNode,
        poller: Poller,
        database: Database,
        amount_wei: int,
        amount: str,
    ) -> None:
        node.logs, node.head = [deposit_log(5, amount_wei=amount_wei)], 30
        poller.poll_once()
        assert (available(database), rows(database)[0].amount) == (amount, amount)

    def test_sums_above_uint256_are_exact(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.logs = [deposit_log(5, amount_wei=UINT256_MAX), deposit_log(6, amount_wei=UINT256_MAX)]
        node.head = 30
        poller.poll_once()
        whole, fraction = divmod(2 * UINT256_MAX, ONE_DF)
        assert available(database) == f"{whole}.{fraction:018d}".rstrip("0")


BAD_LOG_ANSWERS = {
    "error object": answers(error={"code": -32000, "message": "header not found"}),
    "error beside a result": answers(error={"code": -32005, "message": "limit"}, result=[]),
    "null result": answers(result=None),
    "object result": answers(result={}),
    "text result": answers(result="too many logs"),
    "no result": answers(),
    "wrong id": answers(id=4711, result=[]),
    "id true": answers(id=True, result=[]),
    "id as text": lambda request: answers(id=str(request["id"]), result=[])(request),
    "id null": answers(id=None, result=[]),
    "old version": answers(jsonrpc="1.0", result=[]),
    "a bare list": sends(b"[]"),
    "HTML": sends(b"<html>busy</html>"),
    "nothing": sends(b""),
    "cut JSON": sends(b'{"jsonrpc":"2.0","id":3,"result":['),
    "deep nesting": sends(b"[" * 100_000),
    "status 429": lambda request: replace(good_answer(request, []), status=429),
    "status 201": lambda request: replace(good_answer(request, []), status=201),
    "no complete answer": cuts,
    "an entry that is no object": answers(result=["0x"]),
    "a pending log": answers(result=[deposit_log(5, blockNumber=None)]),
    "a log index as a number": answers(result=[deposit_log(5, logIndex=0)]),
    "a log index with leading zeros": answers(result=[deposit_log(5, logIndex="0x00")]),
    "an enormous height": answers(result=[deposit_log(5, blockNumber="0x" + "f" * 17)]),
    "a short hash": answers(result=[deposit_log(5, transactionHash="0xab")]),
    "a hash of other digits": answers(result=[deposit_log(5, blockHash="0x" + "٣" * 64)]),
    "half a byte": answers(result=[deposit_log(5, data="0x123")]),
    "topics missing": answers(result=[deposit_log(5, topics=None)]),
    "removed as text": answers(result=[deposit_log(5, removed="false")]),
}


class TestTrouble:
    @pytest.mark.parametrize("name", BAD_LOG_ANSWERS)
    def test_an_unusable_answer_is_never_an_empty_page(
        self, node: ScriptedNode, poller: Poller, database: Database, name: str
    ) -> None:
        node.logs, node.head = [deposit_log(5)], 30
        node.fail("eth_getLogs", BAD_LOG_ANSWERS[name])
        with pytest.raises(NodeError):
            poller.poll_once()
        assert (available(database), cursor_block(database)) == (None, 0)
        poller.poll_once()
        assert (available(database), cursor_block(database)) == ("1", 10)

    @pytest.mark.parametrize("result", [None, "", "0x", "30", 30, "0x030", "0x1e ", "-0x1", True])
    def test_a_malformed_head_stops_the_poll(
        self, node: ScriptedNode, poller: Poller, database: Database, result: object
    ) -> None:
        node.fail("eth_blockNumber", answers(result=result))
        with pytest.raises(NodeError):
            poller.poll_once()
        assert cursor_block(database) is None

    @pytest.mark.parametrize(
        "log",
        [
            deposit_log(5, topics=[deposit_log(5)["topics"][0]]),
            deposit_log(5, topics=["0x" + "11" * 32, *deposit_log(5)["topics"][1:]]),
            deposit_log(5, data="0x"),
            deposit_log(5, data="0x" + "00" * 64),
            deposit_log(
                5, topics=[deposit_log(5)["topics"][0], "0x" + "11" * 32, address_topic(DF)]
            ),
            deposit_log(5, topics=[*deposit_log(5)["topics"][:2], "0x" + "11" * 32]),
        ],
    )
    def test_a_page_with_a_log_that_is_no_deposit_is_not_taken(
        self, node: ScriptedNode, poller: Poller, database: Database, log: dict[str, Any]
    ) -> None:
        node.logs, node.head = [deposit_log(4), log], 30
        with pytest.raises(EventError, match="log 0 of block 5"):
            poller.poll_once()
        assert (available(database), cursor_block(database)) == (None, 0)

    @pytest.mark.parametrize("answered_id", [True, 1.0, "1", None, 2])
    def test_only_the_number_that_was_sent_is_the_id_of_an_answer(
        self, node: ScriptedNode, poller: Poller, answered_id: object
    ) -> None:
        node.fail("eth_chainId", answers(id=answered_id, result="0x61"))
        with pytest.raises(NodeError, match="expected 1"):
            poller.poll_once()

    def test_another_chain_stops_progress(
        self, node: ScriptedNode, poller: Poller, database: Database
    ) -> None:
        node.chain, node.head, node.logs = 56, 30, [deposit_log(5)]
        for _ in range(2):
            with pytest.raises(ChainMismatchError, match="serves chain 56"):
                poller.poll_once()
        assert node.methods() == ["eth_chainId", "eth_chainId"]
        node.chain = 97
        assert poller.poll_once().credited == 1

    def test_the_chain_is_checked_again_after_a_failed_poll_only(
        self, node: ScriptedNode, poller: Poller
    ) -> None:
        poller.poll_once()
        poller.poll_once()
        assert node.methods().count("eth_chainId") == 1
        node.fail("eth_blockNumber", cuts)
        with pytest.raises(NodeError):
            poller.poll_once()
        poller.poll_once()
        assert node.methods().count("eth_chainId") == 2


class Kill(BaseException):
    """The end of a process, at a chosen statement."""


class BoundaryConnection(sqlite3.Connection):
    """Calls `before` ahead of every statement."""

    before: Callable[[str], None] = staticmethod(lambda _sql: None)

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.before(sql)
        return super().execute(sql, *parameters)


def state(database: Database) -> tuple[object, ...]:
    return (
        [(row.tx_hash, row.amount) for row in rows(database)],
        available(database),
        available(database, BOB),
        cursor_block(database),
    )


class TestKills:
    def test_a_kill_at_any_statement_leaves_rows_balances_and_cursor_together(
        self, clock: FakeClock, database: Database, database_path: Path
    ) -> None:
        node = ScriptedNode(head=30, logs=[deposit_log(4), deposit_log(5, account=BOB)])
        boundaries = 0
        for boundary in itertools.count(1):
            with database.write() as transaction:
                for table in ("spot_deposits", "spot_balances", "spot_block_sync_state", "users"):
                    transaction.execute(f"DELETE FROM {table}")
            connection = open_connection(
                database_path, factory=BoundaryConnection, synchronous="OFF"
            )
            assert isinstance(connection, BoundaryConnection)
            self._arm(connection, boundary)
            settings, entropy = listener_settings(start_block=1), CountingEntropy()
            poller = Poller(settings, NodeClient(node), clock, entropy, Database(connection, clock))
            try:
                poller.poll_once()
            except Kill:
                boundaries += 1
            else:
                connection.close()
                break
            assert state(database) in (([], None, None, None), ([], None, None, 0))
            Poller(settings, NodeClient(node), clock, entropy, database).poll_once()
            assert (available(database), available(database, BOB)) == ("1", "1")
            assert cursor_block(database) == 10
        assert boundaries > 12

    def _arm(self, connection: BoundaryConnection, boundary: int) -> None:
        countdown = itertools.count(1)

        def before(sql: str) -> None:
            if next(countdown) >= boundary:
                sqlite3.Connection.close(connection)
                raise Kill

        connection.before = before

    def test_a_kill_passes_through_the_loop_unchanged(
        self, node: ScriptedNode, clock: FakeClock, entropy: CountingEntropy, database: Database
    ) -> None:
        def die(request: dict[str, Any]) -> HttpAnswer:
            raise Kill

        node.fail("eth_blockNumber", die)
        with pytest.raises(Kill) as caught:
            run_listener(listener_settings(start_block=1), node, clock, entropy, database)
        assert caught.value.__context__ is None


class TestLoop:
    def test_errors_never_end_the_loop_and_log_one_line_per_change(
        self,
        node: ScriptedNode,
        clock: FakeClock,
        entropy: CountingEntropy,
        database: Database,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.INFO)
        node.logs, node.head = [deposit_log(5)], 30
        node.fail("eth_blockNumber", cuts, cuts, sends(b"", 500))
        node.fail("eth_getLogs", answers(result=None))
        clock.on_sleep = self._stop_after(clock, 8)
        with pytest.raises(Kill):
            run_listener(listener_settings(start_block=1), node, clock, entropy, database)
        assert clock.sleeps_s == [2.0] * 8
        assert available(database) == "1"
        assert [record.levelname for record in caplog.records] == ["ERROR", "INFO", "INFO"]
        assert "polls work again after 4 failed" in caplog.messages[1]
        assert "credited 1 deposits of blocks 1 to 10" in caplog.messages[2]

    def test_a_database_error_is_repeated_like_any_other(
        self,
        node: ScriptedNode,
        clock: FakeClock,
        entropy: CountingEntropy,
        database_path: Path,
        database: Database,
    ) -> None:
        node.logs, node.head = [deposit_log(5)], 30
        connection = open_connection(database_path, factory=BoundaryConnection, synchronous="OFF")
        assert isinstance(connection, BoundaryConnection)
        failures = iter(["COMMIT", "INSERT INTO spot_balances", "COMMIT"])
        next_failure = [next(failures)]

        def before(sql: str) -> None:
            if next_failure and sql.startswith(next_failure[0]):
                next_failure[:] = [text for text in [next(failures, None)] if text]
                raise sqlite3.OperationalError("disk I/O error")

        connection.before = before
        clock.on_sleep = self._stop_after(clock, 6)
        with pytest.raises(Kill):
            run_listener(
                listener_settings(start_block=1),
                node,
                clock,
                entropy,
                Database(connection, clock),
            )
        connection.close()
        assert not next_failure
        assert (available(database), len(rows(database)), cursor_block(database)) == ("1", 1, 10)

    def _stop_after(self, clock: FakeClock, sleeps: int) -> Callable[[float], None]:
        def on_sleep(duration_s: float) -> None:
            if len(clock.sleeps_s) == sleeps:
                raise Kill

        return on_sleep


class TestTwoListeners:
    def test_the_slower_of_two_listeners_credits_nothing_and_moves_nothing_back(
        self, node: ScriptedNode, clock: FakeClock, database: Database, database_path: Path
    ) -> None:
        node.logs, node.head = [deposit_log(5)], 30
        connection = open_connection(database_path, synchronous="OFF")
        entropy, settings = CountingEntropy(), listener_settings(start_block=1)
        slow = Poller(settings, NodeClient(node), clock, entropy, Database(connection, clock))
        fast = Poller(settings, NodeClient(node), clock, entropy, database)

        def overtake(method: str) -> None:
            if method == "eth_getLogs":
                node.before = lambda _method: None
                fast.poll_once()
                node.head = 300
                poll_to_the_end(fast)

        node.before = overtake
        assert slow.poll_once().credited == 0
        connection.close()
        assert (available(database), cursor_block(database)) == ("1", 280)
