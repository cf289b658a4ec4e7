"""What a transaction costs before it executes."""

from __future__ import annotations

from ztdx_devnet.chain.evm.state import AccessList

# EIP-7825. It also bounds how long one transaction can keep the chain busy.
TRANSACTION_GAS_CAP = 2**24
_TRANSACTION = 21_000
_CREATE = 32_000
_ZERO_BYTE, _OTHER_BYTE = 4, 16
_LISTED_ADDRESS, _LISTED_SLOT = 2_400, 1_900  # EIP-2930
_AUTHORIZATION = 25_000  # EIP-7702, for an account that is not there yet
_INIT_CODE_WORD = 2  # EIP-3860
_FLOOR_PER_TOKEN, _TOKENS_PER_OTHER_BYTE = 10, 4  # EIP-7623


def intrinsic_gas(
    data: bytes, creates: bool, access_list: AccessList = (), authorizations: int = 0
) -> int:
    """What a transaction pays before the first instruction."""
    zeros = data.count(0)
    gas = _TRANSACTION + zeros * _ZERO_BYTE + (len(data) - zeros) * _OTHER_BYTE
    if creates:
        gas += _CREATE + init_code_gas(data)
    for _, slots in access_list:
        gas += _LISTED_ADDRESS + _LISTED_SLOT * len(slots)
    return gas + _AUTHORIZATION * authorizations


def init_code_gas(data: bytes) -> int:
    """What init code costs by its words (EIP-3860)."""
    return _INIT_CODE_WORD * ((len(data) + 31) // 32)


def floor_gas(data: bytes) -> int:
    """The least that a transaction pays for its data, however little it executes (EIP-7623)."""
    zeros = data.count(0)
    tokens = zeros + (len(data) - zeros) * _TOKENS_PER_OTHER_BYTE
    return _TRANSACTION + tokens * _FLOOR_PER_TOKEN
