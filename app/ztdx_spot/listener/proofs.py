"""Headers against their hashes, receipts against their headers: lies that no second answer shows.

Both checks hold on Ethereum and BSC. On a chain that hashes other fields they would fail for ever;
so a check that fails many times in a row, and never holds between, is not believed until it holds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ztdx_spot.errors import NodeError
from ztdx_spot.node import header_hash, receipts_root
from ztdx_spot.node.shapes import Header, Receipt

HEADERS_MAX = 200
"""Costs a chain whose headers can't be checked the receipts of so many blocks, once."""
RECEIPTS_MAX = 30
"""Costs a chain whose receipts can't be checked so many polls, once, and only after a doubt."""

logger = logging.getLogger(__name__)


class Proofs:
    """What one node's answers prove about each other."""

    def __init__(self) -> None:
        self._headers = _Check("headers don't have their hashes", HEADERS_MAX)
        self._receipts = _Check("receipts are not those of their headers", RECEIPTS_MAX)

    def is_suspect(self, header: Header) -> bool:
        """Whether its bloom may not be believed when it says that the block holds no event."""
        if header_hash.has_no_transactions(header):
            return False
        own = header_hash.is_own(header)
        return own is not None and self._headers.fails(own, header.number)

    def check_receipts(self, header: Header, receipts: Sequence[Receipt]) -> None:
        """All receipts of a block. Raises NodeError when the block's own header has others."""
        root = receipts_root.root_of(receipts)
        if root is None or not header_hash.is_own(header):
            return
        if self._receipts.fails(root == header.told["receiptsRoot"], header.number):
            raise NodeError(f"the receipts of block {header.number} are not those of its header")


class _Check:
    """A check that may not be one on this chain."""

    def __init__(self, failure: str, failures_max: int) -> None:
        self._failure = failure
        self._failures_max = failures_max
        self._failures = 0

    def fails(self, held: bool, block_number: int) -> bool:
        """Whether it did not hold and that means something."""
        if held:
            self._failures = 0
            return False
        self._failures += 1
        if self._failures == self._failures_max + 1:
            logger.warning(
                "up to block %d, %s %d times in a row: this chain, or this node, is another kind,"
                " and goes without this check from here on",
                block_number,
                self._failure,
                self._failures,
            )
        return self._failures <= self._failures_max
