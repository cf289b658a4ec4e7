"""Contracts of other people on the chain: the artifacts of Foundry, Hardhat and ape, and flags."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from eth_abi import encode

from tests.unit.chain.builders import call_head
from ztdx_devnet.artifacts import Artifact, load
from ztdx_devnet.artifacts.foreign import BadArtifact, read
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.evm.state import State, create_address
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import OWNER, USERS, WITHDRAW_SIGNER
from ztdx_devnet.chain.origin.deployment import (
    DEPLOYED,
    TESTNET,
    ContractPlan,
    Deployment,
    DeploymentImpossible,
)
from ztdx_devnet.chain.origin.genesis import TOKEN_WEI, build
from ztdx_devnet.chain.signing import sign_call
from ztdx_devnet.cli.chain import chain as chain_command
from ztdx_devnet.live.chain_source import ChainSource, ForeignContract, NoChain, open_chain

ALICE = USERS["alice"]
VAULT, TOKEN = load("ZtdxSpotVault"), load("DFToken")
VAULT_ARGUMENTS = ("owner", "withdraw_signer")


# --- the shapes of the files ----------------------------------------------------------------------


def hexed(code: bytes) -> str:
    return "0x" + code.hex()


def foundry(artifact: Artifact) -> dict[str, Any]:
    """out/Vault.sol/Vault.json"""
    return {
        "abi": list(artifact.abi),
        "bytecode": {"object": hexed(artifact.creation), "sourceMap": "", "linkReferences": {}},
        "deployedBytecode": {"object": hexed(artifact.runtime), "immutableReferences": {}},
        "methodIdentifiers": {},
        "metadata": {"compiler": {"version": "0.8.30"}},
        "id": 7,
    }


def hardhat(artifact: Artifact) -> dict[str, Any]:
    """artifacts/contracts/Vault.sol/Vault.json"""
    return {
        "_format": "hh-sol-artifact-1",
        "contractName": artifact.name,
        "sourceName": f"contracts/{artifact.name}.sol",
        "abi": list(artifact.abi),
        "bytecode": hexed(artifact.creation),
        "deployedBytecode": hexed(artifact.runtime),
        "linkReferences": {},
        "deployedLinkReferences": {},
    }


def ape(artifact: Artifact) -> dict[str, Any]:
    """.build/Vault.json"""
    return {
        "abi": list(artifact.abi),
        "ast": {"ast_type": "Module"},
        "contractName": artifact.name,
        "deploymentBytecode": {"bytecode": hexed(artifact.creation)},
        "runtimeBytecode": {"bytecode": hexed(artifact.runtime)},
        "sourceId": f"contracts/{artifact.name}.vy",
    }


def manifest(*artifacts: Artifact) -> dict[str, Any]:
    """.build/__local__.json"""
    return {"manifest": "ethpm/3", "contractTypes": {each.name: ape(each) for each in artifacts}}


Shape = Callable[[Artifact], dict[str, Any]]
SHAPES = [foundry, hardhat, ape, manifest]


def write(directory: Path, content: Any, name: str = "Mine.json") -> Path:
    path = directory / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_abi_and_bytecode(tmp_path: Path, shape: Shape) -> None:
    found = read(write(tmp_path, shape(VAULT)))
    assert found.abi == VAULT.abi
    assert found.creation == VAULT.creation
    assert found.name == ("Mine" if shape is foundry else "ZtdxSpotVault")


def test_bytecode_may_come_without_0x(tmp_path: Path) -> None:
    content = {**hardhat(VAULT), "bytecode": VAULT.creation.hex().upper()}
    assert read(write(tmp_path, content)).creation == VAULT.creation


def test_one_of_several_contracts_is_chosen_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, manifest(VAULT, TOKEN))
    assert read(path, "ZtdxSpotVault").creation == VAULT.creation
    assert read(path, "DFToken").creation == TOKEN.creation
    with pytest.raises(BadArtifact, match=r"several contracts \(DFToken, ZtdxSpotVault\); name"):
        read(path)
    with pytest.raises(BadArtifact, match="no contract 'Vault' in it; there are DFToken, Ztdx"):
        read(path, "Vault")


PLACEHOLDER = "__$0123456789abcdef0123456789abcdef01$__"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("\ufeff{}", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "expected an object with abi and bytecode"),
        ("7", "expected an object with abi and bytecode"),
        ({}, "no abi in it"),
        ({"abi": "x"}, "no abi in it"),
        ({"abi": ["x"]}, "no abi in it"),
        ({"abi": [{"type": "constructor", "inputs": "x"}], "bytecode": "0x00"}, "no abi in it"),
        ({"abi": [{"type": "constructor", "inputs": [7]}], "bytecode": "0x00"}, "no abi in it"),
        ({"abi": [{"type": "constructor", "inputs": [{}]}], "bytecode": "0x00"}, "no abi in it"),
        ({"abi": [{"type": "function", "inputs": None}], "bytecode": "0x00"}, "no abi in it"),
        ({"abi": []}, "no creation bytecode in it"),
        ({"abi": [], "bytecode": None}, "no creation bytecode in it"),
        ({"abi": [], "bytecode": {}}, "no creation bytecode in it"),
        ({"abi": [], "bytecode": 7}, "no creation bytecode in it"),
        ({"abi": [], "bytecode": "0x"}, "an interface or an abstract contract has none"),
        ({"abi": [], "bytecode": {"object": "0x"}}, "an interface or an abstract contract has"),
        ({"abi": [], "deploymentBytecode": {"bytecode": ""}}, "no creation bytecode in it"),
        ({"abi": [], "deploymentBytecode": "0x00"}, "no creation bytecode in it"),
        ({"abi": [], "bytecode": "0x0"}, "not hex"),
        ({"abi": [], "bytecode": "0xzz"}, "not hex"),
        ({"abi": [], "bytecode": "0x00\n"}, "not hex"),
        ({"abi": [], "bytecode": f"0x73{PLACEHOLDER}00"}, "waits for a library (__$0123456789"),
        ({"abi": [], "bytecode": {"object": f"0x73{PLACEHOLDER}"}}, "link it first"),
        ({"abi": [], "bytecode": "0x73__contracts/Lib.sol:Lib_________________00"}, "link it"),
        ({"contractTypes": {}}, "contractTypes holds no contract"),
        ({"contractTypes": []}, "contractTypes holds no contract"),
        ({"contractTypes": {"A": 7}}, "no contract"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_file_says_what_is_missing_in_it(tmp_path: Path, content: Any, told: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(BadArtifact) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert told in message
    assert "\n" not in message


def test_a_file_that_can_t_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    for name, told in (("none.json", "No such file"), (".", "directory"), ("binary.json", "JSON")):
        with pytest.raises(BadArtifact, match=told):
            read(tmp_path / name)


# --- arguments ------------------------------------------------------------------------------------


def plan(types: list[str], *arguments: str, **entry: Any) -> ContractPlan:
    inputs = [{"name": f"arg{i}", "type": kind, **entry} for i, kind in enumerate(types)]
    abi = ({"type": "constructor", "inputs": inputs},)
    return ContractPlan(Artifact("Mine", abi, b"\xfe", b"", ""), arguments, "--vault-arg")


NAMES = {"owner": OWNER.address, "alice": ALICE.address}
ALICE_HEX = ALICE.address_hex


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("address", "owner", OWNER.address),
        ("address", ALICE_HEX, ALICE.address),
        ("address", ALICE_HEX[2:].upper(), ALICE.address),
        ("uint256", "10", 10),
        ("uint256", "0xff", 255),
        ("uint8", "255", 255),
        ("int128", "-1", -1),
        ("bool", "true", True),
        ("string", "owner", "owner"),
        ("string", "", ""),
        ("bytes", "0x", b""),
        ("bytes", "0x0102", b"\1\2"),
        ("bytes4", "0x01020304", b"\1\2\3\4"),
        ("uint256[]", "[1, 2]", [1, 2]),
        ("bool[2]", "[true, false]", [True, False]),
        ("string[]", '["a"]', ["a"]),
        ("address[]", f'["{ALICE_HEX}"]', [ALICE.address]),
        ("address[]", f'["owner", "{ALICE_HEX}"]', [OWNER.address, ALICE.address]),
        ("bytes[]", '["0x01"]', [b"\1"]),
        ("bytes32[][]", '[["0x' + "01" * 32 + '"]]', [[b"\1" * 32]]),
        ("uint256[]", '["0xff", "7"]', [255, 7]),
    ],
)
def test_an_argument_is_read_as_its_type(kind: str, text: str, value: Any) -> None:
    assert plan([kind], text).creation(NAMES) == b"\xfe" + encode([kind], [value])


def test_a_struct_is_given_as_json() -> None:
    components = [{"name": "a", "type": "address"}, {"name": "b", "type": "uint256[]"}]
    given = plan(["tuple"], '["alice", [1, 2]]', components=components)
    expected = encode(["(address,uint256[])"], [(ALICE.address, [1, 2])])
    assert given.creation(NAMES) == b"\xfe" + expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("address", "nobody"),
        ("address", "0x01"),
        ("address", ""),
        ("uint8", "256"),
        ("uint8", "-1"),
        ("uint256", "1.5"),
        ("uint256", "1e18"),
        ("uint256", ""),
        ("int8", "128"),
        ("bool", "True"),
        ("bool", "1"),
        ("bytes4", "0x0102030405"),
        ("bytes", "zz"),
        ("uint256[]", "1"),
        ("uint256[]", "[1"),
        ("uint256[]", '["x"]'),
        ("uint256[]", "[1.5]"),
        ("uint256[]", "[true]"),
        ("uint256[2]", "[1]"),
        ("address[]", "[1]"),
        ("address[]", '["bob"]'),
        ("bytes[]", '["zz"]'),
        ("uint256[]", "{}"),
        ("uint256[]", "null"),
        ("uint256[]", "[" * 100_000),
        ("unheard", "1"),
        ("uint7", "1"),
        ("fixed128x18", "x"),
    ],
    ids=lambda value: value[:20],
)
def test_a_wrong_argument_names_the_flag(kind: str, text: str) -> None:
    with pytest.raises(DeploymentImpossible, match=r"Mine: .*--vault-arg") as caught:
        plan([kind], text).creation(NAMES)
    assert "\n" not in str(caught.value)


def test_too_few_and_too_many_arguments_are_refused_with_the_constructor() -> None:
    for arguments in ((), ("owner", "1", "2")):
        with pytest.raises(DeploymentImpossible) as caught:
            plan(["address", "uint256"], *arguments).creation(NAMES)
        assert str(caught.value) == (
            "Mine: its constructor(address arg0, uint256 arg1) takes 2 arguments, "
            f"got {len(arguments)}: give --vault-arg once for each, in order"
        )


# --- deployments ----------------------------------------------------------------------------------


def source(tmp_path: Path, shape: Shape = foundry, **more: Any) -> ChainSource:
    """Our own contracts as if they were somebody else's."""
    vault = write(tmp_path, shape(VAULT), "vault.json")
    token = write(tmp_path, shape(TOKEN), "token.json")
    return ChainSource(
        vault=ForeignContract(str(vault), VAULT_ARGUMENTS),
        token=ForeignContract(str(token), ("owner",)),
        **more,
    )


