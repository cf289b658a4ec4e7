"""Gas of transactions: what they cost before they execute, and estimates."""

from __future__ import annotations

from ztdx_devnet.chain.blocks import Place
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.execution import CallResult

GAS_CAP = 50_000_000  # what a call or an estimate may use; geth's default
TIP_WEI = 1_000_000_000  # 1 gwei, suggested to wallets

_TRANSACTION = 21_000
_CREATE = 32_000
_ZERO_BYTE, _OTHER_BYTE = 4, 16
_INIT_CODE_WORD = 2  # EIP-3860
_FLOOR_PER_TOKEN, _TOKENS_PER_OTHER_BYTE = 10, 4  # EIP-7623


def intrinsic_gas(data: bytes, creates: bool) -> int:
    """What a transaction without access list pays before the first instruction."""
    zeros = data.count(0)
    gas = _TRANSACTION + zeros * _ZERO_BYTE + (len(data) - zeros) * _OTHER_BYTE
    if creates:
        gas += _CREATE + _INIT_CODE_WORD * ((len(data) + 31) // 32)
    return gas


def floor_gas(data: bytes) -> int:
    """The least that a transaction pays for its data, however little it executes (EIP-7623)."""
    zeros = data.count(0)
    tokens = zeros + (len(data) - zeros) * _TOKENS_PER_OTHER_BYTE
    return _TRANSACTION + tokens * _FLOOR_PER_TOKEN


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

    def attempt(gas_limit: int) -> CallResult:
        return chain.call(
            place,
            sender=sender,
            to=to,
            data=data,
            value_wei=value_wei,
            gas=gas_limit - intrinsic,
        )

    if gas_cap < max(intrinsic, floor):
        return 0, CallResult(False, b"", 0, "intrinsic gas too low")
    outcome = attempt(gas_cap)
    if not outcome.succeeded:
        return 0, outcome
    # Most calls need exactly what they use; only those that look at their gas need a search.
    low, high = max(intrinsic + outcome.gas_used, floor) - 1, gas_cap
    guess = low + 1
    while low + 1 < high:
        if attempt(guess).succeeded:
            high = guess
        else:
            low = guess
        guess = (low + high) // 2
    return high, outcome
