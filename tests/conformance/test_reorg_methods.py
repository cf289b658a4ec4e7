"""Reorgs as a client asks for them: what each option does, and what it leaves as it was."""

from __future__ import annotations

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
    PARAMS,
    SERVER,
    UNKNOWN,
    VAULT,
    DevnetNode,
)
from tests.unit.chain.builders import DEARER, sign
from ztdx_devnet.chain.chain import BLOCK_TIME_S
from ztdx_devnet.chain.origin.contracts import Call
from ztdx_devnet.chain.origin.genesis import NATIVE_WEI, TIMESTAMP_S


@pytest.fixture
def devnet() -> DevnetNode:
    """Five empty blocks; a block for every transaction."""
    node = DevnetNode()
    node.ask("anvil_mine", 5)
    return node


def reorg(devnet: DevnetNode, depth: int, **options: Any) -> Any:
    return devnet.ask("devnet_reorg", {"depth": depth, **options})


def place_of(devnet: DevnetNode, transaction_hash: str) -> tuple[int, int] | None:
    """Block number and position of a transaction on the canonical branch."""
    receipt = devnet.receipt(transaction_hash)
    if receipt is None:
        return None
    return int(receipt["blockNumber"], 16), int(receipt["transactionIndex"], 16)


def everything(devnet: DevnetNode) -> Any:
    """What must not change when a reorg is refused."""
    chain = devnet.chain
    return (
        devnet.head(full=True),
        devnet.ask("devnet_branches"),
        devnet.waiting(),
        [waiting.not_before_number for waiting in chain.pool],
        devnet.ask("eth_getLogs", {"fromBlock": "0x0"}),
        len(chain.tree.segments),
        [devnet.fate(h) for block in chain.tree.executed_above(0) for h in hashes_of(block)],
    )


def hashes_of(block: Any) -> list[str]:
    return ["0x" + receipt.transaction.hash.hex() for receipt in block.receipts]


# --- length ---------------------------------------------------------------------------------------


def test_the_last_blocks_are_replaced_by_one_more_and_the_outcome_says_so(
    devnet: DevnetNode,
) -> None:
    old = [devnet.block(number)["hash"] for number in range(6)]
    outcome = reorg(devnet, 2)
    new = [devnet.block(number)["hash"] for number in range(7)]
    assert new[:4] == old[:4]
    assert not set(new[4:]) & set(old)
    assert outcome == {
        "branch": "branch-2",
        "ancestor": {"number": "0x3", "hash": old[3]},
        "oldHead": {"number": "0x5", "hash": old[5]},
        "newHead": {"number": "0x6", "hash": new[6]},
        "included": [],
        "added": [],
        "pending": [],
        "dropped": [],
    }
    for number in (4, 5):  # orphans are read by their hash
        orphan = devnet.ask("eth_getBlockByHash", old[number])
        assert orphan["number"] == hex(number)
        assert orphan["hash"] == old[number]


@pytest.mark.parametrize(("depth", "length"), [(1, 1), (2, 2), (3, 1), (5, 2), (1, 4), (5, 5)])
def test_a_branch_may_be_longer_equal_or_shorter(
    devnet: DevnetNode, depth: int, length: int
) -> None:
    reorg(devnet, depth, length=length)
    assert devnet.height() == 5 - depth + length
    parent = devnet.block(0)
    for number in range(1, devnet.height() + 1):
        block = devnet.block(number)
        assert block["parentHash"] == parent["hash"]
        assert int(block["timestamp"], 16) == int(parent["timestamp"], 16) + BLOCK_TIME_S
        parent = block
    assert devnet.ask("eth_getBlockByNumber", hex(devnet.height() + 1)) is None


def test_numbers_of_a_reorg_may_be_integers_or_quantities(devnet: DevnetNode) -> None:
    reorg(devnet, "0x2", length="0x3", delayBlocks="0x0")  # type: ignore[arg-type]
    assert devnet.height() == 6
    reorg(devnet, 1, length=None, drop=None, keep=None, replace=None, order=None, blocks=None)
    assert devnet.height() == 7


def test_every_block_of_the_chain_but_genesis_can_be_replaced(devnet: DevnetNode) -> None:
    genesis = devnet.block(0)["hash"]
    assert reorg(devnet, 5)["ancestor"]["hash"] == genesis
    assert devnet.fail("devnet_reorg", {"depth": 7}) == (
        SERVER,
        "depth 7 reaches below genesis: the head is 6",
    )


# --- transactions ---------------------------------------------------------------------------------


