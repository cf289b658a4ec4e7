"""The wire: only a complete, matching answer to a batch is one, whatever else a node sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ztdx_spot.errors import NodeBusyError, NodeError, NodeOverloadedError
from ztdx_spot.node.client import Call, NodeClient, Refusal, result_of
from ztdx_spot.ports import AnswerTooLarge, HttpAnswer, TransportError, TransportTimeout

from .listener_world import Listener
from .world import (
    BatchFault,
    EntryFault,
    ScriptedNode,
    Wire,
    answers,
    cuts,
    deposit_log,
    good_entry,
    http_answer,
    missing,
    refuses,
    sends,
)

CALLS = [Call("eth_chainId"), Call("eth_blockNumber"), Call("eth_chainId")]


class OneAnswer:
    """A transport that answers each post in the same way, and remembers it."""

    def __init__(self, answer: Callable[[list[Wire]], HttpAnswer]) -> None:
        self._answer = answer
        self.posts: list[tuple[list[Wire], float]] = []

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        self.posts.append((json.loads(body), timeout_s))
        return self._answer(self.posts[-1][0])


def whole(batch: list[Wire]) -> list[Wire]:
    """The good answer: to each call its own number."""
    return [good_entry(call, place) for place, call in enumerate(batch)]


def ask(change: Callable[[list[Wire]], object]) -> list[object]:
    """What the client makes of the good answer after a change to it."""
    transport = OneAnswer(lambda batch: http_answer(json.dumps(change(whole(batch))).encode()))
    return NodeClient(transport).ask(CALLS)


def replaced(**members: Any) -> Callable[[list[Wire]], object]:
    """The middle entry with other members; `...` takes one away."""

    def change(entries: list[Wire]) -> list[Wire]:
        entry = {**entries[1], **members}
        entries[1] = {name: value for name, value in entry.items() if value is not ...}
        return entries

    return change


class TestBatches:
    def test_answers_come_in_the_order_of_the_calls_whatever_that_of_the_entries(self) -> None:
        assert ask(lambda entries: entries[::-1]) == [0, 1, 2]

    def test_a_batch_is_one_body_with_a_deadline_and_ids_of_its_own(self) -> None:
        transport = OneAnswer(lambda batch: http_answer(json.dumps(whole(batch)).encode()))
        client = NodeClient(transport, timeout_s=7.5)
        client.ask([Call("a", (1, True, {"x": None}))])
        client.ask([Call("b"), Call("c")])
        assert transport.posts == [
            ([{"jsonrpc": "2.0", "id": 1, "method": "a", "params": [1, True, {"x": None}]}], 7.5),
            (
                [
                    {"jsonrpc": "2.0", "id": 2, "method": "b", "params": []},
                    {"jsonrpc": "2.0", "id": 3, "method": "c", "params": []},
                ],
                7.5,
            ),
        ]

    def test_null_and_falsy_results_are_results(self) -> None:
        for value in (None, False, 0, "", [], {}):
            assert ask(replaced(result=value)) == [0, value, 2]

    def test_an_error_of_null_is_no_error(self) -> None:
        assert ask(replaced(error=None)) == [0, 1, 2]

    def test_a_refused_call_is_told_beside_the_answers_to_the_others(self) -> None:
        first, refusal, last = ask(replaced(error={"code": -32000, "message": "pruned"}))
        assert (first, last) == (0, 2)
        assert refusal == Refusal("eth_blockNumber", -32000, "-32000: 'pruned'")
        with pytest.raises(NodeError, match="eth_blockNumber: the node answered with error -32000"):
            result_of(refusal)

    @pytest.mark.parametrize("error", ["busy", 0, False, [], [1], {}, {"code": "-32005"}])
    def test_an_error_of_any_shape_is_a_refusal_even_beside_a_result(self, error: object) -> None:
        refusal = ask(replaced(error=error))[1]
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.is_busy) == (None, False)

    @pytest.mark.parametrize("code", [429, -32005, -32007, -32012, -32016])
    def test_codes_of_rate_limits_are_busy(self, code: int) -> None:
        with pytest.raises(NodeBusyError):
            result_of(ask(replaced(error={"code": code}))[1])

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda entries: entries[:2], id="an entry missing"),
            pytest.param(lambda _: [], id="no entry"),
            pytest.param(lambda entries: [*entries, entries[0]], id="an entry twice"),
            pytest.param(lambda entries: [*entries[:2], entries[1]], id="one for another"),
            pytest.param(lambda entries: [*entries, {**entries[0], "id": 99}], id="an extra one"),
            pytest.param(lambda entries: [*entries[:2], None], id="an entry null"),
            pytest.param(lambda entries: [*entries[:2], []], id="an entry a list"),
            pytest.param(lambda entries: [*entries[:2], "0x1"], id="an entry a text"),
            pytest.param(lambda entries: [entries], id="a list of the list"),
            pytest.param(lambda entries: entries[0], id="a single entry"),
            pytest.param(lambda entries: {"result": entries}, id="an object"),
            pytest.param(lambda _: {}, id="an empty object"),
            pytest.param(lambda _: "message", id="a text"),
            pytest.param(lambda _: None, id="null"),
            pytest.param(lambda _: 0, id="a number"),
            pytest.param(replaced(id="2"), id="id a text"),
            pytest.param(replaced(id=True), id="id true"),
            pytest.param(replaced(id=2.0), id="id a float"),
            pytest.param(replaced(id=None), id="id null"),
            pytest.param(replaced(id=...), id="id missing"),
            pytest.param(replaced(id=[2]), id="id a list"),
            pytest.param(replaced(id={}), id="id an object"),
            pytest.param(replaced(id=-2), id="id negative"),
            pytest.param(replaced(id=2**70), id="id enormous"),
            pytest.param(replaced(jsonrpc="1.0"), id="old version"),
            pytest.param(replaced(jsonrpc=2.0), id="version a number"),
            pytest.param(replaced(jsonrpc=...), id="no version"),
            pytest.param(replaced(result=...), id="no result"),
            pytest.param(replaced(result=..., error=None), id="an error of null alone"),
        ],
    )
    def test_an_answer_that_does_not_match_is_none(
        self, change: Callable[[list[Wire]], object]
    ) -> None:
        with pytest.raises(NodeError) as caught:
            ask(change)
        assert type(caught.value) is NodeError

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ({"code": -32600, "message": "batch too large"}, NodeOverloadedError),
            ({"code": -32700}, NodeOverloadedError),
            ({"code": 429, "message": "slow down"}, NodeBusyError),
            ({"code": -32005}, NodeBusyError),
            ({}, NodeOverloadedError),
            ("text", NodeError),
        ],
    )
    def test_one_error_for_the_whole_batch_is_a_smaller_batch_or_a_pause(
        self, error: object, kind: type[NodeError]
    ) -> None:
        with pytest.raises(NodeError) as caught:
            ask(lambda _: {"jsonrpc": "2.0", "id": None, "error": error})
        assert type(caught.value) is kind

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"<html>busy</html>",
            b'[{"jsonrpc":"2.0","id":1,"result":',
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"\xff\xfe",
            b'[{"jsonrpc":"2.0","id":1,"result":NaN}]',
            "﻿[]".encode("utf-16"),
        ],
    )
    def test_a_body_that_is_no_json_answer_is_none(self, body: bytes) -> None:
        with pytest.raises(NodeError) as caught:
            NodeClient(OneAnswer(lambda _: http_answer(body))).ask(CALLS)
        assert type(caught.value) is NodeError

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            *((status, NodeBusyError) for status in (429, 503)),
            *((status, NodeOverloadedError) for status in (413, 500, 502, 504)),
            *((status, NodeError) for status in (100, 201, 204, 301, 307, 401, 403, 404, 521)),
        ],
    )
    def test_only_status_200_is_an_answer(self, status: int, kind: type[NodeError]) -> None:
        transport = OneAnswer(lambda batch: http_answer(json.dumps(whole(batch)).encode(), status))
        with pytest.raises(NodeError, match=f"HTTP status {status}, expected 200") as caught:
            NodeClient(transport).ask(CALLS)
        assert type(caught.value) is kind

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (TransportError("reset"), NodeError),
            (TransportTimeout("late"), NodeOverloadedError),
            (AnswerTooLarge("big"), NodeOverloadedError),
        ],
    )
    def test_no_complete_answer_is_told_after_one_attempt(
        self, error: Exception, kind: type[NodeError]
    ) -> None:
        def breaks(_batch: object) -> HttpAnswer:
            raise error

        transport = OneAnswer(breaks)
        with pytest.raises(NodeError) as caught:
            NodeClient(transport).ask(CALLS)
        assert (type(caught.value), len(transport.posts)) == (kind, 1)

    def test_what_a_node_sends_cannot_flood_the_log(self) -> None:
        flood = "x" * 100_000
        for members in ({"id": flood}, {"error": {"code": flood, "message": flood}}):
            with pytest.raises(NodeError) as caught:
                result_of(ask(replaced(**members))[1])
            assert len(str(caught.value)) < 500


def lied(**changes: Any) -> EntryFault:
    return answers(result=[{"blockHash": "0x" + "11" * 32, **deposit_log(5, **changes)}])


BAD_LOG_ENTRIES: dict[str, EntryFault] = {
    "no entry": missing,
    "error object": refuses(-32000, "header not found"),
    "error beside a result": answers(error={"code": -32000}, result=[]),
    "null result": answers(result=None),
    "object result": answers(result={}),
    "text result": answers(result="too many logs"),
    "false result": answers(result=False),
    "no result": answers(),
    "wrong id": answers(id=4711, result=[]),
    "id true": answers(id=True, result=[]),
    "id null": answers(id=None, result=[]),
    "old version": answers(jsonrpc="1.0", result=[]),
    "an entry that is no object": answers(result=["0x"]),
    "a pending log": lied(blockNumber=None),
    "a log index as a number": lied(logIndex=0),
    "a log index with leading zeros": lied(logIndex="0x00"),
    "an enormous height": lied(blockNumber="0x" + "f" * 17),
    "a short hash": lied(transactionHash="0xab"),
    "a hash of other digits": lied(blockHash="0x" + "٣" * 64),
    "half a byte": lied(data="0x123"),
    "topics missing": lied(topics=None),
    "five topics": lied(topics=["0x" + "11" * 32] * 5),
    "removed as text": lied(removed="false"),
    "an address too long": lied(address="0x" + "4f" * 21),
}
EMPTY_LIST = answers(result=[])
BAD_BODIES: dict[str, BatchFault] = {
    "a bare list": sends(b"[]"),
    "HTML": sends(b"<html>busy</html>"),
    "nothing": sends(b""),
    "cut JSON": sends(b'[{"jsonrpc":"2.0","id":3,"result":['),
    "deep nesting": sends(b"[" * 100_000),
    "status 201": lambda batch: http_answer(json.dumps(whole(batch)).encode(), 201),
    "no complete answer": cuts,
}


class TestPoll:
    """A node that answers badly once costs a poll and nothing else."""

    def check(self, node: ScriptedNode, listener: Listener) -> None:
        with pytest.raises(NodeError):
            listener.poll()
        assert (listener.available(), listener.cursor_block()) == (None, 0)
        listener.poll()
        assert (listener.available(), listener.cursor_block()) == ("1", 1)

    @pytest.mark.parametrize("name", BAD_LOG_ENTRIES)
    def test_an_unusable_answer_is_never_an_empty_page(
        self, node: ScriptedNode, either: Listener, name: str
    ) -> None:
        # Two blocks to begin with: the receipts of a single one would do without these logs.
        node.logs, node.head = [deposit_log(1)], 22
        node.fail("eth_getLogs", *[BAD_LOG_ENTRIES[name]] * 2)
        if "error" in name:
            assert either.poll().last_block == 1
            assert either.available() == "1"
        else:
            with pytest.raises(NodeError):
                either.poll()
            assert (either.available(), either.cursor_block()) == (None, 0)

    @pytest.mark.parametrize("name", BAD_BODIES)
    def test_a_body_that_is_no_answer_is_never_an_empty_page(
        self, node: ScriptedNode, either: Listener, name: str
    ) -> None:
        node.logs, node.head = [deposit_log(1)], 21
        node.fail_batch("eth_getLogs", BAD_BODIES[name])
        self.check(node, either)

    @pytest.mark.parametrize(
        "method", ["eth_getBlockByNumber", "eth_getBlockReceipts", "eth_getTransactionReceipt"]
    )
    @pytest.mark.parametrize(
        "entry",
        [
            pytest.param(missing, id="missing"),
            pytest.param(refuses(-32000), id="error"),
            pytest.param(answers(result={}), id="object"),
            pytest.param(EMPTY_LIST, id="list"),
            pytest.param(answers(result=[{}]), id="list of an object"),
            pytest.param(answers(result="0x"), id="text"),
            pytest.param(answers(id=1, result=None), id="wrong id"),
        ],
    )
    def test_an_unusable_answer_about_blocks_or_receipts_proves_nothing(
        self, node: ScriptedNode, listener: Listener, method: str, entry: EntryFault
    ) -> None:
        if method == "eth_getTransactionReceipt":
            listener.settings["verify"] = "boundary"
        node.logs, node.head = [deposit_log(1)], 21
        if method == "eth_getBlockReceipts":  # refused, the transactions' own would do
            node.fail("eth_getTransactionReceipt", refuses(-32000))
        # A node without the receipts is asked three times, for each of three pages.
        pruned = method == "eth_getBlockReceipts" and entry is EMPTY_LIST
        node.fail(method, *[entry] * (9 if pruned else 1))
        self.check_once(listener)

    def check_once(self, listener: Listener) -> None:
        with pytest.raises(NodeError):
            listener.poll()
        assert listener.available() is None
        listener.poll()
        assert (listener.available(), listener.cursor_block()) == ("1", 1)
