"""The adversaries that every simulated chain holds from its genesis on, beside the devnet's own.

They stand in the genesis, so no reorg and no reset can take them away.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import OWNER, USERS
from ztdx_devnet.chain.origin.genesis import CHAIN_ID, TIMESTAMP_S, TOKEN_WEI, Genesis, template

OTHER_TOKEN = bytes.fromhex("00000000000000000000000000000000000d0f03")
FEE_TOKEN = bytes.fromhex("00000000000000000000000000000000000d0f04")
FALSE_TOKEN = bytes.fromhex("00000000000000000000000000000000000d0f05")
CLONE = bytes.fromhex("00000000000000000000000000000000000d0f06")
WALLET = bytes.fromhex("00000000000000000000000000000000000d0f07")
NATIVE = bytes(20)
"""BNB, wherever the vault is asked about a token."""

_TOKENS = (
    (OTHER_TOKEN, "NoReturnToken"),
    (FEE_TOKEN, "FeeOnTransferToken"),
    (FALSE_TOKEN, "FalseReturningToken"),
)
_OTHERS = ((CLONE, "VaultClone"), (WALLET, "ReenteringReceiver"))
_SETUP_GAS = 10_000_000

HOLDERS = {
    **{name: account.address_hex for name, account in USERS.items()},
    "clone": "0x" + CLONE.hex(),
    "wallet": "0x" + WALLET.hex(),
}
"""Whoever deposits can be credited to, by name: the users, and two contracts that deposit."""


@cache
def genesis(timestamp_s: int = TIMESTAMP_S) -> Genesis:
    """The devnet's genesis and the cast: tokens registered with the vault, each user with some."""
    base = template(CHAIN_ID, timestamp_s)
    execution = base.execution.copy()
    state = execution.state(base.header)
    for address, name in (*_TOKENS, *_OTHERS):
        state.run_constructor(
            creator=OWNER.address,
            address=address,
            init_code=load(name).creation,
            gas=_SETUP_GAS,
        )
    for token, _ in _TOKENS:
        calls = [(contracts.VAULT, contracts.set_token_registered(token, True))]
        calls += [(token, contracts.mint(user.address, TOKEN_WEI)) for user in USERS.values()]
        for to, data in calls:
            state.run_message(sender=OWNER.address, to=to, data=data, gas=_SETUP_GAS)
    return replace(base, header=base.header.copy(state_root=state.persist()), execution=execution)