def test_a_transaction_included_again_keeps_its_hash_and_gets_a_new_place(
    devnet: DevnetNode,
) -> None:
    approval, deposit = devnet.deposit("alice", 10**18)
    devnet.ask("evm_setAutomine", False)
    other = devnet.deposit("bob", 10**18)
    before = {h: devnet.receipt(h) for h in (approval, deposit)}
    outcome = reorg(devnet, 2, order=list(other))
    assert outcome["included"] == [approval, deposit]
    assert devnet.block(6)["transactions"] == [*other, approval, deposit]
    raw = devnet.ask("eth_getRawTransactionByHash", deposit)
    assert devnet.ask("web3_sha3", raw) == deposit
    for position, transaction_hash in enumerate((approval, deposit), start=2):
        old, new = before[transaction_hash], devnet.receipt(transaction_hash)
        assert place_of(devnet, transaction_hash) == (6, position)
        assert new["blockHash"] == devnet.block(6)["hash"] != old["blockHash"]
        assert new["status"] == old["status"] == "0x1"
        found = devnet.ask("eth_getTransactionByHash", transaction_hash)
        assert found["blockHash"] == new["blockHash"]
        assert [log["data"] for log in new["logs"]] == [log["data"] for log in old["logs"]]
    # Bob's approval and deposit come first: an approval and, of the deposit, transfer and event.
    logs = devnet.ask("eth_getLogs", {"blockHash": devnet.block(6)["hash"]})
    assert [int(log["logIndex"], 16) for log in logs] == list(range(len(logs)))
    first = int(devnet.receipt(deposit)["logs"][0]["logIndex"], 16)
    assert first == len(logs) - len(before[deposit]["logs"])
    assert int(before[deposit]["logs"][0]["logIndex"], 16) == 0
    assert devnet.ask("eth_getLogs", {"fromBlock": "0x0"}) == logs


def test_the_logs_of_an_orphan_are_read_by_its_hash_only(devnet: DevnetNode) -> None:
    _, deposit = devnet.deposit("alice", 10**18)
    orphan = devnet.receipt(deposit)
    reorg(devnet, 2, drop=[deposit])
    assert devnet.receipt(deposit) is None
    assert devnet.ask("eth_getTransactionByHash", deposit) is None
    by_hash = devnet.ask("eth_getLogs", {"blockHash": orphan["blockHash"]})
    assert by_hash == orphan["logs"]
    assert devnet.ask("eth_getBlockReceipts", orphan["blockHash"]) == [orphan]
    assert (
        devnet.ask("eth_getTransactionByBlockHashAndIndex", orphan["blockHash"], "0x0")["hash"]
        == deposit
    )
    assert devnet.ask("eth_getLogs", {"fromBlock": "0x0", "address": VAULT}) == []
    devnet.ask("devnet_switchBranch", "main")
    assert devnet.receipt(deposit) == orphan  # receipts follow the canonical branch


def test_a_dropped_transaction_is_gone_with_a_reason(devnet: DevnetNode) -> None:
    kept, dropped = devnet.send(ALICE), devnet.send(BOB)
    outcome = reorg(devnet, 2, drop=[dropped])
    assert outcome["included"] == [kept]
    assert outcome["dropped"] == [{"hash": dropped, "reason": "dropped by the reorg"}]
    assert devnet.fate(dropped) == ("dropped", "dropped by the reorg")
    assert devnet.number("eth_getTransactionCount", BOB, "pending") == 0
    assert devnet.number("eth_getBalance", BOB) == NATIVE_WEI


def test_what_is_not_kept_is_dropped(devnet: DevnetNode) -> None:
    sent = [devnet.send(sender) for sender in (ALICE, BOB, CAROL)]
    outcome = reorg(devnet, 3, keep=[sent[1]])
    assert outcome["included"] == [sent[1]]
    assert outcome["dropped"] == [
        {"hash": sent[0], "reason": "not kept by the reorg"},
        {"hash": sent[2], "reason": "not kept by the reorg"},
    ]
    assert reorg(devnet, 4, keep=[])["included"] == []


def test_dropping_an_early_nonce_leaves_the_later_ones_waiting(devnet: DevnetNode) -> None:
    first, second = devnet.send(ALICE), devnet.send(ALICE)
    outcome = reorg(devnet, 2, drop=[first])
    assert outcome["pending"] == [second]
    assert outcome["included"] == []
    assert devnet.fate(second) == ("pending", None)
    assert devnet.ask("txpool_status") == {"pending": "0x0", "queued": "0x1"}


def test_a_transaction_is_replaced_by_another_of_its_nonce(devnet: DevnetNode) -> None:
    old = devnet.send(ALICE, BOB, value=5)
    raw = "0x" + sign("alice", 0, wei=7).raw().hex()
    outcome = reorg(devnet, 1, replace={old: raw})
    new = devnet.ask("web3_sha3", raw)
    assert outcome["included"] == []
    assert outcome["dropped"] == [{"hash": old, "reason": f"replaced by {new}"}]
    assert place_of(devnet, new) == (6, 0)
    assert devnet.number("eth_getBalance", BOB) == NATIVE_WEI
    assert devnet.fate(old) == ("dropped", f"replaced by {new}")


def test_a_replacement_may_be_an_object_that_the_devnet_signs(devnet: DevnetNode) -> None:
    old = devnet.send(ALICE, BOB, value=5)
    new = {"from": ALICE, "to": CAROL, "value": "0x9", "nonce": "0x0"}
    reorg(devnet, 1, replace={old: new})
    assert devnet.number("eth_getBalance", BOB) == NATIVE_WEI
    assert devnet.number("eth_getBalance", CAROL) == NATIVE_WEI + 9


