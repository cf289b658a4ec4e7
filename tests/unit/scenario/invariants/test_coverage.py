"""I8: a cursor may pass only blocks of which the listener has been told the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.explore import documented_loop
from ztdx_devnet.faults import deposit_edits
from ztdx_devnet.faults.answers import AnswerFault
from ztdx_devnet.faults.pools import NodePool
from ztdx_devnet.faults.transport import TransportFault
from ztdx_devnet.faults.views import Backends, Shown, ViewFault
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_spot.ports import TransportError

from .by_hand import NOW, ask, begin, cursor, execute, insert, page, place_of, watching

LAST = 1_010


def moved_to(
    read: Callable[[World], object], block: int = LAST, *, deposit_in: int | None = None
) -> list[str]:
    """The violations when the cursor moves from 1,000 to `block` after this was read.

    The head is at 1,040. A deposit may be in block 1,001 + `deposit_in`.
    """
    with World(WorldSettings()) as world, watching(world, lambda _: None) as invariants:

        def script() -> None:
            if deposit_in is not None:
                if deposit_in:
                    world.blocks.mine(deposit_in)
                world.users.deposit("d", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(1_040 - world.chain.height)
            execute(world, [begin(world)])
            ask(world, ("eth_blockNumber", []))
            read(world)
            execute(world, [cursor(world, block)])

        world.run(script)
    return list(dict.fromkeys(violation.invariant for violation in invariants.found))


def headers(first: int, last: int) -> list[tuple[str, list[object]]]:
    return [("eth_getBlockByNumber", [hex(n), False]) for n in range(first, last + 1)]


def faulty(kind: str, method: str = "eth_getLogs") -> Callable[[World], object]:
    """The page, read while the node is wrong in that way."""

    def read(world: World) -> None:
        fault = AnswerFault("f", method, kind)  # type: ignore[arg-type]
        world.arm(fault)
        ask(world, page(1_001, LAST))
        assert fault.hits == 1
        world.lift_faults()

    return read


def test_a_page_of_an_honest_node_covers_its_blocks() -> None:
    assert moved_to(lambda w: ask(w, page(1_001, LAST))) == []
    assert moved_to(lambda w: ask(w, page(1_001, LAST)), deposit_in=3) == []


def test_a_cursor_that_moved_without_asking_is_noticed_even_if_nothing_is_lost() -> None:
    assert moved_to(lambda _: None) == ["I8"]


@pytest.mark.parametrize("gap", [1_001, 1_005, LAST])
def test_one_block_that_nobody_asked_for_is_noticed(gap: int) -> None:
    def read(world: World) -> None:
        for first, last in ((1_001, gap - 1), (gap + 1, LAST)):
            if first <= last:
                ask(world, page(first, last))

    assert moved_to(read) == ["I8"]


def test_pages_may_overlap_and_come_in_any_order() -> None:
    def read(world: World) -> None:
        ask(world, page(1_006, LAST))
        ask(world, page(1_001, 1_007))

    assert moved_to(read, deposit_in=5) == []


@pytest.mark.parametrize("kind", ["error", "null_result"])
def test_what_is_no_answer_covers_nothing(kind: str) -> None:
    assert moved_to(faulty(kind)) == ["I8"]


@pytest.mark.parametrize("kind", ["empty", "undecodable"])
def test_a_page_that_lies_about_a_block_does_not_cover_it(kind: str) -> None:
    assert moved_to(faulty(kind), deposit_in=3) == ["I8"]


@pytest.mark.parametrize("kind", ["duplicated", "foreign", "renumbered", "unfiltered"])
def test_a_page_that_tells_of_every_deposit_covers_whatever_else_it_holds(kind: str) -> None:
    assert moved_to(faulty(kind), deposit_in=3) == []


def test_a_node_that_is_behind_covers_only_what_it_has() -> None:
    def read(world: World, lag_blocks: int) -> None:
        world.arm(AnswerFault("f", "eth_getLogs", "stale", lag_blocks=lag_blocks))
        # The fault touches only what it changes, so there must be something to be changed.
        world.users.deposit("late", "alice", WEI, contracts.DF_TOKEN)
        world.blocks.mine(1)
        ask(world, page(1_001, world.chain.height))
        world.lift_faults()

    assert moved_to(lambda w: read(w, 1_041 - LAST)) == []
    assert moved_to(lambda w: read(w, 1_042 - LAST)) == ["I8"]


@pytest.mark.parametrize(
    ("shown", "rules"),
    [
        (Shown(pruned_below=1_001), []),
        (Shown(pruned_below=1_005), ["I8"]),
        (Shown(log_lag_blocks=1_040 - LAST), []),
        (Shown(log_lag_blocks=1_041 - LAST), ["I8"]),
    ],
    ids=str,
)
def test_a_view_covers_only_the_blocks_whose_logs_it_has(shown: Shown, rules: list[str]) -> None:
    def read(world: World) -> None:
        world.arm(ViewFault("odd", backends=Backends([shown])))
        world.arm(NodePool("pool", nodes=("odd",)))
        ask(world, page(1_001, LAST))
        world.lift_faults()

    assert moved_to(read) == rules


def test_headers_whose_blooms_rule_deposits_out_cover_empty_blocks() -> None:
    assert moved_to(lambda w: ask(w, *headers(1_001, LAST))) == []
    assert moved_to(lambda w: ask(w, *headers(1_001, LAST - 1))) == ["I8"]


def test_a_header_whose_bloom_shows_a_deposit_covers_nothing_without_receipts() -> None:
    def read(world: World, *calls: tuple[str, list[object]]) -> None:
        ask(world, *headers(1_001, LAST), *calls)

    assert moved_to(read, deposit_in=3) == ["I8"]
    receipts = ("eth_getBlockReceipts", [hex(1_004)])
    assert moved_to(lambda w: read(w, receipts), deposit_in=3) == []


def test_receipts_one_by_one_cover_a_block_when_they_are_all_there() -> None:
    def read(world: World, all_but: int) -> None:
        (block,) = ask(world, ("eth_getBlockByNumber", [hex(1_004), False]))
        hashes = block["transactions"]
        assert len(hashes) == 2
        ask(world, *headers(1_001, LAST))
        calls = [("eth_getTransactionReceipt", [h]) for h in hashes[: len(hashes) - all_but]]
        ask(world, *calls)

    assert moved_to(lambda w: read(w, 0), deposit_in=3) == []
    assert moved_to(lambda w: read(w, 1), deposit_in=3) == ["I8"]


@pytest.mark.parametrize("status", ["0x0", "0x2", None])
@pytest.mark.parametrize("method", ["eth_getBlockReceipts", "eth_getTransactionReceipt"])
def test_a_receipt_of_another_status_than_the_true_one_tells_nothing(
    method: str, status: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads it takes the transaction for a failed one, whose logs count for nothing."""

    def untrue(_method: str, result: Any, _transaction: str | None) -> Any:
        receipts = result if isinstance(result, list) else [result]
        changed = [{**receipt, "status": status} for receipt in receipts]
        return changed if isinstance(result, list) else changed[0]

    def read(world: World, *, lie: bool) -> None:
        (block,) = ask(world, ("eth_getBlockByNumber", [hex(1_004), False]))
        ask(world, *headers(1_001, LAST))
        fault = AnswerFault("f", method, "failed_receipt")
        if lie:
            world.arm(fault)
        arguments = [block["number"]] if "Block" in method else block["transactions"]
        ask(world, *((method, [argument]) for argument in arguments))
        assert bool(fault.hits) == lie
        world.lift_faults()

    monkeypatch.setattr(deposit_edits, "failed_receipt", untrue)
    assert moved_to(lambda w: read(w, lie=False), deposit_in=3) == []
    assert moved_to(lambda w: read(w, lie=True), deposit_in=3) == ["I8"]


