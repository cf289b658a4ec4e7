"""web3.py's own integration tests of AsyncWeb3, on our server and on AsyncDevnetProvider."""

from __future__ import annotations

import pytest
from web3._utils.module_testing import (
    AsyncEthModuleTest,
    AsyncNetModuleTest,
    GoEthereumAsyncTxPoolModuleTest,
)
from web3._utils.module_testing.web3_module import AsyncWeb3ModuleTest

# Where a batch refuses a request, the tests have made its coroutine and never await it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:coroutine 'AsyncEth.get_block' was never awaited:RuntimeWarning"
)


class TestWeb3(AsyncWeb3ModuleTest):
    def _check_web3_client_version(self, client_version: str) -> None:
        assert client_version.startswith("ztdx-devnet/")


class TestNet(AsyncNetModuleTest):
    pass


class TestEth(AsyncEthModuleTest):
    pass


class TestTxPool(GoEthereumAsyncTxPoolModuleTest):
    pass
