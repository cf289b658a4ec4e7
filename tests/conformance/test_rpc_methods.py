"""Every method of the table, asked in bytes: shapes, and hashes worked out anew from the shapes."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from eth_abi import encode
from eth_keys import keys

from tests.conformance import wire
from tests.conformance.node import RUN, Node, World
from tests.unit.chain.builders import deploy, sign, sign_delegation, sign_legacy
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.evm.state import create_address
from ztdx_devnet.chain.keccak import keccak256, selector
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.contracts import Call
from ztdx_devnet.chain.origin.genesis import NATIVE_WEI
from ztdx_devnet.chain.rpc import table

ALICE = USERS["alice"].address_hex
JUDY = USERS["judy"].address_hex
VAULT = "0x" + contracts.VAULT.hex()
DF_TOKEN = "0x" + contracts.DF_TOKEN.hex()
NOBODY = "0x" + "99" * 20
UNKNOWN = "0x" + "07" * 32
OWNER_CALL = {"to": VAULT, "data": "0x" + Call("owner()", ()).data.hex()}

FEE_HISTORY = {
    *("oldestBlock", "baseFeePerGas", "gasUsedRatio", "baseFeePerBlobGas", "blobGasUsedRatio")
}

QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)")
DATA = re.compile(r"0x([0-9a-f]{2})*")
ADDRESS = re.compile(r"0x[0-9a-f]{40}")
HASH = re.compile(r"0x[0-9a-f]{64}")
BLOOM = re.compile(r"0x[0-9a-f]{512}")
NONCE = re.compile(r"0x[0-9a-f]{16}")

BLOCK = {
    "number": QUANTITY,
    "hash": HASH,
    "parentHash": HASH,
    "nonce": NONCE,
    "sha3Uncles": HASH,
    "logsBloom": BLOOM,
    "transactionsRoot": HASH,
    "stateRoot": HASH,
    "receiptsRoot": HASH,
    "miner": ADDRESS,
    "difficulty": QUANTITY,
    "totalDifficulty": QUANTITY,
    "extraData": DATA,
    "size": QUANTITY,
    "gasLimit": QUANTITY,
    "gasUsed": QUANTITY,
    "timestamp": QUANTITY,
    "mixHash": HASH,
    "baseFeePerGas": QUANTITY,
    "withdrawalsRoot": HASH,
    "blobGasUsed": QUANTITY,
    "excessBlobGas": QUANTITY,
    "parentBeaconBlockRoot": HASH,
    "requestsHash": HASH,
    "transactions": list,
    "uncles": list,
    "withdrawals": list,
}
TRANSACTION = {
    "hash": HASH,
    "type": QUANTITY,
    "nonce": QUANTITY,
    "from": ADDRESS,
    "to": ADDRESS,
    "value": QUANTITY,
    "gas": QUANTITY,
    "gasPrice": QUANTITY,
    "input": DATA,
    "blockHash": HASH,
    "blockNumber": QUANTITY,
    "transactionIndex": QUANTITY,
    "v": QUANTITY,
    "r": QUANTITY,
    "s": QUANTITY,
}
TYPED = {"chainId": QUANTITY, "yParity": QUANTITY, "accessList": list}
FEES = {"maxFeePerGas": QUANTITY, "maxPriorityFeePerGas": QUANTITY}
TRANSACTIONS = {
    "dynamic": TRANSACTION | TYPED | FEES,
    "capped": TRANSACTION | TYPED | FEES,
    "failed": TRANSACTION | TYPED | FEES,
    "creation": TRANSACTION | TYPED | FEES | {"to": None},
    "legacy": TRANSACTION | {"chainId": QUANTITY},
    "old": TRANSACTION,
    "listed": TRANSACTION | TYPED,
    "delegation": TRANSACTION | TYPED | FEES | {"authorizationList": list},
}
LOG = {
    "address": ADDRESS,
    "topics": list,
    "data": DATA,
    "blockHash": HASH,
    "blockNumber": QUANTITY,
    "blockTimestamp": QUANTITY,
    "transactionHash": HASH,
    "transactionIndex": QUANTITY,
    "logIndex": QUANTITY,
    "removed": bool,
}
RECEIPT = {
    "transactionHash": HASH,
    "transactionIndex": QUANTITY,
    "blockHash": HASH,
    "blockNumber": QUANTITY,
    "from": ADDRESS,
    "to": ADDRESS,
    "cumulativeGasUsed": QUANTITY,
    "gasUsed": QUANTITY,
    "effectiveGasPrice": QUANTITY,
    "contractAddress": None,
    "logs": list,
    "logsBloom": BLOOM,
    "type": QUANTITY,
    "status": QUANTITY,
}


def assert_shape(value: dict[str, Any], shape: dict[str, Any]) -> None:
    assert set(value) == set(shape)
    for name, wanted in shape.items():
        if isinstance(wanted, re.Pattern):
            assert isinstance(value[name], str), name
            assert wanted.fullmatch(value[name]), f"{name}: {value[name]}"
        elif wanted is None:
            assert value[name] is None, name
        else:
            assert type(value[name]) is wanted, name


def height(number: int) -> str:
    return hex(number)


def wei(node: Node, address: str, block: Any) -> int:
    return int(node.ask("eth_getBalance", address, block), 16)


# --- the node -----------------------------------------------------------------------------------


def test_every_method_of_a_plain_node_answers_as_documented(world: World) -> None:
    some_hash = "0x" + world.sent["dynamic"].hash.hex()
    block_hash = world.node.ask("eth_getBlockByNumber", "latest")["hash"]
    mixed_hash = world.node.ask("eth_getBlockByNumber", hex(world.mixed))["hash"]
    samples: dict[str, tuple[list[Any], type]] = {
        "eth_accounts": ([], list),
        "eth_blockNumber": ([], str),
        "eth_call": ([OWNER_CALL], str),
        "eth_chainId": ([], str),
        "eth_estimateGas": ([{"from": ALICE, "to": JUDY}], str),
        "eth_feeHistory": (["0x2", "latest", []], dict),
        "eth_gasPrice": ([], str),
        "eth_getBalance": ([ALICE, "latest"], str),
        "eth_blobBaseFee": ([], str),
        "eth_coinbase": ([], str),
        "eth_createAccessList": ([OWNER_CALL], dict),
        "eth_getBlockTransactionCountByHash": ([block_hash], str),
        "eth_getBlockTransactionCountByNumber": (["latest"], str),
        "eth_getFilterChanges": (["0x1"], list),
        "eth_getFilterLogs": (["0x1"], list),
        "eth_getProof": ([VAULT, ["0x0"]], dict),
        "eth_getRawTransactionByBlockHashAndIndex": ([mixed_hash, "0x0"], str),
        "eth_getRawTransactionByBlockNumberAndIndex": ([hex(world.mixed), "0x0"], str),
        "eth_getRawTransactionByHash": ([some_hash], str),
        "eth_getTransactionByBlockHashAndIndex": ([mixed_hash, "0x0"], dict),
        "eth_getTransactionByBlockNumberAndIndex": ([hex(world.mixed), "0x0"], dict),
        "eth_getUncleByBlockHashAndIndex": ([block_hash, "0x0"], type(None)),
        "eth_getUncleByBlockNumberAndIndex": (["latest", "0x0"], type(None)),
        "eth_getUncleCountByBlockHash": ([block_hash], str),
        "eth_getUncleCountByBlockNumber": (["latest"], str),
        "eth_hashrate": ([], str),
        "eth_mining": ([], bool),
        "eth_newBlockFilter": ([], str),
        "eth_newFilter": ([{}], str),
        "eth_newPendingTransactionFilter": ([], str),
        "eth_uninstallFilter": (["0x1"], bool),
        "net_peerCount": ([], str),
        "txpool_content": ([], dict),
        "txpool_contentFrom": ([ALICE], dict),
        "txpool_inspect": ([], dict),
        "txpool_status": ([], dict),
        "eth_getBlockByHash": ([block_hash, False], dict),
        "eth_getBlockByNumber": (["latest", True], dict),
        "eth_getBlockReceipts": (["latest"], list),
        "eth_getCode": ([VAULT, "latest"], str),
        "eth_getLogs": ([{}], list),
        "eth_getStorageAt": ([VAULT, "0x0", "latest"], str),
        "eth_getTransactionByHash": ([some_hash], dict),
        "eth_getTransactionCount": ([ALICE, "latest"], str),
        "eth_getTransactionReceipt": ([some_hash], dict),
        "eth_maxPriorityFeePerGas": ([], str),
        "eth_sendRawTransaction": (["0x" + sign("ivan", 10**6).raw().hex()], str),
        "eth_syncing": ([], bool),
        "net_listening": ([], bool),
        "net_version": ([], str),
        "web3_clientVersion": ([], str),
        "web3_sha3": (["0x"], str),
    }
    # Of accounts and pushes, a plain node over plain HTTP has none; test_devnet_methods has them.
    samples["eth_requestAccounts"] = ([], list)
    absent = {"eth_subscribe", "eth_unsubscribe", "eth_sendTransaction", "eth_signTransaction"}
    absent |= {"eth_sign", "personal_sign", "eth_signTypedData", "eth_signTypedData_v4"}
    assert set(samples) | absent == {m.name for m in table.methods() if not m.control}
    world.node.ask("eth_newFilter", {})
    for method, (params, kind) in samples.items():
        assert type(world.node.ask(method, *params)) is kind, method
    world.chain.pool.remove(sign("ivan", 10**6).hash)


def test_the_table_lists_its_methods_in_order() -> None:
    names = table.names()
    assert list(names) == sorted(set(names))
    assert all(re.fullmatch(r"[a-z0-9]+_[a-zA-Z0-9_]+", name) for name in names)


def test_the_node_says_what_it_is(node: Node) -> None:
    assert re.fullmatch(r"ztdx-devnet/\d+\.\d+\.\d+", node.ask("web3_clientVersion"))
    assert node.ask("web3_sha3", "0x616263") == "0x" + keccak256(b"abc").hex()
    assert node.ask("net_version") == "97"
    assert node.ask("net_listening") is True
    assert node.ask("eth_chainId") == "0x61"
    assert node.ask("eth_syncing") is False
    assert node.ask("eth_accounts") == []


def test_the_height_is_that_of_the_last_block(world: World) -> None:
    expected = 3 * RUN + 4  # three runs, two executed blocks, two more of the reorg
    assert world.chain.height == expected
    assert world.node.ask("eth_blockNumber") == hex(expected)


# --- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True], ids=["hashes", "whole transactions"])
def test_every_block_hashes_to_what_it_says_and_follows_its_parent(node: Node, full: bool) -> None:
    parent = bytes(32).hex()
    for number in range(int(node.ask("eth_blockNumber"), 16) + 1):
        block = node.ask("eth_getBlockByNumber", height(number), full)
        assert_shape(block, BLOCK)
        assert block["number"] == height(number)
        assert wire.header_hash(block) == block["hash"]
        assert block["parentHash"] == "0x" + parent.removeprefix("0x")
        assert block["uncles"] == block["withdrawals"] == []
        assert block["totalDifficulty"] == block["difficulty"] == "0x0"
        if full:
            assert block["size"] == hex(wire.block_size(block))
        assert node.ask("eth_getBlockByHash", block["hash"], full) == block
        parent = block["hash"]


def test_a_block_inside_a_run_has_its_own_time_base_fee_and_parent(node: Node) -> None:
    first, second = (
        node.ask("eth_getBlockByNumber", height(number)) for number in (RUN // 2, RUN // 2 + 1)
    )
    assert int(second["timestamp"], 16) - int(first["timestamp"], 16) == 2
    base_fee_wei = int(first["baseFeePerGas"], 16)
    assert int(second["baseFeePerGas"], 16) == base_fee_wei - base_fee_wei // 8
    assert second["parentHash"] == first["hash"]
    assert second["stateRoot"] == first["stateRoot"]
    assert second["transactions"] == []
    assert second["gasUsed"] == "0x0"
    assert second["logsBloom"] == "0x" + "00" * 256


def test_an_executed_block_lists_its_transactions_and_their_roots(world: World) -> None:
    for number in (world.mixed, world.deposits):
        whole = world.node.ask("eth_getBlockByNumber", height(number), True)
        brief = world.node.ask("eth_getBlockByNumber", height(number), False)
        receipts = world.node.ask("eth_getBlockReceipts", height(number))
        shapes = whole["transactions"]
        assert brief["transactions"] == [shape["hash"] for shape in shapes]
        assert {k: whole[k] for k in whole if k != "transactions"} == {
            k: brief[k] for k in brief if k != "transactions"
        }
        assert wire.root([wire.raw_transaction(s) for s in shapes]) == whole["transactionsRoot"]
        assert wire.root([wire.raw_receipt(r) for r in receipts]) == whole["receiptsRoot"]
        assert [r["transactionHash"] for r in receipts] == brief["transactions"]
        assert receipts[-1]["cumulativeGasUsed"] == whole["gasUsed"]
        logs = [log for receipt in receipts for log in receipt["logs"]]
        assert wire.bloom(logs) == whole["logsBloom"]
        for index, shape in enumerate(shapes):
            assert shape["transactionIndex"] == hex(index)
            assert shape["blockHash"] == whole["hash"]
            assert shape["blockNumber"] == height(number)
            assert world.node.ask("eth_getTransactionByHash", shape["hash"]) == shape


def test_an_orphan_is_found_by_its_hash_and_not_by_its_height(world: World) -> None:
    orphan = world.node.ask("eth_getBlockByHash", world.orphan, True)
    assert orphan["hash"] == world.orphan == wire.header_hash(orphan)
    canonical = world.node.ask("eth_getBlockByNumber", orphan["number"], True)
    assert canonical["hash"] != orphan["hash"]
    assert canonical["parentHash"] == orphan["parentHash"]
    hashes = [[t["hash"] for t in block["transactions"]] for block in (canonical, orphan)]
    assert hashes[0] != hashes[1]
    assert sorted(hashes[0]) == sorted(hashes[1])
    above = world.node.ask("eth_getBlockByHash", world.orphan_run)
    assert (above["hash"], above["parentHash"]) == (world.orphan_run, world.orphan)


def test_unknown_blocks_are_null(node: Node) -> None:
    beyond = hex(int(node.ask("eth_blockNumber"), 16) + 1)
    assert node.ask("eth_getBlockByNumber", beyond) is None
    assert node.ask("eth_getBlockByNumber", hex(2**256 - 1), True) is None
    assert node.ask("eth_getBlockByHash", UNKNOWN) is None
    assert node.ask("eth_getBlockReceipts", beyond) is None
    assert node.ask("eth_getBlockReceipts", UNKNOWN) is None


def test_tags_name_blocks(node: Node) -> None:
    head = node.ask("eth_getBlockByNumber", node.ask("eth_blockNumber"))
    assert node.ask("eth_getBlockByNumber", "latest") == head
    pending = node.ask("eth_getBlockByNumber", "pending")
    assert pending["parentHash"] == head["hash"]
    assert int(pending["number"], 16) == int(head["number"], 16) + 1
    assert [pending[name] for name in ("hash", "nonce", "miner")] == [None] * 3
    assert node.ask("eth_getBlockByNumber", "earliest")["number"] == "0x0"
    for tag, depth in (("safe", 32), ("finalized", 64)):
        number = int(node.ask("eth_getBlockByNumber", tag)["number"], 16)
        assert number == int(head["number"], 16) - depth


# --- transactions -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRANSACTIONS)
def test_a_transaction_of_every_type_hashes_to_what_it_says(world: World, name: str) -> None:
    sent = world.sent[name]
    shape = world.node.ask("eth_getTransactionByHash", "0x" + sent.hash.hex())
    assert_shape(shape, TRANSACTIONS[name])
    assert wire.raw_transaction(shape) == sent.raw()
    assert wire.transaction_hash(shape) == shape["hash"] == "0x" + sent.hash.hex()
    assert shape["from"] == "0x" + sent.sender.hex()
    assert shape["blockNumber"] == height(world.mixed)


def test_the_gas_price_of_a_dynamic_fee_is_what_was_paid(world: World) -> None:
    block = world.node.ask("eth_getBlockByNumber", height(world.mixed), True)
    base_fee_wei = int(block["baseFeePerGas"], 16)
    prices_wei = {"dynamic": base_fee_wei + 10**9, "legacy": 10**10, "capped": 10**9}
    for name, price_wei in prices_wei.items():
        shape = world.node.ask("eth_getTransactionByHash", "0x" + world.sent[name].hash.hex())
        receipt = world.node.ask("eth_getTransactionReceipt", shape["hash"])
        assert shape["gasPrice"] == receipt["effectiveGasPrice"] == hex(price_wei)


def test_signatures_have_the_v_of_their_type(world: World) -> None:
    v = {}
    for name in TRANSACTIONS:
        shape = world.node.ask("eth_getTransactionByHash", "0x" + world.sent[name].hash.hex())
        v[name] = int(shape["v"], 16)
        if "yParity" in shape:
            assert shape["yParity"] == shape["v"]
            assert shape["chainId"] == "0x61"
    assert v["legacy"] in (97 * 2 + 35, 97 * 2 + 36)
    assert v["old"] in (27, 28)
    assert {v["dynamic"], v["listed"], v["delegation"]} <= {0, 1}


def test_access_lists_and_authorizations_are_shown_whole(world: World) -> None:
    listed = world.node.ask("eth_getTransactionByHash", "0x" + world.sent["listed"].hash.hex())
    slots = ["0x" + (0).to_bytes(32, "big").hex(), "0x" + (258).to_bytes(32, "big").hex()]
    assert listed["accessList"] == [
        {"address": JUDY, "storageKeys": slots},
        {"address": JUDY, "storageKeys": []},
    ]
    granted = world.node.ask("eth_getTransactionByHash", "0x" + world.sent["delegation"].hash.hex())
    (grant,) = granted["authorizationList"]
    assert set(grant) == {"chainId", "address", "nonce", "yParity", "r", "s"}
    assert grant["chainId"] == "0x61"
    assert grant["address"] == "0x" + contracts.DEPOSIT_BATCH.hex()
    assert grant["nonce"] == "0x0"
    signature = keys.Signature(vrs=tuple(int(grant[k], 16) for k in ("yParity", "r", "s")))
    packed = b"\x05\xd7\x61\x94" + contracts.DEPOSIT_BATCH + b"\x80"
    signer = signature.recover_public_key_from_msg_hash(keccak256(packed))
    assert signer.to_canonical_address() == USERS["erin"].address


def test_a_waiting_transaction_has_no_place_yet() -> None:
    chain = Chain()
    node = Node(chain)
    for sent in (
        sign("alice", 0),
        sign_legacy("bob", 0, gas_price_wei=7),
        sign_delegation("carol", 0, "dave", 0),
    ):
        shown = node.ask("eth_sendRawTransaction", "0x" + sent.raw().hex())
        assert shown == "0x" + sent.hash.hex()
        shape = node.ask("eth_getTransactionByHash", shown)
        assert wire.raw_transaction(shape) == sent.raw()
        assert shape["blockHash"] is None
        assert shape["blockNumber"] is None
        assert shape["transactionIndex"] is None
        assert shape["gasPrice"] == hex(sent.max_fee_wei)
        assert node.ask("eth_getTransactionReceipt", shown) is None


def test_unknown_transactions_are_null(node: Node) -> None:
    assert node.ask("eth_getTransactionByHash", UNKNOWN) is None
    assert node.ask("eth_getTransactionReceipt", UNKNOWN) is None


def test_an_orphaned_transaction_has_no_receipt_and_waits_again() -> None:
    chain = Chain()
    node = Node(chain)
    chain.mine_empty(2)
    empty = chain.head.hash
    sent = sign("alice", 0)
    shown = node.ask("eth_sendRawTransaction", "0x" + sent.raw().hex())
    chain.mine()
    first = node.ask("eth_getTransactionReceipt", shown)
    assert first["blockNumber"] == "0x3"
    chain.switch(empty)
    assert node.ask("eth_getTransactionReceipt", shown) is None
    assert node.ask("eth_getTransactionByHash", shown)["blockNumber"] is None
    chain.mine_empty(1)
    chain.mine()
    second = node.ask("eth_getTransactionReceipt", shown)
    assert second["blockNumber"] == "0x4"
    assert second["blockHash"] != first["blockHash"]
    assert node.ask("eth_getBlockByHash", first["blockHash"])["transactions"] == [shown]


# --- receipts -----------------------------------------------------------------------------------


def test_receipts_have_their_shape(world: World) -> None:
    for name, sent in world.sent.items():
        receipt = world.node.ask("eth_getTransactionReceipt", "0x" + sent.hash.hex())
        creates = {"to": None, "contractAddress": ADDRESS} if name == "creation" else {}
        assert_shape(receipt, RECEIPT | creates)
        assert receipt["status"] == ("0x0" if name == "failed" else "0x1")
        assert receipt["type"] == hex(sent.kind)
        assert receipt["from"] == "0x" + sent.sender.hex()
        assert receipt["logsBloom"] == wire.bloom(receipt["logs"])
        shape = world.node.ask("eth_getTransactionByHash", receipt["transactionHash"])
        for field in ("blockHash", "blockNumber", "transactionIndex", "to"):
            assert receipt[field] == shape[field]
        for log in receipt["logs"]:
            assert_shape(log, LOG)


def test_gas_of_the_receipts_adds_up(world: World) -> None:
    total = 0
    for receipt in world.node.ask("eth_getBlockReceipts", height(world.mixed)):
        total += int(receipt["gasUsed"], 16)
        assert receipt["cumulativeGasUsed"] == hex(total)
    assert total > 8 * 21_000


def test_a_contract_creation_names_the_contract(world: World) -> None:
    sent = world.sent["creation"]
    receipt = world.node.ask("eth_getTransactionReceipt", "0x" + sent.hash.hex())
    address = "0x" + create_address(sent.sender, 0).hex()
    assert receipt["contractAddress"] == address
    assert world.node.ask("eth_getCode", address, receipt["blockNumber"]) != "0x"
    before = hex(int(receipt["blockNumber"], 16) - 1)
    assert world.node.ask("eth_getCode", address, before) == "0x"


def test_a_failed_creation_names_the_address_it_would_have_had() -> None:
    chain = Chain()
    sent = sign("alice", 0, to=b"", data=b"\xfe", gas=60_000, wei=0)
    chain.add(sent)
    chain.mine()
    receipt = Node(chain).ask("eth_getTransactionReceipt", "0x" + sent.hash.hex())
    assert receipt["status"] == "0x0"
    assert receipt["contractAddress"] == "0x" + create_address(sent.sender, 0).hex()
    assert Node(chain).ask("eth_getCode", receipt["contractAddress"]) == "0x"


def test_a_failed_transaction_has_no_logs_and_paid_its_gas(world: World) -> None:
    sent = world.sent["failed"]
    receipt = world.node.ask("eth_getTransactionReceipt", "0x" + sent.hash.hex())
    assert receipt["logs"] == []
    assert receipt["logsBloom"] == "0x" + "00" * 256
    paid_wei = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    grace = USERS["grace"].address_hex
    assert wei(world.node, grace, "latest") == NATIVE_WEI - paid_wei


def test_the_receipts_of_a_block_are_those_of_its_transactions(world: World) -> None:
    block = world.node.ask("eth_getBlockByNumber", height(world.deposits))
    receipts = world.node.ask("eth_getBlockReceipts", block["number"])
    assert receipts == world.node.ask("eth_getBlockReceipts", block["hash"])
    assert receipts == [
        world.node.ask("eth_getTransactionReceipt", each) for each in block["transactions"]
    ]
    assert world.node.ask("eth_getBlockReceipts", "0x1") == []
    orphans = world.node.ask("eth_getBlockReceipts", world.orphan)
    assert {receipt["blockHash"] for receipt in orphans} == {world.orphan}
    assert [receipt["transactionIndex"] for receipt in orphans] == [hex(n) for n in range(6)]


# --- state --------------------------------------------------------------------------------------


def test_balances_are_those_of_the_block_that_is_named(world: World) -> None:
    node, mixed = world.node, world.mixed
    assert wei(node, JUDY, "earliest") == NATIVE_WEI
    assert wei(node, JUDY, height(mixed - 1)) == NATIVE_WEI
    received_wei = 5 + 6 + 7 + 1 + 1
    for number in (mixed, mixed + 1, mixed + RUN // 2, world.deposits):
        assert wei(node, JUDY, height(number)) == NATIVE_WEI + received_wei
    assert wei(node, JUDY, "latest") == NATIVE_WEI + received_wei
    assert node.ask("eth_getBalance", JUDY) == hex(NATIVE_WEI + received_wei)
    assert node.ask("eth_getBalance", NOBODY) == "0x0"


def test_nonces_are_those_of_the_block_that_is_named_and_pending_counts_the_pool() -> None:
    chain = Chain()
    node = Node(chain)
    chain.mine_empty(3)
    chain.add(sign("alice", 0))
    chain.mine()
    chain.mine_empty(3)
    chain.add(sign("alice", 1))
    chain.add(sign("alice", 2))
    assert node.ask("eth_getTransactionCount", ALICE, "0x3") == "0x0"
    assert node.ask("eth_getTransactionCount", ALICE, "0x4") == "0x1"
    assert node.ask("eth_getTransactionCount", ALICE, "0x6") == "0x1"
    assert node.ask("eth_getTransactionCount", ALICE) == "0x1"
    assert node.ask("eth_getTransactionCount", ALICE, "pending") == "0x3"
    assert node.ask("eth_getTransactionCount", JUDY, "pending") == "0x0"


def test_code_and_storage_are_those_of_the_block_that_is_named() -> None:
    chain = Chain()
    node = Node(chain)
    chain.mine_empty(2)
    address = "0x" + deploy(chain, bytes.fromhex("60205f35355f5500")).hex()
    chain.mine_empty(2)
    assert node.ask("eth_getCode", address, "0x2") == "0x"
    assert node.ask("eth_getCode", address, "0x4") == "0x60205f35355f5500"
    owner = bytes(12) + bytes.fromhex(node.ask("eth_call", OWNER_CALL)[2:])[12:]
    stored = {node.ask("eth_getStorageAt", VAULT, hex(slot)) for slot in range(4)}
    assert "0x" + owner.hex() in stored
    assert all(HASH.fullmatch(word) for word in stored)
    assert node.ask("eth_getStorageAt", NOBODY, "0x0") == "0x" + "00" * 32


def test_a_storage_slot_is_named_in_short_or_in_full(node: Node) -> None:
    short = [node.ask("eth_getStorageAt", VAULT, hex(slot)) for slot in range(3)]
    full = [node.ask("eth_getStorageAt", VAULT, f"0x{slot:064x}") for slot in range(3)]
    assert short == full
    assert node.ask("eth_getStorageAt", VAULT, "0x01", "latest") == short[1]
    assert node.ask("eth_getStorageAt", VAULT, "0x" + "f" * 64) == "0x" + "00" * 32
    for bad in ("0x", "0x" + "0" * 65, "0xzz", 1, None, ["0x0"]):
        assert node.fail("eth_getStorageAt", VAULT, bad)[0] == -32602


def test_state_is_found_by_block_hash_on_every_branch(world: World) -> None:
    node = world.node
    alice_before = wei(node, ALICE, height(world.deposits - 1))
    on_orphan = wei(node, ALICE, {"blockHash": world.orphan})
    assert on_orphan < alice_before
    assert wei(node, ALICE, {"blockHash": world.orphan_run}) == on_orphan
    canonical = node.ask("eth_getBlockByNumber", height(world.deposits))["hash"]
    named = {"blockHash": canonical, "requireCanonical": True}
    assert wei(node, ALICE, named) == wei(node, ALICE, height(world.deposits))
    assert wei(node, ALICE, {"blockNumber": height(world.deposits)}) == wei(node, ALICE, named)
    assert wei(node, ALICE, {"blockNumber": "latest"}) == wei(node, ALICE, "latest")
    assert wei(node, ALICE, {"blockHash": world.orphan, "requireCanonical": False}) == on_orphan
    for method, params in (
        ("eth_getBalance", [ALICE]),
        ("eth_getTransactionCount", [ALICE]),
        ("eth_getCode", [VAULT]),
        ("eth_getStorageAt", [VAULT, "0x0"]),
        ("eth_call", [OWNER_CALL]),
        ("eth_estimateGas", [{"from": ALICE, "to": JUDY}]),
    ):
        assert node.ask(method, *params, {"blockHash": world.orphan})
        required = {"blockHash": world.orphan, "requireCanonical": True}
        refusal = node.fail(method, *params, required)
        assert refusal == (-32000, "hash is not currently canonical")
        assert node.fail(method, *params, {"blockHash": UNKNOWN}) == (-32000, "header not found")
        assert node.fail(method, *params, hex(10**6)) == (-32000, "header not found")
        for bad in ("0x01", "newest", 5, True, [], {"blockHash": "0x12"}, {"blockNumber": 5}):
            assert node.fail(method, *params, bad)[0] == -32602
        odd = {"blockHash": world.orphan, "requireCanonical": "yes"}
        assert node.fail(method, *params, odd)[0] == -32602


# --- calls and estimates ------------------------------------------------------------------------


def test_a_call_sees_the_state_number_and_time_of_its_block(world: World) -> None:
    node = world.node
    in_vault = {
        "to": DF_TOKEN,
        "data": "0x" + contracts.balance_of(contracts.VAULT).hex(),
    }
    assert int(node.ask("eth_call", in_vault, height(world.deposits - 1)), 16) == 0
    deposited_wei = 3 * 10**18 + len("alice") + len("bob") + len("carol")
    assert int(node.ask("eth_call", in_vault, height(world.deposits)), 16) == deposited_wei
    assert int(node.ask("eth_call", in_vault), 16) == deposited_wei
    # NUMBER, TIMESTAMP and BASEFEE as return data of a creation
    asks = {"data": "0x435f52426020524860405260605ff3"}
    number = world.mixed + 4
    block = node.ask("eth_getBlockByNumber", height(number))
    words = bytes.fromhex(node.ask("eth_call", asks, height(number))[2:])
    assert words[:32].hex() == f"{number:064x}"
    assert words[32:64].hex() == f"{int(block['timestamp'], 16):064x}"
    assert words[64:].hex() == f"{int(block['baseFeePerGas'], 16):064x}"


def test_the_fields_of_a_call_reach_the_contract(node: Node) -> None:
    # CALLER, CALLVALUE, GASPRICE, CALLDATASIZE as return data of a creation
    code = "0x335f52346020523a6040523660605260805ff3"
    fields = {"from": ALICE, "value": "0x7", "data": code}
    for price in ("gasPrice", "maxFeePerGas"):
        words = bytes.fromhex(node.ask("eth_call", fields | {price: "0x9"})[2:])
        caller, value, price_wei, size = (words[n : n + 32] for n in range(0, 128, 32))
        assert caller == bytes(12) + USERS["alice"].address
        assert int.from_bytes(value, "big") == 7
        assert int.from_bytes(price_wei, "big") == 9
        assert int.from_bytes(size, "big") == 0
    anonymous = bytes.fromhex(node.ask("eth_call", {"data": code})[2:])
    assert anonymous == bytes(128)


def test_data_may_be_called_data_or_input_and_input_wins(node: Node) -> None:
    owner = node.ask("eth_call", OWNER_CALL)
    assert node.ask("eth_call", {"to": VAULT, "input": OWNER_CALL["data"]}) == owner
    both = {"to": VAULT, "input": OWNER_CALL["data"], "data": "0x01020304"}
    assert node.ask("eth_call", both) == owner
    assert node.ask("eth_call", {"to": NOBODY}) == "0x"


def test_the_gas_of_a_call_can_be_limited(node: Node) -> None:
    code, message = node.fail("eth_call", OWNER_CALL | {"gas": "0x40"})
    assert code == -32000
    assert message.startswith("OutOfGas")
    loops = {"data": "0x5b5f56", "gas": hex(100_000)}
    assert node.fail("eth_call", loops)[0] == -32000
    burned = {"data": "0x5a5f5260205ff3"}  # GAS as return data
    most = int(node.ask("eth_call", burned), 16)
    assert int(node.ask("eth_call", burned | {"gas": hex(2**200)}), 16) == most
    assert most < 50_000_000
    assert int(node.ask("eth_call", burned | {"gas": hex(90_000)}), 16) < 90_000


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
def test_a_revert_is_error_3_with_the_data_of_the_contract(node: Node, method: str) -> None:
    unregistered = contracts.deposit(USERS["bob"].address, 1)
    response = node.request(method, {"from": ALICE, "to": VAULT, "data": "0x" + unregistered.hex()})
    error = response["error"]
    assert error["code"] == 3
    assert error["message"] == "execution reverted"
    decoded = contracts.decode_revert("ZtdxSpotVault", bytes.fromhex(error["data"][2:]))
    assert decoded == f"TokenNotRegistered({USERS['bob'].address_hex})"


def reverting_with(data: bytes) -> dict[str, str]:
    """A call whose init code reverts with that data, which stands behind the code."""
    code = "61{0:04x}600e60003961{0:04x}6000fd".format(len(data))
    return {"from": ALICE, "data": "0x" + code + data.hex()}


ERROR, PANIC = selector("Error(string)"), selector("Panic(uint256)")


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ERROR + encode(["string"], ["not today"]), ": not today"),
        (ERROR + encode(["string"], [""]), ": "),
        (PANIC + encode(["uint256"], [0x11]), ": arithmetic underflow or overflow"),
        (PANIC + encode(["uint256"], [0x99]), ": unknown panic code: 0x99"),
        (ERROR + encode(["string"], ["not today"])[:-1], ""),
        (ERROR + encode(["bytes"], [b"\xff\xfe"]), ""),
        (ERROR + b"\xff" * 64, ""),
        (ERROR, ""),
        (PANIC + b"\x11", ""),
        (b"\x08\xc3", ""),
        (b"", ""),
    ],
)
def test_a_revert_with_a_reason_says_it(node: Node, method: str, data: bytes, words: str) -> None:
    error = node.request(method, reverting_with(data))["error"]
    assert error == {"code": 3, "message": f"execution reverted{words}", "data": "0x" + data.hex()}


def test_an_access_list_holds_what_is_not_warm_anyway(node: Node) -> None:
    owner_slot = {"address": VAULT, "storageKeys": ["0x" + "00" * 32]}
    listed = node.ask("eth_createAccessList", {"from": ALICE} | OWNER_CALL)
    assert listed["accessList"] == [owner_slot]
    pays_the_coinbase = {"from": ALICE, "data": "0x413150"}  # BALANCE of COINBASE
    assert node.ask("eth_createAccessList", pays_the_coinbase)["accessList"] == []


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
def test_a_failure_without_a_revert_is_a_server_error_without_data(node: Node, method: str) -> None:
    response = node.request(method, {"from": ALICE, "data": "0xfe"})
    assert response["error"]["code"] == -32000
    assert "data" not in response["error"]
    too_dear = {"from": ALICE, "to": JUDY, "value": hex(2**256 - 1)}
    assert node.fail(method, too_dear) == (-32000, "insufficient funds for transfer")


def test_an_estimate_is_that_of_the_block_that_is_named(world: World) -> None:
    node = world.node
    assert node.ask("eth_estimateGas", {"from": ALICE, "to": JUDY}) == hex(21_000)
    assert node.ask("eth_estimateGas", {"from": ALICE, "to": JUDY, "value": "0x1"}) == hex(21_000)
    pull = contracts.deposit(contracts.DF_TOKEN, 1)
    approved = {
        "from": ALICE,
        "to": DF_TOKEN,
        "data": "0x" + contracts.approve(b"\x07" * 20, 1).hex(),
    }
    assert 21_000 < int(node.ask("eth_estimateGas", approved), 16) < 60_000
    deposit = {"from": ALICE, "to": VAULT, "data": "0x" + pull.hex()}
    assert node.fail("eth_estimateGas", deposit)[0] == 3  # everything approved was deposited
    low = {"from": ALICE, "to": JUDY, "gas": hex(20_999)}
    assert node.fail("eth_estimateGas", low) == (-32000, "intrinsic gas too low")


# --- fees ---------------------------------------------------------------------------------------


def test_suggested_fees_are_the_base_fee_and_one_gwei(world: World) -> None:
    base_fee_wei = int(world.node.ask("eth_getBlockByNumber", "latest")["baseFeePerGas"], 16)
    assert world.node.ask("eth_maxPriorityFeePerGas") == hex(10**9)
    assert world.node.ask("eth_gasPrice") == hex(base_fee_wei + 10**9)


def test_the_fee_history_lists_the_blocks_and_the_base_fee_of_the_next(world: World) -> None:
    node = world.node
    newest = world.mixed + 1
    history = node.ask("eth_feeHistory", "0x4", height(newest), [10, 50.5])
    assert set(history) == {*FEE_HISTORY, "reward"}
    assert history["oldestBlock"] == height(newest - 3)
    blocks = [node.ask("eth_getBlockByNumber", height(newest - 3 + n)) for n in range(5)]
    assert history["baseFeePerGas"] == [block["baseFeePerGas"] for block in blocks]
    assert history["gasUsedRatio"] == [
        int(b["gasUsed"], 16) / int(b["gasLimit"], 16) for b in blocks[:4]
    ]
    assert history["gasUsedRatio"][2] > 0
    assert history["reward"] == [["0x0"] * 2, ["0x0"] * 2, _rewards(node, newest - 1), ["0x0"] * 2]
    assert node.ask("eth_feeHistory", 1, "latest", [0, 100])["reward"] == [["0x0"] * 2]


def _rewards(node: Node, number: int) -> list[str]:
    """The tips at 10 and 50.5 percent of the block's gas, one unit of gas at a time."""
    base_fee_wei = int(node.ask("eth_getBlockByNumber", height(number))["baseFeePerGas"], 16)
    paid: list[int] = []
    for receipt in node.ask("eth_getBlockReceipts", height(number)):
        tip_wei = int(receipt["effectiveGasPrice"], 16) - base_fee_wei
        paid += [tip_wei] * int(receipt["gasUsed"], 16)
    paid.sort()
    return [hex(paid[math.ceil(len(paid) * percent / 100) - 1]) for percent in (10, 50.5)]


