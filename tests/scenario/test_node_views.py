"""Views and pools: what each field makes a node show, who is asked, and what counts as a hit."""

from __future__ import annotations

from typing import Any

import pytest

from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.log_limits import PROVIDERS, LogLimits
from ztdx_devnet.faults.pools import Pick
from ztdx_devnet.faults.views import Pruned, Shown
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verbs.node import NodeView
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_spot.ports import TransportError

from .node_bench import VAULT, Bench, indexes

HEAD = "eth_blockNumber"


def numbers(logs: list[dict[str, Any]]) -> list[int]:
    return [int(log["blockNumber"], 16) for log in logs]


class TestViews:
    def test_a_node_behind_knows_neither_newer_blocks_nor_their_logs(self) -> None:
        bench = Bench()
        view = bench.show(Shown(lag_blocks=1))
        assert bench.ask(HEAD) == hex(31)
        assert bench.ask("eth_getBlockByNumber", hex(32), False) is None
        assert numbers(bench.logs()) == [31]
        assert bench.receipt(bench.double[0]) is None
        assert view.hits == 4

    def test_a_log_index_behind_answers_without_a_word_while_all_else_is_new(self) -> None:
        bench = Bench()
        view = bench.show(Shown(log_lag_blocks=1))
        assert bench.ask(HEAD) == hex(32)
        assert len(bench.receipt(bench.double[0])["logs"]) == 6
        assert view.hits == 0
        assert numbers(bench.logs()) == [31]
        head = bench.ask("eth_getBlockByNumber", hex(32), False)["hash"]
        assert bench.ask("eth_getLogs", {"blockHash": head}) == []
        assert view.hits == 2

    @pytest.mark.parametrize("shown", [{"log_lag_blocks": 1}, {"lag_blocks": 1}])
    def test_beyond_what_it_knows_a_newer_node_answers_an_error(self, shown: Any) -> None:
        bench = Bench()
        view = bench.show(Shown(**shown, beyond="error"))
        assert bench.logs(1, 32) == -32602
        assert numbers(bench.logs(1, 31)) == [31]
        assert view.hits == 1

    def test_a_tag_is_never_beyond_what_a_node_knows(self) -> None:
        bench = Bench()
        bench.show(Shown(log_lag_blocks=1, beyond="error"))
        assert numbers(bench.ask("eth_getLogs", {"fromBlock": "0x1", "address": VAULT})) == [31]

    def test_a_node_stands_on_a_branch_that_the_others_left(self) -> None:
        bench = Bench()
        left = bench.ask("eth_getBlockByNumber", hex(32), False)
        view = bench.show(Shown(branch="main"))
        assert bench.ask(HEAD) == hex(32)
        assert view.hits == 0
        bench.chain.reorg(Reorg(depth=2, drop=frozenset(bench.single.carried_by), delay_blocks=1))
        bench.chain.mine_empty(4)
        assert bench.ask("eth_getBlockByNumber", "latest", False) == left
        assert numbers(bench.logs()) == [31, 32, 32]
        assert view.hits == 2

    def test_a_node_on_another_branch_may_lag_too(self) -> None:
        bench = Bench()
        bench.chain.reorg(Reorg(depth=2))
        bench.show(Shown(branch="main", lag_blocks=1))
        head = bench.ask("eth_getBlockByNumber", "latest", False)
        assert (head["number"], len(head["transactions"])) == (hex(31), 2)

    @pytest.mark.parametrize(
        ("pruned", "logs", "receipts", "receipt"),
        [
            ("empty", [32, 32], [], None),
            ("error", -32000, -32000, -32000),
            (4444, 4444, 4444, 4444),
        ],
    )
    def test_pruned_history_is_empty_or_refused(
        self, pruned: Pruned, logs: Any, receipts: Any, receipt: Any
    ) -> None:
        bench = Bench()
        view = bench.show(Shown(pruned_below=32, pruned=pruned))
        page = bench.logs()
        assert (numbers(page) if isinstance(page, list) else page) == logs
        assert bench.ask("eth_getBlockReceipts", hex(31)) == receipts
        assert bench.post(
            ("eth_getTransactionReceipt", ["0x" + bench.single.transaction_hash.hex()])
        ) == [receipt]
        assert view.hits == 3
        assert numbers(bench.logs(32, 40)) == [32, 32]
        assert bench.receipt(bench.double[0])["blockNumber"] == hex(32)
        assert bench.ask("eth_getBlockByNumber", hex(31), False)["number"] == hex(31)
        assert view.hits == 3

    def test_a_hole_hides_one_deposit_from_the_index_and_from_nothing_else(self) -> None:
        bench = Bench()
        second = bench.double[1]
        view = bench.show(
            Shown(hole_deposits=frozenset([(second.transaction_hash, second.ordinal)]))
        )
        assert indexes(bench.logs()) == [2, 2]
        assert len(bench.receipt(second)["logs"]) == 6
        assert int(bench.ask("eth_getBlockByNumber", hex(32), False)["logsBloom"], 16) > 0
        assert view.hits == 1

    def test_a_hole_hides_a_whole_block_from_the_index(self) -> None:
        bench = Bench()
        view = bench.show(Shown(hole_blocks=frozenset([32])))
        assert numbers(bench.logs()) == [31]
        assert view.hits == 1

    def test_another_numbering_shows_in_logs_and_receipts(self) -> None:
        bench = Bench()
        view = bench.show(Shown(numbering="from_one"))
        assert indexes(bench.logs()) == [3, 3, 6]
        assert indexes(bench.receipt(bench.single)["logs"]) == [2, 3]
        assert view.hits == 2

    def test_limits_refuse_pages_in_the_words_of_their_provider(self) -> None:
        bench = Bench()
        view = bench.show(Shown(limits=PROVIDERS["quicknode-free"]))
        assert bench.logs(28, 32) != []
        assert view.hits == 0
        assert bench.logs(27, 32) == -32614
        assert bench.journal[-1]["error"] == "eth_getLogs is limited to a 5 range"
        bench.show(Shown(limits=LogLimits(results=2)), name="few")
        assert bench.logs() == -32005
        assert view.hits == 1

    def test_another_chain_stands_behind_the_url(self) -> None:
        bench = Bench()
        view = bench.show(Shown(chain_id=56))
        assert bench.post(("eth_chainId", []), ("net_version", [])) == [hex(56), "56"]
        assert view.hits == 1

    def test_a_node_ignores_the_filter(self) -> None:
        bench = Bench()
        view = bench.show(Shown(ignores_filter=True))
        assert len(bench.logs(31, 31)) == 3
        assert view.hits == 1

    def test_an_answer_may_be_too_large(self) -> None:
        bench = Bench()
        view = bench.show(Shown(answer_bytes=1_500))
        assert bench.post((HEAD, []), ("eth_getLogs", [{"fromBlock": "0x1"}])) == [hex(32), -32008]
        assert view.hits == 1

    def test_each_nth_request_is_refused_as_a_whole(self) -> None:
        bench = Bench()
        view = bench.show(Shown(busy_every=3, busy_code=429))
        asked = [bench.post((HEAD, []), ("eth_chainId", [])) for _ in range(6)]
        assert asked == 2 * [*2 * [[hex(32), hex(97)]], [429, 429]]
        assert view.hits == 2

    def test_each_nth_request_is_answered_by_a_reset(self) -> None:
        bench = Bench()
        view = bench.show(Shown(resets_every=2))
        assert bench.ask(HEAD) == hex(32)
        with pytest.raises(TransportError, match="reset"):
            bench.ask(HEAD)
        assert bench.journal[-1] == {"kind": "reset", "node": "odd", "faults": ["pool", "odd"]}
        assert bench.ask(HEAD) == hex(32)
        assert view.hits == 1

    def test_a_filter_is_forgotten_after_some_polls(self) -> None:
        bench = Bench()
        view = bench.show(Shown(filter_polls=2, filter_gone="reth"))
        number = bench.ask("eth_newFilter", {})
        assert [bench.ask("eth_getFilterChanges", number) for _ in range(2)] == [[], []]
        assert view.hits == 0
        assert bench.ask("eth_getFilterChanges", number) == -32602
        assert bench.ask("eth_getFilterLogs", number) == -32602
        assert view.hits == 2
        assert bench.ask("eth_getFilterChanges", "latest") == -32602

    def test_every_field_of_the_verb_is_a_field_of_what_is_shown_or_known_here(self) -> None:
        elsewhere = {"profile", "hole", "limits", "range_blocks", "results"}
        own = set(NodeView.model_fields) - {"name", "first", "last", "percent", "duration"}
        built = {"hole_deposits", "limits", "busy_code", "busy_message"}
        assert own - elsewhere == set(Shown.__dataclass_fields__) - built