def test_an_object_without_a_nonce_gets_the_one_it_needs_on_the_new_branch(
    devnet: DevnetNode,
) -> None:
    first, second = devnet.send(ALICE, BOB, value=5), devnet.send(ALICE, BOB, value=6)
    later = {"from": ALICE, "to": CAROL, "value": "0x1"}
    outcome = reorg(devnet, 2, replace={first: {"from": ALICE, "to": CAROL, "value": "0x9"}})
    assert outcome["included"] == [second]
    assert devnet.number("eth_getBalance", CAROL) == NATIVE_WEI + 9
    reorg(devnet, 3, blocks=[[later, later]])
    assert devnet.number("eth_getTransactionCount", ALICE) == 2


def test_a_waiting_transaction_can_be_dropped_replaced_and_ordered(devnet: DevnetNode) -> None:
    mined = devnet.send(ALICE)
    devnet.ask("evm_setAutomine", False)
    dropped, replaced, ordered = devnet.send(BOB), devnet.send(CAROL), devnet.send(DAVE)
    raw = "0x" + sign("carol", 0, wei=7, **DEARER).raw().hex()
    new = devnet.ask("web3_sha3", raw)
    outcome = reorg(devnet, 1, drop=[dropped], replace={replaced: raw}, order=[ordered])
    assert devnet.block(6)["transactions"] == [ordered, mined, new]
    assert outcome["included"] == [mined]
    assert {entry["hash"]: entry["reason"] for entry in outcome["dropped"]} == {
        dropped: "dropped by the reorg",
        replaced: f"replaced by {new}",
    }


def test_the_order_given_decides(devnet: DevnetNode) -> None:
    sent = [devnet.send(sender) for sender in (ALICE, BOB, CAROL, ALICE)]
    reorg(devnet, 4, order=[sent[2], sent[3]])
    # Alice's second needs her first before it.
    assert devnet.block(6)["transactions"] == [sent[2], sent[0], sent[3], sent[1]]


@pytest.mark.parametrize("delay", [1, 2, 3])
def test_orphans_are_delayed_by_blocks(devnet: DevnetNode, delay: int) -> None:
    sent = devnet.send(ALICE)
    outcome = reorg(devnet, 1, length=3, delayBlocks=delay)
    if delay < 3:
        assert outcome["included"] == [sent]
        assert place_of(devnet, sent) == (6 + delay, 0)
    else:
        assert outcome["pending"] == [sent]
        devnet.ask("evm_mine")
        assert place_of(devnet, sent) == (9, 0)


def test_a_branch_may_have_just_these_transactions_in_just_these_blocks(
    devnet: DevnetNode,
) -> None:
    a, b, c = devnet.send(ALICE), devnet.send(BOB), devnet.send(CAROL)
    devnet.ask("evm_setAutomine", False)
    waiting = devnet.send(DAVE)
    raw = "0x" + sign("erin", 0).raw().hex()
    outcome = reorg(devnet, 3, blocks=[[], [c, raw], [a]], length=4)
    assert [devnet.block(n)["transactions"] for n in range(6, 10)] == [
        [],
        [c, devnet.ask("web3_sha3", raw)],
        [a],
        [],
    ]
    assert outcome["included"] == [a, c]
    assert outcome["dropped"] == [{"hash": b, "reason": "not in the blocks of the new branch"}]
    assert devnet.waiting() == [waiting]
    assert devnet.number("eth_getTransactionCount", NOBODY) == 0


def test_the_blocks_given_decide_the_length(devnet: DevnetNode) -> None:
    reorg(devnet, 1, blocks=[[], [], []])
    assert devnet.height() == 7


def test_a_waiting_transaction_in_the_blocks_given_waits_no_more(devnet: DevnetNode) -> None:
    devnet.ask("evm_setAutomine", False)
    sent = devnet.send(ALICE)
    outcome = reorg(devnet, 1, blocks=[[sent]])
    assert outcome["dropped"] == []
    assert devnet.waiting() == []
    assert devnet.fate(sent) == ("included", None)
    devnet.ask("evm_mine")
    assert devnet.fate(sent) == ("included", None)


def test_a_transaction_that_fails_on_the_new_branch_is_included_and_fails(
    devnet: DevnetNode,
) -> None:
    approval, deposit = devnet.deposit("alice", 10**18)
    assert devnet.receipt(deposit)["status"] == "0x1"
    raw = "0x" + sign("alice", 0).raw().hex()  # takes the nonce of the approval
    outcome = reorg(devnet, 2, replace={approval: raw})
    assert outcome["included"] == [deposit]
    receipt = devnet.receipt(deposit)
    assert receipt["status"] == "0x0"
    assert receipt["logs"] == []
    balance = Call("balanceOf(address)", (bytes.fromhex(VAULT[2:]),)).data
    assert devnet.number("eth_call", {"to": DF_TOKEN, "data": "0x" + balance.hex()}) == 0


