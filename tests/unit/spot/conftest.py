"""The world of these tests: a scripted node, a clock that moves when told, a real SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.schema import create_schema
from ztdx_spot.listener.poller import Poller
from ztdx_spot.rpc import NodeClient

from .api_client import Api
from .world import CountingEntropy, FakeClock, ScriptedNode, listener_settings


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def entropy() -> CountingEntropy:
    return CountingEntropy()


@pytest.fixture
def node() -> ScriptedNode:
    return ScriptedNode()


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    return tmp_path / "spot.db"


@pytest.fixture
def database(database_path: Path, clock: FakeClock) -> Iterator[Database]:
    connection = open_connection(database_path, synchronous="OFF")
    database = Database(connection, clock)
    create_schema(database)
    yield database
    connection.close()


@pytest.fixture
def poller(
    node: ScriptedNode, clock: FakeClock, entropy: CountingEntropy, database: Database
) -> Poller:
    return Poller(listener_settings(start_block=1), NodeClient(node), clock, entropy, database)


@pytest.fixture
def api(database: Database, clock: FakeClock, entropy: CountingEntropy) -> Api:
    return Api(database, clock, entropy)
