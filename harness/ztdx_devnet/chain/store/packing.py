"""Lists of byte strings, and integers, as bytes. RLP would do, but its reader is quadratic."""

from __future__ import annotations

from collections.abc import Iterable

_LENGTH_BYTES = 4


def pack(items: Iterable[bytes]) -> bytes:
    """Each item behind its length."""
    parts: list[bytes] = []
    for item in items:
        parts += (len(item).to_bytes(_LENGTH_BYTES, "big"), item)
    return b"".join(parts)


def unpack(packed: bytes) -> list[bytes]:
    """The items. Raises ValueError when the bytes don't end where an item ends."""
    items, position, end = [], 0, len(packed)
    while position < end:
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(packed[position:start], "big")
        if position > end or start > end:
            raise ValueError("a list of bytes is cut short")
        items.append(packed[start:position])
    return items


def pack_integer(value: int) -> bytes:
    """Big-endian without leading zeros; 0 is empty."""
    return int(value).to_bytes((int(value).bit_length() + 7) // 8, "big")


def unpack_integer(packed: bytes) -> int:
    return int.from_bytes(packed, "big")