def test_a_transaction_that_became_invalid_is_dropped_with_a_reason(devnet: DevnetNode) -> None:
    """Dave spends what only Carol's transfer gave him; without it, he can't pay."""
    funding = devnet.send(CAROL, DAVE, value=5)
    wei = NATIVE_WEI + 5 - 21_000 * 3 * GWEI
    spending = devnet.send(DAVE, BOB, value=wei, gas=21_000, gasPrice=3 * GWEI)
    outcome = reorg(devnet, 2, drop=[funding])
    assert [entry["hash"] for entry in outcome["dropped"]] == [funding, spending]
    status, reason = devnet.fate(spending)
    assert status == "dropped"
    assert str(reason).startswith("insufficient funds: balance ")
    assert devnet.waiting() == []
    devnet.ask("evm_mine")


def test_what_can_not_be_in_its_block_is_dropped_with_a_reason(devnet: DevnetNode) -> None:
    first, second = devnet.send(ALICE), devnet.send(ALICE)
    outcome = reorg(devnet, 2, blocks=[[second], [first]])
    assert outcome["included"] == [first]
    assert outcome["dropped"] == [{"hash": second, "reason": "not valid in its block"}]
    assert devnet.fate(second) == ("dropped", "not valid in its block")


def test_time_goes_on_after_a_reorg_that_overtook_the_next_timestamp(devnet: DevnetNode) -> None:
    head_s = int(devnet.head()["timestamp"], 16)
    devnet.ask("evm_setNextBlockTimestamp", head_s + 1)
    reorg(devnet, 1)
    assert int(devnet.ask("eth_getBlockByNumber", "pending")["timestamp"], 16) > head_s + 1
    devnet.ask("evm_mine")
    sent = devnet.send()
    assert devnet.receipt(sent)["blockNumber"] == hex(8)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "code", "words"),
    [
        (None, PARAMS, "expected an object"),
        (5, PARAMS, "expected an object"),
        ({}, PARAMS, "reorg.depth"),
        ({"depth": None}, PARAMS, "reorg.depth"),
        ({"depth": "deep"}, PARAMS, "reorg.depth"),
        ({"depth": -1}, PARAMS, "reorg.depth"),
        ({"depth": 1.5}, PARAMS, "reorg.depth"),
        ({"depth": True}, PARAMS, "reorg.depth"),
        ({"depth": 0}, SERVER, "depth and length ≥ 1"),
        ({"depth": 1, "length": 0}, SERVER, "depth and length ≥ 1"),
        ({"depth": 1, "blocks": []}, SERVER, "depth and length ≥ 1"),
        ({"depth": 100}, SERVER, "reaches below genesis"),
        ({"depth": 1, "length": 1_000_001}, PARAMS, "reorg.length"),
        ({"depth": 1, "delayBlocks": -1}, PARAMS, "reorg.delayBlocks"),
        ({"depth": 1, "deep": 1}, PARAMS, "no field 'deep'"),
        ({"depth": 1, "drop": UNKNOWN}, PARAMS, "reorg.drop"),
        ({"depth": 1, "drop": ["0x01"]}, PARAMS, "reorg.drop"),
        ({"depth": 1, "drop": [UNKNOWN]}, SERVER, f"{UNKNOWN} is neither"),
        ({"depth": 1, "keep": [UNKNOWN]}, SERVER, f"{UNKNOWN} is neither"),
        ({"depth": 1, "order": [UNKNOWN]}, SERVER, f"{UNKNOWN} is neither"),
        ({"depth": 1, "replace": {UNKNOWN: "RAW"}}, SERVER, f"{UNKNOWN} is neither"),
        ({"depth": 1, "replace": []}, PARAMS, "reorg.replace"),
        ({"depth": 1, "replace": {"0x01": "RAW"}}, PARAMS, "reorg.replace"),
        ({"depth": 1, "replace": {"MINED": UNKNOWN}}, PARAMS, "is unknown"),
        ({"depth": 1, "replace": {"MINED": "0x1234"}}, SERVER, "transaction"),
        ({"depth": 1, "replace": {"MINED": "OTHER CHAIN"}}, SERVER, "invalid chain id"),
        ({"depth": 1, "blocks": [[], ["OTHER CHAIN"]]}, SERVER, "invalid chain id"),
        ({"depth": 1, "blocks": [["TOO MUCH GAS"]]}, SERVER, "gas limit too high"),
        ({"depth": 1, "blocks": "MINED"}, PARAMS, "reorg.blocks"),
        ({"depth": 1, "blocks": ["MINED"]}, PARAMS, "reorg.blocks"),
        ({"depth": 1, "blocks": [[UNKNOWN]]}, PARAMS, "is unknown"),
        ({"depth": 1, "blocks": [[5]]}, PARAMS, "transaction"),
        ({"depth": 1, "blocks": [[{"from": ALICE, "to": "0x"}]]}, PARAMS, "transaction.to"),
        ({"depth": 1, "blocks": [["MINED"], ["RAW", "RAW"]]}, SERVER, "block 1 has two"),
        ({"depth": 1, "blocks": [["MINED", "RIVAL"]]}, SERVER, "block 0 has two"),
        ({"depth": 1, "length": 1, "blocks": [[], ["MINED"]]}, SERVER, "2 blocks"),
        ({"depth": 1, "branch": ""}, PARAMS, "reorg.branch"),
        ({"depth": 1, "branch": "0x5"}, PARAMS, "reorg.branch"),
        ({"depth": 1, "branch": "x" * 65}, PARAMS, "reorg.branch"),
        ({"depth": 1, "branch": 5}, PARAMS, "reorg.branch"),
        ({"depth": 1, "branch": "main"}, SERVER, "'main' is there already"),
        ({"depth": 1, "drop": ["WAITING"], "branch": "main"}, SERVER, "is there already"),
        ({"depth": 1, "drop": ["WAITING"], "order": [UNKNOWN]}, SERVER, "is neither"),
    ],
    ids=repr,
)
def test_a_plan_that_can_not_be_is_refused_and_nothing_changes(
    devnet: DevnetNode, plan: Any, code: int, words: str
) -> None:
    mined = devnet.send(ALICE)
    devnet.ask("evm_setAutomine", False)
    named = {
        "MINED": mined,
        "WAITING": devnet.send(BOB),
        "RAW": "0x" + sign("dave", 0).raw().hex(),
        "RIVAL": "0x" + sign("alice", 0, **DEARER).raw().hex(),
        "OTHER CHAIN": "0x" + sign("dave", 0, chain_id=1).raw().hex(),
        "TOO MUCH GAS": "0x" + sign("dave", 0, gas=2**24 + 1).raw().hex(),
    }
    before = everything(devnet)
    found, message = devnet.fail("devnet_reorg", filled(plan, named))
    assert found == code
    assert words in message
    assert everything(devnet) == before
    devnet.ask("evm_mine")
    assert devnet.fate(named["WAITING"]) == ("included", None)


