"""Genesis: funded accounts and the contracts at their documented addresses.

The constructors run at those addresses before block 0 is sealed, so storage, immutables and nonces
are what an ordinary deployment leaves behind. One template per process is built and then copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.blocktree.headers import Header
from ztdx_devnet.chain.evm.execution import (
    COINBASE,
    MIX_HASH,
    Execution,
)
from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import OWNER, USERS, WITHDRAW_SIGNER
from ztdx_devnet.chain.origin.deployment import (
    DEPLOYED,
    TESTNET,
    Addresses,
    ContractPlan,
    Deployment,
    DeploymentImpossible,
    own_token,
    own_vault,
)
from ztdx_devnet.chain.py_evm import PragueVM

CHAIN_ID = 97  # BSC testnet
TIMESTAMP_S = 1_767_225_600  # 2026-01-01T00:00:00Z; the run's clock starts from here
GAS_LIMIT = 2**40  # 1,000 deposits in one block need 72 million gas
NATIVE_WEI = 10_000 * 10**18  # BNB of each account
TOKEN_WEI = 1_000_000 * 10**18  # DF, and lookalike tokens, of each user
_SETUP_GAS = 10_000_000


@dataclass(frozen=True, slots=True)
class Genesis:
    """A sealed genesis block, the execution that holds its state, and what stands on it.

    `users_have_tokens` is False when a foreign token gave us no way to hand any out.
    """

    header: Header
    execution: Execution
    deployment: Deployment = TESTNET
    users_have_tokens: bool = True


@cache
def template(chain_id: int = CHAIN_ID, timestamp_s: int = TIMESTAMP_S) -> Genesis:
    """The devnet's genesis with our own contracts. Callers copy `execution` to build on it."""
    return build(chain_id, timestamp_s)


def build(
    chain_id: int = CHAIN_ID,
    timestamp_s: int = TIMESTAMP_S,
    *,
    addresses: Addresses = "testnet",
    token: ContractPlan | None = None,
    vault: ContractPlan | None = None,
) -> Genesis:
    """A genesis with these contracts (None: ours). Raises DeploymentImpossible.

    "testnet" puts them at their documented addresses, "deployed" where the owner's first two
    transactions would have.
    """
    execution = Execution(chain_id)
    bare = PragueVM.create_header_from_parent(
        None,
        difficulty=0,
        timestamp=timestamp_s,
        gas_limit=GAS_LIMIT,
        coinbase=COINBASE,
        mix_hash=MIX_HASH,
        nonce=b"\0" * 8,
        extra_data=b"ztdx-devnet",
    )
    state = execution.state(bare)
    for account in (*USERS.values(), OWNER, WITHDRAW_SIGNER):
        state.set_balance_wei(account.address, NATIVE_WEI)
    deployment = TESTNET if addresses == "testnet" else DEPLOYED
    token, vault = token or own_token(), vault or own_vault()
    token.require(("approve(address,uint256)", "balanceOf(address)"))
    vault.require(("deposit(address,uint256)",))
    names = {
        "owner": OWNER.address,
        "withdraw_signer": WITHDRAW_SIGNER.address,
        "vault": deployment.vault,
        "df_token": deployment.df_token,
        **{name: account.address for name, account in USERS.items()},
    }
    _construct(state, token, deployment.df_token, names)
    _construct(state, vault, deployment.vault, names)
    for name, address in (
        ("LookalikeToken", contracts.LOOKALIKE_TOKEN),
        ("DepositBatch", contracts.DEPOSIT_BATCH),
    ):
        _construct(state, ContractPlan(load(name), (), ""), address, names)
    if addresses == "deployed":
        state.set_nonce(OWNER.address, 2)
    if vault.has("setTokenRegistered(address,bool)"):
        for each in (deployment.df_token, contracts.LOOKALIKE_TOKEN):
            register = contracts.set_token_registered(each, True)
            _as_owner(state, vault, deployment.vault, register)
    funded = _fund_users(state, token, deployment.df_token)
    for user in USERS.values():
        mint = contracts.mint(user.address, TOKEN_WEI)
        state.run_message(
            sender=OWNER.address, to=contracts.LOOKALIKE_TOKEN, data=mint, gas=_SETUP_GAS
        )
    sealed = bare.copy(state_root=state.persist())
    return Genesis(sealed, execution, deployment, funded)


def _construct(
    state: State, plan: ContractPlan, address: bytes, names: Mapping[str, bytes]
) -> None:
    code = plan.creation(names)
    try:
        state.run_constructor(
            creator=OWNER.address, address=address, init_code=code, gas=_SETUP_GAS
        )
    except RuntimeError as error:
        raise DeploymentImpossible(f"{plan.artifact.name}: {error}") from error
    if not state.code(address):
        raise DeploymentImpossible(
            f"{plan.artifact.name}: its constructor leaves no code: is that its creation bytecode?"
        )


def _as_owner(state: State, plan: ContractPlan, to: bytes, data: bytes) -> None:
    try:
        state.run_message(sender=OWNER.address, to=to, data=data, gas=_SETUP_GAS)
    except RuntimeError as error:
        raise DeploymentImpossible(
            f"{plan.artifact.name}: {error}; is the owner one of its constructor's arguments?"
        ) from error


def _fund_users(state: State, token: ContractPlan, address: bytes) -> bool:
    """Give every user the same tokens: new ones, else from what the owner got; False if none."""
    if token.has("mint(address,uint256)"):
        for user in USERS.values():
            _as_owner(state, token, address, contracts.mint(user.address, TOKEN_WEI))
        return True
    try:
        output = state.run_message(
            sender=OWNER.address,
            to=address,
            data=contracts.balance_of(OWNER.address),
            gas=_SETUP_GAS,
        )
    except RuntimeError as error:
        raise DeploymentImpossible(f"{token.artifact.name}: balanceOf: {error}") from error
    share_wei = min(int.from_bytes(output[:32], "big") // (len(USERS) + 1), TOKEN_WEI)
    if share_wei == 0:
        return False
    for user in USERS.values():
        _as_owner(state, token, address, contracts.transfer(user.address, share_wei))
    return True
