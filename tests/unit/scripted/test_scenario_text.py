"""What was played as a scenario file: it loads, and plays to the same digest."""

from __future__ import annotations

import pytest

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario import bundled, loader, runner, yaml_lines
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.scripted import ScriptedWorld, StepFailed, Violated


def with_each_verb() -> list[Scenario]:
    """Bundled scenarios, each with a verb that none before it has; a week takes too long."""
    chosen, seen = [], set[str]()
    for scenario in loader.load_all(loader.find([bundled.folder()])):
        words = {step.verb.KEY for step in scenario.steps}
        if scenario.head.canary is None and "week" not in scenario.path and words - seen:
            seen |= words
            chosen.append(scenario)
    return chosen


@pytest.mark.parametrize(
    "scenario", with_each_verb(), ids=lambda scenario: scenario.head.title[:40]
)
def test_a_bundled_scenario_is_the_same_run_step_by_step(scenario: Scenario) -> None:
    value, _ = yaml_lines.read(scenario.text, scenario.path)
    given = value.get("given", {})
    with ScriptedWorld(scenario.head.seed, **given) as world:
        for step in value["steps"]:
            ((word, fields),) = step.items() if isinstance(step, dict) else [(step, None)]
            world.step(word, fields)
        world.settle(value.get("settle", {}).get("within"))
    text = world.scenario(value["title"])
    written, _ = yaml_lines.read(text, "t.yaml")
    assert written.get("given", {}) == given
    outcome = runner.run(loader.parse(text, "t.yaml"))
    assert (outcome.verdict, outcome.digest) == (Verdict.HELD, world.digest)


def test_it_is_written_as_people_write_it() -> None:
    with ScriptedWorld(seed=3, block_time_s=1, environment={"TESTNET_ONLY": "false"}) as world:
        world.deposit("alice", "1.5", as_="d1", token="DF")
        world.mine(3)
        world.halt_chain()
        world.resume_chain()
        world.wait(until="1m")
        world.note("no: yes")
        world.settle(within="10m")
        assert world.scenario("A title: with a colon") == (
            'title: "A title: with a colon"\n'
            "seed: 3\n"
            "given:\n"
            "  block_time_s: 1\n"
            '  environment: {TESTNET_ONLY: "false"}\n'
            "steps:\n"
            '  - deposit: {user: alice, amount: "1.5", as: d1}\n'
            "  - mine: 3\n"
            "  - halt_chain\n"
            "  - resume_chain\n"
            "  - wait: {until: 1m}\n"
            '  - note: "no: yes"\n'
            "settle: {within: 10m}\n"
        )


def test_requests_are_steps_with_the_status_that_came() -> None:
    with ScriptedWorld() as world:
        world.request("GET", "/spot/balances", "alice")
        world.request("POST", "/auth/login", json={"address": "0x0"})
        world.kill_api()
        with pytest.raises(ConnectionRefusedError):
            world.request("GET", "/spot/balances", headers={"X": "1"})
        world.start_api()
        world.settle()
    outcome = runner.run(loader.parse(world.scenario("t"), "t.yaml"))
    assert (outcome.verdict, outcome.digest) == (Verdict.HELD, world.digest)


def test_a_settling_in_the_middle_becomes_steps() -> None:
    with ScriptedWorld() as world:
        world.deposit("alice", "1", as_="d1")
        world.halt_chain()
        world.settle()
        world.mine(25)
        world.settle()
    outcome = runner.run(loader.parse(text := world.scenario("t"), "t.yaml"))
    assert outcome.verdict is Verdict.HELD
    assert "  - clear_faults\n  - resume_chain\n  - wait: " in text


def test_a_session_of_nothing_is_a_scenario() -> None:
    with ScriptedWorld() as world:
        pass
    assert runner.run(loader.parse(world.scenario("t"), "t.yaml")).verdict is Verdict.HELD


def test_a_failed_step_fails_again_in_the_same_run() -> None:
    world = ScriptedWorld()
    world.mine(2)
    with pytest.raises(StepFailed) as caught:
        world.expect(height={"at_least": 2_000})
    world.close()
    outcome = runner.run(loader.parse(world.scenario("t"), "t.yaml"))
    assert (outcome.verdict, outcome.digest) == (Verdict.VIOLATED, world.digest)
    assert outcome.failure is not None
    assert outcome.failure.actual == caught.value.actual


def test_a_violation_is_violated_again_in_the_same_run() -> None:
    world = ScriptedWorld(listener=documented_loop.run_listener)
    world.deposit("alice", "100", as_="d1")
    world.mine(25)
    world.wait_until(credited=["d1"], within="60s")
    world.reorg(depth=30, drop=["d1"])
    with pytest.raises(Violated):
        world.settle()
    world.close()
    text = world.scenario("t")
    assert "why: " in text
    outcome = runner.run(loader.parse(text, "t.yaml"), listener=documented_loop.run_listener)
    assert (outcome.verdict, outcome.digest) == (Verdict.VIOLATED, world.digest)