def send(chain: Chain, key: Any, to: bytes, data: bytes) -> bytes | None:
    """Mine a transaction that must succeed; the address of the contract, if it creates one."""
    sender = key.public_key.to_canonical_address()
    chain.add(
        sign_call(
            key,
            chain_id=chain.chain_id,
            nonce=chain.next_nonce(sender),
            to=to,
            data=data,
            gas=5_000_000,
            max_fee_wei=10**10,
            tip_wei=10**9,
        )
    )
    (receipt,) = chain.mine().receipts
    assert receipt.succeeded
    return receipt.contract_address


def deposit(chain: Chain, deployment: Deployment, wei: int) -> None:
    """Alice deposits; the vault tells it as it should."""
    approval = contracts.approve(deployment.vault, wei)
    send(chain, ALICE.key, deployment.df_token, approval)
    send(chain, ALICE.key, deployment.vault, contracts.deposit(deployment.df_token, wei))
    (receipt,) = chain.head.receipts
    log = receipt.logs[-1]
    assert log.address == deployment.vault
    assert log.topics[0] == contracts.SPOT_DEPOSIT_TOPIC
    assert balance(chain, deployment.df_token, deployment.vault) == wei


def balance(chain: Chain, token: bytes, holder: bytes) -> int:
    data = contracts.balance_of(holder)
    result = call_head(chain, sender=ALICE.address, to=token, data=data, gas=100_000)
    assert result.succeeded
    return int.from_bytes(result.output, "big")


