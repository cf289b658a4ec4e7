"""Genesis: funded accounts and the contracts at their documented addresses.

The constructors run at those addresses before block 0 is sealed, so storage, immutables and nonces
are what an ordinary deployment leaves behind. One template per process is built and then copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ztdx_devnet.chain import contracts
from ztdx_devnet.chain.accounts import OWNER, USERS, WITHDRAW_SIGNER
from ztdx_devnet.chain.execution import (
    COINBASE,
    MIX_HASH,
    Execution,
)
from ztdx_devnet.chain.headers import Header
from ztdx_devnet.chain.py_evm import PragueVM

CHAIN_ID = 97  # BSC testnet
TIMESTAMP_S = 1_767_225_600  # 2026-01-01T00:00:00Z; the run's clock starts from here
GAS_LIMIT = 2**40  # 1,000 deposits in one block need 72 million gas
NATIVE_WEI = 10_000 * 10**18  # BNB of each account
TOKEN_WEI = 1_000_000 * 10**18  # DF, and lookalike tokens, of each user
_SETUP_GAS = 10_000_000


@dataclass(frozen=True, slots=True)
class Genesis:
    """A sealed genesis block and the execution that holds its state."""

    header: Header
    execution: Execution


@cache
def template(chain_id: int = CHAIN_ID, timestamp_s: int = TIMESTAMP_S) -> Genesis:
    """The devnet's genesis. Callers copy `execution` before they build on it."""
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
    owner = OWNER.address
    address_pair = ["address", "address"]
    for address, code in (
        (contracts.DF_TOKEN, contracts.creation_code("DFToken", ["address"], (owner,))),
        (
            contracts.VAULT,
            contracts.creation_code(
                "ZtdxSpotVault", address_pair, (owner, WITHDRAW_SIGNER.address)
            ),
        ),
        (contracts.LOOKALIKE_TOKEN, contracts.creation_code("LookalikeToken", [], ())),
        (contracts.DEPOSIT_BATCH, contracts.creation_code("DepositBatch", [], ())),
    ):
        state.run_constructor(creator=owner, address=address, init_code=code, gas=_SETUP_GAS)
    setup = [
        (contracts.VAULT, contracts.set_token_registered(contracts.DF_TOKEN, True)),
        (contracts.VAULT, contracts.set_token_registered(contracts.LOOKALIKE_TOKEN, True)),
    ]
    for token in (contracts.DF_TOKEN, contracts.LOOKALIKE_TOKEN):
        setup += [(token, contracts.mint(user.address, TOKEN_WEI)) for user in USERS.values()]
    for to, data in setup:
        state.run_message(sender=owner, to=to, data=data, gas=_SETUP_GAS)
    return Genesis(bare.copy(state_root=state.persist()), execution)