def filled(value: Any, named: dict[str, str]) -> Any:
    """A plan with the names of transactions replaced by what they stand for."""
    if isinstance(value, dict):
        return {filled(k, named): filled(v, named) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(each, named) for each in value]
    return named.get(value, value) if isinstance(value, str) else value


# --- branches -------------------------------------------------------------------------------------


def test_a_flip_to_another_branch_and_back_restores_everything_by_hash(
    devnet: DevnetNode,
) -> None:
    approval, deposit = devnet.deposit("alice", 10**18)
    on_main = [devnet.block(n, full=True) for n in range(8)]
    receipts = [devnet.receipt(h) for h in (approval, deposit)]
    reorg(devnet, 2, length=3, drop=[deposit], branch="other")
    on_other = [devnet.block(n, full=True) for n in range(9)]
    for _ in range(3):
        back = devnet.ask("devnet_switchBranch", "main")
        assert back["branch"] == "main"
        assert back["newHead"]["hash"] == on_main[7]["hash"]
        assert [devnet.block(n, full=True) for n in range(8)] == on_main
        assert [devnet.receipt(h) for h in (approval, deposit)] == receipts
        assert devnet.waiting() == []
        over = devnet.ask("devnet_switchBranch", "other")
        assert over["ancestor"]["number"] == "0x5"
        assert over["included"] == [approval]
        assert over["pending"] == [deposit]  # a switch drops nothing
        assert [devnet.block(n, full=True) for n in range(9)] == on_other
        assert devnet.receipt(deposit) is None


def test_a_switch_to_an_equal_or_shorter_branch_is_a_switch_all_the_same(
    devnet: DevnetNode,
) -> None:
    sent = devnet.send()
    main = devnet.head()["hash"]
    for length in (1, 3):
        reorg(devnet, 1, length=length, keep=[])
        assert devnet.height() == 5 + length
        devnet.ask("devnet_switchBranch", main)
        assert devnet.height() == 6
        assert devnet.head()["hash"] == main
        assert devnet.head()["transactions"] == [sent]


def test_branches_are_listed_with_where_they_leave_the_canonical_one(devnet: DevnetNode) -> None:
    fork = devnet.block(3)
    main = devnet.head()
    assert devnet.ask("devnet_branches") == [
        {
            "name": "main",
            "canonical": True,
            "number": "0x5",
            "hash": main["hash"],
            "forkNumber": "0x5",
            "forkHash": main["hash"],
        }
    ]
    reorg(devnet, 2, branch="other")
    other = devnet.head()
    assert devnet.ask("devnet_branches") == [
        {
            "name": "main",
            "canonical": False,
            "number": "0x5",
            "hash": main["hash"],
            "forkNumber": "0x3",
            "forkHash": fork["hash"],
        },
        {
            "name": "other",
            "canonical": True,
            "number": "0x6",
            "hash": other["hash"],
            "forkNumber": "0x6",
            "forkHash": other["hash"],
        },
    ]
    devnet.ask("devnet_switchBranch", "main")
    listed = {each["name"]: each for each in devnet.ask("devnet_branches")}
    assert listed["main"]["canonical"] is True
    assert listed["other"]["canonical"] is False
    assert listed["other"]["forkHash"] == fork["hash"]