def account(state: State, address: bytes) -> tuple[Any, ...]:
    return state.nonce(address), state.code(address), state.storage_root(address)


@pytest.mark.parametrize("shape", SHAPES)
def test_foreign_contracts_of_every_shape_take_a_deposit(tmp_path: Path, shape: Shape) -> None:
    opened = open_chain(source(tmp_path, shape))
    assert opened.deployment == TESTNET
    assert opened.users_have_tokens
    deposit(opened.chain, opened.deployment, 5)


def test_our_own_contracts_from_a_file_make_our_own_genesis(tmp_path: Path) -> None:
    assert open_chain(source(tmp_path)).chain.head.hash == Chain().head.hash


def test_one_foreign_contract_goes_with_our_other_one(tmp_path: Path) -> None:
    vault = write(tmp_path, manifest(TOKEN, VAULT), "build:1.json")
    given = ForeignContract(f"{vault}:ZtdxSpotVault", VAULT_ARGUMENTS)
    assert open_chain(ChainSource(vault=given)).chain.head.hash == Chain().head.hash


@pytest.mark.parametrize("foreign", [False, True])
def test_deployed_is_where_the_owner_s_first_two_transactions_put_them(
    tmp_path: Path, foreign: bool
) -> None:
    given = source(tmp_path) if foreign else ChainSource()
    opened = open_chain(ChainSource(**{**fields(given), "addresses": "deployed"}))
    chain, there = opened.chain, Chain()  # whose owner has sent nothing yet
    assert opened.deployment == DEPLOYED
    arguments = encode(["address", "address"], [OWNER.address, WITHDRAW_SIGNER.address])
    token = send(there, OWNER.key, b"", TOKEN.creation + encode(["address"], [OWNER.address]))
    vault = send(there, OWNER.key, b"", VAULT.creation + arguments)
    assert (token, vault) == (opened.deployment.df_token, opened.deployment.vault)
    state, state_there = chain.state_at(chain.head), there.state_at(there.head)
    assert state.nonce(OWNER.address) == state_there.nonce(OWNER.address) == 2
    for address in (opened.deployment.df_token, opened.deployment.vault):
        assert account(state, address)[:2] == account(state_there, address)[:2]
    for token_address in (opened.deployment.df_token, contracts.LOOKALIKE_TOKEN):
        register = contracts.set_token_registered(token_address, True)
        send(there, OWNER.key, opened.deployment.vault, register)
    for user in USERS.values():
        mint = contracts.mint(user.address, TOKEN_WEI)
        send(there, OWNER.key, opened.deployment.df_token, mint)
    state_there = there.state_at(there.head)
    for address in (opened.deployment.df_token, opened.deployment.vault):
        assert account(state, address) == account(state_there, address)
    deposit(chain, opened.deployment, 7)


