"""Calls on states that never were, proofs, access lists and signatures, checked from outside."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rlp
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from tests.conformance.devnet import (
    ALICE,
    BOB,
    CAROL,
    DF_TOKEN,
    GWEI,
    NOBODY,
    PARAMS,
    SERVER,
    VAULT,
    DevnetNode,
)
from tests.unit.chain.builders import sign_delegation
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import NATIVE_WEI, TIMESTAMP_S
from ztdx_devnet.chain.signing import sign_set_code

WORD = 32
# Returns the word of one instruction.
NUMBER, TIME, BASE_FEE, GAS_LIMIT = (f"0x{op}60005260206000f3" for op in ("43", "42", "48", "45"))
ORIGIN_BALANCE, CALL_VALUE = "0x323160005260206000f3", "0x3460005260206000f3"
SLOT_5 = "0x60055460005260206000f3"
CREATOR = "0x60006000" + "6000f0" + "60005260206000f3"  # CREATE of an empty contract
EMPTY_ROOT = keccak256(rlp.encode(b""))
EMPTY_CODE = keccak256(b"")


@pytest.fixture
def devnet() -> DevnetNode:
    node = DevnetNode()
    node.ask("anvil_mine", 3)
    return node


def word(value: int) -> str:
    return "0x" + value.to_bytes(WORD, "big").hex()


def call(devnet: DevnetNode, code: str, *overrides: Any, **fields: Any) -> int:
    """What that code returns when it stands at an address of nobody."""
    state, *rest = overrides or ({},)
    given = {NOBODY: {"code": code, **state.get(NOBODY, {})}}
    given |= {k: v for k, v in state.items() if k != NOBODY}
    return devnet.number("eth_call", {"to": NOBODY, **fields}, "latest", given, *rest)


# --- state overrides ------------------------------------------------------------------------------


def test_code_balance_nonce_and_storage_can_be_other_than_they_are(devnet: DevnetNode) -> None:
    assert call(devnet, SLOT_5, {NOBODY: {"stateDiff": {word(5): word(77)}}}) == 77
    assert call(devnet, ORIGIN_BALANCE, {ALICE: {"balance": "0x2a"}}, **{"from": ALICE}) == 42
    created = [
        call(devnet, CREATOR, {NOBODY: {"nonce": hex(nonce)}}) & (2**160 - 1) for nonce in (1, 2)
    ]
    assert created == [
        int.from_bytes(keccak256(rlp.encode([bytes.fromhex(NOBODY[2:]), n]))[12:], "big")
        for n in (1, 2)
    ]


def test_a_state_takes_the_place_of_all_storage_and_a_diff_does_not(devnet: DevnetNode) -> None:
    devnet.ask("anvil_setCode", NOBODY, SLOT_5)
    devnet.ask("anvil_setStorageAt", NOBODY, "0x5", word(9))
    for name, expected in (("stateDiff", 9), ("state", 0)):
        override = {NOBODY: {name: {word(6): word(1)}}}
        assert devnet.number("eth_call", {"to": NOBODY}, "latest", override) == expected
        override = {NOBODY: {name: {word(5): word(1)}}}
        assert devnet.number("eth_call", {"to": NOBODY}, "latest", override) == 1
        override = {NOBODY: {name: {}}}
        assert devnet.number("eth_call", {"to": NOBODY}, "latest", override) == expected


def test_an_override_is_gone_after_its_call(devnet: DevnetNode) -> None:
    before = devnet.ask("eth_getProof", ALICE, [])
    segments, nodes = len(devnet.chain.tree.segments), len(devnet.chain.execution.nodes.added)
    call(devnet, SLOT_5, {ALICE: {"balance": "0x1", "nonce": "0x9", "code": "0x00"}})
    assert devnet.ask("eth_getProof", ALICE, []) == before
    assert devnet.ask("eth_getCode", NOBODY) == "0x"
    assert len(devnet.chain.tree.segments) == segments
    assert len(devnet.chain.execution.nodes.added) == nodes


def test_a_poor_account_can_be_made_to_pay_in_a_call_and_an_estimate(devnet: DevnetNode) -> None:
    transfer = {"from": NOBODY, "to": BOB, "value": "0x5"}
    rich = {NOBODY: {"balance": "0x5"}}
    for method in ("eth_call", "eth_estimateGas"):
        assert devnet.fail(method, transfer)[0] == SERVER
        devnet.ask(method, transfer, "latest", rich)
    assert devnet.number("eth_estimateGas", transfer, "latest", rich) == 21_000


def test_overrides_hold_on_every_block_that_is_named(devnet: DevnetNode) -> None:
    for block, expected in (("0x1", 1), ("latest", 3), ("pending", 4), ("earliest", 0)):
        found = devnet.ask("eth_call", {"to": NOBODY}, block, {NOBODY: {"code": NUMBER}})
        assert int(found, 16) == expected


@pytest.mark.parametrize(
    ("name", "code", "value"),
    [
        ("number", NUMBER, 12_345),
        ("time", TIME, TIMESTAMP_S + 10**6),
        ("baseFeePerGas", BASE_FEE, 7 * GWEI),
        ("gasLimit", GAS_LIMIT, 30_000_000),
    ],
)
def test_a_call_can_believe_to_be_in_another_block(
    devnet: DevnetNode, name: str, code: str, value: int
) -> None:
    assert call(devnet, code) != value
    assert call(devnet, code, {}, {name: hex(value)}) == value
    assert call(devnet, code, {}, {name: hex(2**64 - 1)}) == 2**64 - 1
    assert devnet.fail("eth_call", {"to": NOBODY}, "latest", {}, {name: hex(2**64)})[0] == PARAMS
    assert devnet.head()["number"] == "0x3"


@pytest.mark.parametrize(
    "state",
    [
        5,
        [],
        "0x",
        {"0x1": {}},
        {NOBODY: 5},
        {NOBODY: {"wei": "0x1"}},
        {NOBODY: {"balance": 1}},
        {NOBODY: {"balance": "0x" + "f" * 65}},
        {NOBODY: {"nonce": hex(2**64)}},
        {NOBODY: {"code": "0x1"}},
        {NOBODY: {"state": [], "stateDiff": None}},
        {NOBODY: {"stateDiff": {"slot": word(1)}}},
        {NOBODY: {"stateDiff": {word(1): 5}}},
        {NOBODY: {"state": {}, "stateDiff": {}}},
        {"0x" + n.to_bytes(20, "big").hex(): {} for n in range(1_001)},
    ],
    ids=lambda state: repr(state)[:60],
)
def test_odd_state_overrides_are_refused(devnet: DevnetNode, state: Any) -> None:
    for method in ("eth_call", "eth_estimateGas"):
        assert devnet.fail(method, {"to": BOB}, "latest", state)[0] == PARAMS


@pytest.mark.parametrize(
    "block", [5, [], "0x", {"height": "0x1"}, {"number": 1}, {"time": "soon"}, {"gasLimit": None}]
)
def test_odd_block_overrides_are_refused(devnet: DevnetNode, block: Any) -> None:
    assert devnet.fail("eth_call", {"to": BOB}, "latest", None, block)[0] == PARAMS


@pytest.mark.parametrize(
    ("code", "balance"),
    [
        ("0xfe", "0x0"),
        ("0xef0100", "0x0"),
        ("0xef0100" + "99" * 20, "0x0"),
        ("0xef0100" + "00" * 20, "0x0"),
        ("0x" + "5b" * 30_000, "0x0"),
        ("0x3031", hex(2**256 - 1)),
    ],
    ids=lambda value: str(value)[:12],
)
def test_extreme_overrides_get_an_answer_or_an_error(
    devnet: DevnetNode, code: str, balance: str
) -> None:
    override = {NOBODY: {"code": code, "balance": balance, "nonce": hex(2**64 - 1)}}
    for method in ("eth_call", "eth_estimateGas"):
        for given in ({"to": NOBODY, "from": ALICE, "value": "0x1"}, {"from": NOBODY}):
            response = devnet.request(method, given, "latest", override)
            assert "result" in response or response["error"]["code"] in (SERVER, 3)


def test_the_value_of_a_call_is_seen_and_moved(devnet: DevnetNode) -> None:
    assert call(devnet, CALL_VALUE, **{"from": ALICE, "value": "0x7"}) == 7
    whole = {"from": ALICE, "to": NOBODY, "value": hex(NATIVE_WEI + 1)}
    assert devnet.fail("eth_call", whole)[0] == SERVER


# --- access lists ---------------------------------------------------------------------------------


def data_of(name: str) -> str:
    amounts = {"approve": contracts.approve(contracts.VAULT, 5)}
    amounts["disapprove"] = contracts.approve(contracts.VAULT, 0)
    amounts["deposit"] = contracts.deposit(contracts.DF_TOKEN, 5)
    return "0x" + amounts[name].hex()


@pytest.mark.parametrize(
    ("to", "data", "prepared"),
    [
        (BOB, "0x", False),
        (BOB, "0x" + "ff" * 5_000, False),  # pays the floor of its data
        (DF_TOKEN, data_of("approve"), False),
        (DF_TOKEN, data_of("disapprove"), True),  # frees a slot and gets gas back
        (VAULT, data_of("deposit"), True),
        (None, "0x" + "00" * 40, False),
    ],
    ids=["transfer", "data", "approval", "refund", "deposit", "creation"],
)
def test_the_gas_of_an_access_list_is_what_execution_charges(
    devnet: DevnetNode, to: str | None, data: str, prepared: bool
) -> None:
    if prepared:
        devnet.send(ALICE, DF_TOKEN, data=data_of("approve"))
    request = {"from": ALICE, "data": data, **({"to": to} if to else {})}
    found = devnet.ask("eth_createAccessList", request)
    assert set(found) == {"accessList", "gasUsed"}
    sent = devnet.send(ALICE, to, data=data, accessList=found["accessList"], gas=500_000)
    assert devnet.receipt(sent)["status"] == "0x1"
    assert devnet.receipt(sent)["gasUsed"] == found["gasUsed"]
    again = devnet.send(ALICE, to, data=data) if to == BOB else sent
    assert devnet.receipt(again)["status"] == "0x1"


def test_an_access_list_names_what_is_touched_and_not_what_is_warm_anyway(
    devnet: DevnetNode,
) -> None:
    devnet.send(ALICE, DF_TOKEN, data=data_of("approve"))
    deposit = {"from": ALICE, "to": VAULT, "data": data_of("deposit")}
    listed = devnet.ask("eth_createAccessList", deposit)["accessList"]
    assert {entry["address"] for entry in listed} == {VAULT, DF_TOKEN}
    assert all(entry["storageKeys"] for entry in listed)
    assert devnet.ask("eth_createAccessList", {"from": ALICE, "to": BOB})["accessList"] == []
    plain = devnet.number("eth_estimateGas", deposit)
    with_list = devnet.number("eth_estimateGas", {**deposit, "accessList": listed})
    assert with_list != plain  # and is taken into account


def test_an_access_list_of_what_fails_says_why(devnet: DevnetNode) -> None:
    deposit = {"from": ALICE, "to": VAULT, "data": data_of("deposit")}
    found = devnet.ask("eth_createAccessList", deposit)
    assert found["error"] == "execution reverted"
    assert set(found) == {"accessList", "gasUsed", "error"}


@pytest.mark.parametrize(
    "listed",
    [
        5,
        {},
        [5],
        [{}],
        [{"address": "0x1"}],
        [{"address": BOB, "storageKeys": 5}],
        [{"address": BOB, "storageKeys": ["0x1"]}],
        [{"address": BOB, "slots": []}],
    ],
    ids=repr,
)
def test_odd_access_lists_are_refused(devnet: DevnetNode, listed: Any) -> None:
    request = {"from": ALICE, "to": BOB, "accessList": listed}
    for method in ("eth_call", "eth_estimateGas", "eth_createAccessList", "eth_sendTransaction"):
        assert devnet.fail(method, request)[0] == PARAMS


# --- proofs ---------------------------------------------------------------------------------------


def proven(root: bytes, key: bytes, proof: list[str]) -> bytes | None:
    """The value that a Merkle-Patricia proof shows for a key; None when it shows there is none.

    Written from the yellow paper, appendix D; shares no code with what made the proof.
    """
    nibbles = [n for byte in keccak256(key) for n in (byte >> 4, byte & 15)]
    nodes = [bytes.fromhex(node[2:]) for node in proof]
    if not nodes or root == EMPTY_ROOT:
        assert root == EMPTY_ROOT
        return None
    wanted: Any = root
    for index, encoded in enumerate(nodes):
        assert keccak256(encoded) == wanted
        node: Any = rlp.decode(encoded)
        while True:
            if len(node) == 17:
                if not nibbles:
                    return bytes(node[16]) or None
                following = node[nibbles.pop(0)]
            else:
                path = [n for byte in node[0] for n in (byte >> 4, byte & 15)]
                leaf, odd = path[0] & 2, path[0] & 1
                path = path[1:] if odd else path[2:]
                if nibbles[: len(path)] != path:
                    assert index == len(nodes) - 1
                    return None
                del nibbles[: len(path)]
                if leaf:
                    assert not nibbles
                    assert index == len(nodes) - 1
                    return bytes(node[1])
                following = node[1]
            if isinstance(following, list):  # a short node stands in its parent
                node = following
                continue
            break
        if following == b"":
            assert index == len(nodes) - 1
            return None
        wanted = following
    raise AssertionError("the proof ends on the way")


def assert_proven(proof: Any, state_root: str) -> None:
    """The proof shows what it says, under the root of a header."""
    account = proven(
        bytes.fromhex(state_root[2:]), bytes.fromhex(proof["address"][2:]), proof["accountProof"]
    )
    if account is None:
        assert (proof["balance"], proof["nonce"]) == ("0x0", "0x0")
        assert proof["storageHash"] == "0x" + EMPTY_ROOT.hex()
    else:
        nonce, balance, storage_root, code_hash = rlp.decode(account)
        assert int.from_bytes(nonce, "big") == int(proof["nonce"], 16)
        assert int.from_bytes(balance, "big") == int(proof["balance"], 16)
        assert "0x" + storage_root.hex() == proof["storageHash"]
        assert "0x" + code_hash.hex() == proof["codeHash"]
    for entry in proof["storageProof"]:
        key = int(entry["key"], 16).to_bytes(WORD, "big")
        found = proven(bytes.fromhex(proof["storageHash"][2:]), key, entry["proof"])
        value = 0 if found is None else int.from_bytes(rlp.decode(found), "big")
        assert value == int(entry["value"], 16)


@pytest.mark.parametrize("address", [ALICE, VAULT, DF_TOKEN, NOBODY, "0x" + "00" * 20])
@pytest.mark.parametrize("block", ["earliest", "latest", "0x4", "pending"])
def test_a_proof_holds_under_the_root_of_its_block(
    devnet: DevnetNode, address: str, block: str
) -> None:
    devnet.deposit("alice", 10**18)
    devnet.ask("evm_setAutomine", False)
    devnet.deposit("bob", 10**18)
    slots = [hex(n) for n in range(12)] + [word(1), word(2**256 - 1)]
    # The slot of a mapping is the hash of its key and position.
    for position in range(8):
        key = position.to_bytes(WORD, "big") + bytes.fromhex(ALICE[2:]).rjust(WORD, b"\0")
        slots.append("0x" + keccak256(key).hex())
    proof = devnet.ask("eth_getProof", address, slots, block)
    assert [entry["key"] for entry in proof["storageProof"]] == slots
    assert_proven(proof, devnet.ask("eth_getBlockByNumber", block)["stateRoot"])
    assert proof["balance"] == devnet.ask("eth_getBalance", address, block)
    if address in (VAULT, DF_TOKEN):
        assert any(entry["value"] != "0x0" for entry in proof["storageProof"])
        assert proof["codeHash"] != "0x" + EMPTY_CODE.hex()
    for entry in proof["storageProof"]:
        stored = devnet.ask("eth_getStorageAt", address, entry["key"], block)
        assert int(stored, 16) == int(entry["value"], 16)


def test_the_verifier_of_proofs_refuses_a_proof_of_something_else(devnet: DevnetNode) -> None:
    proof = devnet.ask("eth_getProof", ALICE, [])
    root = devnet.head()["stateRoot"]
    with pytest.raises(AssertionError):
        assert_proven({**proof, "balance": "0x1"}, root)
    with pytest.raises(AssertionError):
        assert_proven({**proof, "accountProof": proof["accountProof"][:-1]}, root)
    with pytest.raises(AssertionError):
        assert_proven({**proof, "address": BOB}, root)


def test_a_proof_of_an_orphan_holds_under_its_root(devnet: DevnetNode) -> None:
    devnet.send(value=5)
    orphan = devnet.head()
    devnet.ask("devnet_reorg", {"depth": 1, "keep": []})
    proof = devnet.ask("eth_getProof", BOB, [], {"blockHash": orphan["hash"]})
    assert proof["balance"] == hex(NATIVE_WEI + 5)
    assert_proven(proof, orphan["stateRoot"])


@pytest.mark.parametrize(
    "slots", [None, 5, {}, "0x0", [5], ["x"], [None], ["0x" + "f" * 65], ["0x0"] * 1_025], ids=str
)
def test_odd_slots_of_a_proof_are_refused(devnet: DevnetNode, slots: Any) -> None:
    assert devnet.fail("eth_getProof", ALICE, slots)[0] == PARAMS


# --- signatures -----------------------------------------------------------------------------------

MAIL = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallets", "type": "address[]"}],
        "Mail": [
            {"name": "from", "type": "Person"},
            {"name": "contents", "type": "bytes"},
            {"name": "hash", "type": "bytes32"},
            {"name": "count", "type": "int64"},
        ],
    },
    "primaryType": "Mail",
    "domain": {"name": "Mail", "chainId": 97, "verifyingContract": VAULT},
    "message": {
        "from": {"name": "Änne", "wallets": [ALICE, BOB]},
        "contents": "0x1234",
        "hash": "0x" + "07" * 32,
        "count": -5,
    },
}


@pytest.mark.parametrize("message", ["0x", "0x00", "0x" + b"hello".hex(), "0x" + "ff" * 1_000])
def test_a_signed_message_is_recovered_to_its_signer(devnet: DevnetNode, message: str) -> None:
    signature = devnet.ask("eth_sign", ALICE, message)
    assert devnet.ask("personal_sign", message, ALICE) == signature
    assert devnet.ask("personal_sign", message, ALICE, "password") == signature
    assert len(bytes.fromhex(signature[2:])) == 65
    recovered = Account.recover_message(encode_defunct(hexstr=message), signature=signature)
    assert recovered.lower() == ALICE
    assert devnet.ask("eth_sign", BOB, message) != signature


@pytest.mark.parametrize("method", ["eth_signTypedData", "eth_signTypedData_v4"])
def test_signed_typed_data_is_recovered_to_its_signer(devnet: DevnetNode, method: str) -> None:
    signature = devnet.ask(method, CAROL, MAIL)
    assert devnet.ask(method, CAROL, json.dumps(MAIL)) == signature
    signable = encode_typed_data(full_message=MAIL)
    assert Account.recover_message(signable, signature=signature).lower() == CAROL
    expected = Account.sign_message(signable, USERS["carol"].private_key).signature
    assert signature == "0x" + bytes(expected).hex()


@pytest.mark.parametrize(
    "data",
    [
        None,
        5,
        "",
        "hello",
        "[]",
        "[" * 100_000,
        [],
        {},
        {"types": {}},
        {**MAIL, "primaryType": "Nothing"},
        {**MAIL, "message": {}},
        {**MAIL, "message": {**MAIL["message"], "count": "many"}},  # type: ignore[dict-item]
        {**MAIL, "types": {**MAIL["types"], "Mail": [{"name": "a", "type": "uint999"}]}},  # type: ignore[dict-item]
    ],
    ids=lambda data: repr(data)[:40],
)
def test_what_is_no_typed_data_is_refused(devnet: DevnetNode, data: Any) -> None:
    assert devnet.fail("eth_signTypedData_v4", ALICE, data)[0] == PARAMS


def test_odd_messages_and_signers_are_refused(devnet: DevnetNode) -> None:
    for odd in (None, 5, "hello", "0x1", [], {}):
        assert devnet.fail("eth_sign", ALICE, odd)[0] == PARAMS
        assert devnet.fail("personal_sign", odd, ALICE)[0] == PARAMS
        assert devnet.fail("eth_sign", odd, "0x00")[0] == PARAMS
        assert devnet.fail("eth_signTypedData_v4", odd, MAIL)[0] == PARAMS
    assert devnet.fail("eth_sign", NOBODY, "0x00") == (SERVER, f"unknown account {NOBODY}")


# --- delegations (EIP-7702) -----------------------------------------------------------------------


def listed(transaction: Any) -> list[dict[str, str]]:
    """The authorizations of a signed transaction, as a request gives them."""
    return [
        {
            "chainId": hex(grant.chain_id),
            "address": "0x" + grant.address.hex(),
            "nonce": hex(grant.nonce),
            "yParity": hex(grant.y_parity),
            "r": hex(grant.r),
            "s": hex(grant.s),
        }
        for grant in transaction.signed.authorization_list
    ]


def batch_of_deposits() -> str:
    data = contracts.deposit_many(contracts.VAULT, contracts.DF_TOKEN, [10**30])
    return "0x" + data.hex()


@pytest.mark.parametrize("to", [BOB, CAROL], ids=["runs the code", "does not"])
def test_the_estimate_of_a_delegation_is_enough_and_one_less_is_not(
    devnet: DevnetNode, to: str
) -> None:
    """Bob lets his account run DepositBatch; Alice sends, and calls it or does not."""
    grants = listed(sign_delegation("alice", 0, "bob", 0))
    request = {"from": ALICE, "to": to, "authorizationList": grants}
    gas = devnet.number("eth_estimateGas", request)
    key = USERS["alice"].key
    outcomes = []
    for limit in (gas - 1, gas):
        transaction = sign_set_code(
            key,
            chain_id=97,
            nonce=devnet.number("eth_getTransactionCount", ALICE),
            to=bytes.fromhex(to[2:]),
            data=b"",
            gas=limit,
            max_fee_wei=10 * GWEI,
            tip_wei=GWEI,
            delegations=[
                (
                    USERS["bob"].key,
                    contracts.DEPOSIT_BATCH,
                    devnet.number("eth_getTransactionCount", BOB),
                )
            ],
        )
        response = devnet.request("eth_sendRawTransaction", "0x" + transaction.raw().hex())
        sent = response.get("result")
        outcomes.append(sent is not None and devnet.receipt(sent)["status"] == "0x1")
    assert outcomes == [False, True]


def test_a_call_with_an_authorization_sees_the_code_that_it_lends(devnet: DevnetNode) -> None:
    grants = listed(sign_delegation("alice", 0, "bob", 0))
    data = batch_of_deposits()
    request = {"from": BOB, "to": BOB, "data": data}
    assert devnet.ask("eth_call", request) == "0x"
    code, _ = devnet.fail("eth_call", {**request, "from": ALICE, "authorizationList": grants})
    assert code == 3  # the batch runs, and Bob has not that much
    assert devnet.ask("eth_getCode", BOB) == "0x"


def delegation(authority: str, nonce: int, chain_id: int = 97) -> list[dict[str, str]]:
    transaction = sign_set_code(
        USERS["alice"].key,
        chain_id=chain_id,
        nonce=0,
        to=bytes(20),
        data=b"",
        gas=100_000,
        max_fee_wei=GWEI,
        tip_wei=0,
        delegations=[(USERS[authority].key, contracts.DEPOSIT_BATCH, nonce)],
    )
    return listed(transaction)


@pytest.mark.parametrize(
    ("authority", "nonce", "chain_id", "works"),
    [
        ("bob", 0, 97, True),
        ("bob", 1, 97, False),
        ("bob", 0, 5, False),
        ("bob", 0, 0, True),  # for every chain
        ("alice", 1, 97, True),  # the sender's own nonce is one further by then
        ("alice", 0, 97, False),
    ],
)
def test_an_authorization_has_the_effect_on_a_call_that_it_has_on_chain(
    devnet: DevnetNode, authority: str, nonce: int, chain_id: int, works: bool
) -> None:
    request = {
        "from": ALICE,
        "to": USERS[authority].address_hex,
        "data": batch_of_deposits(),
        "authorizationList": delegation(authority, nonce, chain_id),
    }
    assert ("error" in devnet.request("eth_call", request)) == works


def test_an_authorization_that_is_void_costs_as_much_as_one_that_is_not(
    devnet: DevnetNode,
) -> None:
    (grant,) = listed(sign_delegation("alice", 0, "bob", 0))
    void = {**grant, "r": "0x0", "s": "0x0"}
    request = {"from": ALICE, "to": CAROL}
    costs = [
        devnet.number("eth_estimateGas", {**request, "authorizationList": given})
        for given in ([], [void], [grant], [grant, void])
    ]
    assert costs == [21_000, 46_000, 46_000, 71_000]


@pytest.mark.parametrize(
    "grants", [5, {}, [5], [{}], [{"address": BOB}], [{"address": BOB, "chainId": 97}]], ids=repr
)
def test_odd_authorizations_are_refused(devnet: DevnetNode, grants: Any) -> None:
    for method in ("eth_call", "eth_estimateGas"):
        request = {"from": ALICE, "to": BOB, "authorizationList": grants}
        assert devnet.fail(method, request)[0] == PARAMS
