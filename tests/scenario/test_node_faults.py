"""Faults of answers: what each does to an answer, and that it counts nothing else."""

from __future__ import annotations

import pytest

from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.faults.answers import KINDS, AnswerFaultKind
from ztdx_devnet.faults.log_edits import FOREIGN_EMITTER, Numbering
from ztdx_devnet.faults.pools import NodePool
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verdict import Verdict

from .node_bench import VAULT, Bench, indexes

HEAD = "eth_blockNumber"


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


def test_a_node_is_honest_again_when_its_faults_are_used_up_or_lifted() -> None:
    bench = Bench()
    assert not bench.faults.any_may_fire
    bench.arm("error", "eth_blockNumber", last=1)
    assert bench.faults.any_may_fire
    assert bench.ask("eth_blockNumber") == -32000
    assert not bench.faults.any_may_fire
    bench.faults.arm(NodePool("pool", ("behind",)))
    assert bench.faults.any_may_fire
    bench.faults.lift()
    assert not bench.faults.any_may_fire
    assert bench.ask("eth_blockNumber") == hex(32)


def test_no_result_leaves_neither_a_result_nor_an_error() -> None:
    bench = Bench()
    fault = bench.arm("no_result", HEAD)
    body = b'{"jsonrpc":"2.0","id":7,"method":"eth_blockNumber"}'
    assert bench.node.answer(body).body == b'{"jsonrpc":"2.0","id":7}'
    batch = bench.node.answer(
        b"[" + body + b"," + body.replace(HEAD.encode(), b"eth_chainId") + b"]"
    )
    assert batch.body == b'[{"jsonrpc":"2.0","id":7},{"jsonrpc":"2.0","id":7,"result":"0x61"}]'
    assert fault.hits == 2


def test_a_text_stands_in_the_place_of_the_result() -> None:
    bench = Bench()
    fault = bench.arm("result_text", "eth_getLogs", message="try later")
    assert bench.logs() == "try later"
    assert fault.hits == 1


def test_a_spoilt_answer_is_not_spoilt_further() -> None:
    bench = Bench()
    bench.arm("head_garbage", head="0x")
    late = bench.arm("head_ahead", ahead_blocks=1)
    assert bench.ask(HEAD) == "0x"
    assert late.hits == 0


def test_one_log_is_dropped_and_the_others_stay() -> None:
    bench = Bench()
    whole = bench.logs()
    fault = bench.arm("drop_one")
    assert bench.logs(1, 30) == []
    assert fault.hits == 0
    kept = [bench.logs() for _ in range(20)]
    assert {len(page) for page in kept} == {2}
    assert all(log in whole for page in kept for log in page)
    assert len({str(page) for page in kept}) == 3


@pytest.mark.parametrize(("behind_blocks", "head"), [(1, 31), (8_000, 0)])
def test_a_head_goes_backwards(behind_blocks: int, head: int) -> None:
    bench = Bench()
    fault = bench.arm("head_behind", behind_blocks=behind_blocks, last=2)
    assert [bench.ask(HEAD) for _ in range(3)] == [hex(head), hex(head), hex(32)]
    assert fault.hits == 2


def test_a_header_with_logs_loses_its_bloom() -> None:
    bench = Bench()
    fault = bench.arm("bloom_zeroed")
    bench.ask("eth_getBlockByNumber", hex(20), False)
    assert bench.ask("eth_getBlockByNumber", hex(99), False) is None
    assert fault.hits == 0
    assert int(bench.ask("eth_getBlockByNumber", hex(31), False)["logsBloom"], 16) == 0
    assert fault.hits == 1


def test_a_failed_receipt_keeps_its_logs() -> None:
    bench = Bench()
    spoilt = "0x" + bench.single.transaction_hash.hex()
    fault = bench.arm("failed_receipt", transaction_hash=spoilt)
    assert bench.receipt(bench.double[0])["status"] == "0x1"
    assert fault.hits == 0
    assert (bench.receipt(bench.single)["status"], len(bench.receipt(bench.single)["logs"])) == (
        "0x0",
        2,
    )
    assert [r["status"] for r in bench.ask("eth_getBlockReceipts", hex(31))] == ["0x1", "0x0"]
    assert fault.hits == 3


@pytest.mark.parametrize("kind", ["swapped_topics", "unindexed", "dirty_topics"])
def test_what_an_event_says_is_moved_or_soiled(kind: AnswerFaultKind) -> None:
    bench = Bench()
    (honest,) = bench.logs(31, 31)
    fault = bench.arm(kind)
    (log,) = bench.logs(31, 31)
    topic0, account, token = honest["topics"]
    assert log["topics"][0] == topic0
    if kind == "swapped_topics":
        assert log["topics"][1:] == [token, account]
    elif kind == "unindexed":
        assert (log["topics"][1:], log["data"]) == ([account], token + honest["data"][2:])
    else:
        assert [t[26:] for t in log["topics"][1:]] == [account[26:], token[26:]]
        assert all(int(t[:26], 16) for t in log["topics"][1:])
    assert bench.receipt(bench.single)["logs"][1]["topics"] == log["topics"]
    assert fault.hits == 2


