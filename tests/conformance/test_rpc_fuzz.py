"""Whatever a client sends, the answer is a result or a documented error."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conformance.node import World, build_world
from tests.unit.chain.builders import sign, sign_access_list, sign_delegation, sign_legacy
from ztdx_devnet.chain import contracts
from ztdx_devnet.chain.accounts import USERS
from ztdx_devnet.chain.rpc import table
from ztdx_devnet.chain.rpc.endpoint import answer
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