def test_a_branch_goes_on_under_its_name(devnet: DevnetNode) -> None:
    reorg(devnet, 1, branch="other")
    devnet.ask("anvil_mine", 3)
    reorg(devnet, 1)
    devnet.ask("devnet_switchBranch", "other")
    assert devnet.height() == 9
    devnet.ask("devnet_switchBranch", "main")
    devnet.ask("evm_mine")
    tips = {each["name"]: each["number"] for each in devnet.ask("devnet_branches")}
    assert tips == {"main": "0x6", "other": "0x9", "branch-3": "0xa"}


def test_a_switch_to_a_block_below_the_tip_opens_a_branch(devnet: DevnetNode) -> None:
    sent = devnet.send()
    outcome = devnet.ask("devnet_switchBranch", devnet.block(4)["hash"])
    assert outcome["branch"] == "branch-2"
    assert outcome["pending"] == [sent]
    assert devnet.height() == 4
    devnet.ask("evm_mine")
    assert devnet.receipt(sent)["blockNumber"] == "0x5"


def test_a_switch_to_the_head_changes_nothing(devnet: DevnetNode) -> None:
    devnet.send()
    before = everything(devnet)
    for wanted in ("main", devnet.head()["hash"]):
        devnet.ask("devnet_switchBranch", wanted)
        assert everything(devnet) == before


@pytest.mark.parametrize(
    ("branch", "code", "words"),
    [
        ("other", SERVER, "no branch 'other'; there are main, second"),
        ("", SERVER, "no branch ''"),
        (UNKNOWN, SERVER, f"no block with hash {UNKNOWN}"),
        ("0x05", PARAMS, "branch: expected 32 bytes"),
        (5, PARAMS, "branch: expected a name or a block hash"),
        (None, PARAMS, "branch: expected a name or a block hash"),
        ({}, PARAMS, "branch: expected a name or a block hash"),
    ],
    ids=repr,
)
def test_a_switch_to_an_unknown_branch_is_refused_and_changes_nothing(
    devnet: DevnetNode, branch: Any, code: int, words: str
) -> None:
    devnet.send()
    reorg(devnet, 1, branch="second")
    before = everything(devnet)
    found, message = devnet.fail("devnet_switchBranch", branch)
    assert found == code
    assert words in message
    assert everything(devnet) == before


def test_an_orphan_whose_nonce_is_used_up_on_the_other_branch_is_dropped_with_a_reason(
    devnet: DevnetNode,
) -> None:
    on_main = devnet.send(ALICE, BOB)
    raw = "0x" + sign("alice", 0, wei=7).raw().hex()
    reorg(devnet, 1, replace={on_main: raw}, branch="other")
    outcome = devnet.ask("devnet_switchBranch", "main")
    rival = devnet.ask("web3_sha3", raw)
    assert outcome["dropped"] == [{"hash": rival, "reason": "its nonce is used up on this branch"}]
    assert devnet.fate(on_main) == ("included", None)
    assert devnet.fate(rival) == ("dropped", "its nonce is used up on this branch")


# --- what became of a transaction -----------------------------------------------------------------


def test_the_fate_of_a_transaction_is_told_at_every_step(devnet: DevnetNode) -> None:
    assert devnet.ask("devnet_transaction", UNKNOWN) == {
        "status": "unknown",
        "dropReason": None,
        "blocks": [],
    }
    devnet.ask("evm_setAutomine", False)
    sent = devnet.send()
    assert devnet.fate(sent) == ("pending", None)
    devnet.ask("evm_mine")
    first = devnet.head()["hash"]
    assert devnet.ask("devnet_transaction", sent) == {
        "status": "included",
        "dropReason": None,
        "blocks": [first],
    }
    reorg(devnet, 1, delayBlocks=5)
    assert devnet.fate(sent) == ("pending", None)
    devnet.ask("anvil_mine", 10)
    second = devnet.receipt(sent)["blockHash"]
    assert devnet.ask("devnet_transaction", sent)["blocks"] == [first, second]
    reorg(devnet, 10, keep=[])
    assert devnet.ask("devnet_transaction", sent) == {
        "status": "dropped",
        "dropReason": "not kept by the reorg",
        "blocks": [first, second],
    }
    raw = devnet.ask("eth_getRawTransactionByBlockHashAndIndex", first, "0x0")
    assert devnet.ask("eth_sendRawTransaction", raw) == sent  # its nonce is free again
    assert devnet.fate(sent) == ("pending", None)


# --- finality -------------------------------------------------------------------------------------


def heights(devnet: DevnetNode) -> tuple[int, int]:
    """Of the safe and of the finalized block."""
    found = [devnet.ask("eth_getBlockByNumber", tag)["number"] for tag in ("safe", "finalized")]
    return int(found[0], 16), int(found[1], 16)


def test_safe_and_finalized_follow_the_head_at_32_and_64_blocks(devnet: DevnetNode) -> None:
    for mined, expected in ((0, (0, 0)), (27, (0, 0)), (1, (1, 0)), (31, (32, 0)), (1, (33, 1))):
        devnet.ask("anvil_mine", mined)
        assert heights(devnet) == expected