def test_fields_of_logs_are_missing_or_null() -> None:
    bench = Bench()
    fault = bench.arm("missing_fields", "eth_getLogs")
    assert not {"logIndex", "transactionHash", "blockHash"} & set(bench.logs()[0])
    assert fault.hits == 1
    bench.faults.lift()
    bench.arm("null_fields", fields=("logIndex",))
    assert bench.logs()[0]["logIndex"] is None
    assert bench.logs()[0]["blockHash"] is not None


def test_blocks_keep_a_fault_to_answers_about_them() -> None:
    bench = Bench()
    fault = bench.arm("error", blocks=(31, 31))
    assert bench.logs(1, 30) == []
    assert bench.logs(32, 40) != []
    assert bench.ask(HEAD) == hex(32)
    assert bench.ask("eth_chainId") == hex(97)
    assert bench.ask("eth_getBlockByNumber", "latest", False)["number"] == hex(32)
    assert bench.receipt(bench.double[0])["blockNumber"] == hex(32)
    assert fault.eligible == 0
    assert bench.logs(1, 40) == -32000
    block = bench.chain.tree.at(31)
    assert block is not None
    assert bench.ask("eth_getBlockByHash", "0x" + block.hash.hex(), False) == -32000
    assert bench.ask("eth_getLogs", {"blockHash": "0x" + block.hash.hex()}) == -32000
    assert bench.ask("eth_getBlockReceipts", hex(31)) == -32000
    assert bench.receipt(bench.single) == -32000
    assert fault.hits == 5


def test_blocks_hold_for_heads_too() -> None:
    bench = Bench()
    fault = bench.arm("head_ahead", ahead_blocks=9, blocks=(33, 33))
    assert bench.ask(HEAD) == hex(32)
    bench.chain.mine_empty(1)
    assert bench.ask(HEAD) == hex(42)
    assert fault.hits == 1


def test_a_stale_answer_that_is_the_same_is_no_hit() -> None:
    bench = Bench()
    fault = bench.arm("stale", lag_blocks=1)
    assert bench.logs(1, 31) != []
    assert fault.hits == 0
    assert bench.ask(HEAD) == hex(31)
    assert fault.hits == 1


# Each kind, as a scenario gives it, reaches the product; all are over after a while.
REACHES: dict[str, str] = {
    "error": "method: eth_getLogs, message: busy",
    "null_result": "method: '*'",
    "no_result": "method: eth_getLogs",
    "result_text": "method: eth_getLogs, message: try later",
    "empty": "method: eth_getLogs",
    "truncated": "method: eth_getLogs",
    "drop_one": "method: eth_getLogs",
    "duplicated": "method: eth_getLogs",
    "shuffled": "method: eth_getLogs",
    "stale": "method: '*', lag_blocks: 3",
    "pre_reorg": "method: '*'",
    "removed": "method: eth_getLogs",
    "foreign": "method: eth_getLogs",
    "unfiltered": "method: eth_getLogs",
    "widened": "method: eth_getLogs",
    "renumbered": "method: '*', numbering: from_one",
    "undecodable": "method: eth_getLogs, deposit: d1",
    "swapped_topics": "method: eth_getLogs",
    "unindexed": "method: eth_getLogs, deposit: d2",
    "dirty_topics": "method: eth_getLogs",
    "missing_fields": "method: '*', fields: [logIndex]",
    "null_fields": "method: '*'",
    "failed_receipt": "method: eth_getBlockReceipts",
    "bloom_zeroed": "method: eth_getBlockByNumber, blocks: {from: 1000, to: 1010}",
    "head_ahead": "method: eth_blockNumber, ahead_blocks: 500",
    "head_behind": "method: eth_blockNumber, behind_blocks: 8000",
    "head_garbage": "method: eth_blockNumber, head: '0x00ff'",
    "wrong_chain": "method: '*'",
}
STEPS = """
title: an answer
seed: 3
given: {listener: stopped}
steps:
  - mine: 6
  - deposit: {as: d1, user: alice, amount: "1"}
  - multi_deposit: [{as: d2, user: bob, amount: "2"}, {as: d3, user: carol, amount: "2"}]
  - mine: 2
  - reorg: {depth: 2}
  - mine: 40
  - answer_fault: {as: odd, kind: KIND, FIELDS, last: 4}
  - deposit: {as: d4, user: alice, amount: "1"}
  - mine: 2
  - start_listener
  - mine: 26
check:
  eventually:
    - credited: [d1, d2, d3, d4]
"""


def test_every_kind_is_tried_on_the_product() -> None:
    assert set(REACHES) == set(KINDS)


@pytest.mark.parametrize("kind", REACHES)
def test_a_kind_reaches_the_product_which_credits_all_the_same(kind: str) -> None:
    text = STEPS.replace("KIND", kind).replace("FIELDS", REACHES[kind])
    run = runner.play(loader.parse(text, "answer.yaml"))
    if kind == "wrong_chain":  # the listener halts
        assert run.outcome.verdict is Verdict.VIOLATED
    else:
        assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert run.outcome.faults[0].hits > 0
    assert any("odd" in entry.payload.get("faults", ()) for entry in run.journal)
