"""Pages: what eth_getLogs claims is believed only as far as blocks and receipts bear it out."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from ztdx_spot.errors import NodeBehindError, NodeError

from .listener_world import Listener
from .world import (
    ALICE,
    BOB,
    DF,
    STRANGER,
    ScriptedNode,
    Wire,
    address_topic,
    answers,
    deposit_log,
    missing,
    refuses,
    tx_hash,
)

OTHER_HASH = "0x" + "77" * 32


def claims(node: ScriptedNode, *logs: Wire) -> None:
    """From now on eth_getLogs says this, whatever is true and whatever was asked."""
    node.lies["eth_getLogs"] = lambda _parameters, _result: [node.wire(log) for log in logs]


def refused(listener: Listener) -> None:
    """The page is not taken; when the node is honest again, nothing is lost."""
    with pytest.raises(NodeError):
        listener.poll()
    assert (listener.available(), listener.available(BOB)) == (None, None)
    assert listener.cursor_block() == 0
    listener.node.lies.clear()
    listener.poll_to_the_end()
    assert listener.available() == "1"


@pytest.fixture(autouse=True)
def one_deposit(node: ScriptedNode) -> None:
    node.head, node.logs = 30, [deposit_log(5)]


class TestClaims:
    @pytest.mark.parametrize(
        "foreign",
        [
            pytest.param(deposit_log(6, account=BOB, address=STRANGER), id="address"),
            pytest.param(
                deposit_log(
                    6, topics=["0x" + "11" * 32, address_topic(BOB), address_topic(DF)], account=BOB
                ),
                id="topic",
            ),
            pytest.param(deposit_log(6, account=BOB, topics=[]), id="no topics"),
            pytest.param(deposit_log(11, account=BOB), id="above the range"),
            pytest.param(deposit_log(0, account=BOB), id="below the range"),
            pytest.param(deposit_log(6, account=BOB, removed=True), id="removed"),
            pytest.param(deposit_log(6, account=BOB), id="in no block"),
            pytest.param(deposit_log(5, account=BOB), id="of a real transaction"),
            pytest.param(deposit_log(5, amount_wei=10**30), id="with another amount"),
            pytest.param(deposit_log(5, blockHash=OTHER_HASH), id="with another block"),
            pytest.param(deposit_log(5, tx=99), id="with another transaction"),
        ],
    )
    def test_a_log_that_is_not_on_the_chain_spoils_the_page(
        self, node: ScriptedNode, either: Listener, foreign: Wire
    ) -> None:
        claims(node, deposit_log(5), foreign)
        refused(either)

    @pytest.mark.parametrize("outside", [6, 11])
    def test_a_true_log_of_a_block_outside_of_the_page_spoils_it(
        self, node: ScriptedNode, either: Listener, outside: int
    ) -> None:
        either.settings["start_block"] = 7
        node.logs = [deposit_log(8), deposit_log(outside, account=BOB)]
        claims(node, *node.logs)
        with pytest.raises(NodeError):
            either.poll()
        assert (either.available(), either.available(BOB)) == (None, None)
        assert either.cursor_block() == 6
        node.lies.clear()
        either.poll()
        assert (either.available(), either.available(BOB)) == ("1", None)

    def test_a_log_twice_is_credited_once(self, node: ScriptedNode, either: Listener) -> None:
        claims(node, deposit_log(5), deposit_log(5))
        assert either.poll().credited == 1
        assert (either.available(), len(either.rows())) == ("1", 1)

    def test_the_case_of_hex_makes_no_difference(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        name = "0x" + "ab" * 32
        node.logs = [deposit_log(5, transactionHash=name)]
        claims(node, deposit_log(5, transactionHash="0x" + "AB" * 32))
        assert either.poll().credited == 1

    def test_credits_come_in_chain_order_whatever_the_order_of_the_answer(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        places = [(6, 1), (5, 2), (6, 0), (5, 0)]
        node.logs = [deposit_log(block, log_index=position) for block, position in places]
        either.poll()
        by_id = sorted(either.rows(), key=lambda row: row.id)
        assert [int(row.tx_hash, 16) for row in by_id] == [5000, 5002, 6000, 6001]


class TestHoles:
    """What eth_getLogs does not say."""

    def test_full_finds_a_deposit_that_the_log_index_has_lost(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        claims(node)
        assert listener.poll().credited == 1
        assert listener.available() == "1"

    def test_full_finds_the_rest_of_a_truncated_page(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.logs = [deposit_log(block, log_index=i) for block in (4, 5, 9) for i in range(3)]
        claims(node, *node.logs[:4])
        assert listener.poll().credited == 9

    def test_either_finds_the_rest_of_a_transaction_of_which_one_log_is_told(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs = [deposit_log(5, log_index=i, tx=7) for i in range(2)]
        claims(node, node.logs[1])
        if either.settings["verify"] == "boundary":
            with pytest.raises(NodeError, match="disagree"):
                either.poll()
        else:
            assert either.poll().credited == 2

    def test_a_bloom_that_other_logs_explain_costs_a_question_only(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        other = deposit_log(7, tx=71, topics=["0x" + "11" * 32])
        clone = deposit_log(7, tx=72, log_index=1, address="0x" + "c1" * 20)
        node.logs += [other, clone]
        claims(node, node.logs[0])
        assert listener.poll().credited == 1
        asked = [c for c in node.batches[-1] if c["method"] == "eth_getBlockReceipts"]
        assert (len(asked), listener.cursor_block()) == (2, 10)

    def test_receipts_that_do_not_explain_the_bloom_are_no_answer(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        claims(node)
        node.lies["eth_getBlockReceipts"] = lambda _parameters, receipts: [
            {**receipt, "logs": []} for receipt in receipts
        ]
        with pytest.raises(NodeBehindError, match="lack logs that its bloom shows"):
            listener.poll()
        assert listener.cursor_block() == 0
        node.lies.clear()
        assert listener.poll().credited == 1

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda logs: [*logs, logs[-1]],
            lambda logs: [*logs, {**logs[-1], "data": "0x" + f"{10**24:064x}"}],
        ],
        ids=["one twice", "one more"],
    )
    def test_receipts_that_say_more_than_the_logs_must_say_so_twice(
        self, node: ScriptedNode, listener: Listener, spoil: Callable[[list[Any]], list[Any]]
    ) -> None:
        spoiled = iter([True])

        def lie(_parameters: object, receipts: Any) -> Any:
            if not next(spoiled, False):
                return receipts
            return [
                {**receipt, "logs": spoil(receipt["logs"])} if receipt["logs"] else receipt
                for receipt in receipts
            ]

        node.lies["eth_getBlockReceipts"] = lie
        with pytest.raises(NodeError):
            listener.poll()
        assert listener.poll().credited == 1
        assert listener.available() == "1"

    @pytest.mark.parametrize("told", ["0x0 with its logs", "0x0 without"])
    def test_a_receipt_that_says_failed_hides_nothing_from_an_empty_page(
        self, node: ScriptedNode, listener: Listener, told: str
    ) -> None:
        claims(node)
        spoiled = {"status": "0x0"} if told.endswith("logs") else {"status": "0x0", "logs": []}
        times = itertools.count(1)
        node.lies["eth_getBlockReceipts"] = lambda _parameters, receipts: [
            {**receipt, **spoiled} if next(times) == 1 else receipt for receipt in receipts
        ]
        with contextlib.suppress(NodeError):
            listener.poll()
        listener.poll_to_the_end()
        assert listener.available() == "1"

    def test_an_empty_bloom_does_not_outweigh_a_log(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.lies["eth_getBlockByNumber"] = lambda _parameters, block: (
            block
            and {
                **block,
                "logsBloom": "0x" + "00" * 256,
            }
        )
        assert listener.poll().credited == 1

    def test_blocks_whose_bloom_has_no_event_are_not_asked_for_receipts(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.logs.append(deposit_log(7, address=STRANGER))
        listener.poll()
        assert [call["params"] for call in node.batches[-1]] == [[node.hash_of(5)]]


class TestBlocks:
    @pytest.mark.parametrize("number", [3, 10])
    def test_a_page_is_a_chain_of_blocks(
        self, node: ScriptedNode, listener: Listener, number: int
    ) -> None:
        def unlinked(parameters: list[Any], block: Wire) -> Wire:
            return (
                {**block, "parentHash": OTHER_HASH} if int(block["number"], 16) == number else block
            )

        node.lies["eth_getBlockByNumber"] = unlinked
        with pytest.raises(NodeError, match=f"block {number} is not a child of block {number - 1}"):
            listener.poll()
        refused(listener)

    @pytest.mark.parametrize("first", [1, 11])
    def test_a_page_begins_with_a_child_of_the_block_below_it(
        self, node: ScriptedNode, listener: Listener, first: int
    ) -> None:
        if first == 11:
            listener.poll()
            node.head = 31
        node.logs.append(deposit_log(first, account=BOB))
        node.lies["eth_getBlockByNumber"] = lambda _parameters, block: (
            block
            and ({**block, "parentHash": OTHER_HASH} if block["number"] == hex(first) else block)
        )
        with pytest.raises(NodeError):
            listener.poll()
        assert (listener.cursor_block(), listener.available(BOB)) == (first - 1, None)
        node.lies.clear()
        listener.poll()
        assert listener.available(BOB) == "1"

    @pytest.mark.parametrize("unknown", [10, 30])
    def test_the_node_must_know_the_last_block_and_the_one_that_confirms_it(
        self, node: ScriptedNode, either: Listener, unknown: int
    ) -> None:
        node.lies["eth_getBlockByNumber"] = lambda parameters, block: (
            None if int(parameters[0], 16) == unknown else block
        )
        node.logs.append(deposit_log(10, account=BOB))
        for _ in range(3):
            with contextlib.suppress(NodeBehindError):
                either.poll()
        assert (either.cursor_block(), either.available(BOB)) == (9, None)
        node.lies.clear()
        either.poll()
        assert (either.cursor_block(), either.available(BOB)) == (10, "1")

    def test_full_needs_every_block_between(self, node: ScriptedNode, listener: Listener) -> None:
        node.lies["eth_getBlockByNumber"] = lambda parameters, block: (
            None if int(parameters[0], 16) == 6 else block
        )
        refused(listener)

    def test_a_block_of_another_number_is_no_answer(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.fail("eth_getBlockByNumber", missing)
        with pytest.raises(NodeError):
            either.poll()
        node.lies["eth_getBlockByNumber"] = lambda parameters, block: (
            node.block(11) if int(parameters[0], 16) == 10 else block
        )
        with pytest.raises(NodeError, match="block 11 when asked for block 10"):
            either.poll()
        assert either.available() is None

    def test_boundary_takes_no_log_of_the_last_block_under_another_hash(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.settings["verify"] = "boundary"
        node.logs = [deposit_log(10)]
        node.lies["eth_getBlockByNumber"] = lambda _parameters, block: (
            block and ({**block, "hash": OTHER_HASH} if block["number"] == "0xa" else block)
        )
        with pytest.raises(NodeError, match="in another block 10"):
            listener.poll()
        assert listener.available() is None


def _changed(**changes: Any) -> Callable[[Wire], Wire]:
    return lambda receipt: {**receipt, **changes}


def _rehashed(receipt: Wire) -> Wire:
    """The same in another block."""
    logs = [{**log, "blockHash": OTHER_HASH} for log in receipt["logs"]]
    return {**receipt, "blockHash": OTHER_HASH, "logs": logs}


def _of_another(receipt: Wire) -> Wire:
    logs = [{**log, "transactionHash": OTHER_HASH} for log in receipt["logs"]]
    return {**receipt, "transactionHash": OTHER_HASH, "logs": logs}


class TestReceipts:
    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(_rehashed, id="of another block"),
            pytest.param(_of_another, id="of another transaction"),
            pytest.param(_changed(logs=[]), id="without the log"),
            pytest.param(_changed(status="0x0"), id="failed"),
            pytest.param(_changed(status=None), id="without a status"),
        ],
    )
    def test_a_receipt_that_does_not_bear_the_log_out_spoils_the_page(
        self, node: ScriptedNode, either: Listener, change: Callable[[Wire], Wire]
    ) -> None:
        node.lies["eth_getBlockReceipts"] = lambda _p, result: [change(r) for r in result]
        node.lies["eth_getTransactionReceipt"] = lambda _p, result: change(result)
        refused(either)

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda receipts: receipts[1:], id="one missing"),
            pytest.param(lambda receipts: receipts[::-1], id="another order"),
            pytest.param(lambda receipts: [*receipts, receipts[0]], id="one twice"),
        ],
    )
    def test_the_receipts_of_a_block_are_those_of_its_transactions(
        self, node: ScriptedNode, listener: Listener, change: Callable[[list[Wire]], list[Wire]]
    ) -> None:
        node.logs = [deposit_log(5, log_index=2)]
        node.lies["eth_getBlockReceipts"] = lambda _p, result: change(result)
        with pytest.raises(NodeError, match="receipts of block 5 are not of its transactions"):
            listener.poll()
        refused(listener)

    @pytest.mark.parametrize("method", ["eth_getBlockReceipts", "eth_getTransactionReceipt"])
    def test_receipts_that_the_node_does_not_know_are_asked_for_again(
        self, node: ScriptedNode, listener: Listener, method: str
    ) -> None:
        if method == "eth_getTransactionReceipt":
            listener.settings["verify"] = "boundary"
        node.fail(method, *[answers(result=None)] * 2)
        assert listener.poll().credited == 1
        assert sum([method] == asked for asked in node.methods()) == 3

    @pytest.mark.parametrize(
        "pruned",
        [
            pytest.param(lambda _: [], id="no receipts"),
            pytest.param(lambda receipts: [{**r, "logs": []} for r in receipts], id="no logs"),
        ],
    )
    @pytest.mark.parametrize("claimed", [True, False])
    def test_receipts_that_a_node_has_thrown_away_are_asked_for_again_but_not_for_ever(
        self,
        node: ScriptedNode,
        listener: Listener,
        pruned: Callable[[list[Wire]], list[Wire]],
        claimed: bool,
    ) -> None:
        if not claimed:
            claims(node)
        times = itertools.count(1)
        node.lies["eth_getBlockReceipts"] = lambda _p, result: (
            pruned(result) if next(times) <= 2 else result
        )
        assert listener.poll().credited == 1
        assert sum(asked == ["eth_getLogs"] for asked in node.methods()) <= 1
        node.head, node.batches = 31, []
        node.logs.append(deposit_log(11, tx=111))
        node.lies["eth_getBlockReceipts"] = lambda _p, result: pruned(result)
        with pytest.raises(NodeBehindError, match="block 11"):
            listener.poll()
        assert (listener.available(), listener.cursor_block()) == ("1", 10)
        assert sum(asked == ["eth_getBlockReceipts"] for asked in node.methods()) == 9

    @pytest.mark.parametrize("honest_first", [False, True])
    def test_of_two_nodes_in_turn_one_of_which_is_pruned_the_other_is_met_in_the_same_poll(
        self, node: ScriptedNode, listener: Listener, honest_first: bool
    ) -> None:
        turn = itertools.cycle([True, False] if honest_first else [False, True])
        honest = [True]
        answer = node.post

        def in_turn(body: bytes, timeout_s: float) -> Any:
            honest[0] = next(turn)
            return answer(body, timeout_s)

        node.post = in_turn  # type: ignore[method-assign]
        for method in ("eth_getLogs", "eth_getBlockReceipts"):
            node.lies[method] = lambda _p, result: result if honest[0] else []
        assert listener.poll().credited == 1

    def test_a_transaction_that_failed_deposits_nothing(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs.append(deposit_log(6, tx=66, account=BOB))
        node.failed_transactions.add(tx_hash(66))
        either.poll()
        assert (either.available(), either.available(BOB)) == ("1", None)

    def test_a_failed_transaction_with_logs_is_not_credited_if_the_logs_say_so(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs.append(deposit_log(6, tx=66, account=BOB))
        node.failed_transactions.add(tx_hash(66))
        claims(node, *node.logs)
        with pytest.raises(NodeError):
            either.poll()
        assert either.available(BOB) is None

    @pytest.mark.parametrize("code", [-32601, -32004])
    @pytest.mark.parametrize("failed", [False, True])
    def test_without_block_receipts_those_of_the_transactions_do(
        self, node: ScriptedNode, listener: Listener, failed: bool, code: int
    ) -> None:
        node.logs = [deposit_log(5, log_index=2, tx=7), deposit_log(6, tx=8)]
        if failed:
            node.failed_transactions.add(tx_hash(7))
        node.lies["eth_getBlockReceipts"] = lambda _p, _r: refuses(code, "not found")
        assert listener.poll().credited == (1 if failed else 2)
        node.head, node.batches = 31, []
        node.logs.append(deposit_log(11))
        listener.poll()
        assert ["eth_getBlockReceipts"] not in node.methods()
        assert ["eth_getTransactionReceipt"] in node.methods()

    @pytest.mark.parametrize("code", [-32000, -32001, -32600, -32602])
    def test_block_receipts_refused_for_another_reason_are_asked_for_again_next_time(
        self, node: ScriptedNode, listener: Listener, code: int
    ) -> None:
        node.fail("eth_getBlockReceipts", refuses(code, "not now"))
        assert listener.poll().credited == 1
        assert ["eth_getTransactionReceipt"] in node.methods()
        node.head, node.batches = 31, []
        node.logs.append(deposit_log(11))
        listener.poll()
        assert ["eth_getBlockReceipts"] in node.methods()

    def test_without_block_receipts_a_receipt_of_another_block_spoils_the_page(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.lies["eth_getBlockReceipts"] = lambda _p, _r: refuses(-32601)
        node.lies["eth_getTransactionReceipt"] = lambda _p, receipt: _rehashed(receipt)
        refused(listener)

    @pytest.mark.parametrize("claimed", [[], [deposit_log(5, blockHash=OTHER_HASH)]])
    @pytest.mark.parametrize("one_by_one", [False, True])
    def test_receipts_of_another_block_spoil_the_page_even_if_no_log_speaks_against_them(
        self, node: ScriptedNode, listener: Listener, claimed: list[Wire], one_by_one: bool
    ) -> None:
        claims(node, *claimed)
        node.lies["eth_getBlockReceipts"] = lambda _p, receipts: (
            refuses(-32601) if one_by_one else [_rehashed(receipt) for receipt in receipts]
        )
        node.lies["eth_getTransactionReceipt"] = lambda _p, receipt: _rehashed(receipt)
        refused(listener)

    def test_single_receipts_are_asked_for_in_batches_that_the_node_takes(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.batch_calls_max = 16
        node.lies["eth_getBlockReceipts"] = lambda _p, _r: refuses(-32601)
        node.logs = [deposit_log(5, log_index=i) for i in range(60)]
        listener.poll_to_the_end()
        assert (listener.available(), listener.cursor_block()) == ("60", 10)

    def test_two_nodes_that_number_logs_differently_agree_about_events(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        turn = itertools.count()

        def renumbered(_parameters: object, receipts: Any) -> Any:
            shift = next(turn)
            return [
                {
                    **receipt,
                    "logs": [
                        {**log, "logIndex": hex(int(log["logIndex"], 16) + shift)}
                        for log in receipt["logs"]
                    ],
                }
                for receipt in receipts
            ]

        claims(node)
        node.lies["eth_getBlockReceipts"] = renumbered
        assert listener.poll().credited == 1

    def test_many_receipts_are_asked_for_in_batches_of_a_hundred(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.settings["verify"] = "boundary"
        node.logs = [deposit_log(5, log_index=i) for i in range(250)]
        assert listener.poll().credited == 250
        assert [len(batch) for batch in node.batches[-3:]] == [100, 100, 50]

    @pytest.mark.parametrize("code", [-32000, -32602, -32005])
    def test_one_block_whose_logs_are_refused_is_read_by_its_receipts(
        self, node: ScriptedNode, either: Listener, code: int
    ) -> None:
        node.lies["eth_getLogs"] = lambda _p, _r: refuses(code, "more than 10000 results")
        for _ in range(40):
            try:
                either.poll()
            except NodeError:
                assert code == -32005
                break
            if either.cursor_block() == 10:
                break
        expected = (None, 0) if code == -32005 else ("1", 10)
        assert (either.available(), either.cursor_block()) == expected


class TestPositions:
    def test_ordinals_count_the_vaults_events_in_the_receipt_whatever_their_token(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs = [
            deposit_log(5, log_index=3, tx=7, token=STRANGER),
            deposit_log(5, log_index=5, tx=7),
            deposit_log(5, log_index=6, tx=7, address=STRANGER),
            deposit_log(5, log_index=7, tx=7, account=BOB),
        ]
        either.poll()
        assert either.ask(
            "SELECT user_address, event_ordinal, log_index FROM spot_deposits ORDER BY log_index"
        ) == [(ALICE, 1, 5), (BOB, 2, 7)]

    def test_full_counts_log_indexes_through_the_block_however_the_node_numbers_them(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.logs = [
            deposit_log(5, log_index=2, tx=7),
            deposit_log(5, log_index=3, tx=7),
            deposit_log(5, log_index=6, tx=8),
        ]

        def per_transaction(_parameters: object, receipts: list[Wire]) -> list[Wire]:
            return [
                {
                    **receipt,
                    "logs": [
                        {**log, "logIndex": hex(place)} for place, log in enumerate(receipt["logs"])
                    ],
                }
                for receipt in receipts
            ]

        node.lies["eth_getBlockReceipts"] = per_transaction
        node.lies["eth_getLogs"] = lambda _p, logs: [{**log, "logIndex": "0x0"} for log in logs]
        listener.poll()
        assert listener.places() == [(7, 5, 2), (7, 5, 3), (8, 5, 6)]

    def test_renumbered_log_indexes_credit_nothing_twice(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs = [deposit_log(5, log_index=2, tx=7), deposit_log(5, log_index=3, tx=7)]
        either.poll()
        with either.database.write() as transaction:
            transaction.execute("UPDATE spot_block_sync_state SET last_processed_block = 0")
        node.logs = [deposit_log(5, log_index=5, tx=7), deposit_log(5, log_index=6, tx=7)]
        either.poll()
        assert (either.available(), len(either.rows())) == ("2", 2)
        assert [kind for kind, _ in either.entries()] == ["deposit"] * 2

    def test_boundary_takes_no_page_with_two_logs_at_one_place(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.settings["verify"] = "boundary"
        node.logs = [deposit_log(5, log_index=i, tx=7) for i in range(2)]
        same = {"logIndex": "0x0"}
        node.lies["eth_getLogs"] = lambda _p, logs: [{**log, **same} for log in logs]
        node.lies["eth_getTransactionReceipt"] = lambda _p, receipt: {
            **receipt,
            "logs": [{**log, **same} for log in receipt["logs"]],
        }
        with pytest.raises(NodeError, match="the same logIndex"):
            listener.poll()
        assert listener.cursor_block() == 0

    def test_the_row_says_where_the_event_stands(
        self, node: ScriptedNode, either: Listener
    ) -> None:
        node.logs = [deposit_log(5, log_index=4, tx=7)]
        either.poll()
        assert either.ask("SELECT block_number, block_hash, log_index FROM spot_deposits") == [
            (5, node.hash_of(5), 4)
        ]