def test_a_fee_history_stops_at_genesis_and_may_be_asked_for_in_decimal(node: Node) -> None:
    history = node.ask("eth_feeHistory", 5, "0x1")
    assert set(history) == FEE_HISTORY
    assert history["oldestBlock"] == "0x0"
    assert len(history["baseFeePerGas"]) == 3
    assert len(history["gasUsedRatio"]) == 2
    at_genesis = node.ask("eth_feeHistory", "0x400", "earliest", [])
    assert len(at_genesis["baseFeePerGas"]) == 2
    assert "reward" not in at_genesis


def test_a_fee_history_refuses_odd_requests(node: Node) -> None:
    for count in (0, "0x0", 1_025, "0x401", -1, True, 1.5, "5", None):
        assert node.fail("eth_feeHistory", count, "latest")[0] == -32602
    for ranks in ([101], [-1], ["50"], [True], {}, "50", 50, [None], [2, 1], [1] * 101):
        assert node.fail("eth_feeHistory", "0x1", "latest", ranks)[0] == -32602
    assert node.fail("eth_feeHistory", "0x1", hex(10**6)) == (-32000, "header not found")


# --- a node that lags behind --------------------------------------------------------------------


def test_a_lagging_node_knows_nothing_above_its_head(world: World) -> None:
    lag = world.chain.height - world.deposits + 1
    behind, node = Node(world.chain, lag), world.node
    assert behind.ask("eth_blockNumber") == height(world.deposits - 1)
    latest = behind.ask("eth_getBlockByNumber", "latest")
    assert latest == node.ask("eth_getBlockByNumber", height(world.deposits - 1))
    hidden = node.ask("eth_getBlockByNumber", height(world.deposits))
    assert behind.ask("eth_getBlockByNumber", hidden["number"]) is None
    assert behind.ask("eth_getBlockByHash", hidden["hash"]) is None
    assert behind.ask("eth_getTransactionReceipt", hidden["transactions"][0]) is None
    assert behind.ask("eth_getTransactionByHash", hidden["transactions"][0]) is None
    assert behind.ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": hidden["number"]}) == []
    assert behind.fail("eth_getBalance", ALICE, hidden["number"])[0] == -32000
    assert behind.ask("eth_getTransactionCount", ALICE) == "0x1"
    just = Node(world.chain, lag - 1)
    assert just.ask("eth_getTransactionReceipt", hidden["transactions"][0])["status"] == "0x1"
    assert len(just.ask("eth_getLogs", {"fromBlock": "0x0"})) == 9


def test_a_node_cannot_lag_below_genesis(world: World) -> None:
    behind = Node(world.chain, 10**6)
    assert behind.ask("eth_blockNumber") == "0x0"
    assert behind.ask("eth_getBlockByNumber", "latest")["number"] == "0x0"
