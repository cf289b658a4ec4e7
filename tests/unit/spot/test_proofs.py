"""Proofs: header hashes and receipts roots, and what the listener makes of those that don't fit."""

from __future__ import annotations

import itertools
import logging
import random
from typing import Any

import pytest
import rlp as reference_rlp
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_hash.auto import keccak
from trie import HexaryTrie

from ztdx_devnet.chain.rpc import shapes as devnet_shapes
from ztdx_spot.errors import NodeError
from ztdx_spot.listener import proofs
from ztdx_spot.listener.proofs import Proofs, ReceiptsRootError
from ztdx_spot.node import header_hash, receipts_root, rlp, shapes
from ztdx_spot.node.bloom import bits_of
from ztdx_spot.node.receipts_root import root_of

from .listener_world import Listener
from .world import BOB, DF, ONE_DF, ScriptedNode, Wire, address_topic, deposit_log, refuses

ZERO_HASH = "0x" + "00" * 32
NO_BLOOM = "0x" + "00" * 256
NO_HEX = ("0x-5", "-0x5", "0x+5", "0x1_0", "0x 10", "0x10 ", "0x10\n", "0x\u0661\u0661", "0x0x10")
"""What int() and bytes.fromhex() read all the same, or in part."""

MAINNET_GENESIS: Wire = {
    "number": "0x0",
    "hash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    "parentHash": ZERO_HASH,
    "nonce": "0x0000000000000042",
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "logsBloom": NO_BLOOM,
    "transactionsRoot": header_hash.EMPTY_ROOT,
    "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    "receiptsRoot": header_hash.EMPTY_ROOT,
    "miner": "0x" + "00" * 20,
    "difficulty": "0x400000000",
    "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "mixHash": ZERO_HASH,
    "transactions": [],
}


def header_of(block: Wire) -> shapes.Header:
    found = shapes.header(block, int(block["number"], 16))
    assert found is not None
    return found


def prague_block(number: int = 7, **fields: Any) -> Wire:
    """As a node tells it, hashed by py-evm."""
    header = PragueBlockHeader(
        **{
            "difficulty": 0,
            "block_number": number,
            "gas_limit": 60_000_000,
            "timestamp": 1_700_000_000 + number,
            "base_fee_per_gas": 7,
            "transaction_root": b"\x77" * 32,
            **fields,
        }
    )
    told = devnet_shapes._header(header, header.hash)
    return {**told, "transactions": [ZERO_HASH]}


class TestRlp:
    def test_it_encodes_as_an_independent_implementation(self) -> None:
        chance = random.Random(3)

        def item(depth: int) -> Any:
            if depth == 0 or chance.random() < 0.4:
                return chance.randbytes(chance.choice([0, 1, 1, 2, 55, 56, 255, 256, 70_000]))
            return [item(depth - 1) for _ in range(chance.randrange(6))]

        for _ in range(200):
            made = item(3)
            assert rlp.encode(made) == reference_rlp.encode(made)

    @pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, 2**64, 2**255])
    def test_integers_have_no_leading_zeros(self, value: int) -> None:
        assert rlp.encode(rlp.integer(value)) == reference_rlp.encode(value)


