"""After a reorg of processed blocks: the highest one that still stands."""

from __future__ import annotations

from typing import Protocol

from ztdx_spot.errors import NodeError, NodeOverloadedError
from ztdx_spot.ledger import cursor as cursors
from ztdx_spot.ledger import deposits
from ztdx_spot.ledger.cursor import Cursor
from ztdx_spot.ledger.database import Database, ReadTransaction
from ztdx_spot.listener.identity import ChainIdentity
from ztdx_spot.listener.pages import BranchError, block_call, known_block
from ztdx_spot.node.client import NodeClient

KEPT_PER_BATCH = 100
UNSEEN_BLOCKS = 1000
"""How far to go below the oldest kept hash in a file that does not say where scanning began."""


def common_ancestor(
    node: NodeClient,
    database: Database,
    identity: ChainIdentity,
    cursor: Cursor,
    branch: BranchError,
) -> Cursor:
    """Where to read again from: a processed block that the branch has too, or the very start.

    Raises ListenerHalted when the node is on another chain: that is no reorg, and nothing may be
    reversed for it. Raises NodeError when the node changes its mind on the way.
    """
    walk = _Walk(node, database, identity, cursor, branch)
    kept = walk.highest_standing(cursors.kept_blocks, -1, cursor.block - 1)
    if kept is None:
        kept = Cursor(block=_start(cursor, walk.lowest))
    # Hashes are kept of one block a page; those of credits spare what stands between.
    credited = walk.highest_standing(deposits.credited_blocks, kept.block, cursor.block)
    return kept if credited is None else credited


class KnownBlocks(Protocol):
    """Blocks above `above` up to `up_to`, newest first, at most `limit`, with their hashes."""

    def __call__(
        self, transaction: ReadTransaction, chain_id: int, above: int, up_to: int, limit: int
    ) -> list[tuple[int, str]]: ...


class _Walk:
    """Compares what is known of blocks with what the node has now, downwards."""

    def __init__(
        self,
        node: NodeClient,
        database: Database,
        identity: ChainIdentity,
        cursor: Cursor,
        branch: BranchError,
    ) -> None:
        self._node = node
        self._database = database
        self._identity = identity
        self._genesis_hash = cursor.genesis_hash
        self._branch = branch
        self._batch_blocks = KEPT_PER_BATCH
        self.lowest = cursor.block

    def highest_standing(self, known: KnownBlocks, above: int, up_to: int) -> Cursor | None:
        """The highest known block in that range that the branch has, too."""
        while True:
            with self._database.read() as transaction:
                blocks = known(
                    transaction, self._identity.chain_id, above, up_to, self._batch_blocks
                )
            if not blocks:
                return None
            try:
                standing = self._standing(blocks)
            except NodeOverloadedError as error:
                if self._batch_blocks == 1 or not error.certain:
                    raise
                self._batch_blocks //= 2
                continue
            if standing is not None:
                return standing
            up_to = blocks[-1][0] - 1
            self.lowest = min(self.lowest, blocks[-1][0])

    def _standing(self, blocks: list[tuple[int, str]]) -> Cursor | None:
        answers = self._node.ask(
            [
                *self._identity.calls(),
                block_call(self._branch.block_number),
                *(block_call(number) for number, _ in blocks),
            ]
        )
        self._identity.check(answers[:2], self._genesis_hash)
        tip = known_block(answers[2], self._branch.block_number)
        if tip.block_hash != self._branch.block_hash:
            raise NodeError(f"block {tip.number} changed again while its branch was followed")
        for (number, block_hash), answer in zip(blocks, answers[3:], strict=True):
            if known_block(answer, number).block_hash == block_hash:
                return Cursor(block=number, block_hash=block_hash)
        return None


def _start(cursor: Cursor, oldest: int) -> int:
    """Just below the first block that was ever scanned."""
    if cursor.first_block is not None:
        return cursor.first_block - 1
    return max(oldest - UNSEEN_BLOCKS, -1)
