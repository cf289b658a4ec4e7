"""web3.py's own integration tests of Web3, on our server and on DevnetProvider."""

from __future__ import annotations

from web3._utils.module_testing import (
    EthModuleTest,
    GoEthereumTxPoolModuleTest,
    NetModuleTest,
    Web3ModuleTest,
    eth_module,
)

from tests.conformance.web3py.failures import FAILURES


def test_every_expected_failure_is_about_a_test() -> None:
    for name in FAILURES:
        owner, _, test = name.partition(".")
        assert hasattr(getattr(eth_module, owner), test), name


class TestWeb3(Web3ModuleTest):
    def _check_web3_client_version(self, client_version: str) -> None:
        assert client_version.startswith("ztdx-devnet/")


class TestNet(NetModuleTest):
    pass


class TestEth(EthModuleTest):
    pass


class TestTxPool(GoEthereumTxPoolModuleTest):
    pass
