"""Scenarios in a few lines, for tests: their steps alone on a world, or played with a verdict."""

from __future__ import annotations

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.verdict import Outcome
from ztdx_devnet.sim.world import World, WorldSettings


def perform(steps: str, **settings: int) -> World:
    """The world after those steps, without any process of the product."""
    scenario = loader.parse(f"title: t\nsteps:{steps}", "t.yaml")
    with World(WorldSettings(**settings)) as world:

        def script() -> None:
            for step in scenario.steps:
                step.verb.perform(Stage(world))

        world.run(script)
        return world


def play(text: str, *, documented: bool = False) -> Outcome:
    """What comes of a scenario without its title, with the product or the documented loop."""
    scenario = loader.parse(f"title: t\n{text}", "t.yaml")
    return runner.run(scenario, listener=documented_loop.run_listener if documented else None)