class TestPools:
    @pytest.mark.parametrize(
        ("nodes", "heads"),
        [(("odd", "honest"), [12, 32, 12, 32]), (("honest", "odd"), [32, 12, 32, 12])],
    )
    def test_nodes_are_taken_in_turn(self, nodes: tuple[str, ...], heads: list[int]) -> None:
        bench = Bench()
        view = bench.name(Shown(lag_blocks=20))
        pool = bench.pool(*nodes)
        assert [int(bench.ask(HEAD), 16) for _ in range(4)] == heads
        assert (pool.hits, view.hits) == (2, 2)

    def test_a_batch_is_answered_by_one_node(self) -> None:
        bench = Bench()
        bench.name(Shown(lag_blocks=1))
        bench.pool("honest", "odd")
        page = {"fromBlock": hex(1), "toBlock": hex(32), "address": VAULT}
        seen = [bench.post((HEAD, []), ("eth_getLogs", [page]), (HEAD, [])) for _ in range(2)]
        assert [(a, len(logs), b) for a, logs, b in seen] == [
            (hex(32), 3, hex(32)),
            (hex(31), 1, hex(31)),
        ]

    def test_an_answer_that_is_the_same_is_no_hit(self) -> None:
        bench = Bench()
        view = bench.show(Shown(lag_blocks=1))
        assert bench.ask("eth_chainId") == hex(97)
        assert bench.logs(1, 31) != []
        assert (view.hits, bench.journal[-1]["node"]) == (0, "odd")
        assert "faults" not in bench.journal[-1]

    @pytest.mark.parametrize("pick", ["random", "sticky"])
    def test_chance_is_the_seeds(self, pick: Pick) -> None:
        def heads() -> list[Any]:
            bench = Bench()
            bench.name(Shown(lag_blocks=20))
            bench.pool("odd", "honest", pick=pick)
            return [bench.post((HEAD, []), listener=f"l{i % 4}")[0] for i in range(24)]

        seen = heads()
        assert set(seen) == {hex(12), hex(32)}
        assert heads() == seen
        assert (seen[:4] * 6 == seen) == (pick == "sticky")

    def test_a_pool_may_be_before_some_listeners_only(self) -> None:
        bench = Bench()
        bench.name(Shown(lag_blocks=20))
        bench.pool("odd", listeners=("standby",))
        assert bench.post((HEAD, []), listener="listener") == [hex(32)]
        assert bench.post((HEAD, []), listener="standby") == [hex(12)]

    def test_the_pool_that_was_armed_last_picks(self) -> None:
        bench = Bench()
        bench.name(Shown(lag_blocks=20))
        first = bench.pool("odd")
        bench.pool("honest", "odd")
        assert bench.ask(HEAD) == hex(32)
        assert first.requests == 0

    def test_several_backends_behind_one_name_answer_in_turn(self) -> None:
        bench = Bench()
        view = bench.show(Shown(), Shown(lag_blocks=1), Shown(lag_blocks=5))
        assert [int(bench.ask(HEAD), 16) for _ in range(4)] == [32, 31, 27, 32]
        assert view.hits == 2

    def test_a_view_is_shown_to_the_requests_of_its_scope_only(self) -> None:
        bench = Bench()
        view = bench.show(Shown(lag_blocks=20), first=2, last=3)
        assert bench.ask("eth_chainId") == hex(97)
        assert [int(bench.ask(HEAD), 16) for _ in range(4)] == [32, 12, 12, 32]
        assert (view.eligible, view.hits) == (3, 2)

    def test_answer_faults_may_be_about_one_node(self) -> None:
        bench = Bench()
        bench.name(Shown(lag_blocks=1))
        bench.pool("odd", "honest")
        fault = bench.arm("null_result", HEAD, node="odd")
        assert [bench.ask(HEAD) for _ in range(4)] == [None, hex(32), None, hex(32)]
        assert fault.hits == 2
        assert bench.journal[0]["faults"] == ["pool", "odd", "fault"]


