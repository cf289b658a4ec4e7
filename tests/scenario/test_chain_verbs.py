"""What happens to the chain: reorgs with fates, a chain that begins anew, blocks of any pace."""

from __future__ import annotations

import pytest

from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.world import World
from ztdx_devnet.virtual_time import MICROSECONDS

from .played import perform, play

WEI = 10**18
THREE = """
  - deposit: {as: d1, user: alice, amount: "1"}
  - deposit: {as: d2, user: bob, amount: "2"}
  - deposit: {as: d3, user: carol, amount: "3"}
"""


def stands(world: World) -> dict[str, int]:
    """Height of each deposit that made an event on the canonical branch, in chain order."""
    names = {"0x" + s.transaction_hash.hex(): n for n, s in world.users.deposits.items()}
    return {
        names[event.transaction_hash]: event.block_number
        for block in world.chain.tree.executed_above(0)
        for event in world.oracle.in_block(block)
    }


def amounts(world: World) -> dict[str, int]:
    names = {"0x" + s.transaction_hash.hex(): n for n, s in world.users.deposits.items()}
    return {
        names[event.transaction_hash]: event.amount_wei // WEI
        for block in world.chain.tree.executed_above(0)
        for event in world.oracle.in_block(block)
    }


def test_only_what_is_kept_comes_back() -> None:
    world = perform(
        f'{THREE}  - transfer_to_vault: {{user: dave, amount: "9"}}\n  - mine: 9\n'
        "  - reorg: {depth: 9, keep: [d3, d1], order: [d3]}\n  - mine: 3\n"
    )
    assert stands(world) == {"d3": 1001, "d1": 1001}
    assert list(stands(world)) == ["d3", "d1"]
    assert not len(world.chain.pool)
    world = perform(f"{THREE}  - mine: 9\n  - reorg: {{depth: 9, keep: []}}\n  - mine: 3\n")
    assert stands(world) == {}


@pytest.mark.parametrize(
    ("replaced", "account", "amount"),
    [
        ("{deposit: d1, as: x, amount: '5'}", "alice", 5),
        ("{deposit: d1, as: x, user: bob}", "bob", 1),
        ("{deposit: d1, as: x, user: dave, amount: '7'}", "dave", 7),
        ("{deposit: d1, as: x}", "alice", 1),
    ],
)
def test_another_deposit_takes_the_place_of_a_replaced_one(
    replaced: str, account: str, amount: int
) -> None:
    steps = f"{THREE}  - mine: 9\n  - reorg: {{depth: 9, replace: [{replaced}], order: [x, d3]}}\n"
    world = perform(f"{steps}  - mine: 2\n")
    assert set(stands(world)) == {"x", "d2", "d3"}
    assert amounts(world)["x"] == amount
    (event,) = world.oracle.canonical_at("0x" + world.users.deposits["x"].transaction_hash.hex())
    assert event.account == world.users.deposits["x"].account
    assert world.users.deposits["x"].transaction_hash != world.users.deposits["d1"].transaction_hash
    if account == "alice":  # the same nonces: both can never be
        (old, new) = (world.users.deposits[n].transaction_hash for n in ("d1", "x"))
        (block,) = world.chain.inclusions.blocks(old)
        nonces = {r.transaction.hash: r.transaction.nonce for r in block.receipts}
        found = world.chain.inclusions.canonical(new)
        assert found is not None
        assert found[1].transaction.nonce == nonces[old]


def test_a_double_spend_of_a_credited_deposit_is_reversed_and_the_other_credited() -> None:
    text = (
        "steps:\n"
        "  - mine: 9\n"
        '  - deposit: {as: d1, user: alice, amount: "100"}\n'
        "  - mine: 1\n"
        "  - wait_until: {credited: [d1], within: 90s}\n"
        "  - reorg: {depth: 26, replace: [{deposit: d1, as: x, amount: '1'}]}\n"
        "check:\n"
        "  sometimes: [{reversed: [d1]}]\n"
        "  eventually:\n"
        '    - balance: {user: alice, available: "1"}\n      credited: [x]\n'
        "      orphaned: [d1]\n"
    )
    outcome = play(text)
    assert outcome.verdict is Verdict.HELD, outcome.failure
    outcome = play(text.replace("sometimes: [{reversed: [d1]}]", ""), documented=True)
    assert outcome.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("length", [1, 8, 9])
