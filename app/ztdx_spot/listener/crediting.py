"""From a page to the ledger: events become credits, or are quarantined; all in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from ztdx_spot.config import ListenerSettings
from ztdx_spot.errors import EventError, RowRefusedError
from ztdx_spot.ledger import balances, cursor, deposits, listener_status, quarantine
from ztdx_spot.ledger.amounts import from_base_units
from ztdx_spot.ledger.cursor import Cursor
from ztdx_spot.ledger.database import Database, WriteTransaction
from ztdx_spot.ledger.quarantine import QuarantinedLog
from ztdx_spot.ledger.reconcile import ConfirmedDeposit, Reconciliation
from ztdx_spot.ledger.row_ids import new_row_id
from ztdx_spot.listener.events import VaultEvent, decode
from ztdx_spot.ports import Entropy

logger = logging.getLogger(__name__)

DF_SYMBOL = "DF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Blocks that were read: all above `ancestor_block` up to `last_block`.

    `expected` is the cursor as the ledger has it; it lies above the ancestor after a reorg.
    `links` are the ends of the pages before the last, with their hashes.
    """

    expected: Cursor
    head_block: int
    ancestor_block: int
    last_block: int
    last_hash: str | None
    links: Sequence[tuple[int, str]] = ()
    events: Sequence[VaultEvent]


class Crediting:
    """Writes the blocks of one vault and one token."""

    def __init__(self, settings: ListenerSettings, entropy: Entropy, database: Database) -> None:
        self._settings = settings
        self._entropy = entropy
        self._database = database

    def write(self, blocks: Blocks, now_s: int) -> Reconciliation:
        """Rows, balances, quarantine and cursor together, or none of it; says what changed.

        Raises CursorMovedError when another listener was faster.
        """
        refused: dict[tuple[str, int], str] = {}
        while True:
            held: list[QuarantinedLog] = []
            try:
                with self._database.write() as transaction:
                    changes = self._write(transaction, blocks, refused, held, now_s)
            except RowRefusedError as error:
                # One deposit that the database will not take must not hold up all others.
                refused[error.tx_hash, error.event_ordinal] = str(error)
            else:
                _tell_of_held(held)
                self._tell_of_debts({row.user_address for row in changes.orphaned})
                return changes

    def release(self, now_s: int) -> tuple[int, list[tuple[QuarantinedLog, str]]]:
        """Try all that is held again: how many were credited, and what stays held and why."""
        released, still_held = 0, list[tuple[QuarantinedLog, str]]()
        with self._database.read() as transaction:
            held = quarantine.held(transaction, self._settings.chain_id)
        for each in held:
            try:
                with self._database.write() as transaction:
                    # Not if a reorg, or another who tries, came first.
                    if not quarantine.release(transaction, each.id):
                        continue
                    self._release(transaction, each.log, now_s)
                released += 1
            except (EventError, RowRefusedError) as error:
                still_held.append((each.log, str(error)))
                with self._database.write() as transaction:
                    quarantine.keep_reason(transaction, each.id, str(error))
        return released, still_held

    def _release(self, transaction: WriteTransaction, log: QuarantinedLog, now_s: int) -> None:
        raw = orjson.loads(log.raw_log)
        event = VaultEvent(
            tx_hash=log.tx_hash,
            ordinal=log.event_ordinal,
            block_number=log.block_number,
            block_hash=log.block_hash,
            log_index=log.log_index,
            topics=tuple(raw["topics"]),
            data=raw["data"],
        )
        deposit = self._deposit_of(event)
        if deposit is not None:
            deposits.write_one(transaction, log.chain_id, deposit, self._entropy, now_s)

    def _write(
        self,
        transaction: WriteTransaction,
        blocks: Blocks,
        refused: dict[tuple[str, int], str],
        held: list[QuarantinedLog],
        now_s: int,
    ) -> Reconciliation:
        """`held` gets what is new in quarantine: nothing is told before it is committed."""
        chain_id = self._settings.chain_id
        ancestor_block = blocks.ancestor_block
        cursor.move(
            transaction, chain_id, blocks.expected, blocks.last_block, blocks.last_hash, now_s
        )
        below = ancestor_block
        for block, block_hash in (*blocks.links, (blocks.last_block, blocks.last_hash)):
            cursor.keep_block(transaction, chain_id, below, block, block_hash)
            below = block
        # In the same transaction, so that health never sees a cursor above the head.
        listener_status.record(
            transaction,
            chain_id,
            head_block=blocks.head_block,
            succeeded_at=now_s,
            failed_polls=0,
            trouble=None,
            halted=False,
            now_s=now_s,
        )
        if ancestor_block < blocks.expected.block:
            quarantine.orphan_above(transaction, chain_id, ancestor_block)
        standing: list[ConfirmedDeposit] = []
        for event in blocks.events:
            reason = refused.get((event.tx_hash, event.ordinal))
            try:
                deposit = self._deposit_of(event)
            except EventError as error:
                deposit, reason = None, str(error)
            if reason is not None:
                held += self._hold(transaction, event, reason, now_s)
            elif deposit is not None:
                standing.append(deposit)
        # After a reorg nothing of what was processed stands that was not seen again; what lies
        # above that is no matter of these blocks.
        up_to_block = max(blocks.expected.block, blocks.last_block)
        return deposits.write_blocks(
            transaction, chain_id, ancestor_block, up_to_block, standing, self._entropy, now_s
        )

    def _deposit_of(self, event: VaultEvent) -> ConfirmedDeposit | None:
        """The credit that the event is; None for other tokens and for nothing."""
        deposit = decode(event.topics, event.data)
        if deposit.token_address != self._settings.df_token_address or not deposit.amount_wei:
            return None
        return ConfirmedDeposit(
            user_address=deposit.account,
            token=DF_SYMBOL,
            amount=from_base_units(deposit.amount_wei, self._settings.df_token_decimals),
            tx_hash=event.tx_hash,
            event_ordinal=event.ordinal,
            block_number=event.block_number,
            block_hash=event.block_hash,
            log_index=event.log_index,
        )

    def _hold(
        self, transaction: WriteTransaction, event: VaultEvent, reason: str, now_s: int
    ) -> list[QuarantinedLog]:
        """The log, unless it is held already."""
        log = QuarantinedLog(
            chain_id=self._settings.chain_id,
            tx_hash=event.tx_hash,
            event_ordinal=event.ordinal,
            block_number=event.block_number,
            block_hash=event.block_hash,
            log_index=event.log_index,
            raw_log=orjson.dumps({"topics": event.topics, "data": event.data}).decode("ascii"),
            reason=reason,
        )
        row_id = new_row_id(self._entropy, "quarantine-id")
        return [log] if quarantine.hold(transaction, log, row_id, now_s) else []

    def _tell_of_debts(self, users: Collection[str]) -> None:
        """Say which of them spent what has been taken back."""
        if not users:
            return
        with self._database.read() as transaction:
            debts = balances.below_zero(transaction)
        for debt in debts:
            if debt.user_address in users:
                logger.error(
                    "%s has %s %s: a deposit was reversed after it was spent",
                    debt.user_address,
                    debt.available,
                    debt.token,
                )


def _tell_of_held(held: Sequence[QuarantinedLog]) -> None:
    for log in held:
        logger.error(
            "log %d of block %d (%s) is held in quarantine and not credited: %s; "
            "`python -m ztdx_spot replay-quarantine` tries it again",
            log.log_index,
            log.block_number,
            log.tx_hash,
            log.reason,
        )