def test_the_distance_of_finality_can_be_set_and_nothing_final_is_taken_back(
    devnet: DevnetNode,
) -> None:
    assert devnet.ask("devnet_setFinality", 1, "0x2") is True
    assert heights(devnet) == (4, 3)
    devnet.ask("anvil_mine", 5)
    assert heights(devnet) == (9, 8)
    devnet.ask("devnet_setFinality", 4, 10)
    assert heights(devnet) == (9, 8)
    devnet.ask("anvil_mine", 4)
    assert heights(devnet) == (10, 8)
    devnet.ask("devnet_setFinality", 0, 0)
    assert heights(devnet) == (14, 14)
    devnet.ask("devnet_setFinality", 2**53, 2**53)
    devnet.ask("evm_mine")
    assert heights(devnet) == (14, 14)


def test_a_reorg_takes_finality_down_to_the_fork(devnet: DevnetNode) -> None:
    devnet.ask("devnet_setFinality", 1, 2)
    reorg(devnet, 4, length=1)
    assert devnet.height() == 2
    assert heights(devnet) == (1, 1)
    devnet.ask("evm_mine")
    assert heights(devnet) == (2, 1)
    devnet.ask("anvil_rollback", 3)
    assert heights(devnet) == (0, 0)


@pytest.mark.parametrize("method", ["eth_getBalance", "eth_getTransactionCount"])
def test_state_is_read_at_safe_and_finalized(devnet: DevnetNode, method: str) -> None:
    devnet.ask("devnet_setFinality", 1, 2)
    before = devnet.ask(method, ALICE)
    devnet.send()
    after = devnet.ask(method, ALICE)
    devnet.ask("evm_mine")
    assert before != after
    assert devnet.ask(method, ALICE, "safe") == after
    assert devnet.ask(method, ALICE, "finalized") == before


@pytest.mark.parametrize(
    "params", [[2, 1], [-1, 1], [0, 2**53 + 1], ["x", 1], [1, None], [True, 1], [1.5, 2]], ids=repr
)
def test_odd_distances_are_refused(devnet: DevnetNode, params: list[Any]) -> None:
    before = heights(devnet)
    assert devnet.fail("devnet_setFinality", *params)[0] == PARAMS
    devnet.ask("anvil_mine", 40)
    assert heights(devnet) == (13, 0) > before


# --- anvil's --------------------------------------------------------------------------------------


def test_anvil_reorg_makes_as_many_blocks_anew_and_drops_their_transactions(
    devnet: DevnetNode,
) -> None:
    sent = [devnet.send(ALICE), devnet.send(BOB)]
    old = [devnet.block(n)["hash"] for n in range(8)]
    assert devnet.ask("anvil_reorg", 2) is None
    new = [devnet.block(n)["hash"] for n in range(8)]
    assert new[:6] == old[:6]
    assert not set(new[6:]) & set(old[6:])
    assert devnet.height() == 7
    for transaction_hash in sent:
        assert devnet.receipt(transaction_hash) is None
        assert devnet.fate(transaction_hash)[0] == "dropped"
    assert devnet.waiting() == []
    assert devnet.number("eth_getTransactionCount", ALICE, "pending") == 0


def test_anvil_reorg_puts_the_given_transactions_into_the_given_blocks(
    devnet: DevnetNode,
) -> None:
    sent = devnet.send(ALICE)
    devnet.ask("anvil_mine", 2)
    raw = "0x" + sign("bob", 0).raw().hex()
    unsigned = {"from": CAROL, "to": BOB, "value": "0x7"}
    devnet.ask("anvil_reorg", 3, [[raw, 0], [unsigned, "0x2"], [sent, 2]])
    assert devnet.block(6)["transactions"] == [devnet.ask("web3_sha3", raw)]
    assert devnet.block(7)["transactions"] == []
    assert [t["from"] for t in devnet.block(8, full=True)["transactions"]] == [CAROL, ALICE]
    assert devnet.height() == 8


@pytest.mark.parametrize("name", ["txBlockPairs", "tx_block_pairs"])
def test_anvil_reorg_takes_the_options_object_of_its_clients(devnet: DevnetNode, name: str) -> None:
    raw = "0x" + sign("bob", 0).raw().hex()
    devnet.ask("anvil_reorg", {"depth": 2, name: [[raw, 1]]})
    assert devnet.block(5)["transactions"] == [devnet.ask("web3_sha3", raw)]
    devnet.ask("anvil_reorg", {"depth": 1})
    assert devnet.block(5)["transactions"] == []


def test_anvil_reorg_leaves_what_waited_waiting(devnet: DevnetNode) -> None:
    devnet.ask("evm_setAutomine", False)
    sent = devnet.send()
    devnet.ask("anvil_reorg", 2)
    assert devnet.fate(sent) == ("pending", None)
    devnet.ask("evm_mine")
    assert place_of(devnet, sent) == (6, 0)


