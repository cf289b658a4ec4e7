"""What the chain's tests build with: a fresh chain, transfers, and small contracts in bytecode."""

from __future__ import annotations

from ztdx_devnet.chain import contracts
from ztdx_devnet.chain.accounts import USERS
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.state import create_address
from ztdx_devnet.chain.transactions import Transaction, sign_call

GWEI = 10**9

# Returns BLOCKHASH of the number in the call data.
BLOCKHASH_READER = bytes.fromhex("60003540600052" + "60206000f3")


def transfer(
    chain: Chain,
    user: str,
    to: str,
    wei: int,
    *,
    nonce: int | None = None,
    gas: int = 21_000,
    max_fee_wei: int = 10 * GWEI,
) -> Transaction:
    """A signed BNB transfer between named users, not yet in the pool."""
    sender = USERS[user]
    return sign_call(
        sender.key,
        chain_id=chain.chain_id,
        nonce=chain.next_nonce(sender.address) if nonce is None else nonce,
        to=USERS[to].address,
        value_wei=wei,
        gas=gas,
        max_fee_wei=max_fee_wei,
        tip_wei=GWEI,
    )


def vault_call(chain: Chain, user: str, to: bytes, data: bytes) -> Transaction:
    """A signed contract call of a named user, not yet in the pool."""
    sender = USERS[user]
    return sign_call(
        sender.key,
        chain_id=chain.chain_id,
        nonce=chain.next_nonce(sender.address),
        to=to,
        data=data,
        gas=300_000,
        max_fee_wei=10 * GWEI,
        tip_wei=GWEI,
    )


def add_deposit(chain: Chain, user: str, wei: int) -> tuple[Transaction, Transaction]:
    """Put approval and deposit of a named user into the pool."""
    approval = vault_call(
        chain, user, contracts.DF_TOKEN, contracts.approve(contracts.VAULT, wei)
    )
    chain.add(approval)
    deposit = vault_call(
        chain, user, contracts.VAULT, contracts.deposit(contracts.DF_TOKEN, wei)
    )
    chain.add(deposit)
    return approval, deposit


def deploy(chain: Chain, runtime: bytes) -> bytes:
    """Mine a block that creates a contract with this code; returns its address."""
    init = bytes([0x60, len(runtime), 0x80, 0x60, 0x09, 0x3D, 0x39, 0x3D, 0xF3]) + runtime
    alice = USERS["alice"]
    nonce = chain.next_nonce(alice.address)
    chain.add(
        sign_call(
            alice.key,
            chain_id=chain.chain_id,
            nonce=nonce,
            to=b"",
            data=init,
            gas=200_000,
            max_fee_wei=10 * GWEI,
            tip_wei=GWEI,
        )
    )
    chain.mine()
    return create_address(alice.address, nonce)
