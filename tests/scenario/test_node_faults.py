"""Faults of nodes and pools: what each does to an answer, and that it counts nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.faults.answers import AnswerFault, AnswerFaultKind
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.log_edits import FOREIGN_EMITTER, Numbering
from ztdx_devnet.faults.pools import Lagging, LaggingPool
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.node import SimNode
from ztdx_devnet.sim.wallets import SentDeposit, Wallets

TOPIC = "0x" + contracts.SPOT_DEPOSIT_TOPIC.hex()
VAULT = "0x" + contracts.VAULT.hex()


class Bench:
    """A chain of 30 empty blocks, then one with a deposit and one with two in one transaction."""

    def __init__(self) -> None:
        self.chain = Chain(block_time_s=2)
        self.chain.mine_empty(30)
        wallets = Wallets(self.chain)
        self.single = wallets.deposit("alice", WEI)
        self.chain.mine()
        self.double = wallets.deposit_together([("bob", WEI), ("carol", 2 * WEI)])
        self.chain.mine()
        self.faults = ArmedFaults(lambda: 0)
        self.node = SimNode(self.chain, self.faults, 0, lambda *_, **__: None)

    def arm(self, kind: AnswerFaultKind, method: str = "*", **more: Any) -> AnswerFault:
        fault = AnswerFault("fault", method, kind, **more)
        self.faults.arm(fault)
        return fault

    def post(self, *calls: tuple[str, list[Any]]) -> list[Any]:
        """The results, or the errors' codes, of one HTTP request: a batch of these calls."""
        body = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
            for i, (method, params) in enumerate(calls)
        ]
        answers = json.loads(self.node.answer(json.dumps(body).encode()).body)
        return [a["result"] if "result" in a else a["error"]["code"] for a in answers]

    def ask(self, method: str, *params: Any) -> Any:
        return self.post((method, list(params)))[0]

    def logs(self, first: int = 1, last: int = 40, **more: Any) -> Any:
        bounds = {"fromBlock": hex(first), "toBlock": hex(last)}
        return self.ask("eth_getLogs", {**bounds, "address": VAULT, "topics": [TOPIC], **more})

    def receipt(self, sent: SentDeposit) -> Any:
        return self.ask("eth_getTransactionReceipt", "0x" + sent.transaction_hash.hex())


def indexes(logs: list[dict[str, Any]]) -> list[int]:
    return [int(log["logIndex"], 16) for log in logs]


def test_a_null_result_stands_for_any_answer_but_null() -> None:
    bench = Bench()
    fault = bench.arm("null_result")
    assert bench.ask("eth_getBlockByNumber", hex(99), False) is None
    assert fault.hits == 0
    assert bench.ask("eth_blockNumber") is None
    assert bench.logs() is None
    assert fault.hits == 2


def test_a_head_is_told_too_high_and_nothing_else_is() -> None:
    bench = Bench()
    fault = bench.arm("head_ahead", ahead_blocks=120)
    assert bench.ask("eth_getBlockByNumber", "latest", False)["number"] == hex(32)
    assert fault.hits == 0
    assert bench.ask("eth_blockNumber") == hex(152)
    assert fault.hits == 1


def test_another_chain_is_told_by_its_id() -> None:
    bench = Bench()
    fault = bench.arm("wrong_chain")
    assert bench.ask("eth_blockNumber") == hex(32)
    assert bench.ask("eth_chainId") == hex(98)
    assert fault.hits == 1


def test_foreign_logs_stand_behind_the_vaults() -> None:
    bench = Bench()
    fault = bench.arm("foreign")
    assert bench.logs(1, 30) == []
    assert len(bench.receipt(bench.single)["logs"]) == 2
    assert fault.hits == 0
    page = bench.logs()
    assert [log["address"] for log in page] == 3 * [VAULT, FOREIGN_EMITTER]
    assert page[0]["topics"] == page[1]["topics"]
    assert fault.hits == 1


