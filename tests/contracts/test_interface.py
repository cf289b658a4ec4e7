"""The vault's names and numbers as the product publishes them."""

import re
from pathlib import Path

import artifacts
import pytest
from eth_utils import keccak
from expected import SPOT_DEPOSIT_TOPIC, code_of, domain_separator, selector

FUNCTION_SELECTORS = {
    "deposit(address,uint256)": "0x47e7ef24",
    "depositNative()": "0xdb6b5246",
    "withdraw(address,uint256,uint256,bytes)": "0x0bd0ca9a",
}

ERROR_SELECTORS = {
    "TokenNotRegistered": "0xddef98d7",
    "ZeroAddress": "0xd92e233d",
    "ZeroAmount": "0x1f2a2005",
    "EnforcedPause": "0xd93c0665",
    "InvalidSignature": "0x8baa579f",
    "SignatureExpired": "0xf88f0490",
    "InsufficientVaultBalance": "0xa343d5e0",
    "OwnableUnauthorizedAccount": "0x118cdaa7",
    "ReentrancyGuardReentrantCall": "0x3ee5aeb5",
}

VIEWS = {
    "accountTokenBalance(address,address)": "uint256",
    "accountTokenDepositTotal(address,address)": "uint256",
    "authorizationSigner()": "address",
    "domainName()": "string",
    "domainSeparator()": "bytes32",
    "domainVersion()": "string",
    "everRegisteredTokens(address)": "bool",
    "owner()": "address",
    "paused()": "bool",
    "registeredTokens(address)": "bool",
    "releaseNonces(address)": "uint256",
    "tokenTotalDeposits(address)": "uint256",
    "tokenTotalWithdrawals(address)": "uint256",
    "vaultTokenBalance(address)": "uint256",
}

ADMINISTRATION = {
    "pause()",
    "setAuthorizationSigner(address)",
    "setTokenRegistered(address,bool)",
    "unpause()",
}

# As ethers and viem name the values they decode.
EVENTS = {
    "AuthorizationSignerChanged(address indexed oldSigner, address indexed newSigner)",
    "Paused(address account)",
    "SpotDeposit(address indexed account, address indexed token, uint256 amount)",
    "SpotWithdrawal(address indexed account, address indexed token, uint256 amount, uint256 nonce)",
    "TokenRegistrationChanged(address indexed token, bool registered)",
    "Unpaused(address account)",
}


@pytest.fixture
def vault_type(containers):
    return containers["ZtdxSpotVault"].contract_type


@pytest.mark.parametrize(("signature", "expected"), FUNCTION_SELECTORS.items())
def test_a_function_has_the_published_selector(vault_type, signature, expected):
    names = {method.selector for method in vault_type.mutable_methods}
    assert signature in names
    assert "0x" + keccak(text=signature)[:4].hex() == expected


@pytest.mark.parametrize(("name", "expected"), ERROR_SELECTORS.items())
def test_an_error_has_the_published_selector(name, expected):
    assert "0x" + selector(name).hex() == expected


def test_the_vault_has_the_documented_functions_and_no_other(vault_type):
    views = {method.selector: method.outputs[0].type for method in vault_type.view_methods}
    assert views == VIEWS
    assert {method.selector for method in vault_type.mutable_methods} == {
        *FUNCTION_SELECTORS,
        *ADMINISTRATION,
    }


def test_only_depositing_bnb_is_payable(vault_type):
    payable = [method.name for method in vault_type.mutable_methods if method.is_payable]
    assert payable == ["depositNative"]


def test_the_vault_has_the_documented_events_and_no_other(vault_type):
    assert {event.signature for event in vault_type.events} == EVENTS


def test_spot_deposit_has_the_published_topic():
    assert "0x" + keccak(text="SpotDeposit(address,address,uint256)").hex() == SPOT_DEPOSIT_TOPIC


def test_every_error_raised_in_the_sources_is_in_the_list():
    """Errors are raised as raw bytes, so nothing else would notice one that is not listed."""
    sources = "".join(path.read_text() for path in artifacts.SOURCES.rglob("*.vy"))
    named = re.findall(r'method_id\("(\w+)\(([\w,]*)\)"\)', sources)
    others = {"transfer", "transferFrom", "deposit", "Panic"}
    assert {name: types for name, types in named if name not in others} == {
        name: ",".join(kind for kind, _ in inputs) for name, inputs in artifacts.ERRORS.items()
    }


@pytest.mark.parametrize("contract", artifacts.RAISED_BY)
def test_a_contract_lists_exactly_the_errors_its_code_can_raise(containers, contract):
    code = code_of(containers[contract].contract_type.deployment_bytecode)
    raised = {name for name in artifacts.ERRORS if selector(name) in code}
    assert raised == set(artifacts.RAISED_BY[contract])


def test_the_domain_separator_is_the_eip_712_hash_of_the_documented_domain(vault, chain):
    assert bytes(vault.domainSeparator()) == domain_separator(chain.chain_id, vault.address)
    assert (vault.domainName(), vault.domainVersion()) == ("ZTDX Spot Vault", "1")


def test_two_vaults_have_two_domains(deploy, vault, owner, signer):
    other = deploy("ZtdxSpotVault", owner, signer)
    assert vault.domainSeparator() != other.domainSeparator()


def test_the_code_on_chain_is_the_deployed_bytecode(containers, chain, vault, df):
    """No immutables: what an artifact calls deployedBytecode may be compared with eth_getCode."""
    for name, contract in {"ZtdxSpotVault": vault, "DFToken": df}.items():
        compiled = code_of(containers[name].contract_type.runtime_bytecode)
        assert bytes(chain.provider.get_code(contract.address)) == compiled


def test_no_source_mentions_a_fixed_address():
    for path in Path(artifacts.SOURCES).rglob("*.vy"):
        assert not re.search(r"0x[0-9a-fA-F]{40}", path.read_text()), path.name
