"""Filters that a client polls: what they tell of blocks, reorgs and the pool, and their bounds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.devnet import ALICE, BOB, DF_TOKEN, PARAMS, SERVER, VAULT, DevnetNode
from ztdx_devnet.chain.rpc import filters

NOT_FOUND = (SERVER, "filter not found")


@pytest.fixture
def devnet() -> DevnetNode:
    node = DevnetNode()
    node.ask("anvil_mine", 5)
    return node


def changes(devnet: DevnetNode, number: str) -> Any:
    return devnet.ask("eth_getFilterChanges", number)


def reorg(devnet: DevnetNode, depth: int, **options: Any) -> Any:
    return devnet.ask("devnet_reorg", {"depth": depth, **options})


def blocks_of(logs: list[Any]) -> list[int]:
    return [int(log["blockNumber"], 16) for log in logs]


# --- blocks and the pool --------------------------------------------------------------------------


def test_a_block_filter_tells_each_new_block_once_in_order(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_newBlockFilter")
    assert changes(devnet, number) == []
    devnet.ask("anvil_mine", 3)
    devnet.send()
    expected = [devnet.block(n)["hash"] for n in range(6, 10)]
    assert changes(devnet, number) == expected
    assert changes(devnet, number) == []


def test_a_block_filter_tells_a_reorg_from_the_fork_point_up(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_newBlockFilter")
    reorg(devnet, 3)
    expected = [devnet.block(n)["hash"] for n in range(3, 7)]
    assert changes(devnet, number) == expected
    devnet.ask("devnet_switchBranch", "main")
    back = [devnet.block(n)["hash"] for n in range(3, 6)]
    devnet.ask("devnet_switchBranch", "branch-2")
    assert changes(devnet, number) == [*back, *expected]


def test_a_switch_to_the_head_or_below_it_tells_no_block(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_newBlockFilter")
    devnet.ask("devnet_switchBranch", "main")
    devnet.ask("devnet_switchBranch", devnet.block(3)["hash"])
    assert changes(devnet, number) == []
    devnet.ask("evm_mine")
    assert changes(devnet, number) == [devnet.block(4)["hash"]]


def test_a_pending_filter_tells_what_comes_into_the_pool(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_newPendingTransactionFilter")
    first = devnet.send()
    devnet.ask("evm_setAutomine", False)
    second = devnet.send()
    assert changes(devnet, number) == [first, second]
    devnet.ask("evm_mine")
    assert changes(devnet, number) == []
    code, _ = devnet.fail("eth_sendTransaction", {"from": ALICE, "to": BOB, "nonce": "0x0"})
    assert code == SERVER
    assert changes(devnet, number) == []


# --- logs -----------------------------------------------------------------------------------------


def test_a_log_filter_tells_new_logs_as_get_logs_would(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_newFilter", {"address": VAULT})
    devnet.deposit("alice", 10**18)
    expected = devnet.ask("eth_getLogs", {"fromBlock": "0x6", "address": VAULT})
    assert len(expected) == 1
    assert changes(devnet, number) == expected
    assert changes(devnet, number) == []
    assert devnet.ask("eth_getFilterLogs", number) == devnet.ask("eth_getLogs", {"address": VAULT})


def test_a_log_filter_does_not_tell_what_was_there_before(devnet: DevnetNode) -> None:
    devnet.deposit("alice", 10**18)
    wanted = {"fromBlock": "0x0", "address": VAULT}
    number = devnet.ask("eth_newFilter", wanted)
    assert changes(devnet, number) == []
    assert devnet.ask("eth_getFilterLogs", number) == devnet.ask("eth_getLogs", wanted)
    assert len(devnet.ask("eth_getFilterLogs", number)) == 1


def test_a_reorg_tells_removed_logs_lowest_block_first_and_then_the_new_ones(
    devnet: DevnetNode,
) -> None:
    number = devnet.ask("eth_newFilter", {})
    devnet.deposit("alice", 10**18)
    devnet.deposit("bob", 10**18)
    old = changes(devnet, number)
    assert blocks_of(old) == sorted(blocks_of(old))
    assert not any(log["removed"] for log in old)
    reorg(devnet, 4, delayBlocks=1, length=3)
    told = changes(devnet, number)
    new = devnet.ask("eth_getLogs", {"fromBlock": "0x6"})
    assert told == [{**log, "removed": True} for log in old] + new
    assert set(blocks_of(new)) == {7}
    assert [int(log["logIndex"], 16) for log in new] == list(range(len(new)))


def test_a_flip_there_and_back_tells_everything_both_ways(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_newFilter", {"address": VAULT})
    devnet.deposit("alice", 10**18)
    reorg(devnet, 1, keep=[])
    devnet.ask("devnet_switchBranch", "main")
    devnet.ask("devnet_switchBranch", "branch-2")
    told = changes(devnet, number)
    assert [log["removed"] for log in told] == [False, True, False, True]
    assert len({log["blockHash"] for log in told}) == 1


def test_a_log_filter_looks_at_addresses_and_topics(devnet: DevnetNode) -> None:
    signatures = ["0x" + "11" * 32]
    numbers = {
        "all": devnet.ask("eth_newFilter", {}),
        "token": devnet.ask("eth_newFilter", {"address": [DF_TOKEN]}),
        "none": devnet.ask("eth_newFilter", {"topics": signatures}),
    }
    devnet.deposit("alice", 10**18)
    every = changes(devnet, numbers["all"])
    assert changes(devnet, numbers["token"]) == [log for log in every if log["address"] == DF_TOKEN]
    assert changes(devnet, numbers["none"]) == []
    one = devnet.ask("eth_newFilter", {"topics": [every[-1]["topics"][0]]})
    devnet.deposit("bob", 10**18)
    assert {log["topics"][0] for log in changes(devnet, one)} == {every[-1]["topics"][0]}


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ({}, [7, 9]),
        ({"fromBlock": "0x8"}, [9]),
        ({"toBlock": "0x8"}, [7]),
        ({"fromBlock": "0x7", "toBlock": "0x7"}, [7]),
        ({"fromBlock": "0x9", "toBlock": "0x7"}, []),
        ({"fromBlock": "latest"}, [7, 9]),
        ({"fromBlock": "earliest", "toBlock": "latest"}, [7, 9]),
        ({"fromBlock": "pending", "toBlock": "pending"}, [7, 9]),
        ({"fromBlock": "0x64"}, []),
    ],
    ids=repr,
)
def test_heights_bound_a_log_filter_and_tags_do_not(
    devnet: DevnetNode, bounds: dict[str, str], told: list[int]
) -> None:
    number = devnet.ask("eth_newFilter", {**bounds, "address": VAULT})
    devnet.deposit("alice", 10**18)
    devnet.deposit("bob", 10**18)
    assert blocks_of(changes(devnet, number)) == told
    reorg(devnet, 4, keep=[])
    removed = changes(devnet, number)
    assert blocks_of(removed) == told
    assert all(log["removed"] for log in removed)


# --- what is not told -----------------------------------------------------------------------------


def test_a_revert_a_reset_and_a_rollback_are_silent(devnet: DevnetNode) -> None:
    numbers = [devnet.ask("eth_newFilter", {}), devnet.ask("eth_newBlockFilter")]
    snapshot = devnet.ask("evm_snapshot")
    devnet.deposit("alice", 10**18)
    devnet.ask("anvil_rollback", 2)
    devnet.deposit("alice", 10**18)
    for number in numbers:
        assert changes(devnet, number)
    for act in (["evm_revert", snapshot], ["anvil_reset"]):
        devnet.ask(*act)
        for number in numbers:
            assert changes(devnet, number) == []
    devnet.deposit("alice", 10**18)  # only what comes afterwards is told
    assert [log["removed"] for log in changes(devnet, numbers[0])] == [False] * 3
    assert changes(devnet, numbers[1]) == [devnet.block(n)["hash"] for n in (1, 2)]


def test_a_load_is_silent(devnet: DevnetNode) -> None:
    number = devnet.ask("eth_newBlockFilter")
    dump = devnet.ask("anvil_dumpState")
    devnet.ask("evm_mine")
    changes(devnet, number)
    devnet.ask("anvil_loadState", dump)
    assert changes(devnet, number) == []
    devnet.ask("evm_mine")
    assert changes(devnet, number) == [devnet.head()["hash"]]


def test_what_a_revert_forgot_is_still_told_to_those_who_did_not_ask_before(
    devnet: DevnetNode,
) -> None:
    """A run that grew after the snapshot is cut back while a filter holds its growth."""
    number = devnet.ask("eth_newBlockFilter")
    snapshot = devnet.ask("evm_snapshot")
    devnet.ask("anvil_mine", 10)
    devnet.send()
    lost = devnet.head()["hash"]
    devnet.ask("evm_revert", snapshot)
    told = changes(devnet, number)
    assert told[-1] == lost
    assert devnet.ask("eth_getBlockByHash", lost) is None
    devnet.ask("evm_mine")
    assert changes(devnet, number) == [devnet.head()["hash"]]


# --- life and bounds ------------------------------------------------------------------------------


def test_filters_have_numbers_of_their_own_and_are_forgotten_on_request(
    devnet: DevnetNode,
) -> None:
    numbers = [devnet.ask("eth_newBlockFilter") for _ in range(3)]
    assert len(set(numbers)) == 3
    assert devnet.ask("eth_uninstallFilter", numbers[1]) is True
    assert devnet.ask("eth_uninstallFilter", numbers[1]) is False
    assert devnet.fail("eth_getFilterChanges", numbers[1]) == NOT_FOUND
    devnet.ask("evm_mine")
    for number in (numbers[0], numbers[2]):
        assert len(changes(devnet, number)) == 1


@pytest.mark.parametrize("method", ["eth_getFilterChanges", "eth_getFilterLogs"])
def test_an_unknown_filter_is_not_found(devnet: DevnetNode, method: str) -> None:
    for unknown in ("0x0", "0x1", "0x" + "f" * 64):
        assert devnet.fail(method, unknown) == NOT_FOUND
    for odd in (None, 1, "1", "0x", "0x01", [], {}):
        assert devnet.fail(method, odd)[0] == PARAMS
        assert devnet.fail("eth_uninstallFilter", odd)[0] == PARAMS


def test_only_a_log_filter_has_logs(devnet: DevnetNode) -> None:
    for method in ("eth_newBlockFilter", "eth_newPendingTransactionFilter"):
        assert devnet.fail("eth_getFilterLogs", devnet.ask(method)) == NOT_FOUND


@pytest.mark.parametrize(
    "wanted",
    [None, 5, [], {"address": "0x1"}, {"topics": 5}, {"fromBlock": 5}, {"fromBlock": "first"}],
    ids=repr,
)
def test_an_odd_log_filter_is_refused(devnet: DevnetNode, wanted: Any) -> None:
    assert devnet.fail("eth_newFilter", wanted)[0] == PARAMS


def test_a_single_block_can_not_be_watched(devnet: DevnetNode) -> None:
    block_hash = devnet.head()["hash"]
    assert devnet.fail("eth_newFilter", {"blockHash": block_hash}) == (
        PARAMS,
        "filter.blockHash: a single block can't be watched",
    )


def test_of_too_many_filters_the_one_that_waited_longest_goes(
    devnet: DevnetNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MAX_FILTERS", 3)
    first, second, third = (devnet.ask("eth_newBlockFilter") for _ in range(3))
    changes(devnet, first)
    devnet.ask("eth_newBlockFilter")
    assert devnet.fail("eth_getFilterChanges", second) == NOT_FOUND
    changes(devnet, first)
    changes(devnet, third)


def test_a_filter_that_is_never_asked_is_forgotten(
    devnet: DevnetNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MAX_EVENTS", 3)
    asked, unasked = devnet.ask("eth_newBlockFilter"), devnet.ask("eth_newBlockFilter")
    pending = devnet.ask("eth_newPendingTransactionFilter")
    for _ in range(3):
        devnet.ask("evm_mine")
    assert len(changes(devnet, asked)) == 3
    devnet.ask("evm_mine")
    assert len(changes(devnet, asked)) == 1
    assert devnet.fail("eth_getFilterChanges", unasked) == NOT_FOUND
    assert changes(devnet, pending) == []


def test_many_blocks_at_once_are_one_event(
    devnet: DevnetNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MAX_EVENTS", 1)
    number = devnet.ask("eth_newBlockFilter")
    devnet.ask("anvil_mine", 1_000)
    assert len(changes(devnet, number)) == 1_000
