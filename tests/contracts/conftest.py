"""The contracts, compiled from their sources and deployed on ape's own test chain."""

from collections.abc import Callable
from typing import Any

import pytest

try:
    import ape  # noqa: F401
except ModuleNotFoundError:
    # ape lives in the contracts environment only; another one that collects all of tests/ finds
    # nothing here.
    collect_ignore_glob = ["*"]
else:
    import artifacts
    from ape.contracts import ContractContainer
    from vouchers import FAR_DEADLINE_S, Voucher, next_voucher


@pytest.fixture(scope="session")
def compiled() -> dict[str, Any]:
    """Fresh from the compiler that writes the artifacts; its ABI has no error entries, so what a
    revert must look like is never taken from the contract under test."""
    return artifacts.compile_contracts()


@pytest.fixture(scope="session")
def containers(compiled: dict[str, Any]) -> dict[str, "ContractContainer"]:
    return {name: ContractContainer(contract) for name, contract in compiled.items()}


@pytest.fixture(scope="session")
def owner(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture(scope="session")
def user(accounts: Any) -> Any:
    return accounts[1]


@pytest.fixture(scope="session")
def stranger(accounts: Any) -> Any:
    return accounts[2]


@pytest.fixture(scope="session")
def signer(accounts: Any) -> Any:
    return accounts[3]


@pytest.fixture(scope="session")
def deploy(containers: dict[str, "ContractContainer"], owner: Any) -> Callable[..., Any]:
    def deploy_contract(name: str, *arguments: object) -> Any:
        return owner.deploy(containers[name], *arguments)

    return deploy_contract


@pytest.fixture(scope="module")
def df(deploy: Callable[..., Any], owner: Any) -> Any:
    return deploy("DFToken", owner)


@pytest.fixture(scope="module")
def vault(deploy: Callable[..., Any], owner: Any, signer: Any, df: Any) -> Any:
    """A vault that accepts DF and no other token."""
    vault = deploy("ZtdxSpotVault", owner, signer)
    vault.setTokenRegistered(df, True, sender=owner)
    return vault


@pytest.fixture(scope="module", autouse=True)
def _deployed_before_the_first_test(
    compiled: Any, owner: Any, user: Any, stranger: Any, signer: Any, vault: Any
) -> None:
    """ape takes the chain back to where it stood after a module's first set-up, and starts over
    when a later test asks for a fixture of a wider scope."""


@pytest.fixture
def voucher(vault: Any, chain: Any) -> Callable[..., "Voucher"]:
    """The voucher that the vault wants to see next from an account."""

    def make(
        account: Any, token: Any, amount_wei: int, deadline: int = FAR_DEADLINE_S
    ) -> "Voucher":
        return next_voucher(vault, chain, account, token, amount_wei, deadline)

    return make


@pytest.fixture
def funded(df: Any, vault: Any, owner: Any, user: Any) -> int:
    """Wei of DF that the user holds and the vault may take."""
    amount_wei = 1_000 * 10**18
    df.mint(user, amount_wei, sender=owner)
    df.approve(vault, amount_wei, sender=user)
    return amount_wei