def test_a_failed_transaction_s_own_receipt_is_true() -> None:
    def reverted(world: World) -> None:
        world.users.deposit_unapproved("r", "alice", WEI, contracts.DF_TOKEN)
        world.blocks.mine(25)
        (receipts, _, _) = ask(
            world,
            ("eth_getBlockReceipts", [hex(1_041)]),
            page(1_001, 1_040),
            ("eth_blockNumber", []),
        )
        assert [receipt["status"] for receipt in receipts] == ["0x0"]

    assert moved_to(reverted, 1_041) == []


@pytest.mark.parametrize(
    "change",
    [
        {"address": "0x" + 40 * "1"},
        {"topics": ["0x" + 64 * "1"]},
        {"topics": [None, "0x" + 64 * "1"]},
    ],
    ids=str,
)
def test_a_filter_that_lets_not_all_deposits_through_covers_nothing(
    change: dict[str, object],
) -> None:
    method, (wanted,) = page(1_001, LAST)
    assert moved_to(lambda w: ask(w, (method, [{**wanted, **change}]))) == ["I8"]


def test_an_answer_that_is_lost_on_the_way_covers_nothing() -> None:
    def read(world: World) -> None:
        world.arm(TransportFault("f", kind="reset_mid_body"))
        with pytest.raises(TransportError):
            ask(world, page(1_001, LAST))
        world.lift_faults()

    assert moved_to(read) == ["I8"]


def test_an_answer_that_arrives_spoilt_covers_nothing() -> None:
    def read(world: World) -> None:
        world.arm(TransportFault("f", kind="wrong_id"))
        ask(world, page(1_001, LAST))
        world.lift_faults()

    assert moved_to(read) == ["I8"]


