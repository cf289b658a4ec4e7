"""Estimates of what transactions cost."""

from __future__ import annotations

from ztdx_devnet.chain.blocks import Place
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.execution import CallResult
from ztdx_devnet.chain.intrinsic_gas import floor_gas, init_code_gas, intrinsic_gas

GAS_CAP = 50_000_000  # what a call or an estimate may use; geth's default
TIP_WEI = 1_000_000_000  # 1 gwei, suggested to wallets


def estimate_gas(
    chain: Chain,
    place: Place,
    *,
    sender: bytes,
    to: bytes,
    data: bytes,
    value_wei: int,
    gas_cap: int,
) -> tuple[int, CallResult]:
    """The least gas limit with which the transaction succeeds, and the outcome at the cap.

    When it fails at the cap, the gas is 0 and the outcome says why.
    """
    intrinsic, floor = intrinsic_gas(data, not to), floor_gas(data)
    # py-evm charges the words of init code inside the message, not before it.
    outside = intrinsic - (0 if to else init_code_gas(data))

    def attempt(gas_limit: int) -> CallResult:
        return chain.call(
            place,
            sender=sender,
            to=to,
            data=data,
            value_wei=value_wei,
            gas=gas_limit - outside,
        )

    if gas_cap < max(intrinsic, floor):
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