class TestHeaderHash:
    def test_the_first_header_of_ethereum_has_its_hash(self) -> None:
        assert header_hash.is_own(header_of(MAINNET_GENESIS)) is True

    def test_a_header_of_the_newest_fork_has_its_hash(self) -> None:
        chance = random.Random(4)
        for number in range(1, 40):
            block = prague_block(
                number,
                bloom=chance.getrandbits(2048) if number % 2 else 0,
                extra_data=chance.randbytes(number * 20),
                difficulty=number % 3,
                base_fee_per_gas=number % 4 * 10**9,
                gas_used=chance.randrange(10**8),
                blob_gas_used=chance.choice([0, 131_072]),
            )
            assert header_hash.is_own(header_of(block)) is True

    @pytest.mark.parametrize("name", sorted({*MAINNET_GENESIS} - {"hash", "transactions"}))
    def test_any_other_value_of_a_field_is_seen(self, name: str) -> None:
        told = MAINNET_GENESIS[name]
        changed = told[:-1] + ("1" if told[-1] != "1" else "2")
        assert header_hash.is_own(header_of({**MAINNET_GENESIS, name: changed})) is False

    def test_a_field_that_the_chain_hashes_and_we_do_not_know_is_a_mismatch(self) -> None:
        encoded = reference_rlp.encode([b"", b"one more"])
        block = {**prague_block(), "hash": "0x" + keccak(encoded).hex()}
        assert header_hash.is_own(header_of(block)) is False

    @pytest.mark.parametrize("name", sorted({*MAINNET_GENESIS} - {"number", "transactions"}))
    def test_the_case_of_hex_digits_is_no_difference(self, name: str) -> None:
        upper = "0x" + MAINNET_GENESIS[name][2:].upper()
        assert header_hash.is_own(header_of({**MAINNET_GENESIS, name: upper})) is True

    @pytest.mark.parametrize("value", [None, 7, "7", "0x7g", [], *NO_HEX, "missing"])
    @pytest.mark.parametrize("name", ["stateRoot", "gasUsed"])
    def test_what_lacks_a_field_proves_nothing(self, name: str, value: object) -> None:
        block = {**prague_block(), name: value}
        if value == "missing":
            del block[name]
        assert header_hash.is_own(header_of(block)) is None

    @pytest.mark.parametrize("odd", [{"gasUsed": "0x"}, {"stateRoot": "0x123"}], ids=str)
    def test_a_number_without_digits_or_half_a_byte_proves_nothing(self, odd: Wire) -> None:
        assert header_hash.is_own(header_of({**prague_block(), **odd})) is None

    def test_a_block_without_transactions_says_so_twice(self) -> None:
        empty = {"transactionsRoot": header_hash.EMPTY_ROOT, "transactions": []}
        block = prague_block()
        assert header_hash.has_no_transactions(header_of({**block, **empty}))
        for name, value in empty.items():
            told = {**block, **empty, name: block[name]}
            assert not header_hash.has_no_transactions(header_of(told)), (name, value)


def some_receipts(count: int, chance: random.Random) -> list[Wire]:
    gas_used = 0
    found = []
    for index in range(count):
        gas_used += chance.randrange(21_000, 900_000)
        sender = f"0x{index + 1:064x}"
        logs = [
            {
                **deposit_log(7, transactionHash=sender, amount_wei=chance.getrandbits(200)),
                "blockHash": ZERO_HASH,
                "topics": ["0x" + chance.randbytes(32).hex() for _ in range(chance.randrange(5))],
            }
            for _ in range(chance.randrange(4))
        ]
        found.append(
            {
                "transactionHash": sender,
                "blockHash": ZERO_HASH,
                "type": hex(chance.randrange(5)),
                "status": "0x1" if logs else "0x0",
                "cumulativeGasUsed": hex(gas_used),
                "logs": logs,
            }
        )
    return found


def reference_root(receipts: list[Wire]) -> str:
    """With the libraries that the chain of the simulator is made of."""
    tree = HexaryTrie({})
    for index, receipt in enumerate(receipts):
        bits, logs = 0, []
        for log in receipt["logs"]:
            bits |= bits_of(log["address"], *log["topics"])
            items = [log["address"], *log["topics"], log["data"]]
            address, *topics, data = (bytes.fromhex(item[2:]) for item in items)
            logs.append([address, topics, data])
        body = [
            int(receipt["status"], 16),
            int(receipt["cumulativeGasUsed"], 16),
            bits.to_bytes(256, "big"),
            logs,
        ]
        kind = int(receipt["type"], 16)
        tree[reference_rlp.encode(index)] = (bytes([kind]) if kind else b"") + reference_rlp.encode(
            body
        )
    return "0x" + tree.root_hash.hex()


