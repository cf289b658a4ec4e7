"""One poll, and the loop around it.

A poll reads the cursor, asks the node for the next confirmed blocks and writes their deposits,
their credits and the new cursor in one transaction, or nothing.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from ztdx_spot.config import ListenerSettings
from ztdx_spot.errors import ChainMismatchError, SpotError
from ztdx_spot.ledger import cursor, deposits
from ztdx_spot.ledger.amounts import from_base_units
from ztdx_spot.ledger.database import Database
from ztdx_spot.ledger.deposits import DepositCredit
from ztdx_spot.ledger.row_ids import new_row_id
from ztdx_spot.listener.events import SPOT_DEPOSIT_TOPIC0, DepositEvent, decode_deposit
from ztdx_spot.ports import Clock, Entropy, Transport
from ztdx_spot.rpc import NodeClient

logger = logging.getLogger(__name__)

BLOCKS_PER_POLL_MAX = 100
LOOK_BACK_BLOCKS = 1000
DF_SYMBOL = "DF"


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll did: processed blocks `first_block` … `last_block`; none if last < first."""

    head_block: int
    first_block: int
    last_block: int
    credited: int


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
        self._entropy = entropy
        self._database = database
        self._chain_checked = False

    def poll_once(self) -> Poll:
        """Process the next confirmed blocks, at most 100, or raise with none of it written."""
        try:
            return self._poll()
        except Exception:
            # After a failure another node may answer under the same URL.
            self._chain_checked = False
            raise

    def _poll(self) -> Poll:
        if not self._chain_checked:
            self._check_chain()
        with self._database.read() as transaction:
            last_processed = cursor.read(transaction, self._settings.chain_id)
        head = self._node.head_number()
        if last_processed is None:
            last_processed = self._start_below(head)
        target = max(head - self._settings.confirmation_depth_blocks, 0)
        first, last = last_processed + 1, min(target, last_processed + BLOCKS_PER_POLL_MAX)
        if target <= last_processed:
            return Poll(head, first, last_processed, 0)
        logs = self._node.logs(first, last, self._settings.vault_address, SPOT_DEPOSIT_TOPIC0)
        events = sorted(map(decode_deposit, logs), key=lambda e: (e.block_number, e.log_index))
        return Poll(head, first, last, self._credit(events, last))

    def _check_chain(self) -> None:
        chain_id = self._node.chain_id()
        if chain_id != self._settings.chain_id:
            raise ChainMismatchError(
                f"the node serves chain {chain_id}, expected SPOT_BSC_CHAIN_ID="
                f"{self._settings.chain_id}: correct SPOT_BSC_RPC_URL or the chain id"
            )
        self._chain_checked = True

    def _start_below(self, head: int) -> int:
        """Write the first cursor at once: a start derived from the head must not move later."""
        chain_id, first = self._settings.chain_id, self._settings.start_block
        if first is None:
            first = max(head - LOOK_BACK_BLOCKS, 0)
            logger.warning(
                "SPOT_BSC_START_BLOCK is not set: the first block scanned is %d (head %d); "
                "deposits in earlier blocks are not credited",
                first,
                head,
            )
        with self._database.write() as transaction:
            last_processed = cursor.read(transaction, chain_id)
            if last_processed is None:
                last_processed = first - 1
                cursor.advance(transaction, chain_id, last_processed, self._now_s())
        return last_processed

    def _credit(self, events: Sequence[DepositEvent], last_block: int) -> int:
        """Write a page: rows, balances and cursor together. Says how many were new."""
        now_s, credited = self._now_s(), 0
        with self._database.write() as transaction:
            for event in events:
                if event.token_address != self._settings.df_token_address or not event.amount_wei:
                    continue
                deposit_id = new_row_id(self._entropy, "deposit-id")
                credited += deposits.credit(
                    transaction, self._deposit_credit(event), deposit_id, now_s
                )
            cursor.advance(transaction, self._settings.chain_id, last_block, now_s)
        return credited

    def _deposit_credit(self, event: DepositEvent) -> DepositCredit:
        return DepositCredit(
            user_address=event.account,
            token=DF_SYMBOL,
            amount=from_base_units(event.amount_wei, self._settings.df_token_decimals),
            chain_id=self._settings.chain_id,
            tx_hash=event.tx_hash,
            block_number=event.block_number,
            log_index=event.log_index,
        )

    def _now_s(self) -> int:
        return int(self._clock.now_s())


def run_listener(
    settings: ListenerSettings,
    transport: Transport,
    clock: Clock,
    entropy: Entropy,
    database: Database,
) -> NoReturn:
    """Poll for ever, with a pause after each poll. An error is logged and the poll repeated."""
    poller = Poller(settings, NodeClient(transport), clock, entropy, database)
    trouble = _Trouble()
    while True:
        try:
            poll = poller.poll_once()
        except Exception as error:
            trouble.report(error)
        else:
            trouble.report_end(poll)
            if poll.credited:
                logger.info(
                    "credited %d deposits of blocks %d to %d",
                    poll.credited,
                    poll.first_block,
                    poll.last_block,
                )
        clock.sleep_s(settings.poll_interval_ms / 1000)


class _Trouble:
    """Turns a row of failed polls into one line at its start, at each new kind, and at its end."""

    def __init__(self) -> None:
        self._kind: type[Exception] | None = None
        self._failed_polls = 0

    def report(self, error: Exception) -> None:
        self._failed_polls += 1
        if type(error) is self._kind:
            return
        self._kind = type(error)
        expected = isinstance(error, (SpotError, sqlite3.Error))
        logger.error("poll failed, will be repeated: %s", error, exc_info=not expected)

    def report_end(self, poll: Poll) -> None:
        if self._kind is not None:
            logger.info(
                "polls work again after %d failed; head %d, processed up to %d",
                self._failed_polls,
                poll.head_block,
                poll.last_block,
            )
            self._kind, self._failed_polls = None, 0
