"""eth_getLogs: ranges, filters, blocks by hash."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.node import Node, World
from tests.unit.chain.builders import add_deposit, sign_delegation, vault_call
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS

VAULT = "0x" + contracts.VAULT.hex()
DF_TOKEN = "0x" + contracts.DF_TOKEN.hex()
NOBODY = "0x" + "99" * 20
DEPOSIT = "0x" + contracts.SPOT_DEPOSIT_TOPIC.hex()
APPROVAL = "0x" + keccak256(b"Approval(address,address,uint256)").hex()
TRANSFER = "0x" + keccak256(b"Transfer(address,address,uint256)").hex()
UNKNOWN = "0x" + "07" * 32


def padded(user: str) -> str:
    return "0x" + "00" * 12 + USERS[user].address.hex()


def indices(logs: list[dict[str, Any]]) -> list[int]:
    return [int(log["logIndex"], 16) for log in logs]


def test_logs_are_those_of_the_receipts_numbered_through_the_block(world: World) -> None:
    logs = world.node.ask("eth_getLogs", {"fromBlock": "earliest", "toBlock": "latest"})
    receipts = world.node.ask("eth_getBlockReceipts", hex(world.deposits))
    assert logs == [log for receipt in receipts for log in receipt["logs"]]
    assert indices(logs) == list(range(9))
    assert [log["topics"][0] for log in logs] == [APPROVAL, TRANSFER, DEPOSIT] * 3
    block = world.node.ask("eth_getBlockByNumber", hex(world.deposits))
    for log in logs:
        assert log["blockHash"] == block["hash"]
        assert log["blockNumber"] == block["number"]
        assert log["blockTimestamp"] == block["timestamp"]
        assert log["removed"] is False
    carols = [log["topics"][1] for log in logs if log["topics"][0] == DEPOSIT]
    assert carols == [padded("carol"), padded("alice"), padded("bob")]


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        (None, 9),
        ([], 9),
        (VAULT, 3),
        ([VAULT], 3),
        ([DF_TOKEN], 6),
        ([VAULT, DF_TOKEN, NOBODY], 9),
        (NOBODY, 0),
        ("0x" + contracts.VAULT.hex().upper(), 3),
    ],
)
def test_logs_are_filtered_by_address(world: World, addresses: Any, found: int) -> None:
    wanted = {"fromBlock": "0x0", "address": addresses}
    assert len(world.node.ask("eth_getLogs", wanted)) == found


@pytest.mark.parametrize(
    ("topics", "found"),
    [
        (None, 9),
        ([], 9),
        ([None], 9),
        ([[]], 9),
        ([DEPOSIT], 3),
        ([[DEPOSIT]], 3),
        ([[DEPOSIT, APPROVAL]], 6),
        ([None, padded("alice")], 3),
        ([None, [padded("alice"), padded("bob")]], 6),
        ([DEPOSIT, padded("alice")], 1),
        ([DEPOSIT, None, "0x" + "00" * 12 + contracts.DF_TOKEN.hex()], 3),
        ([DEPOSIT, None, None], 3),
        ([None, None, None, None], 0),
        ([None, None, padded("alice")], 0),
        ([UNKNOWN], 0),
    ],
)
def test_logs_are_filtered_by_topic_position_with_alternatives(
    world: World, topics: Any, found: int
) -> None:
    wanted = {"fromBlock": "0x0", "topics": topics}
    assert len(world.node.ask("eth_getLogs", wanted)) == found


def test_address_and_topics_must_both_match(world: World) -> None:
    wanted = {"fromBlock": "0x0", "address": DF_TOKEN, "topics": [DEPOSIT]}
    assert world.node.ask("eth_getLogs", wanted) == []


def test_ranges_include_both_ends(world: World) -> None:
    here, below, above = world.deposits, world.deposits - 1, world.deposits + 1
    top = world.chain.height
    found = {
        (below, above): 9,
        (here, here): 9,
        (0, below): 0,
        (above, top): 0,
        (0, top): 9,
        (here, top + 1_000): 9,
        (top + 1, top + 1_000): 0,
        (0, 2**256 - 1): 9,
    }
    for (first, last), count in found.items():
        wanted = {"fromBlock": hex(first), "toBlock": hex(last)}
        assert len(world.node.ask("eth_getLogs", wanted)) == count, (first, last)
    backwards = {"fromBlock": hex(above), "toBlock": hex(below)}
    assert world.node.fail("eth_getLogs", backwards) == (-32602, "invalid block range params")
    assert world.node.ask("eth_getLogs", {}) == []  # from latest to latest
    assert world.node.ask("eth_getLogs", {"fromBlock": "latest"}) == []
    assert len(world.node.ask("eth_getLogs", {"fromBlock": hex(here), "toBlock": "latest"})) == 9
    assert len(world.node.ask("eth_getLogs", {"fromBlock": "earliest", "toBlock": None})) == 9


def test_logs_come_in_chain_order_over_several_blocks() -> None:
    chain = Chain()
    for user in ("alice", "bob", "carol"):
        add_deposit(chain, user, 5)
        chain.mine()
        chain.mine_empty(2)
    logs = Node(chain).ask("eth_getLogs", {"fromBlock": "0x0"})
    assert [int(log["blockNumber"], 16) for log in logs] == [1] * 3 + [4] * 3 + [7] * 3
    assert indices(logs) == [0, 1, 2] * 3
    assert [int(log["transactionIndex"], 16) for log in logs] == [0, 1, 1] * 3


def test_several_deposits_of_one_transaction_have_an_index_each() -> None:
    chain = Chain()
    chain.add(sign_delegation("dave", 0, "alice", 0))
    chain.add(sign_delegation("dave", 1, "bob", 0))
    chain.mine()
    vault, token = contracts.VAULT, contracts.DF_TOKEN
    own = contracts.deposit_many(vault, token, [1, 2, 3])
    chain.add(vault_call(chain, "alice", USERS["alice"].address, own))
    both = [USERS["alice"].address, USERS["bob"].address]
    relayed = contracts.relay(vault, token, both, [4, 5])
    chain.add(vault_call(chain, "carol", contracts.DEPOSIT_BATCH, relayed))
    chain.mine()
    logs = Node(chain).ask("eth_getLogs", {"blockHash": "0x" + chain.head.hash.hex()})
    assert indices(logs) == list(range(len(logs)))
    deposits = [log for log in logs if log["topics"][0] == DEPOSIT]
    assert [int(log["data"], 16) for log in deposits] == [1, 2, 3, 4, 5]
    assert [int(log["transactionIndex"], 16) for log in deposits] == [0, 0, 0, 1, 1]
    depositors = [log["topics"][1] for log in deposits]
    assert depositors == [padded("alice")] * 4 + [padded("bob")]


def test_a_block_is_named_by_its_hash_orphans_included(world: World) -> None:
    block = world.node.ask("eth_getBlockByNumber", hex(world.deposits))
    canonical = world.node.ask("eth_getLogs", {"blockHash": block["hash"]})
    orphaned = world.node.ask("eth_getLogs", {"blockHash": world.orphan})
    assert len(canonical) == len(orphaned) == 9
    assert {log["blockHash"] for log in orphaned} == {world.orphan}
    first = [log["topics"][1] for logs in (canonical, orphaned) for log in logs[:1]]
    assert first == [padded("carol"), padded("alice")]
    one = {"blockHash": world.orphan, "address": VAULT, "topics": [None, padded("bob")]}
    assert len(world.node.ask("eth_getLogs", one)) == 1
    assert world.node.ask("eth_getLogs", {"blockHash": world.orphan_run}) == []
    nulls = {"blockHash": block["hash"], "fromBlock": None, "toBlock": None}
    assert world.node.ask("eth_getLogs", nulls) == canonical
    assert world.node.fail("eth_getLogs", {"blockHash": UNKNOWN}) == (-32000, "unknown block")


@pytest.mark.parametrize("end", ["fromBlock", "toBlock"])
def test_a_block_hash_goes_with_no_range(world: World, end: str) -> None:
    code, message = world.node.fail("eth_getLogs", {"blockHash": world.orphan, end: "0x0"})
    assert code == -32602
    assert "blockHash" in message


def test_the_logs_of_a_block_move_with_a_reorg_and_are_gone_when_it_is_not_canonical() -> None:
    chain = Chain()
    node = Node(chain)
    chain.mine_empty(3)
    empty = chain.head.hash
    add_deposit(chain, "alice", 5)
    chain.mine()
    everything = {"fromBlock": "0x0"}
    before = node.ask("eth_getLogs", everything)
    chain.switch(empty)
    assert node.ask("eth_getLogs", everything) == []
    chain.mine_empty(1)
    chain.mine()
    after = node.ask("eth_getLogs", everything)
    assert [log["blockNumber"] for log in before + after] == ["0x4"] * 3 + ["0x5"] * 3
    assert node.ask("eth_getLogs", {"blockHash": before[0]["blockHash"]}) == before


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        [],
        "latest",
        5,
        {"address": "0x12"},
        {"address": 5},
        {"address": [None]},
        {"address": {}},
        {"address": [VAULT] * 1_001},
        {"topics": DEPOSIT},
        {"topics": {}},
        {"topics": [5]},
        {"topics": ["0x12"]},
        {"topics": [[["0x"]]]},
        {"topics": [None] * 5},
        {"topics": [[UNKNOWN] * 1_001]},
        {"fromBlock": 5},
        {"fromBlock": "5"},
        {"fromBlock": "0x05"},
        {"toBlock": "newest"},
        {"toBlock": True},
        {"toBlock": "0x" + "f" * 65},
        {"blockHash": "0x12"},
        {"blockHash": 5},
    ],
    ids=lambda wanted: str(wanted)[:40],
)
def test_a_malformed_filter_is_refused(node: Node, wanted: Any) -> None:
    assert node.fail("eth_getLogs", wanted)[0] == -32602


def test_as_many_alternatives_as_allowed_are_taken(node: Node) -> None:
    wanted = {"fromBlock": "0x0", "address": [VAULT] * 1_000, "topics": [[DEPOSIT] * 1_000]}
    assert len(node.ask("eth_getLogs", wanted)) == 3
