"""eth_sendRawTransaction: what it takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth.vm.forks.london.transactions import UnsignedDynamicFeeTransaction

from tests.conformance.node import Node
from tests.unit.chain.builders import (
    GWEI,
    sign,
    sign_access_list,
    sign_delegation,
    sign_legacy,
)
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import GAS_LIMIT, NATIVE_WEI
from ztdx_devnet.chain.transactions import Transaction

JUDY = USERS["judy"].address
GOOD = sign("alice", 0)
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def fresh() -> Node:
    chain = Chain()
    chain.mine_empty(2)
    return Node(chain)


def send(node: Node, raw: bytes) -> Any:
    return node.ask("eth_sendRawTransaction", "0x" + raw.hex())


def refused(node: Node, raw: bytes) -> str:
    code, message = node.fail("eth_sendRawTransaction", "0x" + raw.hex())
    assert code == -32000
    assert len(node.chain.pool) == 0
    return message


def altered(transaction: Transaction, **fields: Any) -> bytes:
    """The same bytes with other numbers in them; the signature no longer says so."""
    names = [*UnsignedDynamicFeeTransaction._meta.field_names, "y_parity", "r", "s"]
    parts = rlp.decode(transaction.raw()[1:])
    for name, value in fields.items():
        if isinstance(value, int):
            value = value.to_bytes((value.bit_length() + 7) // 8, "big")
        parts[names.index(name)] = value
    return transaction.raw()[:1] + rlp.encode(parts)


def test_every_type_of_transaction_is_taken_and_its_hash_returned() -> None:
    node = fresh()
    for sent in (
        GOOD,
        sign_legacy("bob", 0),
        sign_legacy("carol", 0, chain_id=None),
        sign_access_list("dave", 0, access_list=[(JUDY, [1])]),
        sign_delegation("erin", 0, "frank", 0),
        sign("grace", 7),  # a nonce gap waits
        sign("heidi", 0, to=b"", data=b"\x00", gas=100_000),
    ):
        assert send(node, sent.raw()) == "0x" + sent.hash.hex()
    assert len(node.chain.pool) == 7
    assert len(node.chain.mine().receipts) == 6


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        GOOD.raw()[:-1],
        GOOD.raw() + b"\x00",
        GOOD.raw()[:1],
        GOOD.raw()[1:],
        b"\x02\xc0",
        b"\x80",
        b"\xc0",
        b"\xc1\x80",
        b"\xff" * 40,
        b"\xf8",
        b"\xb8\x01",
        sign_legacy("alice", 0).raw()[:50],
        b"\x01" + GOOD.raw()[1:],
        b"\x04" + GOOD.raw()[1:],
        altered(GOOD, to=b"\x01" * 19),
        altered(GOOD, nonce=b"\x00"),
        altered(GOOD, nonce=2**64 - 1),
        altered(GOOD, gas=2**256),
        altered(GOOD, value=2**256),
        altered(GOOD, y_parity=2),
        altered(GOOD, y_parity=2**200),
        altered(GOOD, r=0),
        altered(GOOD, s=0),
        altered(GOOD, r=CURVE_ORDER),
        altered(GOOD, s=2**256),
        altered(GOOD, data=[b"\x01"]),
        altered(GOOD, access_list=b""),
        altered(GOOD, access_list=[[JUDY, [b"\x01"]]]),
        altered(GOOD, access_list=[[JUDY]]),
    ],
    ids=lambda raw: f"{raw[:3].hex()}, {len(raw)} bytes",
)
def test_bytes_that_are_no_signed_transaction_are_refused(raw: bytes) -> None:
    assert refused(fresh(), raw).startswith("not a valid signed transaction: ")


def test_a_blob_transaction_of_another_layout_is_refused() -> None:
    assert refused(fresh(), b"\x03" + GOOD.raw()[1:])


@pytest.mark.parametrize("v", [0, 1, 26, 29, 34, 2**256])
def test_a_legacy_signature_has_a_v_that_means_something(v: int) -> None:
    parts = rlp.decode(sign_legacy("alice", 0).raw())
    parts[6] = v.to_bytes((v.bit_length() + 7) // 8, "big")
    message = refused(fresh(), rlp.encode(parts))
    assert message.startswith("not a valid signed transaction: ")


def test_a_legacy_signature_with_a_high_s_is_refused() -> None:
    parts = rlp.decode(sign_legacy("alice", 0).raw())
    high = CURVE_ORDER - int.from_bytes(parts[8], "big")
    parts[6] = bytes([int.from_bytes(parts[6], "big") ^ 1])
    parts[8] = high.to_bytes(32, "big")
    message = refused(fresh(), rlp.encode(parts))
    assert message.startswith("not a valid signed transaction: ")


def test_a_transaction_for_another_chain_is_refused_in_the_words_of_geth() -> None:
    node = fresh()
    for chain_id, raw in (
        (56, sign("alice", 0, chain_id=56).raw()),
        (0, sign("alice", 0, chain_id=0).raw()),
        (98, sign_legacy("alice", 0, chain_id=98).raw()),
    ):
        assert refused(node, raw) == f"invalid chain id for signer: have {chain_id} want 97"


def test_a_changed_transaction_comes_from_somebody_else_who_has_no_money() -> None:
    message = refused(fresh(), altered(GOOD, value=2))
    assert message.startswith("insufficient funds for gas * price + value: balance 0, tx cost ")


def test_gas_beyond_the_block_is_refused_in_the_words_of_geth() -> None:
    node = fresh()
    for gas in (GAS_LIMIT + 1, 2**64, 2**255):
        raw = sign("alice", 0, gas=gas, max_fee_wei=1, tip_wei=0).raw()
        assert refused(node, raw) == "exceeds block gas limit"


def test_a_sender_that_cannot_pay_is_refused_in_the_words_of_geth() -> None:
    fee_wei = 21_000 * 10 * GWEI
    for wei in (NATIVE_WEI - fee_wei + 1, 2**255):
        assert refused(fresh(), sign("alice", 0, wei=wei).raw()) == (
            f"insufficient funds for gas * price + value: "
            f"balance {NATIVE_WEI}, tx cost {wei + fee_wei}"
        )


def test_a_used_nonce_is_refused_in_the_words_of_geth() -> None:
    node = fresh()
    send(node, GOOD.raw())
    node.chain.mine()
    for transaction in (GOOD, sign("alice", 0, wei=2)):
        message = refused(node, transaction.raw())
        assert message == "nonce too low: next nonce 1, tx nonce 0"


def test_the_same_transaction_again_is_refused_in_the_words_of_geth() -> None:
    node = fresh()
    shown = send(node, GOOD.raw())
    assert node.fail("eth_sendRawTransaction", "0x" + GOOD.raw().hex()) == (-32000, "already known")
    assert node.ask("eth_getTransactionByHash", shown)["hash"] == shown


def test_a_cheap_replacement_is_refused_in_the_words_of_geth_and_a_dear_one_is_taken() -> None:
    node = fresh()
    old = send(node, GOOD.raw())
    cheap = sign("alice", 0, wei=2, max_fee_wei=11 * GWEI - 1)
    answered = node.fail("eth_sendRawTransaction", "0x" + cheap.raw().hex())
    assert answered == (-32000, "replacement transaction underpriced")
    new = send(node, sign("alice", 0, wei=2, max_fee_wei=11 * GWEI, tip_wei=2 * GWEI).raw())
    assert node.ask("eth_getTransactionByHash", old) is None
    assert node.ask("eth_getTransactionByHash", new)["value"] == "0x2"
    node.chain.mine()
    assert node.ask("eth_getTransactionReceipt", new)["status"] == "0x1"


@pytest.mark.parametrize("param", [None, 5, {}, [], True, "", "0x0", "0xzz", "zz", "00"], ids=repr)
def test_a_transaction_is_hex_data(param: Any) -> None:
    node = fresh()
    code, message = node.fail("eth_sendRawTransaction", param)
    assert code == -32602
    assert message.startswith("transaction: expected hex data, got ")


def test_a_transaction_may_be_as_large_as_geth_allows() -> None:
    frame = len(sign("alice", 0, data=bytes(100_000), gas=6_000_000).raw()) - 100_000
    node = fresh()
    largest, larger = (
        sign("alice", 0, data=bytes(size - frame), gas=6_000_000).raw()
        for size in (131_072, 131_073)
    )
    assert (len(largest), len(larger)) == (131_072, 131_073)
    assert refused(node, larger) == "oversized data: transaction size 131073, limit 131072"
    send(node, largest)


def test_a_lagging_node_takes_transactions_for_the_chain() -> None:
    chain = Chain()
    chain.mine_empty(10)
    assert send(Node(chain, lag_blocks=4), GOOD.raw()) == "0x" + GOOD.hash.hex()
    assert [entry.transaction.hash for entry in chain.pool] == [GOOD.hash]
