"""Playing: time stands still between steps, failures are raised where they come to light."""

from __future__ import annotations

import json

import pytest

from ztdx_devnet import Inconclusive, ScriptedWorld, StepFailed, Violated
from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario.invariants import SENTENCES
from ztdx_devnet.sim.world import World, WorldSettings


def test_a_deposit_is_credited_and_taken_back_by_a_deep_reorg() -> None:
    with ScriptedWorld(seed=7) as world:
        world.deposit("alice", "100", as_="d1")
        world.mine(25)
        world.wait_until(credited=["d1"], within="60s")
        assert world.balance("alice") == "100"
        facts = world.deposits["d1"]
        assert (facts.block_number, facts.amount, facts.token) == (1_001, "100", "DF")
        assert facts.confirmations == world.height - 1_001
        assert facts.credited
        world.reorg(depth=30, drop=["d1"])
        world.settle()
        assert world.balance("alice") == "0"
        assert world.holds(reversed=["d1"])
        assert world.deposits["d1"].block_number is None
    assert world.ledger.deposits[0].status == "orphaned"  # it can be looked at afterwards


def test_time_stands_still_between_steps() -> None:
    with ScriptedWorld() as world:
        world.mine(3)
        seen = world.elapsed_s, world.height, world.cursor, len(world.journal), world.digest
        assert (world.elapsed_s, world.height, world.cursor, len(world.journal), world.digest) == (
            seen
        )
        assert world.holds(height={"at_least": 1_003, "at_most": 1_003})
        assert world.elapsed_s == 6.001


def test_parts_of_a_script_are_one_run() -> None:
    def played(parts: int) -> str:
        with World(WorldSettings(seed=3)) as world:
            steps = [lambda: world.blocks.mine(2)] * 6
            world.producer.start()
            world.product.start_listener()
            size = len(steps) // parts
            for i in range(parts):
                world.perform(lambda i=i: [step() for step in steps[i * size : (i + 1) * size]])
            world.kernel.end()
            return world.journal.digest(world.kernel.digest)

    assert played(1) == played(2) == played(6)


def test_the_same_steps_have_the_same_digest_and_another_seed_another() -> None:
    def digest(seed: int) -> str:
        with ScriptedWorld(seed, latency="varied") as world:
            world.deposit("alice", "1", as_="d1")
            world.mine(3)
        return world.digest

    assert digest(1) == digest(1) != digest(2)


def test_a_failed_step_is_an_assertion_and_the_world_goes_on() -> None:
    with ScriptedWorld() as world:
        world.deposit("alice", "1", as_="d1")
        with pytest.raises(StepFailed) as caught:
            world.wait_until("10s", credited=["d1"])
        assert isinstance(caught.value, AssertionError)
        assert (caught.value.rule, caught.value.expected) == ("wait_until", "credited once: d1")
        assert caught.value.actual == "credited d1 0 times"
        world.wait_until("120s", credited=["d1"])


class TestInvariants:
    def test_a_violation_is_raised_by_the_step_in_which_it_comes_to_light(self) -> None:
        world = ScriptedWorld(listener=documented_loop.run_listener)
        world.deposit("alice", "100", as_="d1")
        world.mine(25)
        world.wait_until(credited=["d1"], within="60s")
        world.reorg(depth=30, drop=["d1"])
        with pytest.raises(Violated) as caught:
            world.settle()
        number = caught.value.rule.partition(":")[0]
        assert number in SENTENCES
        assert caught.value.expected != caught.value.actual
        with pytest.raises(Violated, match=number):
            world.mine(1)
        world.close()


class TestFaultsThatNeverFired:
    def arm(self, world: ScriptedWorld) -> None:
        world.answer_fault("eth_getBalance", "error", as_="f1", code=-32000)
        world.mine(2)

    def test_settling_tells_them(self) -> None:
        world = ScriptedWorld()
        self.arm(world)
        with pytest.raises(Inconclusive, match="the fault 'f1' never fired"):
            world.settle()
        world.close()  # it has been said

    def test_the_end_tells_them(self) -> None:
        world = ScriptedWorld()
        self.arm(world)
        with pytest.raises(Inconclusive, match="'f1'"), world:
            pass

    def test_they_do_not_hide_what_the_test_itself_found(self) -> None:
        world = ScriptedWorld()
        self.arm(world)
        with pytest.raises(AssertionError, match="of the test"), world:
            raise AssertionError("of the test")

    def test_after_a_step_that_failed_they_are_no_news(self) -> None:
        with ScriptedWorld() as world:
            self.arm(world)
            with pytest.raises(StepFailed):
                world.expect(height={"at_least": 5_000})

    def test_one_that_fired_is_counted(self) -> None:
        with ScriptedWorld() as world:
            world.answer_fault("eth_blockNumber", "error", as_="f1", code=-32000, last=2)
            world.mine(5)
            world.settle()
            assert [(fault.name, fault.hits) for fault in world.faults] == [("f1", 2)]
            assert world.hits("f1") == 2


class TestRequests:
    def test_the_answer_comes_back(self) -> None:
        with ScriptedWorld() as world:
            answer = world.request("GET", "/spot/balances", "alice")
            assert (answer.status, json.loads(answer.body)) == (200, {"balances": []})
            assert world.request("GET", "/spot/balances", "bob", auth="hmac").status == 200
            assert world.request("GET", "/spot/balances").status == 401

    def test_a_dead_server_refuses_and_a_bad_gateway_breaks(self) -> None:
        with ScriptedWorld() as world:
            world.kill_api()
            with pytest.raises(ConnectionRefusedError):
                world.request("GET", "/spot/balances", "alice")
            world.start_api()
            world.api_fault("dropped", as_="f1")
            with pytest.raises(ConnectionResetError, match="no answer came"):
                world.request("GET", "/spot/balances", "alice")

    def test_a_socket_that_never_was_has_no_name(self) -> None:
        with ScriptedWorld() as world:
            world.kill_api()
            with pytest.raises(StepFailed):
                world.ws(as_="c1")
            world.start_api()
            world.ws(as_="c1")
            world.ws(socket="c1", send={"type": "ping"})
            world.ws(socket="c1", expect={"type": "pong"})


def test_values_may_be_any_sequence_and_mapping() -> None:
    with ScriptedWorld() as world:
        world.deposit_series(("alice", "bob"), "1", 2, 1, as_="d")
        world.expect(mined=("d-1", "d-2"))
        world.at_once(({"mine": 1}, {"deposit": {"as": "d1", "user": "bob", "amount": "1"}}))
        world.wait_until("100s", credited=("d1",), balance={"user": "bob", "available": "2"})
