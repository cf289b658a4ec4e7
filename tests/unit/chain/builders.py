"""What the chain's tests build with: a fresh chain, transfers, and small contracts in bytecode."""

from __future__ import annotations

from typing import Any

from eth.vm.forks.berlin.transactions import UnsignedAccessListTransaction
from eth.vm.forks.prague.transactions import PragueUnsignedLegacyTransaction
from eth_abi import encode

from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.evm.context import CallResult, Message
from ztdx_devnet.chain.evm.state import create_address
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import CHAIN_ID
from ztdx_devnet.chain.signing import sign_call, sign_set_code
from ztdx_devnet.chain.transactions import Transaction, decode

GWEI = 10**9
DEARER = {"max_fee_wei": 11 * GWEI, "tip_wei": GWEI * 11 // 10}  # enough to replace


def call_head(chain: Chain, **message: Any) -> CallResult:
    """A message on the state of the head; nothing of it stays."""
    return chain.context(chain.head).call(Message(**message))


def creation_code(contract_name: str, types: list[str], arguments: tuple[Any, ...]) -> bytes:
    """Creation bytecode with its constructor arguments."""
    return load(contract_name).creation + encode(types, arguments)


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
    approval = vault_call(chain, user, contracts.DF_TOKEN, contracts.approve(contracts.VAULT, wei))
    chain.add(approval)
    deposit = vault_call(chain, user, contracts.VAULT, contracts.deposit(contracts.DF_TOKEN, wei))
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


def sign(
    user: str,
    nonce: int,
    *,
    to: bytes = USERS["judy"].address,
    data: bytes = b"",
    wei: int = 1,
    gas: int = 21_000,
    max_fee_wei: int = 10 * GWEI,
    tip_wei: int = GWEI,
    chain_id: int = CHAIN_ID,
) -> Transaction:
    """A dynamic-fee transaction (type 2) of a named user; no chain is asked for its nonce."""
    return sign_call(
        USERS[user].key,
        chain_id=chain_id,
        nonce=nonce,
        to=to,
        data=data,
        value_wei=wei,
        gas=gas,
        max_fee_wei=max_fee_wei,
        tip_wei=tip_wei,
    )


def sign_legacy(
    user: str,
    nonce: int,
    *,
    to: bytes = USERS["judy"].address,
    data: bytes = b"",
    wei: int = 1,
    gas: int = 21_000,
    gas_price_wei: int = 10 * GWEI,
    chain_id: int | None = CHAIN_ID,
) -> Transaction:
    """A legacy transaction (type 0); without `chain_id` it is signed as before EIP-155."""
    unsigned = PragueUnsignedLegacyTransaction(nonce, gas_price_wei, gas, to, wei, data)
    return decode(unsigned.as_signed_transaction(USERS[user].key, chain_id=chain_id).encode())


def sign_access_list(
    user: str,
    nonce: int,
    *,
    access_list: list[tuple[bytes, list[int]]],
    to: bytes = USERS["judy"].address,
    data: bytes = b"",
    wei: int = 1,
    gas: int = 60_000,
    gas_price_wei: int = 10 * GWEI,
) -> Transaction:
    """An access-list transaction (type 1)."""
    unsigned = UnsignedAccessListTransaction(
        CHAIN_ID, nonce, gas_price_wei, gas, to, wei, data, access_list
    )
    return decode(unsigned.as_signed_transaction(USERS[user].key).encode())


def sign_delegation(
    user: str,
    nonce: int,
    authority: str,
    authority_nonce: int,
    *,
    code: bytes = contracts.DEPOSIT_BATCH,
    max_fee_wei: int = 10 * GWEI,
    tip_wei: int = GWEI,
) -> Transaction:
    """A set-code transaction (type 4): `authority` delegates to the code at that address."""
    return sign_set_code(
        USERS[user].key,
        chain_id=CHAIN_ID,
        nonce=nonce,
        to=USERS["judy"].address,
        data=b"",
        gas=100_000,
        max_fee_wei=max_fee_wei,
        tip_wei=tip_wei,
        delegations=[(USERS[authority].key, code, authority_nonce)],
    )
