"""Quarantine: a log that cannot be credited is held, holds up nobody, and can be tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ztdx_spot.ledger import cursor, quarantine
from ztdx_spot.ledger.database import Database
from ztdx_spot.ledger.quarantine import QuarantinedLog
from ztdx_spot.listener import crediting as crediting_module
from ztdx_spot.listener.events import SPOT_DEPOSIT_TOPIC0, Deposit

from .listener_world import Listener
from .world import (
    ALICE,
    BOB,
    DF,
    ONE_DF,
    STRANGER,
    ScriptedNode,
    address_topic,
    deposit_log,
    tx_hash,
)

DIRTY = "0x" + "11" * 32
UNDECODABLE = {
    "one topic": deposit_log(5, topics=[SPOT_DEPOSIT_TOPIC0]),
    "two topics": deposit_log(5, topics=[SPOT_DEPOSIT_TOPIC0, address_topic(BOB)]),
    "four topics": deposit_log(
        5, topics=[SPOT_DEPOSIT_TOPIC0, address_topic(BOB), address_topic(DF), DIRTY]
    ),
    "no data": deposit_log(5, data="0x"),
    "31 bytes of data": deposit_log(5, data="0x" + "00" * 31),
    "33 bytes of data": deposit_log(5, data="0x" + "00" * 33),
    "two words of data": deposit_log(5, data="0x" + "00" * 64),
    "dirty account": deposit_log(5, topics=[SPOT_DEPOSIT_TOPIC0, DIRTY, address_topic(DF)]),
    "dirty token": deposit_log(5, topics=[SPOT_DEPOSIT_TOPIC0, address_topic(BOB), DIRTY]),
}


def refuse_rows(listener: Listener, condition: str) -> None:
    """The database takes no row of a deposit like that."""
    with listener.database.write() as transaction:
        for event in ("INSERT", "UPDATE OF block_number"):
            transaction.execute(
                f"CREATE TRIGGER refuse_{event[:6]} BEFORE {event} ON spot_deposits"
                f" WHEN {condition} BEGIN SELECT raise(ABORT, 'not in this house'); END"
            )


def allow_rows(listener: Listener) -> None:
    with listener.database.write() as transaction:
        for event in ("INSERT", "UPDATE"):
            transaction.execute(f"DROP TRIGGER refuse_{event}")


def held_logs(database: Database) -> list[QuarantinedLog]:
    with database.read() as transaction:
        return [each.log for each in quarantine.held(transaction, 97)]


class TestHolding:
    @pytest.mark.parametrize("name", UNDECODABLE)
    def test_an_undecodable_log_is_held_and_all_others_are_credited(
        self, node: ScriptedNode, either: Listener, name: str
    ) -> None:
        node.logs = [deposit_log(4), UNDECODABLE[name], deposit_log(6)]
        node.head = 30
        assert either.poll().credited == 2
        assert (either.available(), either.cursor_block()) == ("2", 10)
        assert either.quarantine() == [(5, "held")]

    @pytest.mark.parametrize("byte", range(12))
    def test_a_dirty_byte_anywhere_above_an_indexed_address_is_held(
        self, node: ScriptedNode, listener: Listener, byte: int
    ) -> None:
        clean = [SPOT_DEPOSIT_TOPIC0, address_topic(BOB), address_topic(DF)]
        dirt = [(topic, digit) for topic in (1, 2) for digit in (2 * byte, 2 * byte + 1)]
        node.logs, node.head = [deposit_log(4)], 30
        for log_index, (topic, digit) in enumerate(dirt):
            topics = [*clean]
            place = len("0x") + digit
            topics[topic] = topics[topic][:place] + "1" + topics[topic][place + 1 :]
            node.logs.append(deposit_log(5, log_index=log_index, topics=topics))
        assert listener.poll().credited == 1
        assert (listener.available(), listener.available(BOB)) == ("1", None)
        assert listener.quarantine() == [(5, "held")] * 4

    def test_it_is_held_with_its_raw_bytes_its_place_and_the_reason(
        self, node: ScriptedNode, either: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = deposit_log(5, log_index=3, tx=7, data="0x" + "aB" * 31)
        node.logs, node.head = [log], 30
        either.poll()
        (held,) = held_logs(either.database)
        assert (held.tx_hash, held.event_ordinal) == (tx_hash(7), 0)
        assert (held.block_number, held.block_hash, held.log_index) == (5, node.hash_of(5), 3)
        assert json.loads(held.raw_log) == {"topics": log["topics"], "data": log["data"].lower()}
        assert held.reason == "it has 31 bytes of data, expected 32"
        (message,) = caplog.messages
        assert "log 3 of block 5" in message
        assert "replay-quarantine" in message

    def test_an_undecodable_log_counts_as_an_event_of_its_transaction(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs = [deposit_log(5, tx=7, data="0x"), deposit_log(5, tx=7, log_index=1)]
        node.head = 30
        either.poll()
        assert either.ask("SELECT event_ordinal FROM spot_deposits") == [(1,)]
        assert [held.event_ordinal for held in held_logs(either.database)] == [0]

    def test_a_row_that_the_database_refuses_is_held_and_all_others_are_credited(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        refuse_rows(either, "NEW.amount = '13'")
        node.logs = [deposit_log(4), deposit_log(5, amount_wei=13 * ONE_DF), deposit_log(6)]
        node.head = 30
        assert either.poll().credited == 2
        assert (either.available(), either.cursor_block()) == ("2", 10)
        (held,) = held_logs(either.database)
        assert held.reason == "the database refuses its row: not in this house"

    def test_a_row_of_a_key_that_is_taken_is_held(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs, node.head = [deposit_log(5, tx=7)], 30
        either.poll()
        with either.database.write() as transaction:
            # As a file of the old kind may have it, where the ordinal was guessed.
            transaction.execute("UPDATE spot_deposits SET event_ordinal = 1, block_number = 1")
            transaction.execute("UPDATE spot_block_sync_state SET last_processed_block = 3")
            transaction.execute("UPDATE spot_block_sync_state SET last_processed_hash = NULL")
        assert either.poll().credited == 0
        (held,) = held_logs(either.database)
        assert "UNIQUE" in held.reason
        assert (either.available(), either.cursor_block()) == ("1", 10)

    def test_a_page_read_again_holds_nothing_twice(
        self, node: ScriptedNode, either: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        node.logs, node.head = [UNDECODABLE["no data"]], 30
        for _ in range(3):
            either.poll()
            with either.database.write() as transaction:
                transaction.execute(
                    "UPDATE spot_block_sync_state"
                    " SET last_processed_block = 0, last_processed_hash = NULL"
                )
        assert either.quarantine() == [(5, "held")]
        assert len(caplog.messages) == 1

    def test_refused_rows_beside_undecodable_logs_are_told_once_each(
        self, node: ScriptedNode, either: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        refuse_rows(either, "NEW.amount = '13'")
        node.head = 30
        node.logs = [
            UNDECODABLE["no data"],
            deposit_log(6, amount_wei=13 * ONE_DF),
            deposit_log(7, amount_wei=13 * ONE_DF),
        ]
        either.poll()
        assert len(caplog.messages) == 3

    def test_an_undecodable_log_of_another_contract_is_nobodys(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs = [deposit_log(4), deposit_log(5, address=STRANGER, data="0x")]
        node.head = 30
        either.poll()
        assert either.quarantine() == []


class TestReorgs:
    def test_what_is_held_of_an_orphaned_block_stands_no_more(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs, node.head = [deposit_log(30, data="0x")], 60
        either.poll_to_the_end()
        node.reorg(25)
        node.logs = []
        either.poll()
        assert (either.quarantine(), held_logs(either.database)) == ([(30, "orphaned")], [])

    def test_on_the_new_branch_it_is_held_anew_and_back_on_the_old_one_again(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs, node.head = [deposit_log(30, tx=7, data="0x")], 60
        either.poll_to_the_end()
        node.reorg(25)
        node.logs = [deposit_log(31, tx=7, data="0x")]
        either.poll()
        assert either.quarantine() == [(30, "orphaned"), (31, "held")]
        node.reorg(25, branch=0)
        node.logs = [deposit_log(30, tx=7, data="0x")]
        either.poll()
        assert either.quarantine() == [(30, "held"), (31, "orphaned")]

    def test_what_is_held_below_the_ancestor_stays_held(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        for node.head in range(20, 61):
            node.logs = [deposit_log(10, data="0x")]
            either.poll()
        node.reorg(25)
        either.poll()
        assert either.quarantine() == [(10, "held")]

    def test_what_is_held_of_the_ancestor_itself_stays_held(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs = [deposit_log(24, data="0x"), deposit_log(25, data="0x")]
        for node.head in range(20, 61):
            either.poll()
        node.reorg(25)
        node.logs = [deposit_log(24, data="0x")]
        assert either.poll().first_block == 25
        assert either.quarantine() == [(24, "held"), (25, "orphaned")]

    def test_a_credited_row_that_the_database_will_not_move_is_reversed_and_held(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs, node.head = [deposit_log(30, tx=7), deposit_log(31, tx=8, account=BOB)], 60
        either.poll_to_the_end()
        refuse_rows(either, f"NEW.tx_hash = '{tx_hash(7)}'")
        node.reorg(25)
        either.poll()
        assert (either.available(), either.available(BOB)) == ("0", "1")
        assert either.quarantine() == [(30, "held")]
        allow_rows(either)
        assert either.crediting().release(1) == (1, [])
        assert (either.available(), either.statuses()[0]) == ("1", ("1", "confirmed"))


class TestRelease:
    @pytest.fixture(autouse=True)
    def two_held(self, node: ScriptedNode, listener: Listener) -> None:
        """One undecodable, one that the database refuses."""
        refuse_rows(listener, "NEW.amount = '13'")
        node.head = 30
        node.logs = [deposit_log(5, data="0x"), deposit_log(6, amount_wei=13 * ONE_DF)]
        listener.poll()

    def decodes_now(self, monkeypatch: pytest.MonkeyPatch, token: str = DF) -> None:
        def decode(topics: Any, data: str) -> Deposit:
            return Deposit(ALICE, token, int(data, 16) if data != "0x" else 4 * ONE_DF)

        monkeypatch.setattr(crediting_module, "decode", decode)

    def test_what_still_fails_stays_held_with_its_reason(self, listener: Listener) -> None:
        for _ in range(2):
            released, still = listener.crediting().release(9)
            assert released == 0
            assert [(log.block_number, reason) for log, reason in still] == [
                (5, "it has 0 bytes of data, expected 32"),
                (6, "the database refuses its row: not in this house"),
            ]
        assert listener.available() is None
        assert [status for _, status in listener.quarantine()] == ["held", "held"]

    def test_a_new_reason_replaces_the_old_one(self, listener: Listener) -> None:
        allow_rows(listener)
        refuse_rows(listener, "1")
        with listener.database.write() as transaction:
            transaction.execute("UPDATE spot_quarantined_logs SET reason = 'old'")
        listener.crediting().release(9)
        assert "old" not in [held.reason for held in held_logs(listener.database)]

    def test_it_credits_what_the_database_takes_now_and_goes_on_past_what_fails(
        self, listener: Listener
    ) -> None:
        allow_rows(listener)
        released, still = listener.crediting().release(9)
        assert (released, len(still)) == (1, 1)
        assert (listener.available(), listener.places()) == ("13", [(6000, 6, 0)])
        assert listener.quarantine() == [(5, "held"), (6, "released")]
        assert listener.ask("SELECT created_at, confirmed_at FROM spot_deposits") == [(9, 9)]

    def test_it_credits_what_decodes_now_once_however_often_it_is_tried(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        allow_rows(listener)
        self.decodes_now(monkeypatch)
        assert listener.crediting().release(9) == (2, [])
        for _ in range(2):
            assert listener.crediting().release(9) == (0, [])
        assert (listener.available(), len(listener.rows())) == ("17", 2)

    def test_what_turns_out_to_be_another_token_is_released_without_a_credit(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.decodes_now(monkeypatch, token=STRANGER)
        assert listener.crediting().release(9) == (2, [])
        assert listener.available() is None

    def test_what_was_released_is_reversed_by_a_reorg_like_any_credit(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 60
        listener.poll_to_the_end()
        allow_rows(listener)
        listener.crediting().release(9)
        node.reorg(3)
        node.logs = [deposit_log(5, data="0x")]
        listener.poll()
        assert (listener.available(), listener.statuses()) == ("0", [("13", "orphaned")])

    def test_what_was_released_and_comes_back_as_it_was_is_credited_once(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 60
        listener.poll_to_the_end()
        allow_rows(listener)
        listener.crediting().release(9)
        logs = node.logs
        node.reorg(3)
        node.logs = []
        listener.poll()
        node.reorg(3, branch=0)
        node.logs = logs
        listener.poll()
        assert (listener.available(), listener.statuses()) == ("13", [("13", "confirmed")])
        assert listener.crediting().release(9)[0] == 0

    def test_a_reorg_that_comes_between_is_not_credited_over(
        self, node: ScriptedNode, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        node.head = 60
        listener.poll_to_the_end()
        allow_rows(listener)
        read = quarantine.held

        def held_and_then_a_reorg(*arguments: Any) -> Any:
            found = read(*arguments)
            monkeypatch.setattr(quarantine, "held", read)
            listener.ask("SELECT 1")
            reorg_after_reading.append(True)
            return found

        reorg_after_reading: list[bool] = []
        monkeypatch.setattr(quarantine, "held", held_and_then_a_reorg)
        database = listener.database

        class Between(Database):
            def write(self) -> Any:
                if reorg_after_reading:
                    reorg_after_reading.clear()
                    node.reorg(3)
                    node.logs = []
                    listener.poll()
                return super().write()

        slow = Listener(
            node,
            listener.clock,
            listener.entropy,
            Between(database.connection, listener.clock),
            listener.path,
            listener.settings,
        )
        released, still = slow.crediting().release(9)
        assert (released, still) == (0, [])
        assert (listener.available(), listener.statuses()) == (None, [])
        assert [status for _, status in listener.quarantine()] == ["orphaned", "orphaned"]

    def test_logs_of_another_chain_in_the_file_are_left_to_its_own_listener(
        self, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        allow_rows(listener)
        self.decodes_now(monkeypatch)
        with listener.database.write() as transaction:
            cursor.start(transaction, 56, 1, "0x" + "00" * 32, 1)
        assert listener.crediting(chain_id=56, df_token_address=STRANGER).release(9) == (0, [])
        assert len(held_logs(listener.database)) == 2
        assert listener.crediting().release(9) == (2, [])


def test_the_same_log_on_two_branches_is_two_holdings(listener: Listener) -> None:
    def hold(block_hash: str, row_id: str) -> bool:
        log = QuarantinedLog(
            chain_id=97,
            tx_hash=tx_hash(1),
            event_ordinal=0,
            block_number=5,
            block_hash=block_hash,
            log_index=0,
            raw_log="{}",
            reason="x",
        )
        with listener.database.write() as transaction:
            return quarantine.hold(transaction, log, row_id, 1)

    assert [hold("0x" + "aa" * 32, "1"), hold("0x" + "bb" * 32, "2")] == [True, True]
    assert not hold("0x" + "aa" * 32, "3")
