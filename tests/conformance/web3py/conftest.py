"""The fixtures that web3.py's tests ask for. Each test leaves the chain as it found it."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_utils import to_checksum_address
from web3 import AsyncWeb3, Web3

from tests.conformance.web3py import world as worlds
from tests.conformance.web3py.failures import FAILURES
from tests.conformance.web3py.world import KEYFILE_ACCOUNT, World


def pytest_configure(config: pytest.Config) -> None:
    # web3.py marks its coroutines for pytest-asyncio; here, pytest_pyfunc_call runs them.
    config.addinivalue_line("markers", "asyncio: a coroutine of web3.py's tests")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine to its end, in the event loop of its fixtures."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    pyfuncitem.funcargs["runner"].run(pyfuncitem.obj(**arguments))
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that is expected to fail has to: the day it passes, its reason is a lie."""
    if isinstance(item, pytest.Function) and item.cls is not None:
        owner = next((c for c in item.cls.__mro__ if item.originalname in vars(c)), item.cls)
        reason = FAILURES.get(f"{owner.__name__}.{item.originalname}")
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def needs_a_pool(name: str) -> bool:
    """Whether the test of that name is about a transaction that waits."""
    if name.endswith(("already_mined", "non_existing_transaction")):
        return False
    return any(part in name for part in ("unmined", "replace_transaction", "modify_transaction"))


@pytest.fixture(scope="module", params=["over_http", "in_process"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with getattr(worlds, request.param)(tmp_path_factory.mktemp("devnet")) as built:
        yield built


@pytest.fixture(autouse=True)
def as_it_was(world: World, request: pytest.FixtureRequest) -> Iterator[None]:
    """Take back what the test does to the chain, and let what it sends wait if it is about that."""
    moment = world.ask("evm_snapshot")
    world.ask("evm_setAutomine", not needs_a_pool(request.node.originalname))
    yield
    world.ask("evm_setAutomine", True)
    assert world.ask("evm_revert", moment) is True


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is resolved but our own: the tests of off-chain lookups name a real host."""
    resolve = socket.getaddrinfo

    def resolve_loopback(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in ("127.0.0.1", "localhost", "::1"):
            raise socket.gaierror(socket.EAI_NONAME, "offline")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr("socket.getaddrinfo", resolve_loopback)


@pytest.fixture(autouse=True)
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as loop:
        yield loop


@pytest.fixture(scope="module")
def w3(world: World) -> Web3:
    return world.w3


@pytest.fixture
def async_w3(world: World, runner: asyncio.Runner) -> Iterator[AsyncWeb3[Any]]:
    w3 = AsyncWeb3(world.async_provider())
    w3.eth.default_account = world.w3.eth.default_account
    yield w3
    if hasattr(w3.provider, "endpoint_uri"):
        runner.run(w3.provider.disconnect())


@pytest.fixture
def request_mocker() -> Any:
    # Imported late: the package uses the marker above.
    from web3._utils.module_testing.utils import RequestMocker

    return RequestMocker


@pytest.fixture
def skip_if_testrpc() -> Callable[[Any], None]:
    return lambda _: None  # not eth-tester


async_skip_if_testrpc = skip_if_testrpc


def part(take: Callable[[World], Any]) -> Any:
    """A fixture that is a part of the world."""

    @pytest.fixture
    def taken(world: World) -> Any:
        return take(world)

    return taken


def contract(name: str) -> Any:
    """A fixture: that contract for Web3."""
    return part(lambda world: world.contract(world.w3, name))


def async_contract(name: str) -> Any:
    """A fixture: that contract for AsyncWeb3."""

    @pytest.fixture
    def taken(world: World, async_w3: AsyncWeb3[Any]) -> Any:
        return world.contract(async_w3, name)

    return taken


keyfile_account_pkey = part(lambda _: KEYFILE_ACCOUNT.private_key)
keyfile_account_address = part(lambda _: to_checksum_address(KEYFILE_ACCOUNT.address))
keyfile_account_address_dual_type = keyfile_account_address
async_keyfile_account_address = keyfile_account_address
async_keyfile_account_address_dual_type = keyfile_account_address

empty_block = async_empty_block = part(lambda world: world.empty_block)
block_with_txn = async_block_with_txn = part(lambda world: world.block_with_txn)
block_with_txn_with_log = part(lambda world: world.block_with_txn_with_log)
async_block_with_txn_with_log = block_with_txn_with_log
mined_txn_hash = part(lambda world: world.block_with_txn["transactions"][0])
txn_hash_with_log = part(lambda world: world.block_with_txn_with_log["transactions"][0])

math_contract, async_math_contract = contract("math"), async_contract("math")
emitter_contract, async_emitter_contract = contract("emitter"), async_contract("emitter")
revert_contract, async_revert_contract = contract("revert"), async_contract("revert")
storage_contract, async_storage_contract = contract("storage"), async_contract("storage")
panic_errors_contract = contract("panic_errors")
async_panic_errors_contract = async_contract("panic_errors")
offchain_lookup_contract = contract("offchain_lookup")
async_offchain_lookup_contract = async_contract("offchain_lookup")
math_contract_address = part(lambda world: world.addresses["math"])
async_math_contract_address = math_contract_address
emitter_contract_address = part(lambda world: world.addresses["emitter"])
async_emitter_contract_address = emitter_contract_address
math_contract_deploy_txn_hash = part(lambda world: world.deployments["math"])