@pytest.mark.parametrize(
    ("numbering", "page", "receipt"),
    [
        ("from_one", [3, 3, 6], [1, 2, 3, 4, 5, 6]),
        ("repeated", [2, 2, 2], [0, 0, 0, 0, 0, 0]),
        ("per_transaction", [1, 2, 5], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_log_indexes_are_numbered_otherwise(
    numbering: Numbering, page: list[int], receipt: list[int]
) -> None:
    bench = Bench()
    assert indexes(bench.logs()) == [2, 2, 5]
    fault = bench.arm("renumbered", numbering=numbering)
    assert bench.ask("eth_blockNumber") == hex(32)
    assert fault.hits == 0
    assert indexes(bench.logs()) == page
    assert indexes(bench.receipt(bench.double[0])["logs"]) == receipt
    (block,) = bench.ask("eth_getBlockReceipts", hex(32))
    assert indexes(block["logs"]) == receipt
    same_receipt = receipt == [0, 1, 2, 3, 4, 5]  # it is the only one of its block
    assert fault.hits == (1 if same_receipt else 3)


def test_an_undecodable_log_is_so_wherever_it_is_shown_and_others_are_not() -> None:
    bench = Bench()
    spoilt = "0x" + bench.single.transaction_hash.hex()
    fault = bench.arm("undecodable", transaction_hash=spoilt)
    assert [len(log["data"]) for log in bench.logs()] == [64, 66, 66]
    assert [len(log["data"]) for log in bench.receipt(bench.single)["logs"]] == [66, 64]
    assert [len(log["data"]) for log in bench.receipt(bench.double[0])["logs"]] == 6 * [66]
    assert fault.hits == 2


def test_an_ignored_filter_shows_all_logs_and_an_ignored_end_later_ones() -> None:
    bench = Bench()
    fault = bench.arm("unfiltered")
    assert bench.logs(1, 30) == []
    assert fault.hits == 0
    assert len(bench.logs(31, 31)) == 3
    bench.faults.lift()
    wide = bench.arm("widened")
    assert len(bench.logs(1, 40)) == 3
    assert wide.hits == 0
    assert len(bench.logs(1, 31)) == 3
    assert wide.hits == 1


def test_removed_logs_are_those_of_orphaned_blocks() -> None:
    bench = Bench()
    fault = bench.arm("removed")
    bench.logs()
    assert fault.hits == 0
    bench.chain.reorg(Reorg(depth=2, drop=frozenset(bench.single.carried_by)))
    page = bench.logs()
    assert sorted((log["removed"], log["blockNumber"]) for log in page) == [
        (False, hex(31)),
        (False, hex(31)),
        (True, hex(31)),
        (True, hex(32)),
        (True, hex(32)),
    ]
    assert fault.hits == 1


def test_before_the_reorg_everything_is_as_on_the_branch_that_was_left() -> None:
    bench = Bench()
    before = bench.logs()
    head = bench.ask("eth_getBlockByNumber", "latest", False)
    receipt = bench.receipt(bench.single)
    fault = bench.arm("pre_reorg")
    bench.logs()
    assert fault.hits == 0
    bench.chain.reorg(Reorg(depth=2, drop=frozenset(bench.single.carried_by), delay_blocks=1))
    bench.chain.mine_empty(5)
    assert bench.ask("eth_blockNumber") == hex(32)
    assert bench.logs() == before
    assert bench.ask("eth_getBlockByNumber", "latest", False) == head
    assert bench.ask("eth_getBlockByNumber", hex(20), False)["number"] == hex(20)
    assert fault.hits == 3
    bench.faults.lift()
    assert bench.receipt(bench.single) is None
    assert len(bench.logs()) == 2
    bench.arm("pre_reorg")
    assert bench.receipt(bench.double[0])["blockNumber"] == hex(32)
    assert receipt["blockNumber"] == hex(31)


@pytest.mark.parametrize(
    ("lagging", "heads"),
    [("odd", [12, 32, 12, 32]), ("even", [32, 12, 32, 12])],
)
def test_a_pool_takes_its_nodes_in_turn(lagging: Lagging, heads: list[int]) -> None:
    bench = Bench()
    pool = LaggingPool("pool", 20, lagging)
    bench.faults.arm(pool)
    assert [int(bench.ask("eth_blockNumber"), 16) for _ in range(4)] == heads
    assert pool.hits == 2


def test_a_batch_is_answered_by_one_node_of_the_pool() -> None:
    bench = Bench()
    bench.faults.arm(LaggingPool("pool", 1, "even"))
    page = {"fromBlock": hex(1), "toBlock": hex(32), "address": VAULT}
    batch = [("eth_blockNumber", []), ("eth_getLogs", [page]), ("eth_blockNumber", [])]
    seen = [bench.post(*batch) for _ in range(2)]
    assert [(a, len(logs), b) for a, logs, b in seen] == [
        (hex(32), 3, hex(32)),
        (hex(31), 1, hex(31)),
    ]


def test_a_lagging_node_that_says_the_same_is_no_hit() -> None:
    bench = Bench()
    pool = LaggingPool("pool", 1, "odd")
    bench.faults.arm(pool)
    assert bench.ask("eth_chainId") == hex(97)
    assert bench.logs(1, 31) != []
    assert bench.logs(1, 31) != []
    assert pool.hits == 0


def test_a_random_pool_takes_both_and_the_same_ones_with_the_same_seed() -> None:
    def heads() -> list[Any]:
        bench = Bench()
        bench.faults.arm(LaggingPool("pool", 20, "random"))
        return [bench.ask("eth_blockNumber") for _ in range(20)]

    assert set(heads()) == {hex(12), hex(32)}
    assert heads() == heads()


def test_a_node_is_honest_again_when_its_faults_are_used_up_or_lifted() -> None:
    bench = Bench()
    assert not bench.faults.any_may_fire
    bench.arm("error", "eth_blockNumber", last=1)
    assert bench.faults.any_may_fire
    assert bench.ask("eth_blockNumber") == -32000
    assert not bench.faults.any_may_fire
    bench.faults.arm(LaggingPool("pool", 20, "odd"))
    assert bench.faults.any_may_fire
    bench.faults.lift()
    assert not bench.faults.any_may_fire
    assert bench.ask("eth_blockNumber") == hex(32)
