"""One world for all tests that only read."""

from __future__ import annotations

import pytest

from tests.conformance.node import Node, World, build_world


@pytest.fixture(scope="session")
def world() -> World:
    return build_world()


@pytest.fixture(scope="session")
def node(world: World) -> Node:
    return world.node
