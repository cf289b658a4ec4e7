"""Whatever a client sends, the answer is a result or a documented error."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conformance.devnet import ALICE, BOB, CAROL, NOBODY, DevnetNode
from tests.conformance.node import World, build_world
from tests.unit.chain.builders import sign, sign_access_list, sign_delegation, sign_legacy
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import TIMESTAMP_S
from ztdx_devnet.chain.rpc import table
from ztdx_devnet.chain.rpc.endpoint import answer
from ztdx_devnet.chain.rpc.methods import control, reorgs
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT opcode:DeprecationWarning")

DOCUMENTED = {-32700, -32600, -32601, -32602, -32000, 3}
SETTINGS = settings(derandomize=True, database=None, deadline=None)


@cache
def world() -> World:
    return build_world()


def known_hashes() -> st.SearchStrategy[str]:
    head = world().node.ask("eth_getBlockByNumber", "latest")["hash"]
    return st.sampled_from([head, world().orphan, world().orphan_run, "0x" + "07" * 32])


RAW = [
    transaction.raw()
    for transaction in (
        sign("ivan", 0),
        sign_legacy("ivan", 0),
        sign_access_list("ivan", 0, access_list=[(contracts.VAULT, [1])]),
        sign_delegation("ivan", 0, "erin", 1),
    )
]


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()


addresses = st.sampled_from(
    [contracts.VAULT, contracts.DF_TOKEN, contracts.DEPOSIT_BATCH, USERS["erin"].address]
    + [number.to_bytes(20, "big") for number in range(20)]
).map(hexed)
hashes = st.deferred(known_hashes)
quantities = st.integers(0, 2**256 - 1).map(hex) | st.integers(0, 200).map(hex)
tags = st.sampled_from(["latest", "pending", "safe", "finalized", "earliest"])
blocks = (
    quantities
    | tags
    | hashes
    | st.fixed_dictionaries(
        {},
        optional={
            "blockHash": hashes,
            "blockNumber": quantities,
            "requireCanonical": st.booleans(),
        },
    )
)
payloads = st.binary(max_size=300).map(hexed)
calls = st.fixed_dictionaries(
    {},
    optional={
        "from": addresses,
        "to": addresses | st.none(),
        "data": payloads,
        "input": payloads,
        "value": quantities,
        "gas": st.integers(0, 200_000).map(hex),
        "gasPrice": quantities,
    },
)
topics = st.lists(st.none() | hashes | st.lists(hashes | st.none(), max_size=3), max_size=5)
filters = st.fixed_dictionaries(
    {},
    optional={
        "address": addresses | st.lists(addresses, max_size=3),
        "topics": topics,
        "fromBlock": blocks,
        "toBlock": blocks,
        "blockHash": hashes,
    },
)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
)
json_values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def damaged_transactions(draw: st.DrawFn) -> str:
    """A signed transaction with some of its bytes cut off or changed, its type among them."""
    raw = bytearray(draw(st.sampled_from(RAW)))
    for _ in range(draw(st.integers(0, 3))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return hexed(bytes(raw[: draw(st.integers(0, len(raw)))]))


plausible = st.one_of(
    json_values,
    addresses,
    hashes,
    quantities,
    blocks,
    payloads,
    calls,
    filters,
    st.booleans(),
    st.lists(st.integers(0, 100), max_size=3),
)


def assert_documented(response: Any, request_id: Any) -> None:
    assert response["jsonrpc"] == "2.0"
    if "result" in response:
        assert set(response) == {"jsonrpc", "id", "result"}
        assert response["id"] == request_id
    else:
        assert set(response) == {"jsonrpc", "id", "error"}
        assert response["error"]["code"] in DOCUMENTED
        assert isinstance(response["error"]["message"], str)


def ask(method: str, params: Any) -> None:
    head, waiting = world().chain.head.hash, len(world().chain.pool)
    body = {"jsonrpc": "2.0", "id": 5, "method": method, "params": params}
    assert_documented(world().node.post(json.dumps(body).encode()), 5)
    assert world().chain.head.hash == head
    if method != "eth_sendRawTransaction":
        assert len(world().chain.pool) == waiting


@settings(SETTINGS, max_examples=400)
@given(
    method=st.sampled_from(table.names()) | st.text(max_size=12),
    params=st.lists(plausible, max_size=4) | json_values,
)
def test_arbitrary_parameters_get_a_result_or_a_documented_error(method: str, params: Any) -> None:
    ask(method, params)


@settings(SETTINGS, max_examples=200)
@given(
    method=st.sampled_from(["eth_call", "eth_estimateGas"]),
    call=calls,
    block=blocks | st.just("0x1f"),
)
@example(method="eth_estimateGas", call={"data": "0x" + "fe" * 300, "gas": "0x0"}, block="latest")
def test_arbitrary_calls_get_a_result_or_a_documented_error(
    method: str, call: Any, block: Any
) -> None:
    ask(method, [call, block])


@settings(SETTINGS, max_examples=100)
@given(wanted=filters)
def test_arbitrary_filters_get_a_result_or_a_documented_error(wanted: Any) -> None:
    ask("eth_getLogs", [wanted])


@settings(SETTINGS, max_examples=200)
@given(raw=damaged_transactions())
def test_damaged_transactions_get_a_hash_or_a_documented_error(raw: str) -> None:
    ask("eth_sendRawTransaction", [raw])
    for waiting in world().chain.pool:
        world().chain.pool.remove(waiting.transaction.hash)


@settings(SETTINGS, max_examples=150)
@given(body=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bodies_get_an_answer_or_none(body: bytes) -> None:
    answered = answer(Node(View(world().chain)), body)
    response = json.loads(answered) if answered else []
    for each in response if isinstance(response, list) else [response]:
        assert_documented(each, each["id"])


# --- the whole table on a devnet, which every request may change --------------------------------

MAX_MINED = 60  # blocks of one request


def devnet() -> DevnetNode:
    """A devnet with two branches, an edit, a waiting transaction, filters and subscriptions."""
    node = DevnetNode()
    node.ask("anvil_mine", 3)
    node.send()
    node.ask("anvil_setBalance", NOBODY, "0x5")
    node.ask("evm_snapshot")
    node.ask("devnet_reorg", {"depth": 2, "branch": "other"})
    node.ask("evm_setAutomine", False)
    node.send(BOB)
    for method in ("eth_newBlockFilter", "eth_newPendingTransactionFilter"):
        node.ask(method)
    node.ask("eth_newFilter", {})
    for kind in ("newHeads", "logs", "newPendingTransactions"):
        node.ask("eth_subscribe", kind)
    return node


@cache
def devnet_hashes() -> dict[str, list[str]]:
    """Of blocks and of transactions; every devnet here has the same."""
    node = devnet()
    segments = node.chain.tree.segments
    blocks_known = [hexed(s.hash_at(s.count - 1)) for s in segments]
    sent = [
        hexed(r.transaction.hash) for b in node.chain.tree.executed_above(0) for r in b.receipts
    ]
    return {"blocks": blocks_known, "transactions": [*sent, *node.waiting(), "0x" + "07" * 32]}


@cache
def dumped() -> str:
    return str(devnet().ask("anvil_dumpState"))


block_hashes = st.deferred(lambda: st.sampled_from(devnet_hashes()["blocks"]))
transaction_hashes = st.deferred(lambda: st.sampled_from(devnet_hashes()["transactions"]))
names = st.sampled_from(["main", "other", "branch-3", "third", ""])
numbers = st.integers(-2, 12) | st.integers(0, 12).map(hex) | st.integers(-(2**70), 2**70)
senders = st.sampled_from([ALICE, BOB, NOBODY])
requests = st.fixed_dictionaries(
    {"from": senders},
    optional={
        "to": addresses | senders,
        "value": st.integers(0, 10).map(hex) | quantities,
        "data": payloads,
        "gas": st.integers(20_000, 200_000).map(hex),
        "nonce": st.integers(0, 3).map(hex),
        "gasPrice": quantities,
        "type": st.integers(0, 5).map(hex),
    },
)
given_transactions = transaction_hashes | requests | st.sampled_from(RAW).map(hexed)
plans = st.fixed_dictionaries(
    {"depth": st.integers(0, 5)},
    optional={
        "length": st.integers(0, 6),
        "drop": st.lists(transaction_hashes, max_size=2),
        "keep": st.lists(transaction_hashes, max_size=2),
        "order": st.lists(transaction_hashes, max_size=2),
        "replace": st.dictionaries(transaction_hashes, given_transactions, max_size=2),
        "delayBlocks": st.integers(0, 4) | st.just(2**53),
        "blocks": st.lists(st.lists(given_transactions, max_size=2), max_size=3),
        "branch": names,
    },
)
overrides = st.dictionaries(
    senders | addresses,
    st.fixed_dictionaries(
        {},
        optional={
            "balance": quantities,
            "nonce": quantities,
            "code": payloads,
            "stateDiff": st.dictionaries(hashes, hashes, max_size=2),
        },
    ),
    max_size=2,
)
pairs = st.lists(st.tuples(given_transactions, st.integers(0, 2)).map(list), max_size=3)
sensible = st.one_of(
    numbers,
    senders,
    addresses,
    block_hashes,
    transaction_hashes,
    names,
    requests,
    plans,
    overrides,
    pairs,
    payloads,
    filters,
    st.booleans(),
    tags,
    st.fixed_dictionaries({}, optional={"timestamp": numbers, "blocks": numbers}),
    st.sampled_from(["newHeads", "logs", "newPendingTransactions", "syncing", "\ud800"]),
    st.deferred(lambda: st.just(dumped())),
    json_values,
)
# What is likely to be taken, so that one request builds on the effect of another.
FITTING: dict[str, st.SearchStrategy[list[Any]]] = {
    "devnet_reorg": st.tuples(plans).map(list),
    "devnet_switchBranch": st.tuples(block_hashes | names).map(list),
    "devnet_setFinality": st.tuples(st.integers(0, 4), st.integers(3, 6)).map(list),
    "anvil_reorg": st.tuples(st.integers(1, 4), pairs).map(list),
    "anvil_rollback": st.tuples(st.integers(1, 4)).map(list),
    "anvil_setBalance": st.tuples(senders | addresses, quantities).map(list),
    "anvil_setCode": st.tuples(senders | addresses, payloads).map(list),
    "anvil_setNonce": st.tuples(senders, st.integers(0, 2**64 - 1)).map(list),
    "anvil_setStorageAt": st.tuples(senders | addresses, quantities, quantities).map(list),
    "anvil_setNextBlockBaseFeePerGas": st.tuples(st.integers(0, 2**63 - 1)).map(list),
    "anvil_mine": st.tuples(st.integers(0, MAX_MINED), st.integers(0, 100)).map(list),
    "anvil_loadState": st.deferred(lambda: st.just([dumped()])),
    "anvil_autoImpersonateAccount": st.just([True]),
    "evm_setAutomine": st.tuples(st.booleans()).map(list),
    "evm_setBlockGasLimit": st.tuples(st.integers(5_000, 100_000)).map(list),
    "evm_setNextBlockTimestamp": st.tuples(st.integers(0, 30).map(lambda s: TIMESTAMP_S + s)).map(
        list
    ),
    "evm_increaseTime": st.tuples(st.integers(0, 2**48)).map(list),
    "evm_snapshot": st.just([]),
    "evm_revert": st.tuples(st.integers(0, 3)).map(list),
    "eth_sendTransaction": st.tuples(requests).map(list),
    "eth_sendUnsignedTransaction": st.tuples(requests).map(list),
    "eth_sendRawTransaction": st.tuples(st.sampled_from(RAW).map(hexed)).map(list),
    "eth_call": st.tuples(requests, tags, overrides).map(list),
    "eth_estimateGas": st.tuples(requests, tags, overrides).map(list),
    "eth_createAccessList": st.tuples(requests, tags).map(list),
    "eth_getProof": st.tuples(senders | addresses, st.lists(hashes, max_size=2), tags).map(list),
    "eth_getFilterChanges": st.tuples(st.integers(1, 4).map(hex)).map(list),
    "eth_subscribe": st.tuples(st.sampled_from(["newHeads", "logs"])).map(list),
}


@st.composite
def devnet_requests(draw: st.DrawFn) -> tuple[str, Any]:
    if draw(st.booleans()):
        method = draw(st.sampled_from(sorted(FITTING)))
        return method, draw(FITTING[method])
    return draw(st.sampled_from(table.names())), draw(st.lists(sensible, max_size=4))


def assert_alive(node: DevnetNode) -> None:
    """It mines, shows every part of itself, and tells filters and subscriptions."""
    height = node.height()
    node.ask("evm_mine")
    assert node.height() == height + 1
    sent = node.devnet.mining.automine
    node.devnet.mining.automine = True
    node.ask("anvil_setNextBlockBaseFeePerGas", 0)
    node.ask("evm_setBlockGasLimit", 2**40)
    node.ask("anvil_setMinGasPrice", 0)
    node.ask("anvil_setCode", CAROL, "0x")
    node.ask("anvil_setNonce", CAROL, 7)
    node.ask("anvil_setBalance", CAROL, hex(10**18))
    transfer = node.send(CAROL, ALICE, gas=21_000, nonce=7, gasPrice=1_000)
    assert node.fate(transfer)[0] in ("included", "dropped")  # Alice may be too rich to be paid
    node.devnet.mining.automine = sent
    for tag in ("latest", "pending", "safe", "finalized", "earliest"):
        assert node.ask("eth_getBlockByNumber", tag, True) is not None
    for method in ("txpool_content", "txpool_inspect", "devnet_branches", "anvil_nodeInfo"):
        node.ask(method)
    node.ask("eth_getLogs", {"fromBlock": "0x0"})
    for number in range(1, 4):
        assert_documented(node.request("eth_getFilterChanges", hex(number)), 7)
    json.dumps(node.pushed())
    parent = node.ask("eth_getBlockByNumber", "latest")
    for _ in range(min(node.height(), 10)):
        below = node.ask("eth_getBlockByHash", parent["parentHash"])
        assert int(below["number"], 16) == int(parent["number"], 16) - 1
        assert int(below["timestamp"], 16) < int(parent["timestamp"], 16)
        parent = below


@settings(SETTINGS, max_examples=150)
@given(sequence=st.lists(devnet_requests(), min_size=1, max_size=8))
def test_whatever_is_asked_of_a_devnet_it_answers_as_documented_and_goes_on(
    sequence: list[tuple[str, Any]],
) -> None:
    node = devnet()
    with (
        patch.object(control, "MAX_BLOCKS", MAX_MINED),
        patch.object(reorgs, "MAX_NEW_BLOCKS", MAX_MINED),
    ):
        for method, params in sequence:
            body = {"jsonrpc": "2.0", "id": 5, "method": method, "params": params}
            assert_documented(node.post(json.dumps(body).encode()), 5)
    assert_alive(node)
