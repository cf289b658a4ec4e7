"""Admission to the pool: what a node refuses at once, in the words of geth."""

from __future__ import annotations

from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.evm.intrinsic_gas import TRANSACTION_GAS_CAP, floor_gas, init_code_gas
from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.transactions import Transaction

INIT_CODE_LIMIT_BYTES = 49_152  # EIP-3860


def refuse_inadmissible(
    transaction: Transaction,
    *,
    chain_id: int,
    gas_limit: int,
    state: State,
    min_gas_price_wei: int,
) -> None:
    """Raise TransactionRefused unless the pool may take this transaction.

    `state` is that of the head, `gas_limit` that of the block above it.
    """
    signed = transaction.signed
    if signed.gas > gas_limit:
        raise TransactionRefused("exceeds block gas limit")
    refuse_never_valid(transaction, chain_id)
    if transaction.max_fee_wei < min_gas_price_wei:
        raise TransactionRefused(
            f"transaction underpriced: gas price {transaction.max_fee_wei}, "
            f"minimum needed {min_gas_price_wei}"
        )
    state_nonce = state.nonce(transaction.sender)
    if transaction.nonce < state_nonce:
        raise TransactionRefused(
            f"nonce too low: next nonce {state_nonce}, tx nonce {transaction.nonce}"
        )
    cost_wei = int(signed.gas) * transaction.max_fee_wei + int(signed.value)
    balance_wei = state.balance_wei(transaction.sender)
    if balance_wei < cost_wei:
        raise TransactionRefused(
            f"insufficient funds for gas * price + value: balance {balance_wei}, tx cost {cost_wei}"
        )


def refuse_never_valid(transaction: Transaction, chain_id: int) -> None:
    """Raise TransactionRefused for what no state of that chain makes valid."""
    signed = transaction.signed
    if signed.chain_id is not None and signed.chain_id != chain_id:
        raise TransactionRefused(
            f"invalid chain id for signer: have {signed.chain_id} want {chain_id}"
        )
    if transaction.nonce >= 2**64 - 1:
        raise TransactionRefused("nonce has max value")
    if transaction.kind in (2, 4) and signed.max_priority_fee_per_gas > signed.max_fee_per_gas:
        raise TransactionRefused("max priority fee per gas higher than max fee per gas")
    if signed.gas > TRANSACTION_GAS_CAP:
        raise TransactionRefused(
            f"transaction gas limit too high (cap: {TRANSACTION_GAS_CAP}, tx: {signed.gas})"
        )
    init_code = b"" if signed.to else signed.data
    if len(init_code) > INIT_CODE_LIMIT_BYTES:
        raise TransactionRefused(
            f"max initcode size exceeded: code size {len(init_code)}, limit {INIT_CODE_LIMIT_BYTES}"
        )
    needed = int(signed.intrinsic_gas) + init_code_gas(init_code)
    if signed.gas < needed:
        raise TransactionRefused(
            f"intrinsic gas too low: gas {signed.gas}, minimum needed {needed}"
        )
    floor = floor_gas(signed.data)
    if signed.gas < floor:
        raise TransactionRefused(
            f"insufficient gas for floor data gas cost: gas {signed.gas}, minimum needed {floor}"
        )
