"""Listeners and ledgers broken on purpose, one fault each, as monkeypatches of the product.

Each is named for what it does wrong. A test says which bundled scenario must notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ztdx_devnet.sim.processes import ListenerProcess
from ztdx_spot.ledger import balances, cursor, deposits, schema
from ztdx_spot.ledger.database import WriteTransaction
from ztdx_spot.ledger.row_ids import new_row_id
from ztdx_spot.listener import poller
from ztdx_spot.listener.events import DepositEvent

Break = Callable[[pytest.MonkeyPatch], None]


def _confirmations(count: int) -> Break:
    def break_it(patch: pytest.MonkeyPatch) -> None:
        run = poller.run_listener

        def run_listener(settings: Any, *ports: Any) -> Any:
            return run(replace(settings, confirmation_depth_blocks=count), *ports)

        patch.setattr("ztdx_devnet.sim.processes.run_listener", run_listener)

    return break_it


def cursor_before_credit(patch: pytest.MonkeyPatch) -> None:
    """The cursor is committed first, the rows after it."""

    def credit(self: Any, events: Sequence[DepositEvent], last_block: int) -> int:
        now_s, count = self._now_s(), 0
        with self._database.write() as transaction:
            cursor.advance(transaction, self._settings.chain_id, last_block, now_s)
        with self._database.write() as transaction:
            for event in events:
                if event.token_address == self._settings.df_token_address and event.amount_wei:
                    row_id = new_row_id(self._entropy, "deposit-id")
                    count += deposits.credit(
                        transaction, self._deposit_credit(event), row_id, now_s
                    )
        return count

    patch.setattr(poller.Poller, "_credit", credit)


def row_and_balance_apart(patch: pytest.MonkeyPatch) -> None:
    """Row and balance are two transactions."""
    increase = balances.increase_available

    def split(transaction: WriteTransaction, *arguments: Any) -> None:
        transaction.execute("COMMIT")
        transaction.execute("BEGIN IMMEDIATE")
        increase(transaction, *arguments)

    patch.setattr(balances, "increase_available", split)


def no_unique_key(patch: pytest.MonkeyPatch) -> None:
    """Nothing in the database says that an event is credited once."""
    patch.setattr(schema, "INDEXES", schema.INDEXES[1:])
    _insert_plainly(patch)


def _insert_plainly(patch: pytest.MonkeyPatch) -> None:
    execute = WriteTransaction.execute

    def plain(self: WriteTransaction, sql: str, parameters: Sequence[Any] = ()) -> Any:
        if sql.startswith("INSERT INTO spot_deposits"):
            sql = sql.partition(" ON CONFLICT")[0]
        return execute(self, sql, parameters)

    patch.setattr(WriteTransaction, "execute", plain)


def key_on_transaction_hash_alone(patch: pytest.MonkeyPatch) -> None:
    credit = deposits.credit

    def once_per_transaction(
        transaction: WriteTransaction, deposit: deposits.DepositCredit, *arguments: Any
    ) -> bool:
        seen = transaction.execute(
            "SELECT 1 FROM spot_deposits WHERE tx_hash = ?", (deposit.tx_hash,)
        ).fetchone()
        return seen is None and credit(transaction, deposit, *arguments)

    patch.setattr(deposits, "credit", once_per_transaction)


def dedupe_by_content(patch: pytest.MonkeyPatch) -> None:
    """A second deposit of the same account and amount is taken for a replay."""
    credit = deposits.credit

    def once_per_content(
        transaction: WriteTransaction, deposit: deposits.DepositCredit, *arguments: Any
    ) -> bool:
        seen = transaction.execute(
            "SELECT 1 FROM spot_deposits WHERE user_address = ? AND amount = ?",
            (deposit.user_address, deposit.amount),
        ).fetchone()
        return seen is None and credit(transaction, deposit, *arguments)

    patch.setattr(deposits, "credit", once_per_content)


def no_token_filter(patch: pytest.MonkeyPatch) -> None:
    """Every token's event is taken for DF."""
    decode = poller.decode_deposit

    def as_df(log: Any) -> DepositEvent:
        event = decode(log)
        return replace(event, token_address="0x8063a43ed88397c1b10da23dcc60ba1e7a0bf555")

    patch.setattr(poller, "decode_deposit", as_df)


