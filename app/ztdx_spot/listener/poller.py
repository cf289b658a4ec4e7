"""One poll: reads the cursor, asks the node for the next confirmed blocks, and has their deposits,
their credits and the new cursor written in one transaction, or nothing.

After a reorg of blocks that were processed it reads them again from the common ancestor, and what
the new blocks do not hold is reversed in the same transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ztdx_spot.config import ListenerSettings
from ztdx_spot.errors import (
    CursorMovedError,
    NodeBehindError,
    NodeBusyError,
    NodeOverloadedError,
)
from ztdx_spot.ledger import cursor as cursors
from ztdx_spot.ledger.cursor import Cursor
from ztdx_spot.ledger.database import Database
from ztdx_spot.listener.ancestry import common_ancestor
from ztdx_spot.listener.crediting import Blocks, Crediting
from ztdx_spot.listener.identity import ChainIdentity, chain_id_call, refuse_other_genesis
from ztdx_spot.listener.pages import BranchError, Page, PageReader, block_call, known_block
from ztdx_spot.listener.window import Window
from ztdx_spot.node.client import Call, NodeClient, result_of
from ztdx_spot.node.patience import ATTEMPTS_MAX, Patience
from ztdx_spot.node.shapes import header, quantity
from ztdx_spot.ports import Clock, Entropy

logger = logging.getLogger(__name__)

LOOK_BACK_BLOCKS = 1000
REPAIR_BLOCKS_MAX = 5_000
"""What a repair reads in one poll; beyond, what comes back is gone until its page is read."""
PAGE_REQUESTS_MAX = 10
"""Requests for one page in one poll: from 100 blocks to 1 takes six halvings."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll did: processed blocks `first_block` … `last_block`; none if last < first."""

    head_block: int
    first_block: int
    last_block: int
    credited: int
    reversed: int = 0


