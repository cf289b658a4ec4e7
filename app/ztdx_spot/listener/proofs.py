"""Headers against their hashes, receipts against their headers: lies that no second answer shows.

A header that has its hash shows a chain that hashes as Ethereum and BSC do, and there receipts have
the root in their header: nothing else is believed, however often it is told. Where no header ever
had its hash, there is nothing to hold anything against.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ztdx_spot.errors import NodeError
from ztdx_spot.node import header_hash, receipts_root
from ztdx_spot.node.shapes import Header, Receipt

HEADERS_MAX = 200
"""Costs a chain whose headers can't be checked the receipts of so many blocks, once."""

logger = logging.getLogger(__name__)


class ReceiptsRootError(NodeError):
    """The receipts of a block are not those that its own header commits to."""

    code = "RECEIPTS_ROOT"

    def __init__(self, block_number: int, root: str, expected: str) -> None:
        super().__init__(
            f"the receipts of block {block_number} are not those of its header: their root is"
            f" {root}, expected {expected}; set SPOT_BSC_RPC_URL to another node"
            " (SPOT_BSC_VERIFY=boundary skips this check, and believes eth_getLogs)"
        )


class Proofs:
    """What the answers of one life of the listener prove about each other."""

    def __init__(self) -> None:
        self._a_header_held = False
        self._failures = 0

    def is_suspect(self, header: Header) -> bool:
        """Whether its bloom may not be believed when it says that the block holds no event."""
        if header_hash.has_no_transactions(header):
            return False
        own = header_hash.is_own(header)
        if own is None:
            return self._a_header_held  # others did not lack what this one lacks
        if own:
            self._a_header_held, self._failures = True, 0
            return False
        self._failures += 1
        if self._failures == HEADERS_MAX + 1:
            self._warn(header.number)
        return self._a_header_held or self._failures <= HEADERS_MAX

    def check_receipts(self, header: Header, receipts: Sequence[Receipt]) -> None:
        """All receipts of a block. Raises ReceiptsRootError when its own header has others."""
        root = receipts_root.root_of(receipts)
        if root is None or not header_hash.is_own(header):
            return
        expected = str(header.told["receiptsRoot"])
        if root != expected.lower():
            raise ReceiptsRootError(header.number, root, expected)

    def _warn(self, block_number: int) -> None:
        logger.warning(
            "up to block %d, headers don't have their hashes %d times in a row: %s",
            block_number,
            self._failures,
            "earlier ones had, so the receipts of each are read; is the node a damaged one, or the"
            " chain past a fork that a newer version of this program knows?"
            if self._a_header_held
            else "this chain, or this node, is another kind, and goes without this check from here"
            " on, until one has",
        )
