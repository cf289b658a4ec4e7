"""Log blooms: whether a block may hold a log with some address or topic. Never proof that it does.

A bloom has 2,048 bits; each address and topic sets three, taken from its keccak256.
"""

from __future__ import annotations

from functools import lru_cache

from eth_hash.auto import keccak


def bits_of(*items: str) -> int:
    """The bits that logs with all these addresses and topics (0x hex) set."""
    bits = 0
    for item in items:
        bits |= _bits_of_one(item)
    return bits


@lru_cache(maxsize=4096)
def _bits_of_one(item: str) -> int:
    digest = keccak(bytes.fromhex(item[2:]))
    bits = 0
    for position in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[position : position + 2], "big") & 0x7FF)
    return bits


def may_hold(bloom: int, bits: int) -> bool:
    """Whether a block with that bloom may hold a log that sets all these bits."""
    return bloom & bits == bits
