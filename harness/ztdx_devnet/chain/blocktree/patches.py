"""Edits of the chain from outside: what `set…` calls changed on top of a block.

An edit belongs to the block on which it was made: whoever builds on that block builds on the edit,
and a reorg below it leaves the edit behind with the orphan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.blocktree.headers import Header


@dataclass(frozen=True, slots=True)
class Patch:
    """What differs from the block: its state, and header fields that the next block takes.

    None leaves a field alone. `coinbase` (20 bytes) and `gas_limit` go on with the branch,
    `base_fee_wei` holds for the next block only.
    """

    state_root: bytes | None = None
    coinbase: bytes | None = None
    gas_limit: int | None = None
    base_fee_wei: int | None = None


class Patches:
    """The patch of each edited block, by block hash."""

    def __init__(self) -> None:
        self._by_block: dict[bytes, Patch] = {}
        self.version = 0

    def of(self, place: Place) -> Patch | None:
        return self._by_block.get(place.hash) if self._by_block else None

    def change(self, place: Place, **fields: Any) -> None:
        """Enter fields of a Patch for that block, over those that it has."""
        self.put(place.hash, replace(self._by_block.get(place.hash, Patch()), **fields))

    def put(self, block_hash: bytes, patch: Patch) -> None:
        self.version += 1
        self._by_block[block_hash] = patch

    def items(self) -> dict[bytes, Patch]:
        """Block hash → patch, oldest first."""
        return dict(self._by_block)

    def copy(self) -> Patches:
        other = Patches()
        other.version = self.version
        other._by_block = dict(self._by_block)
        return other

    def restore(self, other: Patches) -> None:
        """Become equal to `other`."""
        self.version += 1
        self._by_block = dict(other._by_block)

    def gas_limit(self, place: Place) -> int:
        """The gas limit of the block above this one."""
        patch = self.of(place)
        if patch is None or patch.gas_limit is None:
            return place.header.gas_limit
        return patch.gas_limit

    def base_fee_wei(self, place: Place) -> int | None:
        """The base fee that was set for the block above this one, if any."""
        patch = self.of(place)
        return None if patch is None else patch.base_fee_wei

    def state_root(self, place: Place) -> bytes:
        """The root of the block's state, or of its patch."""
        patch = self.of(place)
        return place.state_root if patch is None or patch.state_root is None else patch.state_root

    def header(self, place: Place) -> Header:
        """The header of the block, with the state root of its patch."""
        patch = self.of(place)
        if patch is None or patch.state_root is None:
            return place.header
        return place.header.copy(state_root=patch.state_root)