def test_asking_what_a_view_would_say_tells_the_node_nothing() -> None:
    bench = Bench()
    bench.show(Shown(lag_blocks=1))
    number = bench.ask("eth_newFilter", {})
    assert number == "0x1"
    bench.chain.mine_empty(1)
    assert bench.ask("eth_newBlockFilter") == "0x2"


# Each field, as a scenario gives it, reaches the product: it answers differently at least once.
REACHES = {
    "lag_blocks": "lag_blocks: 21",
    "log_lag_blocks": "log_lag_blocks: 25",
    "beyond": "log_lag_blocks: 25, beyond: error",
    "branch": "branch: main",
    "pruned_below": "pruned_below: 1012",
    "pruned": "pruned_below: 1012, pruned: 4444",
    "hole": "hole: [d1]",
    "hole_blocks": "hole_blocks: [1007]",
    "numbering": "numbering: from_one",
    "limits": "limits: quicknode-free",
    "range_blocks": "range_blocks: 2",
    "results": "results: 1",
    "chain_id": "chain_id: 56",
    "ignores_filter": "ignores_filter: true",
    "answer_bytes": "answer_bytes: 1000",
    "busy_every": "busy_every: 4",
    "resets_every": "resets_every: 4",
}
STEPS = """
title: a view
seed: 3
given: {listener: stopped}
steps:
  - mine: 6
  - deposit: {as: d1, user: alice, amount: "1"}
  - multi_deposit: [{as: d2, user: bob, amount: "2"}, {as: d3, user: carol, amount: "2"}]
  - mine: 32
  - reorg: {depth: 4}
  - node_view: {as: odd, FIELDS}
  - pool: {as: pool, nodes: [odd]}
  - start_listener
  - deposit: {as: d4, user: alice, amount: "1"}
  - mine: 26
check:
  eventually:
    - credited: [d1, d2, d3, d4]
"""


def test_every_field_of_the_verb_is_tried_on_the_product() -> None:
    ours = set(NodeView.model_fields) - {"name", "first", "last", "percent", "duration", "profile"}
    assert set(REACHES) == ours - {"filter_polls", "filter_gone"}  # the product has no filters


@pytest.mark.parametrize("field", REACHES)
def test_a_view_reaches_the_product_which_credits_all_the_same(field: str) -> None:
    scenario = loader.parse(STEPS.replace("FIELDS", REACHES[field]), "view.yaml")
    run = runner.play(scenario)
    if field == "chain_id":  # the listener halts: it is on another chain
        assert run.outcome.verdict is Verdict.VIOLATED
    else:
        assert run.outcome.verdict is Verdict.HELD, run.outcome.failure
    assert all(fault.hits for fault in run.outcome.faults)
    shown = [entry for entry in run.journal if "odd" in entry.payload.get("faults", ())]
    assert {entry.payload["node"] for entry in shown} == {"odd"}
