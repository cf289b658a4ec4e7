"""Addresses: one spelling inside (`0x`, lower case), EIP-55 checked where people type them."""

from __future__ import annotations

import re

from eth_hash.auto import keccak

from ztdx_spot.errors import AddressError, ChecksumError

ZERO_ADDRESS = "0x" + 40 * "0"

_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}")
_STORED_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


def is_stored_address(text: str) -> bool:
    """Whether `text` is already in the one spelling used inside."""
    return _STORED_ADDRESS.fullmatch(text) is not None


def lower_case_address(text: str) -> str:
    """The stored spelling of `text`, whatever its case. Raises AddressError."""
    if _ADDRESS.fullmatch(text) is None:
        raise AddressError(f"{text[:60]!r} is not an address: expected 0x and 40 hex digits")
    return text.lower()


def checked_address(text: str) -> str:
    """Like `lower_case_address`, and raises ChecksumError when mixed case contradicts EIP-55."""
    address = lower_case_address(text)
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and digits != checksum_address(address)[2:]:
        raise ChecksumError(
            f"{text} fails its EIP-55 checksum: copy the address again, or send it in lower case"
        )
    return address


def checksum_address(address: str) -> str:
    """The EIP-55 spelling of a lower-case address."""
    digits = address[2:]
    shade = keccak(digits.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if int(weight, 16) >= 8 else digit
        for digit, weight in zip(digits, shade, strict=False)
    )