def fields(given: Any) -> dict[str, Any]:
    """The fields of a dataclass, as they are."""
    return {name: getattr(given, name) for name in given.__dataclass_fields__}


def test_at_deployed_addresses_nothing_stands_at_the_documented_ones(tmp_path: Path) -> None:
    chain = open_chain(source(tmp_path, addresses="deployed")).chain
    state = chain.state_at(chain.head)
    for address in (contracts.VAULT, contracts.DF_TOKEN):
        assert state.code(address) == b""
        assert state.nonce(address) == 0
    assert create_address(OWNER.address, 2) not in (DEPLOYED.vault, DEPLOYED.df_token)


def test_a_chain_with_foreign_contracts_comes_back(tmp_path: Path) -> None:
    state = tmp_path / "state"
    opened = open_chain(source(tmp_path, addresses="deployed", chain_id=1234, state=state))
    assert opened.file is not None
    deposit(opened.chain, opened.deployment, 5)
    head = opened.chain.head.hash
    opened.file.close()
    for again in (ChainSource(state=state), ChainSource(state=state, chain_id=1234)):
        reopened = open_chain(again)
        assert reopened.file is not None
        assert reopened.chain.head.hash == head
        assert reopened.chain.chain_id == 1234
        assert reopened.deployment == DEPLOYED
        assert reopened.users_have_tokens
        reopened.file.close()
    with pytest.raises(NoChain, match="has its contracts already"):
        open_chain(source(tmp_path, state=state))
    with pytest.raises(NoChain, match=r"--chain-id 5: .* holds chain 1234"):
        open_chain(ChainSource(state=state, chain_id=5))


