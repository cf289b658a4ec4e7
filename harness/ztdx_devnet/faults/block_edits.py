"""How a node's heads and headers go wrong.

Each edit gives the answer as the fault would have it, or None when it would be the same.
"""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.rpc import shapes

_NO_BLOOM = "0x" + bytes(256).hex()


def moved_head(result: str, blocks: int) -> str | None:
    """The head that many blocks higher; below zero lower, but never below block 0."""
    height = int(result, 16)
    moved = max(height + blocks, 0)
    return shapes.quantity(moved) if moved != height else None


def bloom_zeroed(result: dict[str, Any]) -> dict[str, Any] | None:
    """The header's bloom says that the block holds no log."""
    return {**result, "logsBloom": _NO_BLOOM} if result["logsBloom"] != _NO_BLOOM else None
