"""What test clients do to a devnet: every control method, its effect, and what it refuses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.conformance.devnet import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DF_TOKEN,
    GWEI,
    NOBODY,
    NOT_FOUND,
    PARAMS,
    SERVER,
    UNKNOWN,
    VAULT,
    DevnetNode,
)
from tests.conformance.node import Node
from tests.unit.chain.builders import sign
from ztdx_devnet.chain.chain import BLOCK_TIME_S, Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.origin.accounts import OWNER, USERS, WITHDRAW_SIGNER
from ztdx_devnet.chain.origin.genesis import NATIVE_WEI, TIMESTAMP_S, template
from ztdx_devnet.chain.rpc import table
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.live.faults import LiveFaults

CONTROL = sorted(entry.name for entry in table.methods() if entry.control)
ACCOUNT_METHODS = {"eth_sendTransaction", "eth_signTransaction", "eth_sign", "personal_sign"}
ACCOUNT_METHODS |= {"eth_signTypedData", "eth_signTypedData_v4"}
PUSH_METHODS = {"eth_subscribe", "eth_unsubscribe"}
TRANSFER = {"from": ALICE, "to": BOB, "value": "0x1"}
# Stores the word of the call data in slot 0, or returns slot 0 when there is none.
CELL = "0x3615600c57600035600055005b60005460005260206000f3"
HANG = {"transport_fault": {"as": "silence", "kind": "hang"}}
TYPED_DATA = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}],
        "Mail": [{"name": "text", "type": "string"}],
    },
    "primaryType": "Mail",
    "domain": {"name": "devnet"},
    "message": {"text": "hello"},
}


@pytest.fixture
def devnet() -> DevnetNode:
    return DevnetNode()


@pytest.fixture
def waiting() -> DevnetNode:
    """A devnet that mines on request only."""
    return DevnetNode(automine=False)


# --- the table ------------------------------------------------------------------------------------


def test_every_control_account_and_push_method_answers_as_documented(devnet: DevnetNode) -> None:
    nothing = type(None)
    node = node_of(devnet.devnet)
    devnet.devnet.faults = LiveFaults(node, now_us=lambda: 0, close_port=lambda _: None)
    dump = devnet.ask("anvil_dumpState")
    devnet.ask("anvil_mine", "0x5")
    first = devnet.ask("evm_snapshot")
    samples: dict[str, tuple[list[Any], type]] = {
        "evm_mine": ([], str),
        "evm_setAutomine": ([True], bool),
        "anvil_setAutomine": ([True], bool),
        "evm_setIntervalMining": ([0], bool),
        "anvil_setIntervalMining": ([0], bool),
        "evm_increaseTime": ([5], str),
        "anvil_increaseTime": (["0x5"], str),
        "evm_setNextBlockTimestamp": ([TIMESTAMP_S + 1_000], bool),
        "anvil_setNextBlockTimestamp": ([TIMESTAMP_S + 1_000], bool),
        "evm_setBlockGasLimit": (["0x1c9c380"], bool),
        "anvil_autoImpersonateAccount": ([False], bool),
        "anvil_dropAllTransactions": ([], bool),
        "evm_snapshot": ([], str),
        "evm_revert": ([first], bool),
        "eth_sendUnsignedTransaction": ([{**TRANSFER, "from": ALICE}], str),
        "devnet_reorg": ([{"depth": 1}], dict),
        "devnet_switchBranch": (["main"], dict),
        "devnet_branches": ([], list),
        "devnet_transaction": ([UNKNOWN], dict),
        "devnet_info": ([], dict),
        "devnet_setFinality": ([1, 2], bool),
        "devnet_armFault": ([HANG], str),
        "devnet_faults": ([], list),
        "devnet_clearFaults": ([], list),
        "anvil_reorg": ([1], nothing),
        "hardhat_reorg": ([1], nothing),
        "anvil_rollback": ([], nothing),
        "hardhat_rollback": ([], nothing),
        "eth_sendTransaction": ([TRANSFER], str),
        "eth_signTransaction": ([TRANSFER], dict),
        "eth_sign": ([ALICE, "0x00"], str),
        "personal_sign": (["0x00", ALICE, ""], str),
        "eth_signTypedData": ([ALICE, TYPED_DATA], str),
        "eth_signTypedData_v4": ([ALICE, TYPED_DATA], str),
        "eth_subscribe": (["newHeads"], str),
        "eth_unsubscribe": (["0x1"], bool),
    }
    both: dict[str, tuple[list[Any], type]] = {
        "mine": (["0x1", "0x3"], bool),
        "getAutomine": ([], bool),
        "setBlockTimestampInterval": ([3_000], bool),
        "removeBlockTimestampInterval": ([], bool),
        "setBalance": ([NOBODY, "0x5"], bool),
        "setNonce": ([NOBODY, "0x5"], bool),
        "setCode": ([NOBODY, "0x00"], bool),
        "setStorageAt": ([NOBODY, "0x0", "0x" + "00" * 31 + "05"], bool),
        "impersonateAccount": ([NOBODY], bool),
        "stopImpersonatingAccount": ([NOBODY], bool),
        "setCoinbase": ([NOBODY], bool),
        "setNextBlockBaseFeePerGas": (["0x5"], bool),
        "setMinGasPrice": (["0x1"], bool),
        "dropTransaction": ([UNKNOWN], bool),
        "setRpcUrl": (["http://127.0.0.1:1"], bool),
        "setLoggingEnabled": ([False], bool),
        "nodeInfo": ([], dict),
        "metadata": ([], dict),
        "dumpState": ([], str),
        "loadState": ([dump], bool),
        "reset": ([], bool),
    }
    for name, sample in both.items():
        samples |= {f"anvil_{name}": sample, f"hardhat_{name}": sample}
    assert set(samples) == set(CONTROL) | ACCOUNT_METHODS | PUSH_METHODS
    for method, (params, kind) in samples.items():
        assert type(devnet.ask(method, *params)) is kind, method
    assert devnet.ask("evm_mine") == "0x0"


@pytest.mark.parametrize(
    ("method", "params"),
    [("devnet_armFault", [HANG]), ("devnet_faults", []), ("devnet_clearFaults", [])],
)
def test_a_devnet_that_nobody_serves_has_no_faults(
    devnet: DevnetNode, method: str, params: list[Any]
) -> None:
    assert devnet.fail(method, *params) == (
        SERVER,
        "this devnet has no server, whose answers could go wrong",
    )


@pytest.mark.parametrize("method", CONTROL)
def test_a_plain_node_has_no_control_method(node: Node, method: str) -> None:
    entry = next(each for each in table.methods() if each.name == method)
    for count in {entry.least, entry.most, entry.most + 1}:
        code, message = node.fail(method, *["0x1"] * count)
        assert code == NOT_FOUND
        assert message == f"the method {method} does not exist/is not available"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_sendTransaction", [TRANSFER]),
        ("eth_signTransaction", [TRANSFER]),
        ("eth_sign", [ALICE, "0x00"]),
        ("personal_sign", ["0x00", ALICE]),
        ("eth_signTypedData_v4", [ALICE, TYPED_DATA]),
    ],
)
def test_a_plain_node_signs_for_nobody(node: Node, method: str, params: list[Any]) -> None:
    code, message = node.fail(method, *params)
    assert code == SERVER
    assert message.startswith("unknown account")


@pytest.mark.parametrize("method", sorted(PUSH_METHODS))
def test_nothing_is_pushed_without_a_connection(node: Node, method: str) -> None:
    assert node.fail(method, "0x1") == (
        NOT_FOUND,
        "notifications not supported: connect by WebSocket",
    )


@pytest.mark.parametrize("method", CONTROL)
def test_every_control_method_counts_its_parameters(devnet: DevnetNode, method: str) -> None:
    entry = next(each for each in table.methods() if each.name == method)
    before = devnet.head()
    for count in {entry.most + 1, entry.least - 1} - {-1}:
        code, message = devnet.fail(method, *["0x1"] * count)
        assert code == PARAMS
        assert message.startswith(f"{method}: expected ")
    assert devnet.head() == before


ODD = {
    "integer": [None, True, "", "x", "0x", "-1", "1.5", 1.5, [], {}, "0x" + "f" * 65, "9" * 80],
    "flag": [None, 0, 1, "true", [], {}],
    "address": [None, 5, "0x1", "alice", "0x" + "00" * 19, "0x" + "00" * 21, [], {}],
    "hash": [None, 5, "0x1", "0x" + "00" * 31, [], {}],
    "data": [None, 5, "0x1", "zz", [], {}],
}
ODD_SECOND = {
    **dict.fromkeys(("anvil_setBalance", "anvil_setNonce"), "integer"),
    "anvil_setCode": "data",
}


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("evm_increaseTime", "integer"),
        ("evm_setNextBlockTimestamp", "integer"),
        ("evm_setIntervalMining", "integer"),
        ("anvil_setBlockTimestampInterval", "integer"),
        ("evm_setBlockGasLimit", "integer"),
        ("anvil_setNextBlockBaseFeePerGas", "integer"),
        ("anvil_setMinGasPrice", "integer"),
        ("evm_revert", "integer"),
        ("evm_setAutomine", "flag"),
        ("anvil_autoImpersonateAccount", "flag"),
        ("anvil_setLoggingEnabled", "flag"),
        ("anvil_impersonateAccount", "address"),
        ("anvil_stopImpersonatingAccount", "address"),
        ("anvil_setCoinbase", "address"),
        ("anvil_dropTransaction", "hash"),
        ("devnet_transaction", "hash"),
        ("anvil_loadState", "data"),
    ],
)
def test_an_odd_only_parameter_is_refused(devnet: DevnetNode, method: str, kind: str) -> None:
    before = devnet.head()
    for value in ODD[kind]:
        assert devnet.fail(method, value)[0] == PARAMS, value
    assert devnet.head() == before


@pytest.mark.parametrize(
    ("method", "least", "most"),
    [
        ("anvil_mine", 0, 1_000_000),
        ("evm_increaseTime", 0, 2**48),
        ("evm_setNextBlockTimestamp", 0, 2**48),
        ("evm_setIntervalMining", 0, 2**32),
        ("anvil_setBlockTimestampInterval", 1, 2**32),
        ("hardhat_setBlockTimestampInterval", 1_000, 2**32),
        ("evm_setBlockGasLimit", 5_000, 2**63 - 1),
        ("anvil_setNextBlockBaseFeePerGas", 0, 2**63 - 1),
        ("anvil_setMinGasPrice", 0, 2**256 - 1),
        ("evm_revert", 0, 2**63),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(
    devnet: DevnetNode, method: str, least: int, most: int
) -> None:
    before = devnet.head()
    for value in {least - 1, -1, -(2**70), *([] if most == 2**256 - 1 else [most + 1])}:
        code, message = devnet.fail(method, value)
        assert code == PARAMS
        assert message.endswith(f": expected {least} to {most}, got {value}")
    assert devnet.head() == before


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
@pytest.mark.parametrize("name", ["setBalance", "setNonce", "setCode", "setStorageAt"])
def test_odd_parameters_of_a_state_edit_change_nothing(
    devnet: DevnetNode, prefix: str, name: str
) -> None:
    method = f"{prefix}_{name}"
    root = devnet.ask("eth_getProof", NOBODY, [])
    good: dict[str, list[Any]] = {
        "setBalance": [NOBODY, "0x1"],
        "setNonce": [NOBODY, "0x1"],
        "setCode": [NOBODY, "0x00"],
        "setStorageAt": [NOBODY, "0x0", "0x1"],
    }
    for position in range(len(good[name])):
        kind = "address" if position == 0 else "data" if name == "setCode" else "integer"
        for value in ODD[kind]:
            params = [*good[name]]
            params[position] = value
            if name == "setStorageAt" and value == "9" * 80:
                continue
            assert devnet.fail(method, *params)[0] == PARAMS, params
    assert devnet.fail(f"{prefix}_setBalance", NOBODY, -1)[0] == PARAMS
    assert devnet.fail(f"{prefix}_setNonce", NOBODY, 2**64)[0] == PARAMS
    assert devnet.fail(f"{prefix}_setStorageAt", NOBODY, -1, "0x0")[0] == PARAMS
    assert devnet.ask("eth_getProof", NOBODY, []) == root


# --- blocks and time ------------------------------------------------------------------------------


def test_evm_mine_mines_one_block_at_the_block_time_or_at_a_timestamp(devnet: DevnetNode) -> None:
    assert devnet.ask("evm_mine") == "0x0"
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + BLOCK_TIME_S)
    for options in (TIMESTAMP_S + 100, {"timestamp": hex(TIMESTAMP_S + 200)}):
        devnet.ask("evm_mine", options)
    assert devnet.height() == 3
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + 200)
    devnet.ask("evm_mine", {"timestamp": TIMESTAMP_S + 300, "blocks": 3})
    assert devnet.height() == 6
    assert devnet.block(4)["timestamp"] == hex(TIMESTAMP_S + 300)
    devnet.ask("evm_mine", None)
    devnet.ask("evm_mine", {})
    assert devnet.height() == 8


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (TIMESTAMP_S, SERVER),
        (0, SERVER),
        (2**48 + 1, PARAMS),
        (-1, PARAMS),
        ("soon", PARAMS),
        ([], PARAMS),
        ({"time": 1}, PARAMS),
        ({"blocks": 0}, PARAMS),
        ({"blocks": "many"}, PARAMS),
        ({"blocks": 10_000_001}, PARAMS),
        ({"blocks": 2, "timestamp": TIMESTAMP_S}, SERVER),
    ],
    ids=repr,
)
def test_evm_mine_refuses_what_can_not_be(devnet: DevnetNode, options: Any, code: int) -> None:
    assert devnet.fail("evm_mine", options)[0] == code
    assert devnet.height() == 0
    devnet.ask("evm_mine")  # and nothing of it stays behind
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + BLOCK_TIME_S)


@pytest.mark.parametrize("method", ["anvil_mine", "hardhat_mine"])
def test_mine_makes_that_many_blocks_that_far_apart(devnet: DevnetNode, method: str) -> None:
    assert devnet.ask(method) is True
    assert devnet.height() == 1
    assert devnet.ask(method, "0x0") is True
    assert devnet.height() == 1
    devnet.ask(method, 3, "0x3c")
    times = [int(devnet.block(n)["timestamp"], 16) for n in range(1, 5)]
    assert times[0] == TIMESTAMP_S + BLOCK_TIME_S
    assert [later - earlier for earlier, later in pairwise(times)] == [BLOCK_TIME_S, 60, 60]
    devnet.ask(method, None, None)
    assert devnet.height() == 5


def test_automine_decides_whether_a_transaction_gets_its_block_at_once(devnet: DevnetNode) -> None:
    for method in ("anvil_getAutomine", "hardhat_getAutomine"):
        assert devnet.ask(method) is True
    mined = devnet.send()
    assert devnet.receipt(mined)["blockNumber"] == "0x1"
    devnet.ask("evm_setAutomine", False)
    assert devnet.ask("anvil_getAutomine") is False
    held = devnet.send()
    assert devnet.receipt(held) is None
    assert devnet.height() == 1
    devnet.ask("anvil_setAutomine", True)
    behind = devnet.send()
    assert devnet.receipt(held)["blockNumber"] == devnet.receipt(behind)["blockNumber"] == "0x2"


def test_a_transaction_behind_a_nonce_gap_makes_no_block(devnet: DevnetNode) -> None:
    ahead = devnet.send(nonce=1)
    assert devnet.height() == 0
    first = devnet.send(nonce=0)
    assert [devnet.receipt(h)["blockNumber"] for h in (first, ahead)] == ["0x1", "0x1"]


def test_the_interval_of_mining_is_in_seconds_below_a_thousand(devnet: DevnetNode) -> None:
    alarms: list[float | None] = []
    mining = devnet.devnet.mining
    mining.on_interval.append(lambda: alarms.append(mining.interval_s))
    for interval in (5, "0x3e7", 1_000, 2_500, 0):
        assert devnet.ask("evm_setIntervalMining", interval) is True
    assert alarms == [5.0, 999.0, 1.0, 2.5, None]


def test_mining_by_itself_is_what_eth_mining_tells(waiting: DevnetNode) -> None:
    assert waiting.ask("eth_mining") is False
    waiting.ask("evm_setIntervalMining", 5)
    assert waiting.ask("eth_mining") is True
    waiting.ask("evm_setIntervalMining", 0)
    waiting.ask("evm_setAutomine", True)
    assert waiting.ask("eth_mining") is True


def test_time_that_is_added_passes_before_the_next_block(devnet: DevnetNode) -> None:
    assert devnet.ask("evm_increaseTime", 100) == hex(100)
    assert devnet.ask("anvil_increaseTime", "0x64") == hex(200)
    assert devnet.ask("evm_increaseTime", 0) == hex(200)
    devnet.ask("evm_mine")
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + 200 + BLOCK_TIME_S)
    devnet.ask("evm_mine")
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + 200 + 2 * BLOCK_TIME_S)


def test_the_next_timestamp_is_for_the_next_block_only(devnet: DevnetNode) -> None:
    assert devnet.ask("evm_setNextBlockTimestamp", TIMESTAMP_S + 50) is True
    assert devnet.ask("eth_getBlockByNumber", "pending")["timestamp"] == hex(TIMESTAMP_S + 50)
    sent = devnet.send()
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + 50)
    assert devnet.head()["transactions"] == [sent]
    devnet.ask("evm_mine")
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + 50 + BLOCK_TIME_S)
    head_s = TIMESTAMP_S + 50 + BLOCK_TIME_S
    assert devnet.fail("evm_setNextBlockTimestamp", head_s) == (
        SERVER,
        f"timestamp {head_s} is not later than the head's {head_s}",
    )


@pytest.mark.parametrize(("prefix", "interval"), [("anvil", 30), ("hardhat", 30_000)])
def test_an_interval_of_timestamps_holds_until_it_is_removed(
    devnet: DevnetNode, prefix: str, interval: int
) -> None:
    assert devnet.ask(f"{prefix}_removeBlockTimestampInterval") is False
    assert devnet.ask(f"{prefix}_setBlockTimestampInterval", interval) is True
    devnet.ask("anvil_mine", 2)
    devnet.send()
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + 90)
    assert devnet.ask(f"{prefix}_removeBlockTimestampInterval") is True
    devnet.ask("evm_mine")
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + 90 + BLOCK_TIME_S)


# --- accounts and state ---------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_an_edited_account_is_read_called_and_built_upon(devnet: DevnetNode, prefix: str) -> None:
    word = "0x" + (7).to_bytes(32, "big").hex()
    assert devnet.ask(f"{prefix}_setBalance", NOBODY, hex(10**18)) is True
    assert devnet.ask(f"{prefix}_setNonce", NOBODY, 5) is True
    assert devnet.ask(f"{prefix}_setCode", NOBODY, CELL) is True
    assert devnet.ask(f"{prefix}_setStorageAt", NOBODY, "0x0", word) is True
    for _ in range(2):  # on the edit, and on a block above it
        assert devnet.number("eth_getBalance", NOBODY) == 10**18
        assert devnet.number("eth_getTransactionCount", NOBODY) == 5
        assert devnet.ask("eth_getCode", NOBODY) == CELL
        assert devnet.ask("eth_getStorageAt", NOBODY, "0x0") == word
        assert devnet.ask("eth_call", {"to": NOBODY}) == word
        devnet.ask("evm_mine")
    written = "0x" + (8).to_bytes(32, "big").hex()
    devnet.send(to=NOBODY, data=written)
    assert devnet.ask("eth_call", {"to": NOBODY}) == written
    assert devnet.ask("eth_call", {"to": NOBODY}, "0x1") == word


def test_an_edit_makes_no_block_and_leaves_the_head_as_it_was(devnet: DevnetNode) -> None:
    devnet.ask("evm_mine")
    before = devnet.head()
    devnet.ask("anvil_setBalance", NOBODY, 1)
    assert devnet.head() == before
    assert devnet.number("eth_getBalance", NOBODY, "0x0") == 0
    assert devnet.number("eth_getBalance", NOBODY, {"blockHash": before["hash"]}) == 1


def test_numbers_of_an_edit_may_be_quantities_integers_or_decimals(devnet: DevnetNode) -> None:
    most = 2**256 - 1
    for value, wei in (("0x10", 16), ("0x0010", 16), (17, 17), ("18", 18), (most, most)):
        devnet.ask("hardhat_setBalance", NOBODY, value)
        assert devnet.number("eth_getBalance", NOBODY) == wei
    for slot in ("0x1", "0x01", 1, "0x" + "00" * 31 + "01"):
        devnet.ask("hardhat_setStorageAt", NOBODY, slot, "0x" + "00" * 31 + "09")
        assert devnet.number("eth_getStorageAt", NOBODY, "0x1") == 9
        devnet.ask("hardhat_setStorageAt", NOBODY, slot, "0x0")
        assert devnet.number("eth_getStorageAt", NOBODY, "0x1") == 0


def test_code_is_taken_away_by_empty_code(devnet: DevnetNode) -> None:
    devnet.ask("anvil_setCode", NOBODY, CELL)
    devnet.ask("anvil_setCode", NOBODY, "0x")
    assert devnet.ask("eth_getCode", NOBODY) == "0x"
    assert devnet.ask("eth_call", {"to": NOBODY}) == "0x"


def test_an_account_as_rich_as_can_be_makes_no_call_and_no_block_fail(devnet: DevnetNode) -> None:
    devnet.ask("anvil_setBalance", BOB, hex(2**256 - 1))
    for method in ("eth_call", "eth_estimateGas", "eth_sendTransaction"):
        code, message = devnet.fail(method, TRANSFER)
        assert code == SERVER
        assert "exceeds maximum" in message
    sent = devnet.send(value=1, gas=21_000)
    status, reason = devnet.fate(sent)
    assert status == "dropped"
    assert "exceeds maximum" in str(reason)
    devnet.ask("evm_mine")


def test_an_edit_belongs_to_the_branch_on_which_it_was_made(devnet: DevnetNode) -> None:
    devnet.ask("anvil_mine", 3)
    devnet.ask("anvil_setBalance", NOBODY, 5)
    devnet.ask("devnet_reorg", {"depth": 1})
    assert devnet.number("eth_getBalance", NOBODY) == 0
    devnet.ask("devnet_switchBranch", "main")
    assert devnet.number("eth_getBalance", NOBODY) == 5


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_an_impersonated_account_sends_without_a_key(devnet: DevnetNode, prefix: str) -> None:
    devnet.ask(f"{prefix}_setBalance", NOBODY, hex(10**18))
    transfer = {"from": NOBODY, "to": BOB, "value": "0x5"}
    unknown = (SERVER, f"unknown account {NOBODY}")
    assert devnet.fail("eth_sendTransaction", transfer) == unknown
    assert devnet.ask(f"{prefix}_impersonateAccount", NOBODY) is True
    first = devnet.ask("eth_sendTransaction", transfer)
    second = devnet.ask("eth_sendTransaction", transfer)
    assert first != second
    assert devnet.receipt(first)["from"] == NOBODY
    assert devnet.receipt(first)["status"] == "0x1"
    assert devnet.ask("eth_getTransactionByHash", second)["from"] == NOBODY
    assert devnet.number("eth_getBalance", BOB) == NATIVE_WEI + 10
    assert devnet.number("eth_getTransactionCount", NOBODY) == 2
    assert devnet.ask(f"{prefix}_stopImpersonatingAccount", NOBODY) is True
    assert devnet.ask(f"{prefix}_stopImpersonatingAccount", NOBODY) is False
    assert devnet.fail("eth_sendTransaction", transfer) == unknown


def test_a_contract_can_be_impersonated(devnet: DevnetNode) -> None:
    devnet.ask("anvil_setBalance", VAULT, hex(10**18))
    devnet.ask("anvil_impersonateAccount", VAULT)
    sent = devnet.send(VAULT, NOBODY, value=7)
    assert devnet.receipt(sent)["from"] == VAULT
    assert devnet.number("eth_getBalance", NOBODY) == 7


def test_everybody_can_be_impersonated_at_once(devnet: DevnetNode) -> None:
    devnet.ask("anvil_setBalance", NOBODY, hex(10**18))
    devnet.ask("anvil_autoImpersonateAccount", True)
    assert devnet.receipt(devnet.send(NOBODY))["from"] == NOBODY
    signed = devnet.send(ALICE)  # it has this key, and signs
    raw = devnet.ask("eth_getRawTransactionByHash", signed)
    devnet.ask("anvil_rollback", 1)
    assert devnet.ask("eth_sendRawTransaction", raw) == signed
    assert devnet.receipt(signed)["from"] == ALICE
    devnet.ask("anvil_autoImpersonateAccount", False)
    assert devnet.fail("eth_sendTransaction", {"from": NOBODY, "to": BOB})[0] == SERVER


def test_nothing_is_signed_for_an_account_without_a_key(devnet: DevnetNode) -> None:
    devnet.ask("anvil_setBalance", NOBODY, hex(10**18))
    devnet.ask("anvil_impersonateAccount", NOBODY)
    unknown = (SERVER, f"unknown account {NOBODY}")
    assert devnet.fail("eth_sign", NOBODY, "0x00") == unknown
    assert devnet.fail("personal_sign", "0x00", NOBODY) == unknown
    assert devnet.fail("eth_signTypedData_v4", NOBODY, TYPED_DATA) == unknown
    # The stand-in's signature would be a transaction of somebody else.
    assert devnet.fail("eth_signTransaction", {"from": NOBODY, "to": BOB}) == unknown


def test_an_unsigned_transaction_is_sent_for_anybody(devnet: DevnetNode) -> None:
    devnet.ask("anvil_setBalance", NOBODY, hex(10**18))
    sent = devnet.ask("eth_sendUnsignedTransaction", {"from": NOBODY, "to": BOB, "value": "0x1"})
    assert devnet.receipt(sent)["from"] == NOBODY
    assert devnet.fail("eth_sendTransaction", {"from": NOBODY, "to": BOB})[0] == SERVER
    poor = {"from": "0x" + "98" * 20, "to": BOB, "value": "0x1"}
    assert devnet.fail("eth_sendUnsignedTransaction", poor)[0] == SERVER
    assert devnet.fail("eth_sendUnsignedTransaction", {"to": BOB})[0] == PARAMS


# --- the next block and the pool ------------------------------------------------------------------


def test_a_block_gas_limit_holds_from_the_next_block_on(devnet: DevnetNode) -> None:
    assert devnet.ask("evm_setBlockGasLimit", hex(50_000)) is True
    devnet.ask("evm_setAutomine", False)
    sent = [devnet.send(gas=21_000) for _ in range(3)]
    devnet.ask("anvil_mine", 2)
    assert devnet.block(1)["transactions"] == sent[:2]
    assert devnet.block(2)["transactions"] == sent[2:]
    assert devnet.block(1)["gasLimit"] == devnet.block(2)["gasLimit"] == hex(50_000)
    too_much = {**TRANSFER, "gas": hex(50_001)}
    refused = (SERVER, "exceeds block gas limit")
    assert devnet.fail("eth_sendTransaction", too_much) == refused
    devnet.ask("evm_setBlockGasLimit", 60_000)  # the pool goes by the next block
    devnet.ask("eth_sendTransaction", too_much)
    devnet.ask("evm_setBlockGasLimit", 40_000)
    assert devnet.fail("eth_sendTransaction", too_much) == refused


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_the_coinbase_gets_the_tips_of_the_next_blocks(devnet: DevnetNode, prefix: str) -> None:
    assert devnet.ask(f"{prefix}_setCoinbase", NOBODY) is True
    devnet.send()
    assert devnet.head()["miner"] == NOBODY
    assert devnet.number("eth_getBalance", NOBODY) == 21_000 * GWEI
    devnet.ask("evm_mine")
    assert devnet.ask("eth_coinbase") == devnet.head()["miner"] == NOBODY


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_the_next_base_fee_is_for_one_block(devnet: DevnetNode, prefix: str) -> None:
    assert devnet.ask(f"{prefix}_setNextBlockBaseFeePerGas", hex(80 * GWEI)) is True
    assert devnet.ask("eth_getBlockByNumber", "pending")["baseFeePerGas"] == hex(80 * GWEI)
    devnet.ask("anvil_mine", 2)
    assert devnet.block(1)["baseFeePerGas"] == hex(80 * GWEI)
    assert devnet.block(2)["baseFeePerGas"] == hex(70 * GWEI)  # an eighth less, as after any other


def test_a_transaction_that_the_devnet_prices_pays_the_next_base_fee(devnet: DevnetNode) -> None:
    for fields in ({}, {"type": "0x0"}):
        devnet.ask("anvil_setNextBlockBaseFeePerGas", hex(80 * GWEI))
        assert devnet.number("eth_gasPrice") == 81 * GWEI
        sent = devnet.send(**fields)
        assert devnet.receipt(sent)["effectiveGasPrice"] == hex(81 * GWEI)


def test_a_base_fee_of_zero_is_one(devnet: DevnetNode) -> None:
    devnet.ask("anvil_setNextBlockBaseFeePerGas", 0)
    sent = devnet.send(gasPrice=0)
    assert devnet.head()["baseFeePerGas"] == "0x0"
    assert devnet.receipt(sent)["effectiveGasPrice"] == "0x0"
    assert devnet.number("eth_getBalance", ALICE) == NATIVE_WEI
    devnet.ask("anvil_mine", 3)


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_the_pool_refuses_what_pays_less_than_the_least_price(
    devnet: DevnetNode, prefix: str
) -> None:
    assert devnet.ask(f"{prefix}_setMinGasPrice", hex(5 * GWEI)) is True
    cheap = {**TRANSFER, "gas": "0x5208", "gasPrice": hex(5 * GWEI - 1)}
    assert devnet.fail("eth_sendTransaction", cheap) == (
        SERVER,
        f"transaction underpriced: gas price {5 * GWEI - 1}, minimum needed {5 * GWEI}",
    )
    devnet.send(gasPrice=5 * GWEI)
    devnet.ask("anvil_reset")
    devnet.ask("eth_sendTransaction", cheap)


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_a_waiting_transaction_can_be_dropped(waiting: DevnetNode, prefix: str) -> None:
    sent = waiting.send()
    assert waiting.ask(f"{prefix}_dropTransaction", sent) is True
    assert waiting.ask(f"{prefix}_dropTransaction", sent) is False
    assert waiting.fate(sent) == ("dropped", "dropped on request")
    assert waiting.ask("eth_getTransactionByHash", sent) is None
    assert waiting.ask("eth_getTransactionCount", ALICE, "pending") == "0x0"
    again = waiting.send()
    waiting.ask("evm_mine")
    assert waiting.fate(again) == ("included", None)
    assert waiting.ask(f"{prefix}_dropTransaction", again) is False


def test_the_whole_pool_can_be_dropped(waiting: DevnetNode) -> None:
    sent = [waiting.send(sender) for sender in (ALICE, ALICE, BOB)]
    assert waiting.ask("anvil_dropAllTransactions") is True
    assert {waiting.fate(each) for each in sent} == {("dropped", "dropped on request")}
    assert waiting.ask("txpool_status") == {"pending": "0x0", "queued": "0x0"}


# --- the whole chain ------------------------------------------------------------------------------


def test_a_revert_brings_back_blocks_state_pool_fees_and_finality(waiting: DevnetNode) -> None:
    waiting.ask("anvil_mine", 3)
    held = waiting.send()
    waiting.ask("anvil_setBalance", NOBODY, 5)
    waiting.ask("anvil_setMinGasPrice", 1)
    waiting.ask("devnet_setFinality", 1, 2)
    before = [waiting.head(), waiting.ask("txpool_content"), waiting.ask("devnet_branches")]
    number = waiting.ask("evm_snapshot")
    waiting.ask("evm_mine")
    mined = waiting.head()["hash"]
    waiting.ask("anvil_setBalance", NOBODY, 6)
    waiting.ask("anvil_setMinGasPrice", 2)
    waiting.ask("devnet_reorg", {"depth": 2, "branch": "other"})
    waiting.ask("devnet_setFinality", 0, 0)
    assert waiting.ask("evm_revert", number) is True
    assert [
        waiting.head(),
        waiting.ask("txpool_content"),
        waiting.ask("devnet_branches"),
    ] == before
    assert waiting.ask("eth_getBlockByHash", mined) is None
    assert waiting.number("eth_getBalance", NOBODY) == 5
    assert waiting.chain.min_gas_price_wei == 1
    assert waiting.ask("eth_getBlockByNumber", "finalized")["number"] == "0x1"
    assert waiting.fate(held) == ("pending", None)
    waiting.ask("evm_mine")
    assert waiting.head()["hash"] == mined  # the same acts give the same blocks


def test_a_snapshot_is_used_up_with_all_later_ones(devnet: DevnetNode) -> None:
    first, second = devnet.ask("evm_snapshot"), devnet.ask("evm_snapshot")
    assert first != second
    devnet.ask("evm_mine")
    assert devnet.ask("evm_revert", first) is True
    assert devnet.ask("evm_revert", first) is False
    assert devnet.ask("evm_revert", second) is False
    for unknown in ("0x0", 0, "0xff", 2**63):
        assert devnet.ask("evm_revert", unknown) is False
    third = devnet.ask("evm_snapshot")
    assert third not in (first, second)


def test_a_revert_takes_back_what_was_said_of_time(devnet: DevnetNode) -> None:
    number = devnet.ask("evm_snapshot")
    devnet.ask("evm_setNextBlockTimestamp", TIMESTAMP_S + 500)
    devnet.ask("evm_increaseTime", 1_000)
    devnet.ask("evm_revert", number)
    devnet.ask("evm_mine")
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + BLOCK_TIME_S)


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_a_reset_goes_back_to_the_beginning(devnet: DevnetNode, prefix: str) -> None:
    genesis = devnet.head()
    number = devnet.ask("evm_snapshot")
    devnet.send()
    devnet.ask("anvil_setBalance", NOBODY, hex(10**18))
    devnet.ask("anvil_impersonateAccount", NOBODY)
    devnet.ask("anvil_autoImpersonateAccount", True)
    assert devnet.ask(f"{prefix}_reset") is True
    assert devnet.head() == genesis
    assert devnet.ask("evm_revert", number) is False
    assert devnet.number("eth_getBalance", NOBODY) == 0
    assert devnet.number("eth_getTransactionCount", ALICE) == 0
    assert devnet.fail("eth_sendTransaction", {"from": NOBODY, "to": BOB}) == (
        SERVER,
        f"unknown account {NOBODY}",
    )
    devnet.send()


def test_a_reset_takes_no_fork(devnet: DevnetNode) -> None:
    devnet.ask("evm_mine")
    options = {"forking": {"jsonRpcUrl": "http://127.0.0.1:1", "blockNumber": 1}}
    code, message = devnet.fail("hardhat_reset", options)
    assert code == SERVER
    assert message == "this chain does not fork another: reset takes no jsonRpcUrl"
    assert devnet.height() == 1
    for nothing in ({}, None, {"forking": {}}, {"forking": {"jsonRpcUrl": None}}):
        assert devnet.ask("anvil_reset", nothing) is True
    assert devnet.height() == 0


def test_a_dump_is_loaded_by_another_devnet(waiting: DevnetNode) -> None:
    waiting.ask("anvil_mine", 5)
    mined = waiting.send()
    waiting.ask("evm_mine")
    waiting.ask("devnet_reorg", {"depth": 2, "branch": "other"})
    held = waiting.send(BOB, CAROL)
    other = DevnetNode(automine=False)
    other.ask("anvil_mine", 50)
    assert other.ask("anvil_loadState", waiting.ask("anvil_dumpState")) is True
    for method, params in (
        ("eth_getBlockByNumber", ["latest", True]),
        ("eth_getBlockByNumber", ["0x3", True]),
        ("devnet_branches", []),
        ("devnet_transaction", [mined]),
        ("devnet_transaction", [held]),
        ("txpool_content", []),
        ("eth_getProof", [ALICE, []]),
    ):
        assert other.ask(method, *params) == waiting.ask(method, *params), method
    for each in (waiting, other):
        each.ask("evm_mine")
    assert other.head(full=True) == waiting.head(full=True)


@pytest.mark.parametrize("damage", ["empty", "noise", "cut", "changed"])
def test_what_is_no_dump_is_refused_and_changes_nothing(devnet: DevnetNode, damage: str) -> None:
    dump = devnet.ask("anvil_dumpState")
    devnet.send()
    head = devnet.head()
    middle = len(dump) // 4 * 2
    flipped = "0" if dump[middle] != "0" else "1"
    state = {
        "empty": "0x",
        "noise": "0x" + "5a" * 100,
        "cut": dump[:middle],
        "changed": dump[:middle] + flipped + dump[middle + 1 :],
    }[damage]
    assert devnet.fail("anvil_loadState", state)[0] in (PARAMS, SERVER)
    assert devnet.head() == head
    devnet.send()


def test_a_url_to_fork_is_taken_and_has_no_effect(devnet: DevnetNode) -> None:
    for prefix in ("anvil", "hardhat"):
        assert devnet.ask(f"{prefix}_setRpcUrl", "http://127.0.0.1:1") is True
        for value in (None, 5, [], {}):
            assert devnet.fail(f"{prefix}_setRpcUrl", value)[0] == PARAMS
    assert devnet.height() == 0


def test_logging_is_a_switch_of_the_devnet(devnet: DevnetNode) -> None:
    for prefix in ("anvil", "hardhat"):
        devnet.ask(f"{prefix}_setLoggingEnabled", True)
        assert devnet.devnet.logs_requests is True
        devnet.ask(f"{prefix}_setLoggingEnabled", False)
        assert devnet.devnet.logs_requests is False


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_the_node_tells_what_it_is_and_where_it_stands(devnet: DevnetNode, prefix: str) -> None:
    genesis = devnet.head()["hash"]
    devnet.send()
    head = devnet.head()
    info = devnet.ask(f"{prefix}_nodeInfo")
    assert info["currentBlockNumber"] == head["number"] == "0x1"
    assert info["currentBlockHash"] == head["hash"]
    assert info["currentBlockTimestamp"] == int(head["timestamp"], 16)
    assert info["environment"]["chainId"] == 97
    assert info["environment"]["gasLimit"] == head["gasLimit"]
    assert info["environment"]["baseFee"] == head["baseFeePerGas"]
    assert info["forkConfig"]["forkUrl"] is None
    assert devnet.ask(f"{prefix}_metadata") == {
        "clientVersion": devnet.ask("web3_clientVersion"),
        "chainId": 97,
        "instanceId": genesis,
        "latestBlockNumber": 1,
        "latestBlockHash": head["hash"],
    }


def test_the_devnet_tells_where_its_contracts_stand_and_who_is_who(devnet: DevnetNode) -> None:
    info = devnet.ask("devnet_info")
    assert (info["chainId"], info["vault"], info["dfToken"]) == ("0x61", VAULT, DF_TOKEN)
    accounts = [*USERS.values(), OWNER, WITHDRAW_SIGNER]
    assert info["accounts"] == [{"name": a.name, "address": a.address_hex} for a in accounts]


# --- sending --------------------------------------------------------------------------------------


def test_the_accounts_of_the_devnet_are_users_owner_and_withdraw_signer(
    devnet: DevnetNode,
) -> None:
    accounts = [*USERS.values(), OWNER, WITHDRAW_SIGNER]
    assert devnet.ask("eth_accounts") == [account.address_hex for account in accounts]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, 2),
        ({"type": 0}, 0),
        ({"type": 1}, 1),
        ({"type": 2}, 2),
        ({"gasPrice": 10 * GWEI}, 0),
        ({"gasPrice": 10 * GWEI, "accessList": []}, 1),
        ({"maxFeePerGas": 10 * GWEI}, 2),
        ({"maxPriorityFeePerGas": 5 * GWEI}, 2),
        ({"accessList": [{"address": VAULT, "storageKeys": [UNKNOWN]}]}, 2),
    ],
    ids=repr,
)
def test_what_a_transaction_leaves_open_is_filled_in(
    devnet: DevnetNode, fields: dict[str, Any], kind: int
) -> None:
    sent = devnet.send(value=3, **fields)
    found = devnet.ask("eth_getTransactionByHash", sent)
    assert found["type"] == hex(kind)
    assert found["nonce"] == "0x0"
    assert found["chainId"] == "0x61"
    assert devnet.receipt(sent)["status"] == "0x1"
    assert devnet.receipt(sent)["gasUsed"] == found["gas"]  # estimated to the unit
    for name, value in fields.items():
        assert found[name] == (hex(value) if isinstance(value, int) else value)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"chainId": "0x1"}, SERVER, "chainId does not match"),
        ({"type": "0x3"}, PARAMS, "type"),
        ({"type": "0x4"}, PARAMS, "type 4 needs an authorizationList"),
        ({"nonce": hex(2**64 - 1)}, SERVER, "nonce has max value"),
        ({"gas": "0x5207"}, SERVER, "intrinsic gas too low"),
        ({"gas": hex(2**24 + 1)}, SERVER, "gas limit too high"),
        ({"value": hex(NATIVE_WEI + 1)}, SERVER, "insufficient funds"),
        ({"gasPrice": "0x1", "maxFeePerGas": "0x1"}, PARAMS, "both gasPrice and"),
        ({"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}, PARAMS, "maxFeePerGas"),
        ({"input": "0x01", "data": "0x02"}, PARAMS, "input and data differ"),
        ({"to": "0x"}, PARAMS, "transaction.to"),
        ({"from": None}, PARAMS, "transaction.from"),
        ({"authorizationList": [{"address": BOB}]}, PARAMS, "authorizationList"),
    ],
    ids=repr,
)
def test_a_transaction_that_can_not_be_is_refused(
    devnet: DevnetNode, fields: dict[str, Any], code: int, words: str
) -> None:
    given = {**TRANSFER, **fields}
    found, message = devnet.fail("eth_sendTransaction", given)
    assert found == code
    assert words in message
    assert devnet.height() == len(devnet.chain.pool) == 0


def test_a_transaction_with_authorizations_is_signed_as_type_4(devnet: DevnetNode) -> None:
    grant = {"address": VAULT, "chainId": "0x61", "nonce": "0x0"}
    grant |= {"yParity": "0x0", "r": "0x1", "s": "0x1"}
    sent = devnet.ask("eth_sendTransaction", {**TRANSFER, "authorizationList": [grant]})
    shape = devnet.ask("eth_getTransactionByHash", sent)
    assert shape["type"] == "0x4"
    assert shape["authorizationList"] == [grant]


def test_type_4_without_authorizations_is_refused(devnet: DevnetNode) -> None:
    code, message = devnet.fail("eth_sendTransaction", {**TRANSFER, "type": "0x4"})
    assert code == PARAMS
    assert "authorizationList" in message


def test_a_transaction_that_fails_is_not_estimated_and_not_sent(devnet: DevnetNode) -> None:
    code, _ = devnet.fail("eth_sendTransaction", {"from": ALICE, "to": VAULT, "data": "0x01020304"})
    assert code in (3, SERVER)
    assert devnet.height() == 0
    sent = devnet.send(to=VAULT, data="0x01020304", gas=100_000)
    assert devnet.receipt(sent)["status"] == "0x0"


def test_a_signed_transaction_is_sent_by_whoever_has_it(devnet: DevnetNode) -> None:
    signed = devnet.ask("eth_signTransaction", TRANSFER)
    assert devnet.height() == 0
    assert devnet.ask("txpool_status")["pending"] == "0x0"
    sent = devnet.ask("eth_sendRawTransaction", signed["raw"])
    assert sent == signed["tx"]["hash"]
    assert devnet.receipt(sent)["from"] == ALICE
    assert devnet.fail("eth_sendRawTransaction", signed["raw"])[1].startswith("nonce too low")


def test_a_raw_transaction_for_another_chain_is_refused(devnet: DevnetNode) -> None:
    raw = sign("alice", 0, chain_id=1).raw()
    code, message = devnet.fail("eth_sendRawTransaction", "0x" + raw.hex())
    assert (code, message) == (SERVER, "invalid chain id for signer: have 1 want 97")


def test_a_devnet_of_another_chain_signs_for_that_chain() -> None:
    devnet = DevnetNode(Devnet(Chain(template(5, TIMESTAMP_S))))
    assert devnet.ask("eth_chainId") == "0x5"
    assert devnet.ask("eth_getTransactionByHash", devnet.send())["chainId"] == "0x5"


def test_a_replacement_pays_a_tenth_more(waiting: DevnetNode) -> None:
    first = waiting.send(nonce=0, gasPrice=10 * GWEI)
    cheap = {"from": ALICE, "to": DAVE, "nonce": "0x0", "gasPrice": hex(11 * GWEI - 1)}
    assert waiting.fail("eth_sendTransaction", cheap) == (
        SERVER,
        "replacement transaction underpriced",
    )
    second = waiting.send(ALICE, DAVE, nonce=0, gasPrice=11 * GWEI)
    assert waiting.fate(first) == ("dropped", f"replaced by {second}")
    waiting.ask("evm_mine")
    assert waiting.fate(second)[0] == "included"
