"""web3.py's own integration tests of its WebSocketProvider, on our server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from web3 import AsyncWeb3, WebSocketProvider
from web3._utils.module_testing.persistent_connection_provider import (
    PersistentConnectionProviderTest,
)
from web3._utils.module_testing.web3_module import AsyncWeb3ModuleTest

from tests.conformance.web3py import world as worlds
from tests.conformance.web3py.world import World

BLOCK_TIME_S = 0.05


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds.over_http(tmp_path_factory.mktemp("devnet")) as built:
        yield built


@pytest.fixture
def async_w3(world: World, runner: asyncio.Runner) -> Iterator[AsyncWeb3[Any]]:
    """Connected, while the chain mines by itself."""
    provider = WebSocketProvider(world.websocket_url)
    miner = world.async_provider()

    async def mine() -> None:
        while True:
            await asyncio.sleep(BLOCK_TIME_S)
            await miner.make_request("evm_mine", [])

    async def start() -> asyncio.Task[None]:
        await provider.connect()
        return asyncio.create_task(mine())

    async def stop() -> None:
        mining.cancel()
        await asyncio.wait([mining])
        await provider.disconnect()
        await miner.disconnect()

    mining = runner.run(start())
    yield AsyncWeb3(provider)
    runner.run(stop())


# Where a batch refuses a request, the tests have made its coroutine and never await it.
@pytest.mark.filterwarnings(
    "ignore:coroutine 'AsyncEth.get_block' was never awaited:RuntimeWarning"
)
class TestWeb3(AsyncWeb3ModuleTest):
    def _check_web3_client_version(self, client_version: str) -> None:
        assert client_version.startswith("ztdx-devnet/")


class TestWebSocket(PersistentConnectionProviderTest):
    pass
