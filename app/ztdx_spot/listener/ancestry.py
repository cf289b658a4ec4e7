"""After a reorg of processed blocks: the highest one that still stands."""

from __future__ import annotations

from ztdx_spot.errors import NodeError, NodeOverloadedError
from ztdx_spot.ledger import cursor as cursors
from ztdx_spot.ledger.cursor import Cursor
from ztdx_spot.ledger.database import Database
from ztdx_spot.listener.identity import ChainIdentity
from ztdx_spot.listener.pages import BranchError, block_call, known_block
from ztdx_spot.node.client import NodeClient

KEPT_PER_BATCH = 100
LOOK_BACK_BLOCKS = 1000
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
    below = oldest = cursor.block
    batch_blocks = KEPT_PER_BATCH
    while True:
        with database.read() as transaction:
            kept = cursors.kept_blocks(transaction, identity.chain_id, below, batch_blocks)
        try:
            answers = node.ask(
                [
                    *identity.calls(),
                    block_call(branch.block_number),
                    *(block_call(number) for number, _ in kept),
                ]
            )
        except NodeOverloadedError:
            if batch_blocks == 1:
                raise
            batch_blocks //= 2
            continue
        identity.check(answers[:2], cursor.genesis_hash)
        tip = known_block(answers[2], branch.block_number)
        if tip.block_hash != branch.block_hash:
            raise NodeError(f"block {tip.number} changed again while its branch was followed")
        for (number, block_hash), answer in zip(kept, answers[3:], strict=True):
            if known_block(answer, number).block_hash == block_hash:
                return Cursor(block=number, block_hash=block_hash)
            oldest = number
        if len(kept) < batch_blocks:
            return Cursor(block=_start(cursor, oldest))
        below = oldest


def _start(cursor: Cursor, oldest: int) -> int:
    """Just below the first block that was ever scanned."""
    if cursor.first_block is not None:
        return cursor.first_block - 1
    return max(oldest - LOOK_BACK_BLOCKS, -1)
