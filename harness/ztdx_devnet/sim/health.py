"""The product's own word on its health, as `/readyz` would give it: asked without any request."""

from __future__ import annotations

from ztdx_devnet.sim.world import World
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.api import readiness
from ztdx_spot.api.answers import Readiness
from ztdx_spot.config import read_api_settings
from ztdx_spot.ledger import listener_status
from ztdx_spot.ledger.database import ReadTransaction


def health(world: World) -> Readiness:
    """The verdict at this instant, from one snapshot of what is committed."""
    connection = world.reader.read_only()
    if connection is None:
        return readiness.unreadable()
    watched = read_api_settings(world.product.environment).listener
    connection.execute("BEGIN")
    try:
        traces = listener_status.read_traces(ReadTransaction(connection), watched.chain_id)
    finally:
        connection.execute("COMMIT")
    return readiness.judge(watched, traces, world.now_us // MICROSECONDS)
