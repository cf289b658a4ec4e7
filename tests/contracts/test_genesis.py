"""Contracts whose constructor is run at a chosen address, as the devnet fills its genesis."""

from typing import Any

import pytest
from bare_state import BareState
from eth_utils import to_canonical_address
from expected import NATIVE, code_of, domain_separator, error, word

VAULT = "0x4Fe0b354c5865ee9deb979a99030d757ae47664a"
DF = "0x8063a43ed88397c1B10DA23dcC60ba1E7A0Bf555"
OWNER = "0x" + "0a" * 20
USER = "0x" + "0b" * 20
SIGNER = "0x" + "0c" * 20


@pytest.fixture
def state(chain: Any) -> BareState:
    return BareState(chain)


@pytest.fixture
def creation_code(containers):
    def code(name):
        return code_of(containers[name].contract_type.deployment_bytecode)

    return code


def test_constructors_run_at_the_published_addresses_make_a_working_pair(
    state, containers, creation_code
):
    state.construct(DF, creation_code("DFToken"), OWNER).raise_if_error()
    state.construct(VAULT, creation_code("ZtdxSpotVault"), OWNER, SIGNER).raise_if_error()
    for name, address in {"DFToken": DF, "ZtdxSpotVault": VAULT}.items():
        assert state.code(address) == code_of(containers[name].contract_type.runtime_bytecode)

    for sender, to, signature, *arguments in (
        (OWNER, DF, "mint(address,uint256)", USER, 100),
        (OWNER, VAULT, "setTokenRegistered(address,bool)", DF, True),
        (USER, DF, "approve(address,uint256)", VAULT, 100),
    ):
        state.call(sender, to, signature, *arguments).raise_if_error()
    deposit = state.call(USER, VAULT, "deposit(address,uint256)", DF, 60)

    deposit.raise_if_error()
    emitter, topics, data = deposit.get_log_entries()[-1]
    assert emitter == to_canonical_address(VAULT)
    assert [word(topic) for topic in topics[1:]] == [word(USER), word(DF)]
    assert int.from_bytes(data, "big") == 60


def test_a_vault_constructed_at_a_chosen_address_signs_for_that_address(state, creation_code):
    state.construct(VAULT, creation_code("ZtdxSpotVault"), OWNER, SIGNER).raise_if_error()
    separator = state.call(USER, VAULT, "domainSeparator()").output
    assert separator == domain_separator(state.chain_id, VAULT)


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("DFToken", (NATIVE,), error("OwnableInvalidOwner", NATIVE)),
        ("ZtdxSpotVault", (NATIVE, SIGNER), error("ZeroAddress")),
        ("ZtdxSpotVault", (OWNER, NATIVE), error("ZeroAddress")),
    ],
    ids=["a token without an owner", "a vault without an owner", "a vault without a signer"],
)
def test_it_cannot_be_constructed(state, creation_code, name, arguments, answer):
    failed = state.construct(VAULT, creation_code(name), *arguments)
    assert failed.is_error
    assert failed.output == answer