class TestReceiptsRoot:
    @pytest.mark.parametrize("count", [0, 1, 2, 3, 15, 16, 17, 127, 128, 129, 130, 257, 300])
    def test_it_is_that_of_an_independent_implementation(self, count: int) -> None:
        receipts = some_receipts(count, random.Random(count))
        assert root_of(shapes.receipts(receipts, "them")) == reference_root(receipts)

    def test_that_of_no_receipts_is_the_empty_root(self) -> None:
        assert root_of([]) == header_hash.EMPTY_ROOT

    def test_nodes_short_enough_to_stand_in_their_parent_do(self) -> None:
        """No receipt is that short, but the trie is one for values of any length."""
        tree = HexaryTrie({})
        leaves = []
        for index in range(200):
            value = bytes([index % 40 + 1]) * (index % 40 + 1)
            tree[reference_rlp.encode(index)] = value
            leaves.append((reference_rlp.encode(index).hex(), value))
        assert keccak(rlp.encode(receipts_root._node(leaves))) == tree.root_hash

    @pytest.mark.parametrize(
        "change",
        [
            *({"type": value} for value in ("0x7e", None, *NO_HEX)),
            *({"cumulativeGasUsed": value} for value in (None, "5", *NO_HEX)),
        ],
        ids=str,
    )
    def test_receipts_of_another_kind_have_none(self, change: Wire) -> None:
        receipts = some_receipts(3, random.Random(1))
        receipts[1] |= change
        assert root_of(shapes.receipts(receipts, "them")) is None

    @pytest.mark.parametrize("name", ["type", "cumulativeGasUsed"])
    def test_receipts_that_lack_what_it_takes_have_none(self, name: str) -> None:
        receipts = some_receipts(3, random.Random(1))
        del receipts[1][name]
        assert root_of(shapes.receipts(receipts, "them")) is None


class SealedNode(ScriptedNode):
    """Its headers have true hashes, and true receipts roots."""

    hashes_more = b""
    """What this chain hashes besides the header's fields that it tells."""

    _sealing = False

    def hash_of(self, number: int) -> str:
        if self._sealing or number < 0:
            return ZERO_HASH
        return str(self.sealed(number)["hash"])

    def sealed(self, number: int) -> Wire:
        parent_hash = self.hash_of(number - 1)
        self._sealing = True
        try:
            content = super().block(number)
            receipts = self.receipts(number)
        finally:
            self._sealing = False
        if content is None:  # a block that is not there yet
            return {"hash": f"0x{number:064x}"}
        root = bytes.fromhex(reference_root(receipts)[2:])
        header = PragueBlockHeader(
            difficulty=0,
            block_number=number,
            gas_limit=60_000_000,
            timestamp=1_700_000_000 + number,
            parent_hash=bytes.fromhex(parent_hash[2:]),
            bloom=int(content["logsBloom"], 16),
            receipt_root=root,
            # Not the true root; it is empty when that is.
            **({"transaction_root": root} if receipts else {}),
        )
        block_hash = header.hash
        if self.hashes_more:
            block_hash = keccak(block_hash + self.hashes_more)
        return {
            **devnet_shapes._header(header, block_hash),
            "transactions": content["transactions"],
        }

    def block(self, number: int) -> Wire | None:
        return self.sealed(number) if 0 <= number <= self.head else None

    def receipts(self, number: int) -> list[Wire]:
        return [
            {**receipt, "type": "0x2", "cumulativeGasUsed": hex(50_000 * (index + 1))}
            for index, receipt in enumerate(super().receipts(number))
        ]

    def _receipts_by_hash(self, block_hash: str) -> list[Wire] | None:
        numbers = (n for n in range(self.head + 1) if self.hash_of(n) == block_hash)
        return next((self.receipts(number) for number in numbers), None)


@pytest.fixture
def node() -> ScriptedNode:
    """A deposit in block 5, a stranger's log in block 7."""
    foreign = deposit_log(7, address=BOB)
    return SealedNode(head=30, logs=[deposit_log(5), foreign])


def empty_pages(node: ScriptedNode) -> None:
    node.lies["eth_getLogs"] = lambda _parameters, _result: []


def receipts_asked(node: ScriptedNode) -> list[str]:
    calls = [c for b in node.batches for c in b if c["method"] == "eth_getBlockReceipts"]
    return [call["params"][0] for call in calls]


def zeroed_bloom(_parameters: object, block: Wire | None) -> Wire | None:
    return block and {**block, "logsBloom": NO_BLOOM}


def swapped(receipts: list[Wire]) -> list[Wire]:
    """Account and token have changed places; no bloom tells."""
    return [
        {
            **receipt,
            "logs": [
                {**log, "topics": [log["topics"][0], *log["topics"][:0:-1]]}
                for log in receipt["logs"]
            ],
        }
        for receipt in receipts
    ]


