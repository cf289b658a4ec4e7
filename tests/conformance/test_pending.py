"""The pending block: what would come now, asked for without making it come."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.devnet import (
    ALICE,
    BOB,
    CAROL,
    DF_TOKEN,
    GWEI,
    NOBODY,
    VAULT,
    DevnetNode,
)
from tests.conformance.node import Node
from tests.unit.chain.builders import sign
from ztdx_devnet.chain.chain import BLOCK_TIME_S
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.contracts import Call
from ztdx_devnet.chain.origin.genesis import NATIVE_WEI, TIMESTAMP_S

WEI = 10**18
DEPOSIT = {
    "from": ALICE,
    "to": VAULT,
    "data": "0x" + contracts.deposit(contracts.DF_TOKEN, WEI).hex(),
}
ALLOWANCE = {
    "to": DF_TOKEN,
    "data": "0x"
    + Call("allowance(address,address)", (bytes.fromhex(ALICE[2:]), contracts.VAULT)).data.hex(),
}
HELD_BY_THE_BLOCK = {"hash", "nonce", "miner", "totalDifficulty"}


@pytest.fixture
def devnet() -> DevnetNode:
    node = DevnetNode(automine=False)
    node.ask("anvil_mine", 3)
    return node


def approve(devnet: DevnetNode, **fields: Any) -> str:
    data = "0x" + contracts.approve(contracts.VAULT, WEI).hex()
    return devnet.send(ALICE, DF_TOKEN, data=data, gas=100_000, **fields)


def pending(devnet: DevnetNode, full: bool = False) -> Any:
    return devnet.ask("eth_getBlockByNumber", "pending", full)


def test_the_pending_block_is_the_next_one_but_for_what_it_does_not_have_yet(
    devnet: DevnetNode,
) -> None:
    sent = [approve(devnet), devnet.send(BOB)]
    expected = pending(devnet)
    assert expected["transactions"] == sent
    assert {name for name, value in expected.items() if value is None} == HELD_BY_THE_BLOCK
    devnet.ask("evm_mine")
    mined = devnet.head()
    assert {k: v for k, v in mined.items() if k not in HELD_BY_THE_BLOCK} == {
        k: v for k, v in expected.items() if k not in HELD_BY_THE_BLOCK
    }


def test_the_pending_block_of_an_empty_pool_is_an_empty_block(devnet: DevnetNode) -> None:
    block = pending(devnet)
    assert block["number"] == "0x4"
    assert block["parentHash"] == devnet.head()["hash"]
    assert block["timestamp"] == hex(TIMESTAMP_S + 4 * BLOCK_TIME_S)
    assert block["transactions"] == []
    assert block["stateRoot"] == devnet.head()["stateRoot"]


def test_asking_for_the_pending_block_changes_nothing(devnet: DevnetNode) -> None:
    sent = approve(devnet)
    head, segments = devnet.head(), len(devnet.chain.tree.segments)
    nodes = len(devnet.chain.execution.nodes.added)
    for full in (False, True):
        assert pending(devnet, full) == pending(devnet, full)
    assert devnet.waiting() == [sent]
    assert devnet.head() == head
    assert len(devnet.chain.tree.segments) == segments
    assert len(devnet.chain.execution.nodes.added) == nodes
    assert devnet.receipt(sent) is None


def test_pending_transactions_are_found_by_their_position(devnet: DevnetNode) -> None:
    sent = [devnet.send(BOB), approve(devnet)]
    for position, transaction_hash in enumerate(sent):
        found = devnet.ask("eth_getTransactionByBlockNumberAndIndex", "pending", hex(position))
        assert found == devnet.ask("eth_getTransactionByHash", transaction_hash)
        assert found["blockHash"] is found["blockNumber"] is found["transactionIndex"] is None
        raw = devnet.ask("eth_getRawTransactionByBlockNumberAndIndex", "pending", hex(position))
        assert devnet.ask("web3_sha3", raw) == transaction_hash
    assert devnet.ask("eth_getTransactionByBlockNumberAndIndex", "pending", "0x2") is None
    assert devnet.ask("eth_getRawTransactionByBlockNumberAndIndex", "pending", "0x2") is None
    assert devnet.ask("eth_getBlockTransactionCountByNumber", "pending") == "0x2"
    assert devnet.ask("eth_getUncleCountByBlockNumber", "pending") == "0x0"
    assert [t["hash"] for t in pending(devnet, full=True)["transactions"]] == sent


def test_there_are_no_receipts_of_a_block_that_is_not_there(devnet: DevnetNode) -> None:
    devnet.send()
    devnet.ask("evm_mine")
    devnet.send()
    assert devnet.ask("eth_getBlockReceipts", "pending") is None
    assert len(devnet.ask("eth_getBlockReceipts", "latest")) == 1


def test_the_state_at_pending_is_that_after_what_waits(devnet: DevnetNode) -> None:
    devnet.send(BOB, NOBODY, value=7, gasPrice=2 * GWEI, gas=21_000)
    approve(devnet)
    asked = [
        ("eth_getBalance", [NOBODY]),
        ("eth_getBalance", [BOB]),
        ("eth_call", [ALLOWANCE]),
        ("eth_getTransactionCount", [ALICE]),
    ]
    before = [devnet.ask(method, *params) for method, params in asked]
    expected = [devnet.ask(method, *params, "pending") for method, params in asked]
    assert before == [devnet.ask(method, *params, "latest") for method, params in asked]
    assert int(expected[0], 16) == 7
    assert int(expected[1], 16) == NATIVE_WEI - 7 - 21_000 * 2 * GWEI
    assert int(expected[2], 16) == WEI
    assert int(expected[3], 16) == 1
    proof = devnet.ask("eth_getProof", NOBODY, [], "pending")
    assert proof["balance"] == "0x7"
    devnet.ask("evm_mine")
    assert [devnet.ask(method, *params) for method, params in asked] == expected
    assert devnet.ask("eth_getProof", NOBODY, []) == proof


def test_a_call_on_pending_sees_number_and_time_of_the_next_block(devnet: DevnetNode) -> None:
    devnet.ask("evm_setNextBlockTimestamp", TIMESTAMP_S + 999)
    number, timestamp = "0x4360005260206000f3", "0x4260005260206000f3"
    for code, latest, expected in (
        (number, 3, 4),
        (timestamp, TIMESTAMP_S + 6, TIMESTAMP_S + 999),
    ):
        override = {NOBODY: {"code": code}}
        assert devnet.number("eth_call", {"to": NOBODY}, "latest", override) == latest
        assert devnet.number("eth_call", {"to": NOBODY}, "pending", override) == expected


def test_the_nonce_at_pending_counts_what_can_be_mined_in_a_row(devnet: DevnetNode) -> None:
    for nonce in (0, 1, 3):
        devnet.send(nonce=nonce)
    assert devnet.number("eth_getTransactionCount", ALICE, "pending") == 2
    assert devnet.ask("txpool_status") == {"pending": "0x2", "queued": "0x1"}
    devnet.send()  # takes the gap
    assert devnet.number("eth_getTransactionCount", ALICE, "pending") == 4
    assert devnet.ask("txpool_status") == {"pending": "0x4", "queued": "0x0"}
    assert [int(t["nonce"], 16) for t in pending(devnet, full=True)["transactions"]] == [0, 1, 2, 3]


def test_an_estimate_may_build_on_what_waits(devnet: DevnetNode) -> None:
    assert devnet.fail("eth_estimateGas", DEPOSIT)[0] == 3
    approve(devnet)
    assert devnet.fail("eth_estimateGas", DEPOSIT)[0] == 3
    assert devnet.fail("eth_estimateGas", DEPOSIT, "latest")[0] == 3
    gas = devnet.number("eth_estimateGas", DEPOSIT, "pending")
    deposit = devnet.send(ALICE, VAULT, data=DEPOSIT["data"])  # estimated on what waits
    assert devnet.ask("eth_getTransactionByHash", deposit)["gas"] == hex(gas)
    devnet.ask("evm_mine")
    assert devnet.receipt(deposit)["status"] == "0x1"


def test_an_estimate_that_fails_on_pending_too_says_why(devnet: DevnetNode) -> None:
    approve(devnet)
    twice = {**DEPOSIT, "data": "0x" + contracts.deposit(contracts.DF_TOKEN, 2 * WEI).hex()}
    code, _ = devnet.fail("eth_sendTransaction", twice)
    assert code == 3
    assert len(devnet.waiting()) == 1


def test_order_is_by_arrival_and_by_nonce(devnet: DevnetNode) -> None:
    late = devnet.send(ALICE, nonce=1, gasPrice=50 * GWEI)
    other = devnet.send(BOB, gasPrice=2 * GWEI)
    early = devnet.send(ALICE, nonce=0, gasPrice=2 * GWEI)
    last = devnet.send(CAROL, gasPrice=90 * GWEI)
    # The place of Alice's first to arrive is taken by her lowest nonce.
    assert pending(devnet)["transactions"] == [early, other, late, last]
    devnet.ask("evm_mine")
    assert devnet.head()["transactions"] == [early, other, late, last]


def test_what_the_next_block_can_not_hold_is_not_pending(devnet: DevnetNode) -> None:
    devnet.ask("evm_setBlockGasLimit", 50_000)
    sent = [devnet.send(gas=21_000) for _ in range(3)]
    assert pending(devnet)["transactions"] == sent[:2]
    devnet.ask("anvil_setNextBlockBaseFeePerGas", hex(10**15))
    assert pending(devnet)["transactions"] == []
    assert pending(devnet)["baseFeePerGas"] == hex(10**15)


def test_pending_follows_every_change_of_pool_head_and_state(devnet: DevnetNode) -> None:
    assert pending(devnet)["transactions"] == []
    sent = devnet.send()
    assert pending(devnet)["transactions"] == [sent]
    devnet.ask("anvil_setBalance", ALICE, 0)
    assert pending(devnet)["transactions"] == []  # she can't pay it any more
    devnet.ask("anvil_setBalance", ALICE, hex(10**18))
    assert pending(devnet)["transactions"] == [sent]
    devnet.ask("evm_mine")
    assert pending(devnet)["transactions"] == []
    devnet.ask("devnet_reorg", {"depth": 1, "delayBlocks": 2, "length": 1})
    assert pending(devnet)["transactions"] == []
    devnet.ask("evm_mine")
    assert pending(devnet)["transactions"] == [sent]
    devnet.ask("anvil_dropTransaction", sent)
    assert pending(devnet)["transactions"] == []


def test_a_revert_takes_back_what_is_pending(devnet: DevnetNode) -> None:
    first = devnet.send()
    number = devnet.ask("evm_snapshot")
    second = devnet.send()
    assert pending(devnet)["transactions"] == [first, second]
    devnet.ask("evm_revert", number)
    assert pending(devnet)["transactions"] == [first]
    assert devnet.ask("eth_getTransactionByHash", second) is None


def test_a_plain_node_knows_the_pending_block_and_one_that_lags_does_not() -> None:
    devnet = DevnetNode(automine=False)
    devnet.ask("anvil_mine", 3)
    sent = devnet.ask("eth_sendRawTransaction", "0x" + sign("alice", 0, wei=5).raw().hex())
    plain, lagging = Node(devnet.chain), Node(devnet.chain, lag_blocks=1)
    assert plain.ask("eth_getBlockByNumber", "pending")["transactions"] == [sent]
    assert lagging.ask("eth_getBlockByNumber", "pending") == lagging.ask(
        "eth_getBlockByNumber", "latest"
    )
    assert lagging.ask("eth_getBlockReceipts", "pending") == []
    judy = devnet.ask("eth_getTransactionByHash", sent)["to"]
    assert int(plain.ask("eth_getBalance", judy, "pending"), 16) == NATIVE_WEI + 5
    assert int(lagging.ask("eth_getBalance", judy, "pending"), 16) == NATIVE_WEI


def test_the_pool_is_listed_by_sender_and_nonce(devnet: DevnetNode) -> None:
    first, second = devnet.send(ALICE, nonce=0), devnet.send(ALICE, nonce=2)
    creation = devnet.send(BOB, None, data="0x00", gas=60_000, value=0, maxFeePerGas=2 * GWEI)
    content = devnet.ask("txpool_content")
    assert {n: t["hash"] for n, t in content["pending"][ALICE].items()} == {"0": first}
    assert {n: t["hash"] for n, t in content["queued"][ALICE].items()} == {"2": second}
    assert content["pending"][BOB]["0"]["hash"] == creation
    assert devnet.ask("txpool_contentFrom", ALICE) == {
        part: content[part].get(ALICE, {}) for part in ("pending", "queued")
    }
    assert devnet.ask("txpool_contentFrom", NOBODY) == {"pending": {}, "queued": {}}
    assert devnet.ask("txpool_inspect")["pending"][BOB]["0"] == (
        f"contract creation: 0 wei + 60000 gas × {2 * GWEI} wei"
    )
