"""Health: what turns it red and what only warns, and the figures that it shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from ztdx_spot.api.readiness import judge, stall_s
from ztdx_spot.config import WatchedListener
from ztdx_spot.ledger import debits, entries, listener_status
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.entries import Entry
from ztdx_spot.ledger.listener_status import ListenerStatus, Traces

from .api_client import Api
from .world import ALICE, BOB, FakeClock

NOW_S = 1_000_000
WATCHED = WatchedListener(expected=True)
STATUS = ListenerStatus(
    head_since=None,
    head_block=1020,
    succeeded_at=NOW_S,
    failed_polls=0,
    trouble=None,
    halted=False,
    updated_at=NOW_S,
)
TRACES = Traces(
    status=STATUS,
    cursor_block=1000,
    cursor_moved_at=NOW_S,
    quarantined_logs=0,
    negative_balances=0,
)


def missing(watched: WatchedListener = WATCHED, **changes: Any) -> list[str]:
    """What is missing when the traces, or the status in them, have these values instead."""
    of_status = {name: changes.pop(name) for name in [*changes] if hasattr(STATUS, name)}
    if of_status:
        changes["status"] = replace(STATUS, **of_status)
    verdict = judge(watched, replace(TRACES, **changes), NOW_S)
    assert verdict.ready == (verdict.missing == [])
    return verdict.missing


class TestVerdict:
    def test_a_listener_at_the_confirmed_head_is_ready(self) -> None:
        assert missing() == []

    def test_the_figures_are_shown(self) -> None:
        status = replace(STATUS, succeeded_at=NOW_S - 7, failed_polls=2, trouble="HTTP 502")
        verdict = judge(WATCHED, replace(TRACES, status=status, cursor_block=990), NOW_S)
        assert verdict.listener is not None
        assert verdict.listener.model_dump() == {
            "chain_id": 97,
            "cursor_block": 990,
            "head_block": 1020,
            "lag_blocks": 30,
            "seconds_since_poll": 7,
            "failed_polls": 2,
            "halted": False,
            "trouble": "HTTP 502",
        }

    def test_a_listener_that_was_to_be_there_must_have_reported(self) -> None:
        assert missing(status=None) == ["the listener of chain 97 has not reported yet"]
        assert missing(WatchedListener(expected=False), status=None) == []

    def test_one_that_reported_is_judged_although_nobody_expects_it(self) -> None:
        assert missing(WatchedListener(expected=False), halted=True) != []

    def test_a_halted_listener_says_why(self) -> None:
        assert missing(halted=True, trouble="wrong chain") == [
            "the listener has stopped and waits for an operator: wrong chain"
        ]

    @pytest.mark.parametrize(
        ("interval_ms", "limit_s"), [(1, 30), (2000, 30), (3000, 30), (3100, 31), (60_000, 600)]
    )
    def test_a_stall_is_ten_polls_and_at_least_30_seconds(
        self, interval_ms: int, limit_s: int
    ) -> None:
        assert stall_s(interval_ms) == limit_s
        watched = WatchedListener(poll_interval_ms=interval_ms)
        assert missing(watched, succeeded_at=NOW_S - limit_s) == []
        assert missing(watched, succeeded_at=NOW_S - limit_s - 1, trouble="refused") == [
            f"no poll has succeeded for {limit_s + 1} s: refused"
        ]

    def test_a_poll_must_have_succeeded_once(self) -> None:
        assert missing(succeeded_at=None, cursor_block=None, trouble="refused") == [
            "no poll has succeeded yet: refused"
        ]

    def test_polls_may_fail_a_few_times_with_a_warning(self) -> None:
        assert missing(failed_polls=9, trouble="HTTP 429") == []
        warned = judge(
            WATCHED,
            replace(TRACES, status=replace(STATUS, failed_polls=9, trouble="HTTP 429")),
            NOW_S,
        )
        assert warned.warnings == ["the last 9 polls failed: HTTP 429"]
        assert missing(failed_polls=10, trouble="HTTP 429") == [
            "the last 10 polls failed: HTTP 429"
        ]

    def test_blocks_must_be_processed(self) -> None:
        assert missing(cursor_block=None, cursor_moved_at=None) == [
            "no block has been processed yet"
        ]

    def test_a_cursor_that_stands_while_blocks_wait_is_a_stall(self) -> None:
        assert missing(head_block=1021, cursor_moved_at=NOW_S - 30) == []
        assert missing(head_block=1021, cursor_moved_at=NOW_S - 31) == [
            "the cursor has stood at block 1000 for 31 s while 1 confirmed blocks wait"
        ]

    def test_a_cursor_that_stands_because_the_chain_does_is_none(self) -> None:
        assert missing(cursor_moved_at=NOW_S - 100_000) == []
        assert missing(head_block=1000, cursor_moved_at=0) == []

    def test_a_head_below_the_cursor_is_another_or_a_broken_node(self) -> None:
        assert missing(head_block=999) == ["the node's head 999 is below the cursor 1000"]

    def test_a_balance_below_zero_is_red(self) -> None:
        (told,) = missing(negative_balances=2)
        assert told.startswith("2 balances are below zero")

    def test_quarantined_logs_are_a_warning(self) -> None:
        verdict = judge(WATCHED, replace(TRACES, quarantined_logs=3), NOW_S)
        assert verdict.ready
        assert verdict.warnings[0].startswith("3 logs could not be read and are held back")

    def test_all_that_is_missing_is_told_at_once(self) -> None:
        assert len(missing(head_block=1, failed_polls=10, negative_balances=1)) == 3

    def test_a_clock_that_went_back_a_little_is_no_stall(self) -> None:
        ahead = replace(STATUS, succeeded_at=NOW_S + 30)
        verdict = judge(WATCHED, replace(TRACES, status=ahead, cursor_moved_at=NOW_S + 30), NOW_S)
        assert verdict.ready
        assert verdict.listener is not None
        assert verdict.listener.seconds_since_poll == 0

    def test_a_clock_that_went_back_a_day_hides_no_dead_listener(self) -> None:
        ahead = replace(STATUS, succeeded_at=NOW_S + 86_400)
        verdict = judge(WATCHED, replace(TRACES, status=ahead), NOW_S)
        assert verdict.missing == ["the last poll is 86400 s ahead: a clock was set back"]

    def test_a_head_that_stands_is_a_warning(self) -> None:
        for stands_s, warnings in ((120, []), (121, ["the node's head has stood for 121 s"])):
            status = replace(STATUS, head_since=NOW_S - stands_s)
            verdict = judge(WATCHED, replace(TRACES, status=status), NOW_S)
            assert (verdict.ready, verdict.warnings) == (True, warnings)


def report(api: Api, chain_id: int = 97, **changes: Any) -> None:
    """The listener says so, and has processed up to block 1000, at this moment."""
    now_s = int(api.clock.time_s)
    values = {
        "head_block": 1020,
        "succeeded_at": now_s,
        "failed_polls": 0,
        "trouble": None,
        "halted": False,
        "now_s": now_s,
        **changes,
    }
    with api.database.write() as transaction:
        listener_status.record(transaction, chain_id, **values)
        transaction.execute(
            "INSERT OR REPLACE INTO spot_block_sync_state"
            " (chain_id, event_type, last_processed_block, updated_at)"
            " VALUES (?, 'deposit', 1000, ?)",
            (chain_id, now_s),
        )


def readiness(api: Api) -> tuple[int, dict[str, Any]]:
    answer = api.client().get("/readyz")
    return answer.status_code, answer.get_json()


class TestStatusTable:
    def test_what_is_recorded_is_read(self, api: Api) -> None:
        report(api, trouble="x", halted=True, failed_polls=3, head_block=7, succeeded_at=5)
        with api.database.read() as transaction:
            status = listener_status.read(transaction, 97)
            assert listener_status.read(transaction, 56) is None
        assert status == ListenerStatus(
            head_block=7,
            head_since=int(api.clock.time_s),
            succeeded_at=5,
            failed_polls=3,
            trouble="x",
            halted=True,
            updated_at=int(api.clock.time_s),
        )

    def test_none_keeps_head_and_time_and_clears_the_trouble(self, api: Api) -> None:
        report(api, head_block=7, succeeded_at=5, trouble="x", halted=True)
        report(api, head_block=None, succeeded_at=None)
        with api.database.read() as transaction:
            status = listener_status.read(transaction, 97)
        assert status is not None
        assert (status.head_block, status.succeeded_at) == (7, 5)
        assert (status.trouble, status.halted) == (None, False)


class TestEndpoints:
    @pytest.mark.parametrize("path", ["/health", "/api/v1/spot/health"])
    def test_liveness_is_ok_whatever_is_missing(
        self, api: Api, path: str, broken: Callable[[], Api]
    ) -> None:
        for asked in (api, broken()):
            answer = asked.client().get(path)
            assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})

    def test_an_api_that_nobody_gave_a_listener_is_ready(self, api: Api) -> None:
        assert readiness(api) == (
            200,
            {
                "ready": True,
                "missing": [],
                "warnings": [],
                "listener": None,
                "quarantined_logs": 0,
                "negative_balances": 0,
            },
        )

    def test_with_a_listener_it_waits_for_its_report(self, api: Api) -> None:
        api.settings = replace(api.settings, listener=WatchedListener(expected=True))
        assert readiness(api)[0] == 503
        report(api, chain_id=56)
        assert readiness(api)[0] == 503
        report(api)
        status, verdict = readiness(api)
        assert (status, verdict["listener"]["lag_blocks"]) == (200, 20)

    def test_a_listener_that_falls_silent_turns_it_red(self, api: Api, clock: FakeClock) -> None:
        report(api)
        clock.time_s += 30
        assert readiness(api)[0] == 200
        clock.time_s += 1
        assert readiness(api)[0] == 503

    def test_a_reversed_deposit_that_was_spent_turns_it_red(self, api: Api) -> None:
        api.add_deposit(1, 5, 0, "a", amount="10")
        with api.database.write() as transaction:
            debits.debit(transaction, ALICE, "DF", "4", 2)
        assert readiness(api)[0] == 200
        reversal = Entry(
            user_address=ALICE, token="DF", kind="reversal", amount="-10", deposit_id="a"
        )
        with api.database.write() as transaction:
            entries.enter(transaction, [reversal], 3)
        status, verdict = readiness(api)
        assert (status, verdict["negative_balances"]) == (503, 1)
        held = api.get_as(ALICE, "/spot/balances").get_json()
        assert held == {"balances": [{"token": "DF", "available": "-4", "frozen": "0"}]}

    def test_quarantined_logs_of_the_watched_chain_are_counted_while_held(self, api: Api) -> None:
        with api.database.write() as transaction:
            for ordinal, (chain_id, status) in enumerate(
                [(97, "held"), (97, "held"), (97, "released"), (97, "orphaned"), (56, "held")]
            ):
                transaction.execute(
                    "INSERT INTO spot_quarantined_logs"
                    " VALUES (?, ?, ?, ?, 1, ?, 0, '{}', 'x', ?, 1)",
                    (str(ordinal), chain_id, "0x" + 64 * "a", ordinal, "0x" + 64 * "b", status),
                )
        status, verdict = readiness(api)
        assert (status, verdict["quarantined_logs"], len(verdict["warnings"])) == (200, 2, 1)

    def test_a_database_that_does_not_answer_is_missing(self, broken: Callable[[], Api]) -> None:
        status, verdict = readiness(broken())
        assert (status, verdict["missing"]) == (503, ["the database does not answer"])


class TestMetrics:
    def figures(self, answer: TestResponse) -> dict[str, float]:
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.get_data(as_text=True))
        return {
            sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }

    def test_they_are_prometheus_text_and_what_the_ledger_holds(self, api: Api) -> None:
        api.add_deposit(1, 5, 0, "a")
        api.add_deposit(1, 6, 0, "b", user_address=BOB)
        api.credit()
        with api.database.write() as transaction:
            transaction.execute("UPDATE spot_deposits SET status = 'orphaned' WHERE id = 'b'")
        report(api, failed_polls=2)
        answer = api.client().get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert self.figures(answer) == {
            "ztdx_spot_ready": 1,
            "ztdx_spot_listener_cursor_block 97": 1000,
            "ztdx_spot_listener_head_block 97": 1020,
            "ztdx_spot_listener_lag_blocks 97": 20,
            "ztdx_spot_listener_seconds_since_poll 97": 0,
            "ztdx_spot_listener_failed_polls 97": 2,
            "ztdx_spot_listener_halted 97": 0,
            "ztdx_spot_quarantined_logs": 0,
            "ztdx_spot_negative_balances": 0,
            "ztdx_spot_users": 2,
            "ztdx_spot_deposits confirmed": 1,
            "ztdx_spot_deposits orphaned": 1,
            "ztdx_spot_ledger_entries_total": 3,
        }

    def test_without_a_listener_its_figures_are_left_out(self, api: Api) -> None:
        figures = self.figures(api.client().get("/metrics"))
        assert figures["ztdx_spot_ready"] == 1
        assert not any("listener" in name for name in figures)

    def test_they_follow_readiness(self, api: Api) -> None:
        report(api, halted=True, trouble="wrong chain")
        figures = self.figures(api.client().get("/metrics"))
        assert (figures["ztdx_spot_ready"], figures["ztdx_spot_listener_halted 97"]) == (0, 1)

    def test_a_database_that_does_not_answer_is_internal(self, broken: Callable[[], Api]) -> None:
        assert broken().client().get("/metrics").status_code == 500


@pytest.fixture
def broken(api: Api, database_path: Path, clock: FakeClock) -> Any:
    """Makes the same API on a database on which no SELECT works."""

    class BrokenSelect(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql.startswith("SELECT"):
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *parameters)

    connection = open_connection(database_path, factory=BrokenSelect, synchronous="OFF")
    with closing(connection):
        yield lambda: replace(api, database=Database(connection, clock))
