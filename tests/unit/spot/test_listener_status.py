"""The loop: it never ends, says little in its log, and tells its status in a row of the ledger."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable

import pytest

from ztdx_spot.errors import ListenerHalted
from ztdx_spot.ledger.database import Database
from ztdx_spot.ledger.listener_status import ListenerStatus
from ztdx_spot.listener.loop import run_listener

from .listener_world import Listener, open_boundary
from .world import (
    FakeClock,
    ScriptedNode,
    cuts,
    deposit_log,
    listener_settings,
    sends,
)

START_S = 1_778_315_530


def breaks(error: Exception) -> Callable[[str], None]:
    def before(_method: str) -> None:
        raise error

    return before


class TestLoop:
    def test_errors_never_end_it_and_are_one_line_per_change(
        self, node: ScriptedNode, listener: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        node.logs, node.head = [deposit_log(1)], 21
        node.fail_batch("eth_blockNumber", cuts, cuts, *[sends(b"", 500)] * 6, cuts)
        listener.run(8)
        assert listener.available() == "1"
        levels = [record.levelname for record in caplog.records]
        assert levels == ["ERROR", "ERROR", "ERROR", "INFO", "INFO"]
        assert [record.exc_info for record in caplog.records[:3]] == [False] * 3
        assert "polls work again after 5 failed; head 21" in caplog.messages[3]
        assert "credited 1 deposits of blocks 1 to 1" in caplog.messages[4]

    def test_it_pauses_after_each_poll_and_between_no_others(
        self, node: ScriptedNode, listener: Listener, clock: FakeClock
    ) -> None:
        node.head = 500
        node.fail_batch("eth_blockNumber", cuts)
        listener.run(6)
        assert clock.sleeps_s == [2.0] * 6
        assert listener.cursor_block() == 480

    def test_a_mistake_of_the_program_is_logged_with_its_place_and_shown_without(
        self, node: ScriptedNode, listener: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        node.before = breaks(KeyError("secret"))
        listener.run(3)
        (record,) = caplog.records
        assert record.exc_info
        status = listener.status()
        assert status is not None
        assert status.trouble == "KeyError"

    def test_a_week_of_trouble_is_one_line(
        self, node: ScriptedNode, listener: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        node.before = breaks(ValueError("x"))
        listener.run(1000)
        assert len(caplog.records) == 1


class TestStatus:
    def test_a_poll_that_works_is_told_with_its_head(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 300
        listener.run(1)
        assert listener.status() == ListenerStatus(
            head_block=300,
            head_since=START_S,
            succeeded_at=START_S,
            failed_polls=0,
            trouble=None,
            halted=False,
            updated_at=START_S,
        )

    def test_it_is_no_older_than_ten_seconds_while_all_is_well_and_no_row_per_poll(
        self, node: ScriptedNode, listener: Listener, clock: FakeClock
    ) -> None:
        written: list[int] = []
        ages: list[float] = []

        def note(_method: str) -> None:
            status = listener.status()
            if status is not None:
                ages.append(clock.time_s - status.updated_at)
                if status.updated_at not in written[-1:]:
                    written.append(status.updated_at)

        node.before = note
        listener.run(31)
        assert written == [START_S + s for s in range(0, 60, 10)]
        assert max(ages) <= 10

    def test_trouble_is_told_at_once_and_its_end_too(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 300
        told: list[tuple[str | None, int]] = []

        def note(_method: str) -> None:
            status = listener.status()
            if status is not None:
                told.append((status.trouble, status.failed_polls))

        listener.run(1)
        node.before = note
        node.fail_batch("eth_blockNumber", cuts)
        listener.run(3)
        trouble = "the node gave no complete answer: connection reset"
        assert list(dict.fromkeys(told)) == [(None, 0), (trouble, 1)]
        status = listener.status()
        assert status is not None
        assert (status.trouble, status.failed_polls) == (None, 0)

    def test_trouble_keeps_the_head_and_the_time_of_the_last_success(
        self, node: ScriptedNode, listener: Listener, clock: FakeClock
    ) -> None:
        node.head = 300
        listener.run(1)
        node.before = breaks(ValueError("x"))
        listener.run(20)
        status = listener.status()
        assert status is not None
        assert (status.head_block, status.succeeded_at) == (300, START_S)
        assert status.failed_polls > 10
        assert clock.time_s - status.updated_at <= 12

    def test_a_halt_is_told_and_a_start_on_the_right_chain_ends_it(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.chain = 56
        with pytest.raises(ListenerHalted):
            run_listener(
                listener_settings(start_block=1),
                node,
                listener.clock,
                listener.entropy,
                listener.database,
            )
        status = listener.status()
        assert status is not None
        assert status.halted
        assert "serves chain 56" in str(status.trouble)
        node.chain = 97
        listener.run(1)
        status = listener.status()
        assert status is not None
        assert (status.halted, status.trouble) == (False, None)

    def test_a_clock_that_was_set_back_does_not_silence_it(
        self, listener: Listener, clock: FakeClock
    ) -> None:
        listener.node.head = 20
        steps = iter([0, 0, -86_400, 0, 0, 0])

        def step(method: str) -> None:
            if method == "eth_blockNumber":
                clock.time_s += next(steps, 0)

        listener.node.before = step
        listener.run(6)
        status = listener.status()
        assert status is not None
        assert status.updated_at < START_S

    def test_a_status_that_cannot_be_written_holds_no_poll_up(
        self,
        node: ScriptedNode,
        listener: Listener,
        clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.INFO)
        connection = open_boundary(listener.path)

        def before(sql: str) -> None:
            if sql.startswith("INSERT INTO spot_listener_status"):
                raise sqlite3.OperationalError("database or disk is full")

        node.logs, node.head = [deposit_log(5)], 30
        listener.poll()
        connection.before = before
        node.fail_batch("eth_blockNumber", cuts)
        listener.run(10, Database(connection, listener.clock))
        assert clock.sleeps_s == [2.0] * 10
        status = listener.status()
        assert status is not None
        assert (status.updated_at, status.trouble) == (START_S, None)
        connection.before = lambda _sql: None
        listener.run(1, Database(connection, listener.clock))
        connection.close()
        status = listener.status()
        assert status is not None
        assert status.updated_at == START_S + 20
        assert len(caplog.records) == 2

    def test_a_page_and_the_head_it_was_read_under_are_told_together(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 300
        listener.poll()
        status = listener.status()
        assert status is not None
        assert (status.head_block, status.succeeded_at) == (300, START_S)