def test_what_a_process_was_told_dies_with_it() -> None:
    """The listener is killed between its page and its commit, and the next life skips the page."""

    def program(settings: object, transport: object, clock: object, _e: object, database: object):  # type: ignore[no-untyped-def]
        lives.append(len(lives))
        batch = b'[{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}]'
        transport.post(batch, 10)  # type: ignore[attr-defined]
        if not lives[-1] or rereads:
            import json

            method, params = page(1_001, LAST)
            one = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            transport.post(json.dumps(one).encode(), 10)  # type: ignore[attr-defined]
        if not lives[-1]:
            while True:
                clock.sleep_s(1)  # type: ignore[attr-defined]
        with database.write() as transaction:  # type: ignore[attr-defined]
            now_s = int(clock.now_s())  # type: ignore[attr-defined]
            sync = {"chain_id": 97, "event_type": "deposit", "updated_at": now_s}
            transaction.execute(insert("spot_block_sync_state", last_processed_block=LAST, **sync))
        while True:
            clock.sleep_s(1)  # type: ignore[attr-defined]

    for rereads in (True, False):
        lives: list[int] = []
        with (
            World(WorldSettings(listener=program)) as world,
            watching(world, lambda _: None) as invariants,
        ):

            def script(world: World = world) -> None:
                world.blocks.mine(40)
                world.product.start_listener()
                world.blocks.mine(1)
                world.product.kill_listener()
                world.product.start_listener()
                world.blocks.mine(1)

            world.run(script)
        rules = [violation.invariant for violation in invariants.found]
        assert rules == ([] if rereads else ["I8"])


def after_a_reorg(back: bool, reread: bool) -> list[str]:
    """The page is read, then 35 blocks are replaced; the branch may come back, or be read."""

    def read(world: World) -> None:
        ask(world, page(1_001, LAST))
        world.blocks.reorg(35)  # from 1,006 on
        if back:
            world.blocks.switch_branch("main")
        if reread:
            ask(world, page(1_006, LAST))

    return moved_to(read)


def test_a_reorg_voids_what_was_told_of_the_replaced_blocks() -> None:
    assert after_a_reorg(back=False, reread=False) == ["I8"]
    assert after_a_reorg(back=False, reread=True) == []


def test_a_branch_that_comes_back_is_as_well_known_as_it_was() -> None:
    assert after_a_reorg(back=True, reread=False) == []


def test_what_was_read_before_a_reorg_and_is_written_behind_it_is_of_its_own_branch() -> None:
    """The cursor's hash says which branch was processed."""
    with World(WorldSettings()) as world, watching(world, lambda _: None) as invariants:

        def script() -> None:
            world.blocks.mine(40)
            execute(world, [begin(world)])
            ask(world, ("eth_blockNumber", []), page(1_001, LAST))
            written = cursor(world, LAST)
            world.blocks.reorg(35)
            execute(world, [written])
            assert invariants.found == []
            # What comes next is on the new branch, of which nobody knows a thing.
            ask(world, page(LAST + 1, LAST + 5))
            execute(world, [cursor(world, LAST + 5)])

        world.run(script)
    assert {violation.invariant for violation in invariants.found} == {"I8"}
    assert "block 1006" in invariants.found[0].expected


def test_a_deposit_that_is_held_as_unreadable_need_not_have_been_told_right() -> None:
    def hold(world: World) -> None:
        faulty("undecodable")(world)
        held = insert(
            "spot_quarantined_logs",
            id="q",
            chain_id=97,
            tx_hash="0x" + world.users.deposits["d"].transaction_hash.hex(),
            event_ordinal=0,
            raw_log="{}",
            reason="unreadable",
            status="held",
            created_at=NOW,
            **place_of(world, "d"),
        )
        execute(world, [held])

    assert moved_to(hold, deposit_in=3) == []


NOBODY_DEPOSITS = """
title: A pool with a node that is {lag} blocks behind, and nobody deposits
steps:
  - node_view: {{as: behind, lag_blocks: {lag}}}
  - pool: {{as: balancer, nodes: [behind, honest], pick: random}}
  - mine: 60
"""


@pytest.mark.parametrize("lag", [20, 21])
def test_the_documented_loop_is_red_when_its_cursor_passes_a_hole_without_any_deposit(
    lag: int,
) -> None:
    scenario = loader.parse(NOBODY_DEPOSITS.format(lag=lag), "hole.yaml")
    assert runner.run(scenario).failure is None
    failure = runner.run(scenario, listener=documented_loop.run_listener).failure
    if lag == 20:
        assert failure is None
    else:
        assert failure is not None
        assert failure.rule.startswith("I8: ")
        # At once: the block that nobody told of is the one that the cursor has just come to.
        assert failure.expected.split()[-1] == failure.actual.split()[-1]