def test_a_branch_that_is_not_longer_wins_when_it_is_asked_for(length: int) -> None:
    world = perform(f"{THREE}  - mine: 9\n  - reorg: {{depth: 9, length: {length}}}\n")
    assert world.chain.height == 1000 + length
    assert set(stands(world)) == {"d1", "d2", "d3"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("drop: [d1], keep: [d1]", "'d1' is in drop and in keep: it can be in one"),
        ("drop: [d1], keep: [d2]", "drop and keep: name those that go or those that come back"),
        ("drop: [d1, d1]", "drop names 'd1' 2 times"),
        ("order: [d2, d1, d2]", "order names 'd2' 2 times"),
        ("drop: [d1], replace: [{deposit: d1, as: x}]", "'d1' is in drop and in replace"),
        ("keep: [d1], replace: [{deposit: d1, as: x}]", "'d1' is in keep and in replace"),
        ("drop: [d1], order: [d1]", "'d1' is in drop and in order"),
        ("replace: [{deposit: d1, as: x}], order: [d1]", "'d1' is in replace and in order"),
        ("keep: [d1], order: [d2]", "order names 'd2', which keep does not: it is gone"),
        ("replace: [{deposit: d9, as: x}]", "unknown deposit 'd9': "),
        ("replace: [{deposit: d1, as: d2}]", "the name 'd2' is given twice"),
        ("branch: main", "the name 'main' is given twice"),
    ],
)
def test_fates_that_contradict_each_other_are_refused_with_their_line(
    fields: str, problem: str
) -> None:
    with pytest.raises(BadScenario) as raised:
        loader.parse(
            f"title: t\nsteps:{THREE}  - mine: 9\n  - reorg: {{depth: 9, {fields}}}\n", "t.yaml"
        )
    (found,) = raised.value.problems
    assert found.line == 7
    assert problem in found.message


def test_a_branch_that_no_reorg_named_is_refused_before_anything_runs() -> None:
    with pytest.raises(BadScenario, match=r"t\.yaml:5: unknown branch 'b': did you mean 'b2'\?"):
        loader.parse(
            "title: t\nsteps:\n  - mine: 9\n  - reorg: {depth: 2, branch: b2}\n"
            "  - switch_branch: b\n",
            "t.yaml",
        )


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (
            "reorg: {depth: 3, drop: [d1]}",
            "'d1' is not touched: it is in block 1001, which a reorg of depth 9 or more replaces",
        ),
        ("mine: {blocks: 1, order: [d1]}", "'d1' can't be ordered: it is in block 1001"),
    ],
)
def test_a_deposit_that_a_step_can_not_reach_is_named_with_where_it_is(
    step: str, problem: str
) -> None:
    with pytest.raises(BadScenario, match=":7: ") as raised:
        # By these steps alone nobody knows how deep it is.
        play(f"steps:{THREE}  - wait_until: {{height: 1009, within: 1m}}\n  - {step}\n")
    assert problem in str(raised.value)


def test_a_part_of_a_transaction_can_not_be_replaced() -> None:
    multi = "[{as: m1, user: alice, amount: '1'}, {as: m2, user: bob, amount: '1'}]"
    with pytest.raises(BadScenario, match=":5: 'm1' can't be replaced"):
        play(
            f"steps:\n  - multi_deposit: {multi}\n  - mine: 1\n"
            "  - reorg: {depth: 1, replace: [{deposit: m1, as: x}]}\n".replace(
                "  - mine", "  - mine"
            )
        )


@pytest.mark.parametrize("same", [True, False])
def test_a_chain_that_begins_anew_has_forgotten_everything_but_the_names(same: bool) -> None:
    steps = (
        f"{THREE}  - mine: 9\n"
        '  - deposit: {as: late, user: dave, amount: "4"}\n'
        f"  - reset_chain: {{same_genesis: {str(same).lower()}}}\n"
    )
    before, world = perform(f"{THREE}  - mine: 9\n"), perform(steps)
    assert world.chain.height == 0
    assert not len(world.chain.pool)
    genesis = [w.chain.tree.at(0) for w in (before, world)]
    assert genesis[0] is not None
    assert genesis[1] is not None
    assert (genesis[0].hash == genesis[1].hash) is same
    assert [branch.name for branch in world.chain.branches] == ["main"]
    assert set(world.users.deposits) == {"d1", "d2", "d3", "late"}
    world = perform(f'{steps}  - deposit: {{as: d4, user: alice, amount: "5"}}\n  - mine: 3\n')
    assert stands(world) == {"d4": 1}
    assert world.chain.height == 3
    assert world.now_us // MICROSECONDS == world.chain.head.timestamp_s


RESET = """given: {start_height: 0}
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 40
  - wait_until: {credited: [d1], within: 60s}
  - reset_chain: {same_genesis: %s}
  - deposit: {as: d2, user: bob, amount: "2"}
  - mine: 3
  - expect: {orphaned: [d1], mined: [d2], height: {at_most: 5}}
  - wait: 30s
"""


