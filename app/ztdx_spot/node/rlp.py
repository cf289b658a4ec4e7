"""RLP, the encoding that the chain hashes: byte strings, and lists of them. Encoding only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Item: TypeAlias = "bytes | Sequence[Item]"


def encode(item: Item) -> bytes:
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(0x80, len(item)) + item
    body = b"".join([encode(each) for each in item])
    return _prefix(0xC0, len(body)) + body


def integer(value: int) -> bytes:
    """A number as an item: big-endian, without leading zeros; 0 is empty."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _prefix(offset: int, length: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    written = integer(length)
    return bytes([offset + 55 + len(written)]) + written
