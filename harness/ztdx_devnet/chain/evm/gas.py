"""What transactions will cost: suggestions to wallets, and estimates."""

from __future__ import annotations

from dataclasses import replace

from ztdx_devnet.chain.evm.context import BlockContext, CallResult, Message
from ztdx_devnet.chain.evm.intrinsic_gas import (
    TRANSACTION_GAS_CAP,
    floor_gas,
    init_code_gas,
    intrinsic_gas,
)

GAS_CAP = TRANSACTION_GAS_CAP  # what a call or an estimate may use
TIP_WEI = 1_000_000_000  # 1 gwei, suggested to wallets
_REFUND_QUOTIENT = 5  # EIP-3529


def gas_outside(message: Message, authorizations: int = 0) -> int:
    """What a transaction with that message pays that is not the message's own gas."""
    intrinsic = intrinsic_gas(message.data, not message.to, message.access_list, authorizations)
    # py-evm charges the words of init code inside the message, not before it.
    return intrinsic - (0 if message.to else init_code_gas(message.data))


def gas_charged(message: Message, result: CallResult, authorizations: int = 0) -> int:
    """What a transaction with that message pays in all: after refunds, not below the floor."""
    used = gas_outside(message, authorizations) + result.gas_used
    refund = min(result.gas_refund, used // _REFUND_QUOTIENT)
    return max(used - refund, floor_gas(message.data))


def estimate_gas(
    context: BlockContext, message: Message, authorizations: int = 0
) -> tuple[int, CallResult]:
    """The least gas limit with which the transaction succeeds, and the outcome at the cap.

    The message's gas is the cap. When the transaction fails at the cap, the gas is 0 and the
    outcome says why.
    """
    gas_cap = message.gas
    outside, floor = gas_outside(message, authorizations), floor_gas(message.data)
    init_gas = 0 if message.to else init_code_gas(message.data)

    def attempt(gas_limit: int) -> CallResult:
        return context.call(replace(message, gas=gas_limit - outside))

    if gas_cap < max(outside + init_gas, floor):
        return 0, CallResult(False, b"", 0, "intrinsic gas too low")
    outcome = attempt(gas_cap)
    if not outcome.succeeded:
        return 0, outcome
    # Most calls need exactly what they use; only those that look at their gas need a search.
    low, high = max(outside + outcome.gas_used, floor) - 1, gas_cap
    guess = low + 1
    while low + 1 < high:
        if attempt(guess).succeeded:
            high = guess
        else:
            low = guess
        guess = (low + high) // 2
    return high, outcome