def test_the_same_chain_begun_anew_is_followed_and_what_is_gone_is_reversed() -> None:
    text = f"{RESET % 'true'}check:\n  eventually: [{{reversed: [d1], credited: [d2]}}]\n"
    outcome = play(text)
    assert outcome.verdict is Verdict.HELD, outcome.failure
    assert play(text, documented=True).verdict is Verdict.VIOLATED


def test_a_chain_of_another_genesis_stops_the_listener_with_a_reason() -> None:
    text = (
        f"{RESET % 'false'}"
        "  - expect: {health: {ready: false, says: is below the cursor}}\n"
        "check:\n"
        "  eventually:\n"
        "    - listener_exited: {error: ListenerHalted, says: the chain was reset}\n"
        "      health: {ready: false, says: waits for an operator}\n"
        "      not_credited: [d2]\n"
    )
    outcome = play(text)
    assert outcome.verdict is Verdict.HELD, outcome.failure


def test_a_listener_that_goes_on_after_another_genesis_is_violated() -> None:
    outcome = play(RESET % "false", documented=True)
    assert outcome.verdict is Verdict.VIOLATED


def test_no_depth_reaches_below_the_genesis_of_a_chain_that_began_anew() -> None:
    with pytest.raises(BadScenario, match=r"t\.yaml:4: depth 500 reaches below genesis"):
        loader.parse(
            "title: t\nsteps:\n  - reset_chain\n  - reorg: 500\n",
            "t.yaml",
        )


@pytest.mark.parametrize(
    ("block_time", "interval_us"),
    [
        ("250ms", 250_000),
        ("10ms", 10_000),
        ("1500ms", 1_500_000),
        ("7s", 7_000_000),
        ("2s", 2_000_000),
    ],
)
def test_blocks_come_at_the_pace_that_was_set_with_times_in_whole_seconds(
    block_time: str, interval_us: int
) -> None:
    world = perform(f"\n  - set_block_time: {block_time}\n  - wait: 10s\n  - wait: 1ms\n")
    blocks = 10 * MICROSECONDS // interval_us
    assert world.chain.height == 1000 + blocks
    times_s = [world.chain.tree.at(n).timestamp_s for n in range(1000, 1001 + blocks)]  # type: ignore[union-attr]
    due_us = [world.started_us + i * interval_us for i in range(blocks + 1)]
    assert times_s == [each_us // MICROSECONDS for each_us in due_us]


def test_a_new_pace_does_not_wait_for_the_block_that_was_due_before() -> None:
    steps = "\n  - wait: 100ms\n  - set_block_time: 250ms\n  - wait: 1100ms\n"
    assert perform(steps).chain.height == 1004


def test_fast_blocks_hold_deposits_and_can_be_replaced() -> None:
    world = perform(
        f"\n  - set_block_time: 250ms{THREE}  - mine: 9\n  - reorg: {{depth: 9, drop: [d2]}}\n"
        "  - set_block_time: 2s\n  - mine: 2\n"
    )
    assert stands(world) == {"d1": 1001, "d3": 1001}
    assert world.chain.height == 1012
    assert world.chain.head.timestamp_s <= world.now_us // MICROSECONDS


def test_mine_waits_for_its_blocks_at_any_pace() -> None:
    world = perform("\n  - set_block_time: 10ms\n  - mine: 123\n")
    assert world.chain.height == 1123
    started_us = world.started_us
    assert 1_230_000 <= world.now_us - started_us < 1_240_000


def test_a_chain_of_a_hundred_blocks_a_second_outruns_the_listener_until_it_slows_down() -> None:
    outcome = play(
        "steps:\n"
        "  - set_block_time: 10ms\n"
        "  - wait: 60s\n"
        "  - expect: {cursor_lag: {at_least: 1000}}\n"
        "  - set_block_time: 2s\n"
        "  - wait_until: {cursor_lag: 0, within: 5m}\n"
    )
    assert outcome.verdict is Verdict.HELD, outcome.failure


def test_a_listener_keeps_up_with_less_than_fifty_blocks_a_second() -> None:
    outcome = play(
        "steps:\n"
        "  - set_block_time: 25ms\n"
        "  - wait: 60s\n"
        "  - expect: {cursor_lag: 100}\n"
        "  - set_block_time: 2s\n"
    )
    assert outcome.verdict is Verdict.HELD, outcome.failure


@pytest.mark.parametrize("value", ["4ms", "2h", "2"])
def test_a_block_time_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(BadScenario, match=r"t\.yaml:3: "):
        loader.parse(f"title: t\nsteps:\n  - set_block_time: {value}\n", "t.yaml")


def test_a_run_with_a_reset_is_the_same_again_at_the_same_seed() -> None:
    digests = {play(f"seed: {seed}\n{RESET % 'true'}").digest for seed in (1, 1, 2)}
    assert len(digests) == 2