class Poller:
    """Polls one vault on one chain. Holds nothing that a restart must not lose."""

    def __init__(
        self,
        settings: ListenerSettings,
        node: NodeClient,
        clock: Clock,
        entropy: Entropy,
        database: Database,
    ) -> None:
        self._settings = settings
        self._node = node
        self._clock = clock
        self._database = database
        self._patience = Patience(clock, entropy)
        self._identity = ChainIdentity(settings.chain_id)
        self._pages = PageReader(node, settings, self._patience)
        self._crediting = Crediting(settings, entropy, database)
        self._window = Window()
        self._genesis_hash: str | None = None

    def poll_once(self) -> Poll:
        """Process the next confirmed blocks, at most 100, or raise with none of it written.

        Raises ListenerHalted when the node is on another chain.
        """
        try:
            return self._poll()
        except Exception:
            # After a failure another node may answer under the same URL.
            self._genesis_hash = None
            raise

    def _poll(self) -> Poll:
        cursor = self._read_cursor()
        if self._genesis_hash is None:
            self._genesis_hash = self._patience.ask(lambda: self._connect(cursor))
        head, branch = self._patience.ask(lambda: self._head(cursor))
        if cursor is None:
            cursor = self._start(head, self._genesis_hash)
        # Another listener may have begun this ledger, on another chain.
        refuse_other_genesis(self._genesis_hash, cursor.genesis_hash)
        target = max(head - self._settings.confirmation_depth_blocks, 0)
        if branch is None:
            if target <= cursor.block:
                return Poll(head, cursor.block + 1, min(target, cursor.block), 0)
            try:
                return self._written(head, cursor, cursor, [self._read_page(cursor, target, head)])
            except BranchError as error:
                branch = error
        ancestor = self._patience.ask(
            lambda: common_ancestor(self._node, self._database, self._identity, cursor, branch)
        )
        pages: list[Page] = []
        below = ancestor
        # All that was processed is read again before anything is written, so that what comes back
        # on the new branch is never gone in between.
        highest = min(target, cursor.block, ancestor.block + REPAIR_BLOCKS_MAX)
        while below.block < highest:
            pages.append(self._read_page(below, target, head))
            below = Cursor(block=pages[-1].last_block, block_hash=pages[-1].last_hash)
        return self._written(head, cursor, ancestor, pages)

    def _read_cursor(self) -> Cursor | None:
        with self._database.read() as transaction:
            return cursors.read(transaction, self._settings.chain_id)

    def _connect(self, cursor: Cursor | None) -> str:
        """Make sure that it is the right chain; returns the hash of its block 0."""
        known = None if cursor is None else cursor.genesis_hash
        genesis_hash = self._identity.check(self._node.ask(self._identity.calls()), known)
        if cursor is not None and known is None:
            with self._database.write() as transaction:
                cursors.keep_genesis(transaction, self._settings.chain_id, genesis_hash)
        return genesis_hash

    def _head(self, cursor: Cursor | None) -> tuple[int, BranchError | None]:
        """The head's number, and the reorg, if the cursor's block is another one now."""
        calls = [chain_id_call(), Call("eth_blockNumber")]
        linked = cursor is not None and cursor.block_hash is not None
        if cursor is not None and linked:
            calls.append(block_call(cursor.block))
        chain_id, number, *blocks = self._node.ask(calls)
        self._identity.check_id(chain_id)
        head = quantity(result_of(number), "eth_blockNumber")
        for answer in blocks:
            assert cursor is not None
            found = header(result_of(answer), cursor.block)
            # Not known: the node is behind, or the chain is shorter now; the head will tell.
            if found is not None and found.block_hash != cursor.block_hash:
                return head, BranchError(found.number, found.block_hash)
        return head, None

    def _start(self, head: int, genesis_hash: str) -> Cursor:
        """Write the first cursor at once: a start derived from the head must not move later."""
        chain_id, first = self._settings.chain_id, self._settings.start_block
        if first is None:
            # Told too high just once, a head would put the start above deposits for ever.
            known_block(self._node.ask([block_call(head)])[0], head)
            first = max(head - LOOK_BACK_BLOCKS, 0)
            logger.warning(
                "SPOT_BSC_START_BLOCK is not set: the first block scanned is %d (head %d); "
                "deposits in earlier blocks are not credited",
                first,
                head,
            )
        with self._database.write() as transaction:
            cursors.start(transaction, chain_id, first, genesis_hash, self._now_s())
            started = cursors.read(transaction, chain_id)
        assert started is not None
        return started

    def _read_page(self, below: Cursor, target: int, head: int) -> Page:
        """The next page above that block: smaller when the node refuses it, later when it is busy.

        Behind a balancer another node may answer the next request, so one that is behind is no
        reason to wait for the next poll.
        """
        first, busy, behind, doubts = below.block + 1, 0, 0, 0
        for attempt in range(1, PAGE_REQUESTS_MAX + 1):
            last = min(target, below.block + self._window.blocks)
            blocks = last - below.block
            try:
                page = self._pages.read(first, last, below.block_hash, head)
            except NodeOverloadedError as error:
                if error.certain:
                    if not self._window.refused(blocks) or attempt == PAGE_REQUESTS_MAX:
                        raise
                    continue
                # It may have failed for no reason of its own: the same again, then less.
                if attempt == PAGE_REQUESTS_MAX:
                    raise
                doubts += 1
                if doubts > 1:
                    self._window.refused(blocks, certain=False)
                self._patience.wait(error, doubts)
            except NodeBusyError as error:
                busy += 1
                # Some providers count each call of a batch, or answer a range with such a code.
                if error.may_mean_range or busy == ATTEMPTS_MAX:
                    self._window.refused(blocks, certain=False)
                if attempt == PAGE_REQUESTS_MAX:
                    raise
                self._patience.wait(error, busy)
            except NodeBehindError as error:
                if attempt == PAGE_REQUESTS_MAX:
                    raise
                behind += 1
                # A head that is told a little too high, time and again, must not hold up the rest.
                target = max(target - 1, first)
                self._patience.wait(error, behind)
            else:
                self._window.served(blocks)
                return page
        raise AssertionError("the last attempt returns or raises")

    def _written(self, head: int, cursor: Cursor, ancestor: Cursor, pages: Sequence[Page]) -> Poll:
        """Write what was read, and what a reorg undid."""
        last_block = pages[-1].last_block if pages else ancestor.block
        blocks = Blocks(
            expected=cursor,
            ancestor_block=ancestor.block,
            head_block=head,
            last_block=last_block,
            last_hash=pages[-1].last_hash if pages else ancestor.block_hash,
            links=[(page.last_block, page.last_hash) for page in pages[:-1]],
            events=[event for page in pages for event in page.events],
        )
        first = ancestor.block + 1
        try:
            changes = self._crediting.write(blocks, self._now_s())
        except CursorMovedError as error:
            logger.debug("%s", error)
            return Poll(head, first, ancestor.block, 0)
        if ancestor.block < cursor.block:
            logger.warning(
                "reorg: block %d was replaced, the highest that still stands is %d; "
                "%d credits reversed, %d moved, %d new up to block %d",
                cursor.block,
                ancestor.block,
                len(changes.orphaned),
                len(changes.moved),
                len(changes.credited) + len(changes.restored),
                last_block,
            )
        credited = len(changes.credited) + len(changes.restored)
        return Poll(head, first, last_block, credited, len(changes.orphaned))

    def _now_s(self) -> int:
        return int(self._clock.now_s())
