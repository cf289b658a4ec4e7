"""Shapes and blooms: every field of a result is checked before anything is concluded from it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from eth_bloom import BloomFilter

from ztdx_spot.errors import NodeError
from ztdx_spot.node import bloom, shapes
from ztdx_spot.node.shapes import QUANTITY_MAX

from .world import VAULT, ScriptedNode, Wire, deposit_log

HASH = "0x" + "ab" * 32


def a_node() -> ScriptedNode:
    return ScriptedNode(head=9, logs=[deposit_log(5, log_index=2, tx=7)])


def a_log() -> Wire:
    return a_node().wire(deposit_log(5))


def a_block() -> Wire:
    block = a_node().block(5)
    assert block is not None
    return block


def a_receipt() -> Wire:
    return a_node().receipts(5)[1]


class TestQuantity:
    @pytest.mark.parametrize(
        ("text", "number"),
        [("0x0", 0), ("0x1", 1), ("0xff", 255), ("0xFF", 255), (hex(QUANTITY_MAX), QUANTITY_MAX)],
    )
    def test_a_hex_quantity_is_its_number(self, text: str, number: int) -> None:
        assert shapes.quantity(text, "it") == number

    @pytest.mark.parametrize(
        "value",
        [
            *(None, True, 5, 5.0, [], {}, "", "0x", "5", "x5", "0X5", "0x05", "0x00", "0x 5"),
            *(" 0x5", "0x5\n", "-0x5", "0x-5", "+0x5", "0x5_0", "0xg", "0x٣", "0x1.0", "0x1e+2"),
            *(hex(QUANTITY_MAX + 1), hex(2**64), "0x" + "f" * 64, "0x" + "1" * 100_000),
        ],
    )
    def test_anything_else_is_none(self, value: object) -> None:
        with pytest.raises(NodeError, match="expected a hex quantity") as caught:
            shapes.quantity(value, "it")
        assert len(str(caught.value)) < 300


class TestLogs:
    def test_hex_is_stored_in_lower_case_and_topics_in_order(self) -> None:
        upper = {
            **a_log(),
            "address": "0x" + VAULT[2:].upper(),
            "transactionHash": "0x" + "AB" * 32,
            "blockHash": "0x" + "CD" * 32,
            "topics": ["0x" + "EF" * 32, "0x" + "12" * 32],
            "data": "0xABCD",
        }
        (log,) = shapes.logs([upper], "eth_getLogs")
        assert (log.address, log.transaction_hash) == (VAULT, "0x" + "ab" * 32)
        assert (log.block_hash, log.data) == ("0x" + "cd" * 32, "0xabcd")
        assert log.topics == ("0x" + "ef" * 32, "0x" + "12" * 32)

    def test_removed_may_be_left_out_and_nothing_else(self) -> None:
        without = {name: value for name, value in a_log().items() if name != "removed"}
        assert not shapes.logs([without], "it")[0].removed
        for name in ("address", "topics", "data", "blockNumber", "blockHash", "transactionHash"):
            with pytest.raises(NodeError, match=name):
                shapes.logs([{k: v for k, v in a_log().items() if k != name}], "it")
        with pytest.raises(NodeError, match="logIndex"):
            shapes.logs([{k: v for k, v in a_log().items() if k != "logIndex"}], "it")

    def test_a_log_may_have_no_topics_and_no_data(self) -> None:
        (log,) = shapes.logs([{**a_log(), "topics": [], "data": "0x"}], "it")
        assert (log.topics, log.data) == ((), "0x")

    @pytest.mark.parametrize(
        "changes",
        [
            {"address": "0x" + "12" * 19},
            {"address": "12" * 21},
            {"address": None},
            {"topics": {}},
            {"topics": [None]},
            {"topics": [HASH[:-1]]},
            {"topics": [HASH + "\n"]},
            {"topics": [HASH] * 5},
            {"data": "0x1"},
            {"data": "0xgg"},
            {"data": "00"},
            {"data": None},
            {"removed": None},
            {"removed": 0},
            {"blockHash": None},
            {"logIndex": hex(2**63)},
        ],
    )
    def test_a_malformed_field_is_no_log(self, changes: dict[str, Any]) -> None:
        with pytest.raises(NodeError):
            shapes.logs([a_log(), {**a_log(), **changes}], "it")

    @pytest.mark.parametrize("value", [None, {}, "", 0, "[]", [None], [[]], ["0x"]])
    def test_only_a_list_of_objects_is_logs(self, value: object) -> None:
        with pytest.raises(NodeError):
            shapes.logs(value, "it")

    def test_an_empty_list_is_no_logs(self) -> None:
        assert shapes.logs([], "it") == []


class TestHeader:
    def test_null_is_a_block_that_the_node_does_not_know(self) -> None:
        assert shapes.header(None, 5) is None

    def test_a_block_has_its_number_hashes_bloom_and_transactions(self) -> None:
        header = shapes.header(a_block(), 5)
        assert header is not None
        assert (header.number, header.block_hash) == (5, a_node().hash_of(5))
        assert header.parent_hash == a_node().hash_of(4)
        assert len(header.transaction_hashes) == 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"number": "0x6"},
            {"number": None},
            {"hash": None},
            {"hash": HASH[:-2]},
            {"parentHash": None},
            {"logsBloom": "0x0"},
            {"logsBloom": None},
            {"logsBloom": "0x" + "0" * 510},
            {"transactions": None},
            {"transactions": {}},
            {"transactions": [{"hash": HASH}]},
            {"transactions": [HASH[:-1]]},
        ],
    )
    def test_a_malformed_field_is_no_block(self, changes: dict[str, Any]) -> None:
        with pytest.raises(NodeError):
            shapes.header({**a_block(), **changes}, 5)

    @pytest.mark.parametrize("value", [[], "", 0, True, HASH])
    def test_only_an_object_is_a_block(self, value: object) -> None:
        with pytest.raises(NodeError):
            shapes.header(value, 5)


class TestReceipts:
    def test_status_1_is_success_and_0_is_none(self) -> None:
        assert shapes.receipt(a_receipt(), "it").succeeded
        assert not shapes.receipt({**a_receipt(), "status": "0x0", "logs": []}, "it").succeeded

    def test_what_failed_has_no_logs(self) -> None:
        assert a_receipt()["logs"]
        with pytest.raises(NodeError, match="status 0x0, and 1 logs: what failed has none"):
            shapes.receipt({**a_receipt(), "status": "0x0"}, "it")

    @pytest.mark.parametrize("status", [None, 1, True, "0x2", "0x01", "1", "0x", [], "0x1 "])
    def test_no_other_status_is_one(self, status: object) -> None:
        with pytest.raises(NodeError, match="status is"):
            shapes.receipt({**a_receipt(), "status": status}, "it")

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda log: log.update(transactionHash=HASH), id="other transaction"),
            pytest.param(lambda log: log.update(blockHash=HASH), id="other block"),
            pytest.param(lambda log: log.pop("data"), id="malformed"),
        ],
    )
    def test_its_logs_are_its_own(self, change: Callable[[Wire], object]) -> None:
        receipt = a_receipt()
        change(receipt["logs"][0])
        with pytest.raises(NodeError):
            shapes.receipt(receipt, "it")

    @pytest.mark.parametrize("name", ["transactionHash", "blockHash", "logs"])
    def test_no_field_may_be_missing(self, name: str) -> None:
        with pytest.raises(NodeError):
            shapes.receipt({k: v for k, v in a_receipt().items() if k != name}, "it")

    @pytest.mark.parametrize("value", [None, {}, "", [None], [[]]])
    def test_only_a_list_of_objects_is_receipts(self, value: object) -> None:
        with pytest.raises(NodeError):
            shapes.receipts(value, "it")


class TestBloom:
    def test_bits_are_those_of_an_independent_implementation(self) -> None:
        chance = random.Random(5)
        for _ in range(50):
            items = ["0x" + chance.randbytes(size).hex() for size in (20, 32, 32)]
            independent = BloomFilter()
            for item in items:
                independent.add(bytes.fromhex(item[2:]))
            assert bloom.bits_of(*items) == int(independent)

    def test_a_block_may_hold_a_log_if_all_its_bits_are_set(self) -> None:
        bits = bloom.bits_of(VAULT, HASH)
        assert bloom.may_hold(bits, bits)
        assert bloom.may_hold(2**2048 - 1, bits)
        assert not bloom.may_hold(0, bits)
        assert not bloom.may_hold(bits & (bits - 1), bits)
        assert not bloom.may_hold(bloom.bits_of(VAULT), bits)


@pytest.mark.parametrize(
    ("value", "picture"),
    [
        (None, "None"),
        ("0x1", "'0x1'"),
        ([1, 2], "a list of 2"),
        ({}, "a dict of 0"),
        (1e300, "1e+300"),
    ],
)
def test_a_value_is_pictured_in_a_few_words(value: object, picture: str) -> None:
    assert shapes.seen(value) == picture


@pytest.mark.parametrize("value", ["\n" * 10**6, 10**300, "٣" * 10**6])
def test_no_picture_is_long_and_none_breaks_a_line(value: object) -> None:
    assert len(shapes.seen(value)) <= 300
    assert "\n" not in shapes.seen(value)
