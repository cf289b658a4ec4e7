"""Steps that can't be: each is told in the loader's words, and leaves the world as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ztdx_devnet.scripted import BadStep, ScriptedWorld


@pytest.fixture
def world() -> Iterator[ScriptedWorld]:
    with ScriptedWorld(listener="stopped") as world:
        yield world


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (lambda w: w.deposite("alice", "1", as_="d"), "unknown verb 'deposite': did you mean 'dep"),
        (lambda w: w.step("mien", 3), "unknown verb 'mien': did you mean 'mine'?"),
        (lambda w: w.deposit("alcie", "1", as_="d"), "user: unknown user 'alcie': did you mean"),
        (lambda w: w.deposit("bob", "-1", as_="d"), "amount: an amount is a decimal of at most"),
        (lambda w: w.deposit("bob", 1.5, as_="d"), "amount: an amount is a decimal in quotes"),
        (lambda w: w.deposit("bob", "1", as_="1 d"), "as: "),
        (lambda w: w.deposit("bob", as_="d"), "deposit: missing field 'amount'"),
        (lambda w: w.deposit("bob", "1"), "deposit: missing field 'as_'"),
        (lambda w: w.deposit("bob", "1", user="bob", as_="d"), "deposit: user is given twice"),
        (lambda w: w.deposit("bob", "1", "DF", as_="d"), "only user, amount may come without"),
        (
            lambda w: w.deposit("bob", "1", as_="d", tokn="DF"),
            "deposit: unknown field 'tokn': did you mean 'token'?",
        ),
        (lambda w: w.step("deposit", {"usr": "bob"}), "unknown field 'usr': did you mean 'user'?"),
        (lambda w: w.mine("3"), "blocks: should be a valid integer, got '3'"),
        (lambda w: w.mine(True), "blocks: should be a valid integer, got true"),
        (
            lambda w: w.deposit("bob", "1", as_="d", approved=1),
            "approved: should be a valid boolean",
        ),
        (lambda w: w.wait("soon"), "duration: a duration is a whole number and a unit"),
        (lambda w: w.expect(credted=["d"]), "unknown field 'credted': did you mean 'credited'?"),
        (lambda w: w.expect(), "expected at least one of balance"),
        (lambda w: w.holds(credited=["d"]), "unknown deposit 'd': no deposit has been named"),
        (lambda w: w.reorg(2_000), "depth 2000 reaches below genesis: the chain is at most 1000"),
        (lambda w: w.reorg(5, drop=["d"]), "unknown deposit 'd'"),
        (lambda w: w.switch_branch("b"), "unknown branch 'b': known: main"),
        (lambda w: w.balance("bo"), "unknown user 'bo': did you mean 'bob'?"),
        (lambda w: w.hits("f"), "unknown fault 'f': none is known here"),
        (lambda w: w.settle("soon"), "settle.within: a duration"),
        (lambda w: w.request("GET", "spot"), "path: a path begins with /"),
        (lambda w: w.at_once([{"wait": "3s"}] * 2), "'wait' can't be a step of at_once"),
    ],
)
def test_it_is_one_line_with_the_value_and_the_repair(
    world: ScriptedWorld, step: Callable[[ScriptedWorld], object], told: str
) -> None:
    before = len(world.journal), world.digest
    with pytest.raises(BadStep) as caught:
        step(world)
    assert told in str(caught.value)
    assert (len(world.journal), world.digest) == before


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"confirmation_depth": -1}, "given.confirmation_depth: should be greater than or equal"),
        ({"seed": -1}, "seed: should be greater than or equal to 0"),
        ({"listener": "walking"}, "given.listener: should be 'running' or 'stopped'"),
        ({"environment": {"JWT": "x"}}, "unknown variable 'JWT'"),
        ({"environment": {"JWT_EXPIRY_SECONDS": "soon"}}, "environment: JWT_EXPIRY_SECONDS"),
    ],
)
def test_a_world_that_can_not_be_is_told(given: dict[str, object], told: str) -> None:
    with pytest.raises(BadStep) as caught:
        ScriptedWorld(**given)  # type: ignore[arg-type]
    assert told in str(caught.value)


def test_a_refused_step_gives_no_name(world: ScriptedWorld) -> None:
    parts = [{"as": name, "user": "alice", "amount": "1"} for name in ("d1", "d2")]
    world.multi_deposit(parts)
    with pytest.raises(BadStep, match="the name 'd1' is given twice"):
        world.deposit("alice", "1", as_="d1")
    with pytest.raises(BadStep, match="unknown deposit 'd3'"):
        world.mine(1, order=["d3"])
    world.deposit("alice", "1", as_="d3")
    world.mine(1, order=["d3"])
    assert set(world.deposits) == {"d1", "d2", "d3"}


def test_a_fault_is_armed_once_under_a_name(world: ScriptedWorld) -> None:
    world.answer_fault("eth_blockNumber", "error", as_="f", code=-32000)
    with pytest.raises(BadStep, match="the fault 'f' is armed twice"):
        world.answer_fault("eth_getLogs", "empty", as_="f")
    world.start_listener()
    world.mine(2)
    assert world.hits("f") > 0


def test_a_fault_that_another_one_hides_is_refused_until_that_is_lifted() -> None:
    with ScriptedWorld() as world:
        world.mine(1)
        world.answer_fault("eth_getLogs", "error", as_="f", code=-32000)
        with pytest.raises(BadStep, match="'g' can never fire: 'f' of step 2 touches all of it"):
            world.answer_fault("eth_getLogs", "error", as_="g", code=-32000)
        world.mine(25)
        world.settle()
        world.answer_fault("eth_getLogs", "error", as_="g", code=-32000)
        world.mine(3)
        assert world.hits("g") > 0


def test_a_step_that_turns_out_impossible_is_not_in_the_scenario(world: ScriptedWorld) -> None:
    world.deposit("alice", "1", as_="d1")
    world.mine(1)
    with pytest.raises(BadStep, match="'d1' can't be ordered"):
        world.mine(1, order=["d1"])
    assert "order" not in world.scenario("t")
    world.mine(1)


def test_a_reorg_may_be_as_deep_as_the_chain_is_high_now(world: ScriptedWorld) -> None:
    world.mine(5)
    with pytest.raises(BadStep, match="the chain is at most 1005"):
        world.reorg(1_006)
    world.reorg(1_005)


def test_nothing_can_be_done_in_a_closed_world() -> None:
    world = ScriptedWorld()
    world.close()
    with pytest.raises(BadStep, match="the world is closed"):
        world.mine(1)
    world.close()


def test_private_names_are_no_verbs(world: ScriptedWorld) -> None:
    assert not hasattr(world, "__len__")
    assert not hasattr(world, "deposite")
