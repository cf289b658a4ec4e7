"""Verbs and settings do what their rows in the documents say, seen on the world itself."""

from __future__ import annotations

import pytest

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

THREE = """
  - deposit: {as: d1, user: alice, amount: "1"}
  - deposit: {as: d2, user: bob, amount: "2"}
  - deposit: {as: d3, user: carol, amount: "3"}
"""


def perform(steps: str, **settings: int) -> World:
    scenario = loader.parse(f"title: t\nsteps:{steps}", "t.yaml")
    with World(WorldSettings(**settings)) as world:

        def script() -> None:
            for step in scenario.steps:
                step.verb.perform(Stage(world))

        world.run(script)
        return world


def places(world: World) -> list[tuple[int, str]]:
    """Block and name of each included deposit, in chain order."""
    names = {sent.transaction_hash: name for name, sent in world.users.deposits.items()}
    return [
        (block.first_number, names[receipt.transaction.hash])
        for block in world.chain.tree.executed_above(0)
        for receipt in block.receipts
        if receipt.transaction.hash in names
    ]


def test_mine_takes_the_named_deposits_first() -> None:
    world = perform(f"{THREE}  - mine: {{blocks: 1, order: [d3, d1]}}\n")
    assert places(world) == [(1001, "d3"), (1001, "d1"), (1001, "d2")]


def test_mine_waits_exactly_for_its_blocks() -> None:
    world = perform("\n  - mine: 7\n")
    assert world.chain.height == 1007
    assert world.now_us // MICROSECONDS == world.chain.head.timestamp_s


def test_mine_empty_leaves_deposits_waiting() -> None:
    world = perform(f"{THREE}  - mine_empty: 4\n  - mine: 1\n")
    assert places(world) == [(1005, "d1"), (1005, "d2"), (1005, "d3")]


def test_a_reorg_orders_delays_and_drops() -> None:
    world = perform(
        f"{THREE}  - mine: 9\n"
        "  - reorg: {depth: 9, length: 12, order: [d3, d1], drop: [d2], delay_blocks: 5}\n"
    )
    assert places(world) == [(1006, "d3"), (1006, "d1")]
    assert world.chain.height == 1012


@pytest.mark.parametrize(("length", "height"), [("", 1010), ("length: 1", 1001)])
def test_a_reorg_is_one_block_longer_unless_told_otherwise(length: str, height: int) -> None:
    world = perform(f"\n  - mine: 9\n  - reorg: {{depth: 9, {length}}}\n")
    assert world.chain.height == height


def test_a_series_takes_the_users_in_turn_and_keeps_its_distance() -> None:
    series = '{as: s, users: [bob, alice], amount: "1", count: 3, every_blocks: 5}'
    world = perform(f"\n  - deposit_series: {series}\n")
    assert places(world) == [(1001, "s-1"), (1006, "s-2"), (1011, "s-3")]
    assert [world.users.deposits[f"s-{i}"].account for i in (1, 2, 3)].count(
        world.users.deposits["s-1"].account
    ) == 2
    assert world.chain.height == 1015


def test_a_wait_is_a_wait_in_virtual_time() -> None:
    world = perform("\n  - wait: 1500ms\n  - wait: 2m\n")
    started_us = world.chain.tree.at(1000).timestamp_s * MICROSECONDS  # type: ignore[union-attr]
    assert world.now_us - started_us == 121_500_000


def play(given: str, rest: str) -> runner.Outcome:
    return runner.run(loader.parse(f"title: t\ngiven: {{{given}}}\n{rest}", "t.yaml"))


DEPOSIT = '  - deposit: {as: d1, user: alice, amount: "1"}\n'


@pytest.mark.parametrize(
    ("given", "steps", "verdict"),
    [
        ("start_height: 7", "  - expect: {height: 8}\n", Verdict.VIOLATED),
        ("start_height: 7", "  - mine: 1\n  - expect: {height: 8}\n", Verdict.HELD),
        ("block_time_s: 7", "  - wait: 13s\n  - expect: {height: 1002}\n", Verdict.VIOLATED),
        ("block_time_s: 7", "  - wait: 15s\n  - expect: {height: 1002}\n", Verdict.HELD),
        (
            "listener: stopped",
            "  - wait: 1s\n  - expect: {listener_runs: true}\n",
            Verdict.VIOLATED,
        ),
        ("listener: running", "  - wait: 1s\n  - expect: {listener_runs: true}\n", Verdict.HELD),
        (
            "confirmation_depth: 3",
            f"{DEPOSIT}  - mine: 4\n  - wait_until: {{credited: [d1], within: 4s}}\n",
            Verdict.HELD,
        ),
        (
            "confirmation_depth: 3, poll_interval_ms: 60000",
            f"{DEPOSIT}  - mine: 4\n  - wait_until: {{credited: [d1], within: 4s}}\n",
            Verdict.VIOLATED,
        ),
        (
            "environment: {TESTNET_ONLY: 'no'}",
            '  - mine: 1\n  - admin_credit: {user: bob, amount: "1"}\n',
            Verdict.VIOLATED,
        ),
        (
            "environment: {ADMIN_API_KEY: other}",
            '  - mine: 1\n  - admin_credit: {user: bob, amount: "1"}\n',
            Verdict.HELD,
        ),
        (
            "start_height: 5",
            "  - mine: 1\n  - set_environment: {TESTNET_ONLY: null}\n"
            '  - admin_credit: {user: bob, amount: "1"}\n',
            Verdict.VIOLATED,
        ),
    ],
)
def test_given_is_what_the_world_starts_from(given: str, steps: str, verdict: Verdict) -> None:
    assert play(given, f"steps:\n{steps}").verdict is verdict