def test_a_failed_deployment_leaves_a_directory_that_can_be_used(tmp_path: Path) -> None:
    state = tmp_path / "state"
    vault = write(tmp_path, foundry(VAULT))
    with pytest.raises(NoChain, match="takes 2 arguments, got 0"):
        open_chain(ChainSource(vault=ForeignContract(str(vault)), state=state))
    opened = open_chain(ChainSource(state=state))
    assert opened.file is not None
    opened.file.close()


# --- tokens that hand out what they have ----------------------------------------------------------


def without(artifact: Artifact, *functions: str) -> Artifact:
    abi = tuple(entry for entry in artifact.abi if entry.get("name") not in functions)
    return Artifact(**{**fields(artifact), "abi": abi})


def coded(artifact: Artifact, creation: bytes) -> Artifact:
    return Artifact(**{**fields(artifact), "creation": creation})


def token_plan(artifact: Artifact) -> ContractPlan:
    return ContractPlan(artifact, ("owner",), "--token-arg")


def test_a_token_that_can_t_be_minted_leaves_the_users_without() -> None:
    genesis = build(token=token_plan(without(TOKEN, "mint")))
    assert not genesis.users_have_tokens
    chain = Chain(genesis)
    assert balance(chain, contracts.DF_TOKEN, ALICE.address) == 0


@pytest.mark.parametrize("missing", ["approve", "balanceOf"])
def test_a_token_without_its_functions_is_refused(missing: str) -> None:
    with pytest.raises(DeploymentImpossible, match=rf"DFToken: no function {missing}\(address"):
        build(token=token_plan(without(TOKEN, missing)))


def test_a_vault_without_deposit_is_refused() -> None:
    lacking = ContractPlan(without(VAULT, "deposit"), VAULT_ARGUMENTS, "--vault-arg")
    with pytest.raises(DeploymentImpossible, match=r"no function deposit\(address,uint256\)"):
        build(vault=lacking)


def test_a_vault_that_registers_no_tokens_is_left_as_it_is() -> None:
    """Tokens are then its own affair."""
    plain = ContractPlan(without(VAULT, "setTokenRegistered"), VAULT_ARGUMENTS, "--vault-arg")
    chain = Chain(build(vault=plain))
    send(chain, ALICE.key, contracts.DF_TOKEN, contracts.approve(contracts.VAULT, 5))
    result = call_head(
        chain,
        sender=ALICE.address,
        to=contracts.VAULT,
        data=contracts.deposit(contracts.DF_TOKEN, 5),
        gas=300_000,
    )
    assert not result.succeeded


@pytest.mark.parametrize(
    ("creation", "told"),
    [
        (bytes.fromhex("60006000fd"), "constructor .* failed: execution reverted"),
        (bytes.fromhex("fe"), "constructor .* failed: "),
        (b"\0" * 60_000, "constructor .* failed: "),
        (bytes.fromhex("00"), "leaves no code"),
        (bytes.fromhex("63600080fd60e01b600052600460" + "00f3"), "failed: execution reverted"),
    ],
    ids=["reverts", "invalid", "too large", "no code", "reverts always"],
)
def test_code_that_does_not_work_is_refused(creation: bytes, told: str) -> None:
    with pytest.raises(DeploymentImpossible, match=f"DFToken: .*{told}"):
        build(token=token_plan(coded(without(TOKEN, "mint"), creation)))


def test_an_owner_who_may_not_mint_is_asked_for() -> None:
    given = ContractPlan(TOKEN, ("alice",), "--token-arg")
    with pytest.raises(DeploymentImpossible, match="is the owner one of its constructor's arg"):
        build(token=given)


def test_flags_without_an_artifact_are_refused() -> None:
    with pytest.raises(NoChain, match="--vault-arg needs --vault-artifact"):
        open_chain(ChainSource(vault=ForeignContract(arguments=("owner",))))
    with pytest.raises(NoChain, match="--token-arg needs --token-artifact"):
        open_chain(ChainSource(token=ForeignContract(arguments=("owner",))))


def test_the_command_tells_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, {"abi": []})
    for flags, told in (
        (["--token-artifact", str(path)], f"{path}: no creation bytecode in it: "),
        (["--vault-artifact", str(tmp_path / "none")], f"{tmp_path / 'none'}: No such file"),
        (["--vault-arg", "owner"], "--vault-arg needs --vault-artifact"),
    ):
        result = CliRunner().invoke(chain_command, flags)
        assert result.exit_code == 3
        assert result.stdout == ""
        assert result.stderr.startswith(f"devnet: {told}")
        assert result.stderr.count("\n") == 1
