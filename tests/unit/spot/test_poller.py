"""One poll: which blocks are asked for and when, where it starts, and of which chain."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from ztdx_spot.errors import (
    ListenerHalted,
    NodeBehindError,
    NodeBusyError,
    NodeError,
    NodeOverloadedError,
)
from ztdx_spot.listener.events import SPOT_DEPOSIT_TOPIC0
from ztdx_spot.ports import AnswerTooLarge, HttpAnswer, TransportTimeout

from .listener_world import Listener
from .world import (
    VAULT,
    FakeClock,
    ScriptedNode,
    answers,
    cuts,
    deposit_log,
    refuses,
    sends,
)

GENESIS_CHECK = ["eth_chainId", "eth_getBlockByNumber"]


class TestConfirmations:
    def test_a_deposit_is_credited_at_20_blocks_on_top_and_not_at_19(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs = [deposit_log(50)]
        node.head = 69
        either.poll_to_the_end()
        assert (either.available(), either.cursor_block()) == (None, 49)
        node.head = 70
        assert either.poll().credited == 1
        assert (either.available(), either.cursor_block()) == ("1", 50)

    def test_no_logs_above_the_target_are_ever_asked_for(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        for node.head in range(60):
            before = len(node.windows())
            either.poll()
            assert all(last <= max(node.head - 20, 0) for _, last in node.windows()[before:])
        assert node.windows()[-1][1] == 39

    def test_the_target_has_a_floor_of_zero(self, node: ScriptedNode, listener: Listener) -> None:
        node.head = 19
        poll = listener.poll()
        assert (poll.first_block, poll.last_block, listener.cursor_block()) == (1, 0, 0)

    def test_a_depth_of_zero_credits_the_head_itself(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        either.settings["confirmation_depth_blocks"] = 0
        node.head, node.logs = 5, [deposit_log(5)]
        either.poll_to_the_end()
        assert (either.available(), either.cursor_block()) == ("1", 5)


class TestWindows:
    def test_windows_are_closed_touch_and_hold_at_most_100_blocks(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.head = 270
        either.poll_to_the_end()
        assert node.windows() == [(1, 100), (101, 200), (201, 250)]

    def test_deposits_at_the_seams_of_windows_are_credited_once_each(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        seams = [1, 99, 100, 101, 199, 200, 201, 250]
        node.logs, node.head = [deposit_log(block) for block in seams], 270
        either.poll_to_the_end()
        assert sorted(row.block_number for row in either.rows()) == seams
        assert either.available() == "8"

    def test_a_poll_asks_for_head_and_cursor_then_for_page_and_links_in_one_batch(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head, listener.settings["verify"] = 30, "boundary"
        listener.poll()
        node.head, node.batches = 32, []
        listener.poll()
        head, page = node.batches
        assert [(call["method"], call["params"]) for call in head] == [
            ("eth_chainId", []),
            ("eth_blockNumber", []),
            ("eth_getBlockByNumber", ["0xa", False]),
        ]
        assert [(call["method"], call["params"]) for call in page] == [
            (
                "eth_getLogs",
                [
                    {
                        "fromBlock": "0xb",
                        "toBlock": "0xc",
                        "address": VAULT,
                        "topics": [SPOT_DEPOSIT_TOPIC0],
                    }
                ],
            ),
            ("eth_getBlockByNumber", ["0xa", False]),
            ("eth_getBlockByNumber", ["0xc", False]),
            ("eth_getBlockByNumber", ["0x20", False]),
        ]

    def test_a_full_page_asks_for_each_of_its_blocks(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 24
        listener.poll()
        assert [int(c["params"][0], 16) for c in node.batches[-1][1:]] == [0, 1, 2, 3, 4, 24]

    def test_no_request_is_answered_under_the_id_of_another(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head, node.logs = 30, [deposit_log(5)]
        listener.poll()
        ids = [call["id"] for batch in node.batches for call in batch]
        assert len(set(ids)) == len(ids)

    def test_with_nothing_new_no_logs_are_asked_for(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 30
        listener.poll_to_the_end()
        node.batches.clear()
        listener.poll()
        assert node.methods() == [["eth_chainId", "eth_blockNumber", "eth_getBlockByNumber"]]

    @pytest.mark.parametrize("head", [99, 50, 0])
    def test_a_head_below_the_cursor_moves_nothing(
        self, node: ScriptedNode, either: Listener, head: int
    ) -> None:
        node.head, node.logs = 100, [deposit_log(80)]
        either.poll_to_the_end()
        before = either.state()
        node.fail("eth_blockNumber", answers(result=hex(head)))
        either.poll()
        assert either.state() == before
        node.head = head
        either.poll()
        assert either.state() == before


class TestStart:
    def test_the_start_block_is_scanned_and_the_one_before_is_not(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        either.settings["start_block"] = 7
        node.logs, node.head = [deposit_log(6), deposit_log(7)], 30
        either.poll_to_the_end()
        assert [row.block_number for row in either.rows()] == [7]

    def test_block_0_can_be_the_first(self, node: ScriptedNode, either: Listener) -> None:
        either.settings["start_block"] = 0
        node.logs, node.head = [deposit_log(0)], 30
        either.poll_to_the_end()
        assert ([row.block_number for row in either.rows()], node.windows()) == ([0], [(0, 10)])

    def test_a_start_above_the_target_waits_for_it(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.settings["start_block"] = 50
        node.head = 30
        poll = listener.poll()
        assert (poll.first_block, poll.last_block, listener.cursor_block()) == (50, 10, 49)
        node.head = 71
        listener.poll()
        assert node.windows() == [(50, 51)]

    def test_without_a_start_block_the_last_1000_are_scanned_with_a_warning(
        self, node: ScriptedNode, listener: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        listener.settings["start_block"] = None
        node.head = 5000
        assert listener.poll().first_block == 4000
        (warning,) = caplog.messages
        assert "first block scanned is 4000" in warning

    def test_without_a_start_block_a_short_chain_is_scanned_from_zero(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.settings["start_block"] = None
        node.head = 500
        assert listener.poll().first_block == 0

    def test_a_derived_start_stays_when_the_first_polls_fail(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.settings["start_block"] = None
        node.head = 5000
        node.fail_batch("eth_getLogs", cuts)
        with pytest.raises(NodeError):
            listener.poll()
        node.head = 9000
        listener.restart()
        assert listener.poll().first_block == 4000

    def test_no_start_is_derived_from_a_head_that_the_node_does_not_have(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.settings["start_block"] = None
        node.head, node.logs = 5000, [deposit_log(4100)]
        node.fail("eth_blockNumber", answers(result=hex(2**62)))
        with pytest.raises(NodeBehindError):
            listener.poll()
        assert listener.cursor() is None
        listener.poll_to_the_end()
        assert listener.available() == "1"

    def test_a_stored_cursor_wins_over_the_start_block(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 5000
        listener.poller(start_block=10).poll_once()
        assert listener.poller(start_block=4000).poll_once().first_block == 110


class TestChain:
    def test_another_chain_halts_before_anything_is_written(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.chain, node.head, node.logs = 56, 30, [deposit_log(5)]
        for _ in range(2):
            with pytest.raises(ListenerHalted, match=r"serves chain 56, expected .*=97"):
                listener.poll()
        assert node.methods() == [GENESIS_CHECK] * 2
        assert listener.cursor() is None

    def test_another_genesis_halts_and_reverses_nothing(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.head, node.logs = 30, [deposit_log(5)]
        either.poll()
        before = either.state()
        node.reorg(0)
        node.logs = []
        either.restart()
        with pytest.raises(ListenerHalted, match="use a new DATABASE_URL"):
            either.poll()
        assert either.state() == before

    def test_the_chain_id_is_checked_at_every_poll_and_the_genesis_after_a_failed_one(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.poll()
        listener.poll()
        assert node.asked_blocks().count(0) == 1
        node.chain = 56
        with pytest.raises(ListenerHalted):
            listener.poll()
        node.chain = 97
        listener.poll()
        assert node.methods()[-2:] == [GENESIS_CHECK, ["eth_chainId", "eth_blockNumber"]]

    def test_no_answer_is_not_another_chain(self, node: ScriptedNode, listener: Listener) -> None:
        node.fail("eth_getBlockByNumber", *[answers(result=None)] * 3)
        with pytest.raises(NodeBehindError):
            listener.poll()
        node.fail("eth_chainId", refuses(-32000))
        with pytest.raises(NodeError):
            listener.poll()
        listener.poll()

    @pytest.mark.parametrize("result", [None, "", "0x", "30", 30, "0x030", "0x1e ", "-0x1", True])
    def test_a_malformed_head_stops_the_poll(
        self, node: ScriptedNode, listener: Listener, result: object
    ) -> None:
        node.fail("eth_blockNumber", answers(result=result))
        with pytest.raises(NodeError, match="eth_blockNumber is"):
            listener.poll()
        assert listener.cursor() is None

    @pytest.mark.parametrize("head", [2**63, 2**64, 2**256])
    def test_a_head_that_no_column_holds_stops_the_poll(
        self, node: ScriptedNode, listener: Listener, head: int
    ) -> None:
        node.fail("eth_blockNumber", answers(result=hex(head)))
        with pytest.raises(NodeError):
            listener.poll()
        listener.poll()
        assert listener.cursor_block() == 0

    @pytest.mark.parametrize("too_high", [1, 20, 120, 500, 2**63 - 1 - 100])
    def test_a_head_told_too_high_moves_the_cursor_over_no_block_without_its_confirmations(
        self, node: ScriptedNode, either: Listener, too_high: int
    ) -> None:
        node.head, node.logs = 100, [deposit_log(81)]
        either.poll_to_the_end()
        told = answers(result=hex(min(100 + too_high, 2**63 - 1)))
        node.fail("eth_blockNumber", told)
        with pytest.raises(NodeBehindError, match="does not know block"):
            either.poll()
        assert (either.available(), either.cursor_block()) == (None, 80)
        node.head = 101
        assert either.poll().credited == 1


class TestPatience:
    """What is asked again inside of one poll, how often, and after which pause."""

    @pytest.mark.parametrize("code", [429, -32005, -32007, -32012, -32016])
    @pytest.mark.parametrize("method", ["eth_blockNumber", "eth_getLogs", "eth_getBlockReceipts"])
    def test_a_busy_node_is_asked_again_in_the_same_poll(
        self, node: ScriptedNode, listener: Listener, method: str, code: int
    ) -> None:
        node.head, node.logs = 30, [deposit_log(5)]
        node.fail(method, refuses(code), refuses(code))
        while not listener.available():
            listener.poll()
        assert len(listener.clock.sleeps_s) == 2

    def test_a_third_busy_answer_ends_the_poll(
        self, node: ScriptedNode, either: Listener, clock: FakeClock
    ) -> None:
        node.head = 30
        node.fail("eth_getLogs", *[refuses(429)] * 3)
        with pytest.raises(NodeBusyError):
            either.poll()
        assert (len(clock.sleeps_s), either.cursor_block()) == (2, 0)

    def test_the_pause_doubles_and_a_random_half_of_it_is_left_out(
        self, node: ScriptedNode, listener: Listener, clock: FakeClock
    ) -> None:
        class Chosen:
            def __init__(self, value: int) -> None:
                self.value = value

            def bytes(self, purpose: str, count: int) -> bytes:
                return bytes([self.value]) * count

        for value in (255, 0):
            listener.entropy = Chosen(value)  # type: ignore[assignment]
            node.fail("eth_chainId", refuses(429), refuses(429))
            listener.poller().poll_once()
        assert clock.sleeps_s == [0.125, 0.25, 0.25, 0.5]

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(
        ("asked", "slept_s"),
        [
            ("0", 0.0),
            ("1", 1.0),
            ("3", 3.0),
            ("7", 5.0),
            ("99999999999999999999", 5.0),
            (" 2 ", 2.0),
        ],
    )
    def test_a_node_may_ask_for_a_longer_pause_within_bounds(
        self,
        node: ScriptedNode,
        listener: Listener,
        clock: FakeClock,
        status: int,
        asked: str,
        slept_s: float,
    ) -> None:
        node.fail_batch("eth_blockNumber", sends(b"", status, retry_after=asked))
        listener.poll()
        assert clock.sleeps_s == [slept_s]

    @pytest.mark.parametrize("ahead_blocks", [1, 2])
    def test_a_head_that_is_always_told_a_little_too_high_costs_as_many_blocks(
        self, node: ScriptedNode, either: Listener, ahead_blocks: int
    ) -> None:
        node.lies["eth_blockNumber"] = lambda _p, head: hex(int(head, 16) + ahead_blocks)
        lags = []
        for node.head in range(100, 200):
            with contextlib.suppress(NodeBehindError):
                either.poll()
            lags.append(node.head - 20 - (either.cursor_block() or 0))
        assert max(lags[5:]) <= ahead_blocks + 1
        assert min(lags) >= 0

    def test_a_limit_on_the_rate_does_not_make_pages_smaller(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 300
        node.fail_batch("eth_getLogs", *[sends(b"", 429)] * 2)
        listener.poll()
        assert node.windows() == [(1, 100)] * 3

    @pytest.mark.parametrize("asked", ["", "-5", "soon", "1.5", "Wed, 21 Oct 2026", "٣"])
    def test_what_is_no_number_of_seconds_leaves_the_pause_to_the_listener(
        self, node: ScriptedNode, listener: Listener, clock: FakeClock, asked: str
    ) -> None:
        node.fail_batch("eth_blockNumber", sends(b"", 429, retry_after=asked))
        listener.poll()
        (slept_s,) = clock.sleeps_s
        assert 0.125 <= slept_s <= 0.25

    def test_a_page_that_was_too_much_is_halved_at_once(
        self, node: ScriptedNode, either: Listener, clock: FakeClock
    ) -> None:
        node.head = 200
        node.fail_batch("eth_getLogs", *[sends(b"", 413)] * 2)
        assert either.poll().last_block == 25
        assert node.windows() == [(1, 100), (1, 50), (1, 25)]
        assert clock.sleeps_s == []

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_an_error_of_a_gateway_is_asked_again_after_a_pause_and_then_halved(
        self, node: ScriptedNode, either: Listener, clock: FakeClock, status: int
    ) -> None:
        node.head = 200
        node.fail_batch("eth_getLogs", *[sends(b"", status)] * 2)
        assert either.poll().last_block == 50
        assert node.windows() == [(1, 100), (1, 100), (1, 50)]
        assert len(clock.sleeps_s) == 2

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_an_error_of_a_gateway_at_the_tip_does_not_slow_a_later_catch_up(
        self, node: ScriptedNode, either: Listener, status: int
    ) -> None:
        node.head = 21
        node.fail_batch("eth_getLogs", *[sends(b"", status)] * 3)
        with pytest.raises(NodeOverloadedError):
            either.poll()
        either.poll()
        node.head = 1_021
        polls = 0
        while either.cursor_block() != 1_001:
            either.poll()
            polls += 1
        assert polls == 10

    def test_a_limit_that_counts_the_calls_of_a_batch_makes_pages_smaller(
        self, node: ScriptedNode, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = node.post

        def limited(body: bytes, timeout_s: float) -> HttpAnswer:
            if len(json.loads(body)) > 60:
                return HttpAnswer(429, {}, b"")
            return answer(body, timeout_s)

        monkeypatch.setattr(node, "post", limited)
        node.head = 300
        for _ in range(30):
            with contextlib.suppress(NodeBusyError):
                listener.poll()
        assert listener.cursor_block() == 280

    @pytest.mark.parametrize("shape", ["of the first call", "of no call", "HTTP 400"])
    def test_a_batch_that_is_too_large_may_be_refused_in_many_shapes(
        self,
        node: ScriptedNode,
        either: Listener,
        monkeypatch: pytest.MonkeyPatch,
        shape: str,
    ) -> None:
        answer = node.post

        def limited(body: bytes, timeout_s: float) -> HttpAnswer:
            batch = json.loads(body)
            if len(batch) <= 30:
                return answer(body, timeout_s)
            error = {"code": -32600, "message": "batch too large"}
            number = batch[0]["id"] if shape == "of the first call" else None
            refusal = [{"jsonrpc": "2.0", "id": number, "error": error}]
            status = 400 if shape == "HTTP 400" else 200
            return HttpAnswer(status, {}, json.dumps(refusal).encode())

        grown = [deposit_log(block, tx=block) for block in range(1, 90)]
        node.logs, node.head = list(grown), 300
        monkeypatch.setattr(node, "post", limited)
        for _ in range(20):
            with contextlib.suppress(NodeOverloadedError):
                either.poll_to_the_end()
        assert (either.available(), either.cursor_block()) == ("89", 280)
        node.reorg(60)
        node.logs = grown[:59]
        for _ in range(20):
            with contextlib.suppress(NodeOverloadedError):
                either.poll_to_the_end()
        assert (either.available(), either.cursor_block()) == ("59", 280)

    def test_however_requests_fail_in_turn_the_last_failure_is_told(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 200
        failures = [sends(b"", 413)] * 6 + [sends(b"", 429)] * 2 + [sends(b"", 502)] * 3
        node.fail_batch("eth_getLogs", *failures)
        with pytest.raises(NodeOverloadedError):
            listener.poll()

    def test_a_rate_told_in_one_entry_for_all_is_waited_for(
        self, node: ScriptedNode, listener: Listener, clock: FakeClock
    ) -> None:
        def busy(batch: list[dict[str, Any]]) -> HttpAnswer:
            error = {"code": 429, "message": "slow down"}
            refusal = [{"jsonrpc": "2.0", "id": batch[0]["id"], "error": error}]
            return HttpAnswer(200, {}, json.dumps(refusal).encode())

        node.head = 200
        node.fail_batch("eth_getLogs", busy)
        assert listener.poll().last_block == 50
        assert len(clock.sleeps_s) == 1

    def test_an_answer_too_large_is_halved_and_one_too_late_asked_for_again(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        def breaks(error: Exception) -> Callable[[object], Any]:
            def answer(_batch: object) -> Any:
                raise error

            return answer

        node.head = 400
        node.fail_batch("eth_getLogs", breaks(AnswerTooLarge("33 MB")))  # type: ignore[arg-type]
        assert listener.poll().last_block == 50
        node.fail_batch("eth_getLogs", breaks(TransportTimeout("10 s")))  # type: ignore[arg-type]
        assert listener.poll().last_block == 100

    @pytest.mark.parametrize("code", [-32002, -32003])
    @pytest.mark.parametrize("method", ["eth_getBlockByNumber", "eth_getBlockReceipts"])
    def test_what_is_left_of_a_batch_that_grew_too_large_halves_the_page(
        self,
        node: ScriptedNode,
        listener: Listener,
        monkeypatch: pytest.MonkeyPatch,
        method: str,
        code: int,
    ) -> None:
        answer = node.post

        def limited(body: bytes, timeout_s: float) -> HttpAnswer:
            batch = json.loads(body)
            answered = json.loads(answer(body, timeout_s).body)
            if len(batch) > 30 and batch[-1]["method"] == method:
                error = {"code": code, "message": "response too large"}
                answered[-1] = {"jsonrpc": "2.0", "id": batch[-1]["id"], "error": error}
            return HttpAnswer(200, {}, json.dumps(answered).encode())

        monkeypatch.setattr(node, "post", limited)
        node.logs = [deposit_log(block, tx=block) for block in range(1, 90)]
        node.head = 300
        listener.poll_to_the_end()
        assert (listener.available(), listener.cursor_block()) == ("89", 280)

    @pytest.mark.parametrize("code", [-32000, -32001, -32602, -32005, -32614, 3, None, "-32005"])
    @pytest.mark.parametrize("cap_blocks", [50, 10, 7, 1])
    def test_a_provider_with_a_cap_on_ranges_is_read_to_the_end_whatever_it_calls_the_cap(
        self, node: ScriptedNode, either: Listener, code: object, cap_blocks: int
    ) -> None:
        def capped(parameters: list[dict[str, str]], result: object) -> object:
            (wanted,) = parameters
            count = int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) + 1
            return refuses(code) if count > cap_blocks else result

        node.head, node.logs = 60, [deposit_log(block) for block in (1, 20, 40)]
        node.lies["eth_getLogs"] = capped
        for _ in range(50):
            try:
                either.poll()
            except NodeError:
                continue
            if either.cursor_block() == 40:
                break
        assert (either.available(), either.cursor_block()) == ("3", 40)

    def test_one_block_that_is_too_much_for_the_node_fails_the_poll(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 200
        node.fail_batch("eth_getLogs", *[sends(b"", 413)] * 7)
        with pytest.raises(NodeOverloadedError):
            listener.poll()
        assert [last for _, last in node.windows()] == [100, 50, 25, 12, 6, 3, 1]

    def test_a_node_that_is_behind_is_asked_twice_more(
        self, node: ScriptedNode, either: Listener, clock: FakeClock
    ) -> None:
        node.head, node.logs = 30, [deposit_log(5)]
        true_block = node.block
        turns = iter([8, 8, 30])

        def turn(method: str) -> None:
            if method == "eth_getLogs":
                behind = next(turns)
                node.block = lambda n: true_block(n) if n <= behind else None  # type: ignore[method-assign]

        node.before = turn
        either.poll()
        assert (either.available(), len(clock.sleeps_s)) == ("1", 2)

    def test_all_kinds_of_trouble_in_one_poll_end_in_the_error_of_the_last(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 200
        node.fail_batch("eth_getLogs", *[sends(b"", 413)] * 6, *[sends(b"", 429)] * 2)
        node.fail_batch("eth_getLogs", *[_nobody_knows_a_block] * 2)
        with pytest.raises(NodeBehindError):
            listener.poll()
        assert len(node.windows()) == 10

    def test_an_error_of_no_such_kind_ends_the_poll_at_once(
        self, node: ScriptedNode, listener: Listener, clock: FakeClock
    ) -> None:
        node.head = 30
        node.fail_batch("eth_getLogs", cuts)
        with pytest.raises(NodeError):
            listener.poll()
        assert (len(node.windows()), clock.sleeps_s) == (1, [])

    def test_a_page_of_a_busy_node_is_told_in_no_line(
        self, node: ScriptedNode, listener: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        node.head = 30
        node.fail("eth_getLogs", refuses(429))
        listener.poll()
        assert caplog.messages == []


def _nobody_knows_a_block(batch: list[dict[str, object]]) -> object:
    entries = [{"jsonrpc": "2.0", "id": call["id"], "result": None} for call in batch]
    return sends(entries)(batch)
