"""What the watch tolerates for a while, and what it does not hold against whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.faults.answers import AnswerFault
from ztdx_devnet.scenario.invariants import Violation
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.operator import NAME
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

from .by_hand import (
    ALICE,
    BOB,
    NOW,
    begin,
    credit,
    cursor,
    entry,
    execute,
    move_balance,
    new_balance,
    read_all,
    row,
    set_available,
    watching,
)


def idle(settings: object, transport: object, clock: object, entropy: object, database: object):  # type: ignore[no-untyped-def]
    """A listener that is alive and does nothing."""
    while True:
        clock.sleep_s(1)  # type: ignore[attr-defined]


def test_who_keeps_no_history_is_not_asked_for_it() -> None:
    found: list[Violation] = []
    with World(WorldSettings(listener=idle)) as world, watching(world, found.append):

        def script() -> None:
            world.users.deposit("d", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(24)
            bare = row(world, "d", block_hash=None, event_ordinal=2)
            execute(world, [bare, new_balance(ALICE, "1")])
            world.product.debit("alice", "DF", "0.25")

        world.run(script)
    assert found == []


def test_a_credit_that_is_frozen_is_noticed_without_a_history_too() -> None:
    found: list[Violation] = []
    with World(WorldSettings(listener=idle)) as world, watching(world, found.append):

        def script() -> None:
            world.users.deposit("d", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(24)
            frozen = new_balance(ALICE, "0").replace("'0', '0'", "'0', '1'")
            execute(world, [row(world, "d", block_hash=None), frozen])

        world.run(script)
    assert [violation.invariant for violation in found] == ["I4"]


def test_a_write_outside_of_any_transaction_is_seen_too() -> None:
    found: list[Violation] = []
    with World(WorldSettings()) as world, watching(world, found.append):

        def script() -> None:
            operator = world.product.operator
            database = operator._host.connect(NAME, operator._clock)
            database.connection.execute(new_balance(BOB, "2"))

        world.run(script)
    assert [violation.invariant for violation in found] == ["I5"]


def after_a_reorg(
    script: Callable[[World, Callable[[Sequence[str]], None]], None],
) -> list[tuple[str, float]]:
    """The violations of a run, in seconds after a reorg of 30 blocks that drops a credited deposit.

    The cursor stands at the highest confirmed block, and its hash is kept.
    """
    found: list[Violation] = []
    reorg_us = 0
    with World(WorldSettings(listener=idle)) as world, watching(world, found.append):

        def commit(statements: Sequence[str]) -> None:
            execute(world, statements)

        def play() -> None:
            nonlocal reorg_us
            world.product.start_listener()
            world.blocks.mine(5)
            world.users.deposit("gone", "alice", WEI, contracts.DF_TOKEN)
            world.blocks.mine(25)
            read_all(world)
            written = [*credit(world, "gone"), cursor(world, world.confirmed_height)]
            commit([begin(world), *written])
            world.blocks.reorg(27, None, ["gone"], [], 0)
            reorg_us = world.now_us
            script(world, commit)

        world.run(play)
    return [(v.invariant, (v.at_us - reorg_us) / MICROSECONDS) for v in found]


def test_a_row_off_the_chain_is_tolerated_for_three_polls() -> None:
    ((invariant, after_s),) = after_a_reorg(lambda world, _: world.blocks.mine(20))
    assert invariant == "I2"
    assert 6 < after_s < 10.5
    assert after_a_reorg(lambda world, _: world.blocks.mine(3)) == []


def test_patience_begins_when_the_listener_is_there_again() -> None:
    def down(world: World, _: object) -> None:
        world.product.kill_listener()
        world.blocks.mine(20)

    assert after_a_reorg(down) == []


def test_patience_begins_when_the_node_is_honest_again() -> None:
    def lied_to(world: World, _: object) -> None:
        world.arm(AnswerFault("f", "eth_getLogs", "error"))
        world.blocks.mine(20)
        world.lift_faults()
        world.blocks.mine(3)

    assert after_a_reorg(lied_to) == []


def test_a_reversal_in_time_is_no_violation_and_the_cursor_may_go_back() -> None:
    reversal = [
        "UPDATE spot_deposits SET status = 'orphaned'",
        "INSERT INTO spot_deposit_sightings"
        " (deposit_id, act, block_number, log_index, block_hash, created_at)"
        f" SELECT id, 'orphaned', block_number, log_index, block_hash, {NOW} FROM spot_deposits",
        entry(ALICE, "reversal", "-1", "0", "gone"),
        move_balance(ALICE, "0"),
    ]

    def repair(world: World, commit: Callable[[Sequence[str]], None]) -> None:
        world.blocks.mine(1)
        commit([*reversal, cursor(world, 1_003)])
        world.blocks.mine(20)

    assert after_a_reorg(repair) == []


def test_a_row_that_comes_back_with_its_branch_is_no_violation() -> None:
    def back(world: World, _: object) -> None:
        world.blocks.mine(2)
        world.blocks.switch_branch("main")
        world.blocks.mine(20)

    assert after_a_reorg(back) == []


def test_a_cursor_whose_hash_was_not_kept_may_not_go_back_even_then() -> None:
    def forget(world: World, commit: Callable[[Sequence[str]], None]) -> None:
        read_all(world)
        commit(["UPDATE spot_block_sync_state SET last_processed_hash = NULL"])
        commit([cursor(world, 1_003)])

    assert [invariant for invariant, _ in after_a_reorg(forget)] == ["I7"]


def written(before_us: int, after_us: int) -> list[str]:
    """What is violated by a cursor at the highest block that was confirmed before a short branch.

    The head was asked that long before the branch came, and the cursor written so long after it.
    """
    found: list[Violation] = []
    with World(WorldSettings()) as world, watching(world, found.append):

        def script() -> None:
            world.blocks.mine(30)
            if before_us:
                read_all(world)
                world.sleep_us(before_us)
            highest = world.confirmed_height
            world.blocks.reorg(20, 1)
            world.sleep_us(after_us)
            if not before_us:
                read_all(world)
            execute(world, [begin(world), cursor(world, highest)])

        world.run(script)
    return [violation.invariant for violation in found]


def test_a_head_that_was_there_a_moment_ago_is_no_excuse_a_moment_later() -> None:
    assert written(0, 20_000) == []
    assert written(0, 300_000) == ["I7"]


def test_who_keeps_no_history_may_move_and_reverse_rows_without_one() -> None:
    def changed(*statements: str) -> list[str]:
        found: list[Violation] = []
        with World(WorldSettings(listener=idle)) as world, watching(world, found.append):

            def script() -> None:
                world.users.deposit("d", "alice", WEI, contracts.DF_TOKEN)
                world.blocks.mine(24)
                execute(world, [row(world, "d", block_hash=None), new_balance(ALICE, "1")])
                execute(world, statements)

            world.run(script)
        return [violation.invariant for violation in found]

    gone = "UPDATE spot_deposits SET status = 'orphaned'"
    assert changed(gone, set_available(ALICE, "0")) == []
    assert changed(gone) == ["I4"]
    assert changed(f"UPDATE spot_deposits SET user_address = '{BOB}'") == ["I18"]


def gone_back_from(kept: Callable[[World], str], *, reorged: bool) -> list[str]:
    """The violations when a cursor whose hash is that goes back, perhaps after a reorg."""
    with World(WorldSettings()) as world, watching(world, lambda _: None) as watch:

        def script() -> None:
            world.blocks.mine(30)
            read_all(world)
            world.blocks.reorg(25)
            read_all(world)
            execute(world, [begin(world), cursor(world, 1_008)])
            execute(
                world, [f"UPDATE spot_block_sync_state SET last_processed_hash = '{kept(world)}'"]
            )
            if reorged:
                world.blocks.reorg(25)
                read_all(world)
            execute(world, [cursor(world, 1_002)])

        world.run(script)
    return list(dict.fromkeys(violation.invariant for violation in watch.found))


def own_hash(world: World) -> str:
    place = world.chain.tree.at(1_008)
    assert place is not None
    return "0x" + place.hash.hex()


def test_a_cursor_goes_back_only_behind_a_block_that_has_been_and_is_gone() -> None:
    def of_another_height(world: World) -> str:
        place = world.chain.tree.at(1_009)
        assert place is not None
        return "0x" + place.hash.hex()

    def of_the_branch_before(world: World) -> str:
        tip = world.chain.branches.tip("main")
        assert tip is not None
        return "0x" + world.chain.tree.ancestor_at(tip, 1_008).hash.hex()

    assert gone_back_from(own_hash, reorged=True) == []
    assert gone_back_from(own_hash, reorged=False) == ["I7"]
    assert gone_back_from(of_the_branch_before, reorged=False) == []
    assert gone_back_from(lambda _: "0x" + 64 * "7", reorged=True) == ["I7"]
    assert gone_back_from(of_another_height, reorged=True) == ["I7"]