class TestHeaders:
    def test_an_honest_block_costs_no_question_more(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        listener.poll_to_the_end()
        assert receipts_asked(node) == [node.hash_of(5)]

    def test_a_zeroed_bloom_beside_an_empty_page_hides_no_deposit(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        empty_pages(node)
        node.lies["eth_getBlockByNumber"] = zeroed_bloom
        listener.poll_to_the_end()
        assert listener.available() == "1"

    def test_the_hash_of_a_block_that_says_it_is_empty_is_not_computed(
        self, node: ScriptedNode, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        computed: list[int] = []
        is_own = header_hash.is_own
        monkeypatch.setattr(
            header_hash, "is_own", lambda h: [computed.append(h.number), is_own(h)][1]
        )
        listener.poll_to_the_end()
        assert computed == [7]

    def test_a_chain_that_hashes_more_than_we_know_is_read_by_its_receipts_and_then_as_without(
        self,
        node: ScriptedNode,
        listener: Listener,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(proofs, "HEADERS_MAX", 3)
        node.hashes_more = b"and this"  # type: ignore[attr-defined]
        node.logs = [deposit_log(1), *(deposit_log(n, address=BOB) for n in range(2, 9))]
        with caplog.at_level(logging.WARNING):
            listener.poll_to_the_end()
        assert (listener.available(), listener.cursor_block()) == ("1", 10)
        assert receipts_asked(node) == [node.hash_of(number) for number in (1, 2, 3, 4)]
        [said] = [r.message for r in caplog.records if "another kind" in r.message]
        assert said.startswith("up to block 5, headers don't have their hashes 4 times in a row")

    def test_once_a_header_had_its_hash_no_number_of_others_is_believed(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(proofs, "HEADERS_MAX", 2)
        own = header_of(prague_block())
        other = header_of({**prague_block(), "logsBloom": "0x" + "11" * 256})
        found = Proofs()
        assert [found.is_suspect(other) for _ in range(4)] == [True, True, False, False]
        assert not found.is_suspect(own)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert all(found.is_suspect(other) for _ in range(9))
        [said] = [record.message for record in caplog.records]
        assert said.startswith("up to block 7, headers don't have their hashes 3 times in a row")
        assert "receipts of each are read" in said

    def test_once_a_header_had_its_hash_one_that_lacks_a_field_is_no_evidence(self) -> None:
        lacking = prague_block()
        del lacking["mixHash"]
        found = Proofs()
        assert not found.is_suspect(header_of(lacking))
        assert not found.is_suspect(header_of(prague_block()))
        assert found.is_suspect(header_of(lacking))

    def test_a_node_that_lies_through_many_blocks_after_it_was_honest_loses_no_deposit(
        self, node: ScriptedNode, listener: Listener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(proofs, "HEADERS_MAX", 3)
        listener.poll_to_the_end()
        node.logs += [deposit_log(n, address=BOB) for n in range(11, 20)]
        node.logs.append(deposit_log(20, tx=8, account=BOB))
        node.head = 50
        empty_pages(node)
        node.lies["eth_getBlockByNumber"] = zeroed_bloom
        listener.poll_to_the_end()
        assert listener.cursor_block() == 30
        assert listener.available(BOB) == "1"


class TestReceipts:
    def test_the_same_lie_told_twice_beside_an_empty_page_loses_no_deposit(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        empty_pages(node)
        times = itertools.count(1)
        node.lies["eth_getBlockReceipts"] = lambda _p, receipts: (
            swapped(receipts) if next(times) <= 2 else receipts
        )
        with pytest.raises(NodeError, match="block 5 are not those of its header"):
            listener.poll()
        assert listener.cursor_block() == 0
        listener.poll_to_the_end()
        assert listener.available() == "1"

    def test_receipts_asked_for_one_by_one_are_checked_too(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        empty_pages(node)
        node.lies["eth_getBlockReceipts"] = lambda _p, _r: refuses(-32601)
        node.lies["eth_getTransactionReceipt"] = lambda _p, receipt: swapped([receipt])[0]
        with pytest.raises(NodeError, match="not those of its header"):
            listener.poll()
        del node.lies["eth_getTransactionReceipt"]
        listener.poll_to_the_end()
        assert listener.available() == "1"

    def test_a_hole_in_the_log_index_alone_is_no_failure(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.logs.append(deposit_log(5, log_index=3, tx=9, account=BOB, amount_wei=2 * ONE_DF))
        empty_pages(node)
        assert listener.poll().credited == 2

    def test_receipts_that_never_fit_are_never_believed(
        self, node: ScriptedNode, listener: Listener, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever held before, in this life of the listener or not."""
        empty_pages(node)
        node.lies["eth_getBlockReceipts"] = lambda _p, receipts: swapped(receipts)
        for _ in range(200):
            with pytest.raises(ReceiptsRootError):
                listener.poll()
        assert listener.cursor_block() == 0
        del node.lies["eth_getBlockReceipts"]
        listener.poll_to_the_end()
        assert listener.available() == "1"

    def test_one_block_of_a_page_that_never_fits_beside_one_that_does_holds_both(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.logs.append(deposit_log(6, tx=8, account=BOB))
        empty_pages(node)
        node.lies["eth_getBlockReceipts"] = lambda _p, receipts: (
            swapped(receipts) if receipts[0]["logs"][0]["blockNumber"] == "0x6" else receipts
        )
        for _ in range(40):
            with pytest.raises(ReceiptsRootError, match="block 6"):
                listener.poll()
        assert (listener.cursor_block(), listener.available()) == (0, None)

    def test_what_does_not_fit_is_told_with_its_block_both_roots_and_the_repair(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        empty_pages(node)
        node.lies["eth_getBlockReceipts"] = lambda _p, receipts: swapped(receipts)
        with pytest.raises(ReceiptsRootError) as caught:
            listener.poll()
        told = node.block(5)
        assert told is not None
        seen = root_of(shapes.receipts(swapped(node.receipts(5)), "them"))
        assert str(caught.value) == (
            "the receipts of block 5 are not those of its header: their root is"
            f" {seen}, expected {told['receiptsRoot']}; set SPOT_BSC_RPC_URL to another node"
            " (SPOT_BSC_VERIFY=boundary skips this check, and believes eth_getLogs)"
        )

    def test_receipts_without_a_type_are_taken_at_their_word_beside_others_that_fit(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        """Nodes of before EIP-2718 leave it out; whether others do for legacy ones alone, nobody
        can tell."""
        node.logs.append(deposit_log(6, tx=8, account=BOB))
        empty_pages(node)

        def untyped(_parameters: object, receipts: list[Wire]) -> list[Wire]:
            if receipts[0]["logs"][0]["blockNumber"] != "0x6":
                return receipts
            return [
                {name: value for name, value in receipt.items() if name != "type"}
                for receipt in receipts
            ]

        node.lies["eth_getBlockReceipts"] = untyped
        assert listener.poll().credited == 2

    def test_a_root_in_capitals_is_the_same_root(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        empty_pages(node)
        node.lies["eth_getBlockByNumber"] = lambda _p, block: (
            block and {**block, "receiptsRoot": "0x" + block["receiptsRoot"][2:].upper()}
        )
        assert listener.poll().credited == 1

    def test_boundary_goes_on_where_receipts_never_fit(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        node.head = 25
        listener.settings["verify"] = "boundary"
        node.lies["eth_getLogs"] = lambda _p, _r: refuses(-32000)
        node.lies["eth_getBlockReceipts"] = lambda _p, receipts: [
            {**receipt, "cumulativeGasUsed": "0x1"} for receipt in receipts
        ]
        listener.poll_to_the_end()
        assert listener.available() == "1"

    def test_without_a_header_that_proves_itself_nothing_is_proven(
        self, node: ScriptedNode, listener: Listener
    ) -> None:
        empty_pages(node)
        node.hashes_more = b"and this"  # type: ignore[attr-defined]
        node.lies["eth_getBlockReceipts"] = lambda _p, receipts: [
            {**receipt, "cumulativeGasUsed": "0x1"} for receipt in receipts
        ]
        assert listener.poll().credited == 1

    def test_the_fake_swap_is_one(self) -> None:
        log = deposit_log(5)
        [receipt] = swapped([{"logs": [log]}])
        assert receipt["logs"][0]["topics"][1:] == [address_topic(DF), log["topics"][1]]
