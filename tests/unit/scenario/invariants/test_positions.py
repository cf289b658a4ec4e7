"""I2: which event of which transaction a row is for, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ztdx_devnet.faults.answers import AnswerFault
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.pools import NodePool
from ztdx_devnet.faults.views import Backends, Shown, ViewFault
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.world import World, WorldSettings

from .by_hand import (
    ALICE,
    BOB,
    Write,
    ask,
    begin,
    entry,
    execute,
    new_balance,
    page,
    row,
    sighting,
    watching,
)


def violated(write: Write, *faults: Fault) -> list[str]:
    """What these writes violate; Alice's 1 and Bob's 2 DF are due, of one transaction.

    The page that shows them is read while the faults are armed.
    """
    with World(WorldSettings()) as world, watching(world, lambda _: None) as watch:

        def script() -> None:
            world.users.deposit_together(["a", "b"], [("alice", WEI), ("bob", 2 * WEI)])
            world.blocks.mine(24)
            for fault in faults:
                world.arm(fault)
            ask(world, ("eth_blockNumber", []), page(1_001, 1_004))
            world.lift_faults()
            execute(world, [begin(world), *write(world)])

        world.run(script)
    return list(dict.fromkeys(violation.invariant for violation in watch.found))


def logs_of(world: World) -> tuple[int, int]:
    """The true log indexes of both deposits."""
    sent = world.users.deposits["a"]
    first, second = world.oracle.canonical_at("0x" + sent.transaction_hash.hex())
    return first.log_index, second.log_index


def both(world: World, a: dict[str, Any], b: dict[str, Any]) -> Sequence[str]:
    """All that is written of both deposits; the changes are of their rows."""
    written = []
    for name, user, amount, ordinal, changes in (("a", ALICE, "1", 0, a), ("b", BOB, "2", 1, b)):
        sent = world.users.deposits[name]
        true = world.oracle.canonical_at("0x" + sent.transaction_hash.hex())[ordinal]
        place = {
            "block_number": true.block_number,
            "block_hash": true.block_hash,
            "log_index": true.log_index,
        }
        stands = {**place, "event_ordinal": ordinal, **changes}
        seen = {**place, "log_index": stands["log_index"]}
        written += [
            row(world, name, **stands),
            sighting(world, name, "credited", **seen),
            entry(user, "deposit", amount, amount, name),
            new_balance(user, amount),
        ]
    return written


def renumbered() -> list[Fault]:
    return [AnswerFault("f", "eth_getLogs", "renumbered", numbering="from_one")]


def seen_through_an_odd_node() -> list[Fault]:
    odd = ViewFault("odd", backends=Backends([Shown(numbering="from_one")]))
    return [odd, NodePool("pool", nodes=("odd",))]


def test_rows_at_their_logs_and_for_their_events_are_right() -> None:
    assert violated(lambda w: both(w, {}, {})) == []


@pytest.mark.parametrize("wrong", [{"log_index": 9}, {"event_ordinal": 7}], ids=str)
def test_another_log_or_another_event_is_noticed(wrong: dict[str, Any]) -> None:
    assert violated(lambda w: both(w, wrong, {})) == ["I2"]


def test_logs_that_are_confused_with_each_other_are_noticed() -> None:
    def confuse(world: World) -> Sequence[str]:
        first, second = logs_of(world)
        return both(world, {"log_index": second}, {"log_index": first})

    assert violated(confuse) == ["I2"]


@pytest.mark.parametrize("faults", [renumbered, seen_through_an_odd_node])
def test_a_node_that_numbers_otherwise_is_nothing_against_the_listener(faults: Any) -> None:
    assert violated(lambda w: both(w, {"log_index": 9}, {"log_index": 10}), *faults()) == []
    assert violated(lambda w: both(w, {"event_ordinal": 7}, {}), *faults()) == ["I2"]


def test_at_an_odd_node_one_deposit_may_have_the_number_of_the_other() -> None:
    def shift(world: World) -> Sequence[str]:
        _, second = logs_of(world)
        return both(world, {"log_index": second}, {"log_index": second + 1})

    assert violated(shift, *renumbered()) == []


def test_a_renumbering_that_met_nothing_excuses_nothing() -> None:
    fault = AnswerFault("f", "eth_getLogs", "renumbered", numbering="from_one", first=2)
    assert violated(lambda w: both(w, {"log_index": 9}, {}), fault) == ["I2"]