def float_amounts(patch: pytest.MonkeyPatch) -> None:
    def through_float(raw: int, decimals: int) -> str:
        return f"{raw / 10**decimals:.18f}".rstrip("0").rstrip(".")

    patch.setattr(poller, "from_base_units", through_float)


def unconditional_increment(patch: pytest.MonkeyPatch) -> None:
    """The balance grows whether or not the row was inserted."""
    credit = deposits.credit

    def always(
        transaction: WriteTransaction,
        deposit: deposits.DepositCredit,
        deposit_id: str,
        now_s: int,
    ) -> bool:
        inserted = credit(transaction, deposit, deposit_id, now_s)
        if not inserted:
            balances.increase_available(
                transaction, deposit.user_address, deposit.token, deposit.amount, now_s
            )
        return inserted

    patch.setattr(deposits, "credit", always)


def skips_ahead_after_downtime(patch: pytest.MonkeyPatch) -> None:
    """At its start the listener goes to the newest confirmed block."""
    main = ListenerProcess._main

    def forget(self: Any) -> None:
        patch.setattr(poller, "BLOCKS_PER_POLL_MAX", 10**9)
        patch.setattr(poller.Poller, "_credit", _credit_newest_only(poller.Poller._credit))
        main(self)

    patch.setattr(ListenerProcess, "_main", forget)


def _credit_newest_only(credit: Any) -> Any:
    def newest(self: Any, events: Sequence[DepositEvent], last_block: int) -> int:
        near = [event for event in events if event.block_number > last_block - 1_000]
        return int(credit(self, near, last_block))

    return newest


def page_seam_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """A full page's last block is asked for by nobody."""
    logs = poller.NodeClient.logs

    def exclusive(self: Any, from_block: int, to_block: int, *rest: Any) -> Any:
        last = to_block - 1 if to_block - from_block == 99 else to_block
        return logs(self, from_block, last, *rest)

    patch.setattr(poller.NodeClient, "logs", exclusive)


def sender_is_not_the_account(patch: pytest.MonkeyPatch) -> None:
    """Account and token topics are taken for each other."""
    decode = poller.decode_deposit

    def swapped(log: Any) -> DepositEvent:
        topics = (log.topics[0], log.topics[2], log.topics[1])
        event = decode(replace(log, topics=topics))
        return replace(event, token_address="0x8063a43ed88397c1b10da23dcc60ba1e7a0bf555")

    patch.setattr(poller, "decode_deposit", swapped)


# What is broken, how, and the bundled scenario that must go red.
BROKEN: dict[str, tuple[Break, str]] = {
    "19 confirmations": (_confirmations(19), "first_deposit"),
    "21 confirmations": (_confirmations(21), "first_deposit"),
    "no confirmations": (_confirmations(0), "reorg_drops_a_deposit"),
    "cursor before credit": (cursor_before_credit, "listener_killed_and_restarted"),
    "row and balance apart": (row_and_balance_apart, "first_deposit"),
    "no unique key": (no_unique_key, "duplicate_logs_in_a_page"),
    "key on transaction hash alone": (
        key_on_transaction_hash_alone,
        "two_deposits_in_one_transaction",
    ),
    "dedupe by content": (dedupe_by_content, "two_deposits_in_one_block"),
    "no token filter": (no_token_filter, "other_tokens_and_zero"),
    "float amounts": (float_amounts, "two_deposits_in_one_block"),
    "unconditional increment": (unconditional_increment, "duplicate_logs_in_a_page"),
    "skips ahead after downtime": (skips_ahead_after_downtime, "week_of_downtime"),
    "page seam off by one": (page_seam_off_by_one, "week_of_downtime"),
    "topics swapped": (sender_is_not_the_account, "first_deposit"),
}