@pytest.mark.parametrize(
    "params",
    [
        [0],
        [6],
        [-1],
        ["x"],
        [None],
        [{}],
        [{"depth": 1, "length": 1}],
        [1, "x"],
        [1, {"a": 1}],
        [1, [1]],
        [1, [["0x00"]]],
        [1, [[UNKNOWN, 0]]],
        [1, [["RAW", 1]]],
        [1, [["RAW", -1]]],
        [1, [["RAW", "x"]]],
        [1, [["RAW", 0], ["RAW", 0]]],
        [1, [["0x1234", 0]]],
        [1, [[{}, 0]]],
    ],
    ids=repr,
)
def test_anvil_reorg_refuses_what_can_not_be_and_changes_nothing(
    devnet: DevnetNode, params: list[Any]
) -> None:
    before = everything(devnet)
    raw = {"RAW": "0x" + sign("bob", 0).raw().hex()}
    assert devnet.fail("anvil_reorg", *filled(params, raw))[0] in (PARAMS, SERVER)
    assert everything(devnet) == before


def test_anvil_rollback_cuts_blocks_off_and_drops_their_transactions(devnet: DevnetNode) -> None:
    sent = devnet.send()
    orphan = devnet.head()["hash"]
    devnet.ask("evm_mine")
    assert devnet.ask("anvil_rollback") is None
    assert devnet.height() == 6
    assert devnet.ask("anvil_rollback", "0x2") is None
    assert devnet.height() == 4
    assert devnet.fate(sent) == ("dropped", "rolled back")
    assert devnet.ask("eth_getBlockByHash", orphan)["transactions"] == [sent]
    assert devnet.number("eth_getTransactionCount", ALICE, "pending") == 0
    devnet.ask("anvil_rollback", 4)
    assert devnet.height() == 0
    again = devnet.send()
    assert place_of(devnet, again) == (1, 0)


@pytest.mark.parametrize(
    ("depth", "code"),
    [(0, SERVER), (6, SERVER), (-1, SERVER), (2**80, SERVER), ("x", PARAMS), ({}, PARAMS)],
    ids=repr,
)
def test_anvil_rollback_refuses_what_can_not_be_and_changes_nothing(
    devnet: DevnetNode, depth: Any, code: int
) -> None:
    before = everything(devnet)
    assert devnet.fail("anvil_rollback", depth)[0] == code
    assert everything(devnet) == before


def test_blockhash_sees_the_ancestors_of_its_own_branch(devnet: DevnetNode) -> None:
    """https://github.com/foundry-rs/foundry/issues/13165"""
    reader = "0x60003540600052" + "60206000f3"
    devnet.ask("anvil_mine", 3)
    asked = "0x" + (6).to_bytes(32, "big").hex()
    on_main = devnet.block(6)["hash"]
    code = {NOBODY: {"code": reader}}
    call = {"to": NOBODY, "data": asked}
    assert devnet.ask("eth_call", call, "latest", code) == on_main
    old_head = devnet.head()["hash"]
    reorg(devnet, 4)
    on_other = devnet.block(6)["hash"]
    assert on_other != on_main
    assert devnet.ask("eth_call", call, "latest", code) == on_other
    assert devnet.ask("eth_call", call, "pending", code) == on_other
    assert devnet.ask("eth_call", call, {"blockHash": old_head}, code) == on_main


def test_a_reorg_on_a_chain_with_one_block_keeps_the_time_of_genesis() -> None:
    devnet = DevnetNode()
    devnet.ask("evm_mine")
    reorg(devnet, 1, length=1)
    assert devnet.head()["timestamp"] == hex(TIMESTAMP_S + BLOCK_TIME_S)


def test_what_is_new_on_the_branch_is_added_and_nothing_is_told_twice(devnet: DevnetNode) -> None:
    first, second = devnet.send(ALICE), devnet.send(BOB)
    outcome = reorg(devnet, 2, blocks=[[second], [{"from": CAROL, "to": BOB, "value": "0x1"}]])
    (new,) = devnet.block(7)["transactions"]
    assert (outcome["included"], outcome["added"], outcome["pending"]) == ([second], [new], [])
    assert [entry["hash"] for entry in outcome["dropped"]] == [first]


@pytest.mark.parametrize("replacement", ["itself", "the other"])
def test_a_transaction_that_is_there_after_all_is_not_told_as_dropped(
    devnet: DevnetNode, replacement: str
) -> None:
    first, second = devnet.send(ALICE), devnet.send(BOB)
    new = first if replacement == "itself" else second
    outcome = reorg(devnet, 2, replace={first: new})
    told = [*outcome["included"], *(entry["hash"] for entry in outcome["dropped"])]
    assert sorted(told) == sorted({first, second})
    assert new in outcome["included"]


def test_a_long_branch_is_as_quick_as_a_run_of_empty_blocks(devnet: DevnetNode) -> None:
    sent = devnet.send(ALICE)
    segments = len(devnet.chain.tree.segments)
    reorg(devnet, 1, length=100_000)
    assert devnet.receipt(sent)["blockNumber"] == "0x6"
    assert devnet.height() == 100_005
    assert len(devnet.chain.tree.segments) - segments == 2  # the block, and one run
