"""Transactions and requests that once corrupted the state, crashed the node or broke a rule."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest
from eth.vm.forks.cancun.transactions import UnsignedBlobTransaction

from tests.conformance.node import Node
from tests.unit.chain.builders import GWEI, add_deposit, call_head, sign, sign_access_list
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.evm.execution import COINBASE
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import CHAIN_ID, NATIVE_WEI
from ztdx_devnet.chain.signing import sign_set_code
from ztdx_devnet.chain.transactions import Transaction

ALICE, BOB, ERIN = (USERS[name].address for name in ("alice", "bob", "erin"))
TOO_LITTLE_GAS = sign("alice", 0, gas=20_000)
TOO_MUCH_INIT_CODE = sign("alice", 0, to=b"", data=bytes(49_153), gas=5_000_000, wei=0)


def below_the_floor_with_nothing_to_spare(data: bytes) -> Transaction:
    gas = 21_000 + 16 * len(data)
    price_wei = 10 * GWEI
    wei = NATIVE_WEI - gas * price_wei
    return sign(
        "erin", 0, to=BOB, data=data, gas=gas, max_fee_wei=price_wei, tip_wei=price_wei, wei=wei
    )


# --- a transaction that py-evm gives up on leaves no trace ----------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        TOO_LITTLE_GAS,
        TOO_MUCH_INIT_CODE,
        below_the_floor_with_nothing_to_spare(b"\x01" * 1_000),
    ],
    ids=["too little gas", "too much init code", "below the floor"],
)
def test_a_transaction_that_py_evm_gives_up_on_leaves_no_trace(bad: Transaction) -> None:
    chain, twin = Chain(), Chain()
    dropped: list[bytes] = []
    chain.on_drop.append(lambda drop: dropped.append(drop.transaction.hash))
    chain.pool.add(bad)  # past the checks of submission
    for each in (chain, twin):
        each.pool.add(sign("bob", 0, to=COINBASE))
        each.pool.add(sign("carol", 0))
    later = sign("alice" if bad.sender == ALICE else "erin", 1)
    chain.pool.add(later)
    assert chain.mine().hash == twin.mine().hash
    assert dropped == [bad.hash]
    assert chain.pool.get(later.hash) is later


def test_storage_that_a_dropped_transaction_touched_is_as_before() -> None:
    chain = Chain()
    chain.pool.add(sign("erin", 0, to=BOB, wei=NATIVE_WEI - 10**17))
    chain.mine()
    left_wei = chain.state_at(chain.head).balance_wei(ERIN)
    data = contracts.transfer(BOB, 777) + b"\x01" * 20_000
    gas = 21_000 + sum(16 if byte else 4 for byte in data) + 60_000
    price_wei = left_wei // gas
    chain.pool.add(
        sign(
            "erin",
            1,
            to=contracts.DF_TOKEN,
            data=data,
            gas=gas,
            wei=0,
            max_fee_wei=price_wei,
            tip_wei=price_wei,
        )
    )
    chain.pool.add(sign("alice", 0))
    assert len(chain.mine().receipts) == 1
    shown = call_head(
        chain, sender=BOB, to=contracts.DF_TOKEN, data=contracts.balance_of(BOB), gas=100_000
    )
    assert int.from_bytes(shown.output, "big") == 10**24


def test_a_reorg_is_not_left_half_done_by_a_transaction() -> None:
    chain = Chain()
    chain.mine_empty(3)
    kept = sign("bob", 0)
    chain.add(kept)
    chain.mine()
    chain.pool.add(TOO_MUCH_INIT_CODE)
    chain.reorg(Reorg(depth=1))
    assert chain.height == 5
    assert chain.inclusions.canonical(kept.hash) is not None
    assert len(chain.pool) == 0


# --- submission -----------------------------------------------------------------------------------


def blob() -> bytes:
    unsigned = UnsignedBlobTransaction(
        CHAIN_ID, 0, GWEI, 10 * GWEI, 21_000, BOB, 1, b"", [], 10**9, [b"\x01" + bytes(31)]
    )
    return unsigned.as_signed_transaction(USERS["alice"].key).encode()


REFUSED = {
    "intrinsic gas too low: gas 20000, minimum needed 21000": TOO_LITTLE_GAS.raw(),
    "intrinsic gas too low: gas 53129, minimum needed 53130": sign(
        "alice", 0, to=b"", data=bytes(32), gas=53_129
    ).raw(),
    "max initcode size exceeded: code size 49153, limit 49152": TOO_MUCH_INIT_CODE.raw(),
    "insufficient gas for floor data gas cost: gas 22600, minimum needed 25000": sign(
        "alice", 0, data=b"\x01" * 100, gas=22_600
    ).raw(),
    "max priority fee per gas higher than max fee per gas": sign(
        "alice", 0, max_fee_wei=5, tip_wei=6
    ).raw(),
    "max priority fee per gas higher than max fee per gas ": sign_set_code(
        USERS["alice"].key,
        chain_id=CHAIN_ID,
        nonce=0,
        to=BOB,
        data=b"",
        gas=100_000,
        max_fee_wei=5,
        tip_wei=6,
        delegations=[(USERS["bob"].key, BOB, 0)],
    ).raw(),
    "nonce has max value": sign_access_list("alice", 2**64 - 1, access_list=[]).raw(),
    "transaction type not supported": blob(),
    "transaction type not supported ": b"\x05\xc0",
    "transaction type not supported  ": b"\x00",
    "transaction type not supported   ": b"\x7f" * 40,
    "oversized data: transaction size 131073, limit 131072": b"\xf9" * 131_073,
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_no_state_makes_valid_is_refused_in_the_words_of_geth(words: str) -> None:
    node = Node(Chain())
    answered = node.fail("eth_sendRawTransaction", "0x" + REFUSED[words].hex())
    assert answered == (-32000, words.strip())
    assert len(node.chain.pool) == 0


def test_what_is_just_within_the_limits_is_taken() -> None:
    node = Node(Chain())
    for transaction in (
        sign_access_list("alice", 2**64 - 2, access_list=[]),
        sign("bob", 0, to=b"", data=bytes(49_152), gas=5_000_000),
        sign("carol", 0, data=b"\x01" * 100, gas=25_000),
        sign("dave", 0, max_fee_wei=GWEI, tip_wei=GWEI),
        sign("erin", 0, to=b"", data=bytes(32), gas=53_130),
    ):
        shown = node.ask("eth_sendRawTransaction", "0x" + transaction.raw().hex())
        assert shown == "0x" + transaction.hash.hex()
    assert len(node.chain.mine().receipts) == 4


def test_deeply_nested_rlp_is_refused() -> None:
    parts, length = [], 0
    for _ in range(40_000):
        size = length.to_bytes((length.bit_length() + 7) // 8, "big")
        parts.append(bytes([0xC0 + length]) if length < 56 else bytes([0xF7 + len(size)]) + size)
        length += len(parts[-1])
    raw = b"".join(reversed(parts))
    for each in (raw[-60_000:], b"\x02" + raw[-60_000:], raw):
        assert Node(Chain()).fail("eth_sendRawTransaction", "0x" + each.hex())[0] == -32000


def test_a_typed_signature_with_a_high_s_is_refused() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    good = sign("alice", 0).signed
    inner = good._inner.copy(s=order - good.s, y_parity=1 - good.y_parity)
    with pytest.raises(TransactionRefused):
        Chain().submit(type(good)(2, inner).encode())


def test_a_call_with_too_much_init_code_fails_as_a_call() -> None:
    for method in ("eth_call", "eth_estimateGas"):
        assert Node(Chain()).fail(method, {"data": "0x" + "00" * 49_153})[0] == -32000


# --- JSON-RPC -------------------------------------------------------------------------------------


def test_a_notification_is_not_answered_when_it_fails_either() -> None:
    node = Node(Chain())
    assert node.post(b'{"jsonrpc":"2.0","method":"eth_nothing"}') is None
    assert node.post(b'{"jsonrpc":"2.0","method":"eth_chainId","params":{}}') is None


@pytest.mark.parametrize("request_id", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_an_answer_is_always_json(request_id: bytes) -> None:
    response = Node(Chain()).post(b'{"jsonrpc":"2.0","id":%s,"method":"eth_chainId"}' % request_id)
    assert response["id"] is None
    assert response["error"]["code"] in (-32700, -32600)


def test_no_depth_of_nesting_gets_past_the_endpoint() -> None:
    node = Node(Chain())
    left = sys.getrecursionlimit() - len(inspect.stack(0))
    for depth in range(left - 20, left + 5):
        body = b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[%s%s]}'
        response = node.post(body % (b"[" * depth, b"]" * depth))
        assert response["error"]["code"] in (-32700, -32602)


def test_null_among_alternative_topics_matches_anything() -> None:
    chain = Chain()
    add_deposit(chain, "alice", 5)
    chain.mine()
    wanted: dict[str, Any] = {"fromBlock": "0x0", "topics": [[None, "0x" + "07" * 32]]}
    assert len(Node(chain).ask("eth_getLogs", wanted)) == 3


def test_a_storage_slot_begins_with_0x() -> None:
    assert Node(Chain()).fail("eth_getStorageAt", "0x" + "00" * 20, "zz05")[0] == -32602
