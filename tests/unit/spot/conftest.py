"""The world of these tests: a scripted node, a clock that moves when told, a real SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema

from .api_client import Api
from .listener_world import Listener
from .world import CountingEntropy, FakeClock, ScriptedNode


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
    prepare_schema(database)
    yield database
    connection.close()


@pytest.fixture
def listener(
    node: ScriptedNode,
    clock: FakeClock,
    entropy: CountingEntropy,
    database: Database,
    database_path: Path,
) -> Iterator[Listener]:
    """After each test of a listener its ledger must add up."""
    listener = Listener(node, clock, entropy, database, database_path)
    yield listener
    listener.check_ledger()


@pytest.fixture(params=["full", "boundary"])
def either(request: pytest.FixtureRequest, listener: Listener) -> Listener:
    """A listener of each way to verify pages."""
    listener.settings["verify"] = request.param
    return listener


@pytest.fixture
def api(database: Database, clock: FakeClock, entropy: CountingEntropy) -> Api:
    return Api(database, clock, entropy)