def test_settling_lifts_every_fault() -> None:
    text = (
        "title: t\nsteps:\n"
        f"{DEPOSIT}"
        "  - mine: 1\n"
        "  - answer_fault: {as: refuses, method: eth_getLogs, kind: error}\n"
        "  - node_view: {as: behind, lag_blocks: 100}\n"
        "  - pool: {as: balancer, nodes: [behind, honest]}\n"
        "  - wait: 60s\n"
        "  - db_fault: {as: locked, kind: busy, for: 7d}\n"
        "  - wait: 60s\n"
        "  - expect: {not_credited: [d1]}\n"
        "check: {eventually: [{credited: [d1]}]}\n"
    )
    outcome = runner.run(loader.parse(text, "t.yaml"), listener=documented_loop.run_listener)
    assert outcome.verdict is Verdict.INCONCLUSIVE  # the lock: no poll got as far as writing
    assert [(f.name, f.hits > 0) for f in outcome.faults] == [
        ("refuses", True),
        ("behind", True),
        ("balancer", True),
        ("locked", False),
    ]


def test_a_crash_that_is_still_to_come_is_off_when_the_run_settles() -> None:
    outcome = play(
        "start_height: 1000",
        f"steps:\n{DEPOSIT}  - crash_at: {{nth: 1, kind: sql:INSERT spot_deposits}}\n",
    )
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.failure is not None
    assert outcome.failure.line == 5


def test_settling_takes_no_longer_than_it_may() -> None:
    rest = f"steps:\n{DEPOSIT}  - mine: 1\nsettle: {{within: 10s}}\n"
    outcome = play("start_height: 1000", rest)
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.failure is not None
    assert outcome.failure.line == 6
    assert outcome.failure.at_us < 13 * MICROSECONDS
    assert play("start_height: 1000", rest.replace("10s", "60s")).verdict is Verdict.HELD


def test_a_violation_ends_the_run_at_once() -> None:
    fault = "  - answer_fault: {as: clone, method: eth_getLogs, kind: foreign}\n"
    text = f"title: t\nsteps:\n{fault}{DEPOSIT}  - mine: 30\n  - wait: 7d\n"
    outcome = runner.run(loader.parse(text, "t.yaml"), listener=documented_loop.run_listener)
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.virtual_us < 70 * MICROSECONDS


def test_switch_branch_goes_back_to_a_shorter_branch_and_its_deposits() -> None:
    world = perform(
        f"{THREE}  - mine: 9\n"
        "  - reorg: {depth: 9, drop: [d1, d2, d3], branch: other}\n"
        "  - mine: 4\n"
        "  - switch_branch: main\n"
    )
    assert world.chain.height == 1009
    assert [name for _, name in places(world)] == ["d1", "d2", "d3"]
    world = perform(
        "\n  - mine: 9\n  - reorg: {depth: 2, branch: b}\n  - switch_branch: main\n"
        "  - switch_branch: b\n"
    )
    assert world.chain.branches.current == "b"


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("switch_branch: mian", "unknown branch 'mian': did you mean 'main'"),
        ("reorg: {depth: 2, branch: main}", "the name 'main' is given twice"),
    ],
)
def test_a_branch_that_is_unknown_or_taken_is_a_mistake_with_its_line(
    step: str, problem: str
) -> None:
    with pytest.raises(BadScenario, match=f":4: {problem}"):
        play("start_height: 1000", f"steps:\n  - {step}\n")


def test_a_debit_spends_what_is_there_and_fails_where_there_is_less() -> None:
    spend = '  - admin_credit: {user: bob, amount: "3"}\n  - debit: {user: bob, amount: "%s"}\n'
    check = 'check: {eventually: [{balance: {user: bob, available: "0.5"}}]}\n'
    steps = "steps:\n  - mine: 1\n"
    assert play("start_height: 7", steps + spend % "2.5" + check).verdict is Verdict.HELD
    outcome = play("start_height: 7", steps + spend % "3.5")
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.failure is not None
    assert outcome.failure.rule == "debit"
    assert "has 3 DF" in outcome.failure.actual


def test_token_fees_are_charged_on_their_branch_only() -> None:
    steps = '\n  - mine: 2\n  - charge_token_fees\n  - deposit: {as: d, user: bob, amount: "100"}\n'

    def amount(world: World) -> int:
        ((_, name),) = places(world)
        (deposit,) = world.oracle.canonical_at(
            "0x" + world.users.deposits[name].transaction_hash.hex()
        )
        return deposit.amount_wei // 10**18

    assert amount(perform(f"{steps}  - mine: 3\n")) == 99
    assert amount(perform(f"{steps}  - mine: 3\n  - reorg: 3\n")) == 99
    assert amount(perform(f"{steps}  - mine: 3\n  - reorg: 4\n")) == 100
