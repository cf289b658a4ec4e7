"""The opening: a world as `given` says, and the product's processes that run from the start."""

from __future__ import annotations

from ztdx_devnet.scenario.model import Given
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_devnet.sim.world import World, WorldSettings


def open_world(given: Given, seed: int, listener: ListenerProgram | None = None) -> World:
    """A world in which nothing runs yet; `listener` stands in the place of the product's.

    Raises SettingError for an environment that the product refuses.
    """
    return World(
        WorldSettings(
            seed=seed,
            start_height=given.start_height,
            confirmation_depth_blocks=given.confirmation_depth,
            block_time_s=given.block_time_s,
            poll_interval_ms=given.poll_interval_ms,
            environment=given.environment,
            listener=listener,
            restart_after_us=given.restart_after,
            varied_latency=given.latency == "varied",
        )
    )


def start_product(world: World, given: Given) -> None:
    """Start the API, and the listener unless it is given as stopped."""
    world.product.start_api()
    if given.listener == "running":
        world.product.start_listener()
