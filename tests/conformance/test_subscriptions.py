"""Subscriptions: what a connection is pushed when the chain changes, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.devnet import ALICE, BOB, PARAMS, SERVER, VAULT, DevnetNode
from ztdx_devnet.chain.rpc.methods import subscriptions as methods


@pytest.fixture
def devnet() -> DevnetNode:
    node = DevnetNode()
    node.ask("anvil_mine", 5)
    return node


def reorg(devnet: DevnetNode, depth: int, **options: Any) -> Any:
    return devnet.ask("devnet_reorg", {"depth": depth, **options})


def head_of(block: Any) -> Any:
    """What newHeads tells of a block."""
    absent = {"totalDifficulty", "size", "transactions", "uncles", "withdrawals"}
    return {name: value for name, value in block.items() if name not in absent}


def test_new_heads_are_the_headers_of_the_new_blocks(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_subscribe", "newHeads")
    devnet.send()
    devnet.ask("anvil_mine", 2)
    assert devnet.pushed() == [(number, head_of(devnet.block(n))) for n in (6, 7, 8)]


def test_a_notification_is_a_json_rpc_notification(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_subscribe", "newHeads")
    devnet.ask("evm_mine")
    (notices,) = devnet.pushes
    (notice,) = notices
    assert set(notice) == {"jsonrpc", "method", "params"}
    assert (notice["jsonrpc"], notice["method"]) == ("2.0", "eth_subscription")
    assert set(notice["params"]) == {"subscription", "result"}
    assert notice["params"]["subscription"] == number


def test_of_a_block_the_head_comes_before_its_logs_whoever_subscribed_first(
    devnet: DevnetNode,
) -> None:
    logs = devnet.ask("eth_subscribe", "logs", {"address": VAULT})
    heads = devnet.ask("eth_subscribe", "newHeads")
    devnet.deposit("alice", 10**18)
    told = [
        (number, result["blockNumber" if number == logs else "number"])
        for number, result in devnet.pushed()
    ]
    assert told == [(heads, "0x6"), (heads, "0x7"), (logs, "0x7")]


def test_a_reorg_is_told_as_removed_logs_then_heads_from_the_fork_then_new_logs(
    devnet: DevnetNode,
) -> None:
    heads = devnet.ask("eth_subscribe", "newHeads")
    logs = devnet.ask("eth_subscribe", "logs", {})
    devnet.deposit("alice", 10**18)
    devnet.deposit("bob", 10**18)
    old = [result for number, result in devnet.pushed() if number == logs]
    reorg(devnet, 4, length=3, delayBlocks=1)
    told = devnet.pushed()
    new = devnet.ask("eth_getLogs", {"fromBlock": "0x6"})
    assert told == [
        *((logs, {**log, "removed": True}) for log in old),
        *((heads, head_of(devnet.block(n))) for n in (6, 7, 8)),
        *((logs, log) for log in new),
    ]
    removed_in = [int(log["blockNumber"], 16) for log in old]
    assert removed_in == sorted(removed_in)
    assert len(set(removed_in)) == 4
    assert len(new) == len(old)


def test_a_shorter_branch_is_told_too(devnet: DevnetNode) -> None:
    heads = devnet.ask("eth_subscribe", "newHeads")
    reorg(devnet, 3, length=1)
    assert devnet.pushed() == [(heads, head_of(devnet.block(3)))]


def test_a_flip_is_told_both_ways(devnet: DevnetNode) -> None:
    devnet.deposit("alice", 10**18)
    main = [devnet.block(n) for n in (6, 7)]
    reorg(devnet, 2, keep=[])
    heads = devnet.ask("eth_subscribe", "newHeads")
    logs = devnet.ask("eth_subscribe", "logs", {"address": VAULT})
    devnet.ask("devnet_switchBranch", "main")
    (log,) = devnet.ask("eth_getLogs", {"fromBlock": "0x0", "address": VAULT})
    assert devnet.pushed() == [*((heads, head_of(block)) for block in main), (logs, log)]
    devnet.ask("devnet_switchBranch", "branch-2")
    assert devnet.pushed() == [
        (logs, {**log, "removed": True}),
        *((heads, head_of(devnet.block(n))) for n in (6, 7, 8)),
    ]


def test_a_revert_a_reset_a_rollback_and_a_load_are_silent(devnet: DevnetNode) -> None:
    dump = devnet.ask("anvil_dumpState")
    devnet.ask("eth_subscribe", "newHeads")
    devnet.ask("eth_subscribe", "logs", {})
    snapshot = devnet.ask("evm_snapshot")
    devnet.deposit("alice", 10**18)
    devnet.pushed()
    for act in (
        ["anvil_rollback", 1],
        ["evm_revert", snapshot],
        ["anvil_reset"],
        ["anvil_loadState", dump],
    ):
        devnet.ask(*act)
        assert devnet.pushed() == []
    devnet.ask("evm_mine")
    assert [result["number"] for _, result in devnet.pushed()] == ["0x6"]


def test_pending_transactions_are_told_as_hashes_or_whole(devnet: DevnetNode) -> None:
    devnet.ask("evm_setAutomine", False)
    hashes = devnet.ask("eth_subscribe", "newPendingTransactions")
    also_hashes = devnet.ask("eth_subscribe", "newPendingTransactions", False)
    whole = devnet.ask("eth_subscribe", "newPendingTransactions", True)
    sent = devnet.send()
    assert devnet.pushed() == [
        (hashes, sent),
        (also_hashes, sent),
        (whole, devnet.ask("eth_getTransactionByHash", sent)),
    ]
    devnet.ask("evm_mine")
    assert devnet.pushed() == []


def test_a_transaction_is_told_before_the_block_that_it_makes(devnet: DevnetNode) -> None:
    heads = devnet.ask("eth_subscribe", "newHeads")
    pending = devnet.ask("eth_subscribe", "newPendingTransactions")
    sent = devnet.send()
    assert devnet.pushed() == [(pending, sent), (heads, head_of(devnet.head()))]


def test_nothing_is_told_of_syncing(devnet: DevnetNode) -> None:
    devnet.ask("eth_subscribe", "syncing")
    devnet.send()
    assert devnet.pushed() == []


@pytest.mark.parametrize(
    ("bounds", "told"),
    [({}, ["0x7", "0x9"]), ({"fromBlock": "0x8"}, ["0x9"]), ({"toBlock": "0x8"}, ["0x7"])],
    ids=repr,
)
def test_heights_bound_a_subscription_of_logs(
    devnet: DevnetNode, bounds: dict[str, str], told: list[str]
) -> None:
    devnet.ask("eth_subscribe", "logs", {**bounds, "address": VAULT})
    devnet.deposit("alice", 10**18)
    devnet.deposit("bob", 10**18)
    assert [log["blockNumber"] for _, log in devnet.pushed()] == told


def test_all_logs_are_told_when_no_filter_is_given(devnet: DevnetNode) -> None:
    numbers = [devnet.ask("eth_subscribe", "logs"), devnet.ask("eth_subscribe", "logs", None)]
    devnet.deposit("alice", 10**18)
    told = devnet.pushed()
    for number in numbers:
        assert [log for n, log in told if n == number] == devnet.ask(
            "eth_getLogs", {"fromBlock": "0x6"}
        )


def test_a_subscription_that_was_ended_is_told_no_more(devnet: DevnetNode) -> None:
    first, second = devnet.ask("eth_subscribe", "newHeads"), devnet.ask("eth_subscribe", "newHeads")
    assert first != second
    assert devnet.ask("eth_unsubscribe", first) is True
    assert devnet.ask("eth_unsubscribe", first) is False
    devnet.ask("evm_mine")
    assert [number for number, _ in devnet.pushed()] == [second]
    for odd in (None, 1, "0x", "0x01", [], {}):
        assert devnet.fail("eth_unsubscribe", odd)[0] == PARAMS


def test_nothing_is_worked_out_before_the_client_reads(devnet: DevnetNode) -> None:
    devnet.ask("eth_subscribe", "newHeads")
    devnet.ask("anvil_mine", 100_000)
    (notices,) = devnet.pushes
    assert next(notices)["params"]["result"]["number"] == "0x6"
    devnet.ask("evm_mine")  # and the chain goes on meanwhile
    assert next(notices)["params"]["result"]["number"] == "0x7"


def test_a_revert_while_a_client_reads_ends_what_it_forgot(devnet: DevnetNode) -> None:
    heads = devnet.ask("eth_subscribe", "newHeads")
    snapshot = devnet.ask("evm_snapshot")
    devnet.ask("anvil_mine", 10)
    (notices,) = devnet.pushes
    assert next(notices)["params"]["result"]["number"] == "0x6"
    devnet.ask("evm_revert", snapshot)
    assert list(notices) == []
    devnet.pushes.clear()
    devnet.ask("evm_mine")
    assert devnet.pushed() == [(heads, head_of(devnet.head()))]


def test_logs_of_orphans_are_told_to_a_client_that_reads_late(devnet: DevnetNode) -> None:
    devnet.ask("eth_subscribe", "logs", {"address": VAULT})
    snapshot = devnet.ask("evm_snapshot")
    devnet.deposit("alice", 10**18)
    reorg(devnet, 1, keep=[])
    devnet.ask("evm_revert", snapshot)
    assert [log["removed"] for _, log in devnet.pushed()] == [False, True]


def test_a_connection_that_is_gone_watches_the_chain_no_more(devnet: DevnetNode) -> None:
    devnet.ask("eth_subscribe", "newHeads")
    devnet.ask("eth_subscribe", "newPendingTransactions")
    devnet.subscriptions.close()
    devnet.send()
    assert devnet.pushes == []
    assert devnet.chain.on_head == []
    assert devnet.chain.on_add == []
    devnet.subscriptions.close()


def test_a_connection_has_a_limit_of_subscriptions(
    devnet: DevnetNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "MAX_SUBSCRIPTIONS", 2)
    first = devnet.ask("eth_subscribe", "newHeads")
    devnet.ask("eth_subscribe", "logs")
    for kind in ("newHeads", "logs"):
        assert devnet.fail("eth_subscribe", kind) == (
            SERVER,
            "too many subscriptions: at most 2",
        )
    devnet.ask("eth_unsubscribe", first)
    devnet.ask("eth_subscribe", "newHeads")


@pytest.mark.parametrize(
    "params",
    [
        [None],
        [5],
        ["heads"],
        [[]],
        [{}],
        ["logs", 5],
        ["logs", {"address": "0x1"}],
        ["logs", {"blockHash": "0x" + "00" * 32}],
        ["newPendingTransactions", "true"],
        ["newPendingTransactions", {}],
    ],
    ids=repr,
)
def test_an_odd_subscription_is_refused(devnet: DevnetNode, params: list[Any]) -> None:
    assert devnet.fail("eth_subscribe", *params)[0] == PARAMS
    assert len(devnet.subscriptions) == 0


def test_a_transaction_that_is_refused_is_told_to_nobody(devnet: DevnetNode) -> None:
    devnet.ask("eth_subscribe", "newPendingTransactions")
    poor = {"from": ALICE, "to": BOB, "value": hex(2**255), "gas": "0x5208"}
    assert devnet.fail("eth_sendTransaction", poor)[0] == SERVER
    assert devnet.pushed() == []
