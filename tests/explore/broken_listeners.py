"""Listeners and ledgers broken on purpose, one fault each, as monkeypatches of the product.

Each is named for what it does wrong. A test says which bundled scenario must notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ztdx_spot.errors import EventError, NodeBehindError
from ztdx_spot.ledger import amounts, cursor, deposits, entries, migrations, reconcile, schema
from ztdx_spot.ledger.database import WriteTransaction
from ztdx_spot.ledger.reconcile import ConfirmedDeposit, Reconciliation
from ztdx_spot.listener import crediting, events, pages
from ztdx_spot.listener.crediting import Crediting
from ztdx_spot.listener.events import Deposit
from ztdx_spot.listener.pages import PageReader
from ztdx_spot.listener.poller import Poller
from ztdx_spot.node.client import Refusal

Break = Callable[[pytest.MonkeyPatch], None]

DF = "0x8063a43ed88397c1b10da23dcc60ba1e7a0bf555"


def _confirmations(count: int) -> Break:
    def break_it(patch: pytest.MonkeyPatch) -> None:
        make = Poller.__init__

        def with_another_depth(self: Any, settings: Any, *ports: Any) -> None:
            make(self, replace(settings, confirmation_depth_blocks=count), *ports)

        patch.setattr(Poller, "__init__", with_another_depth)

    return break_it


def cursor_before_credit(patch: pytest.MonkeyPatch) -> None:
    """The cursor is committed first, the rows after it."""
    move = cursor.move

    def move_and_commit(transaction: WriteTransaction, *arguments: Any) -> None:
        move(transaction, *arguments)
        transaction.execute("COMMIT")
        transaction.execute("BEGIN IMMEDIATE")

    patch.setattr(cursor, "move", move_and_commit)


def row_and_balance_apart(patch: pytest.MonkeyPatch) -> None:
    """Row and balance are two transactions."""
    enter = entries.enter

    def split(transaction: WriteTransaction, moves: Sequence[Any], now_s: int) -> None:
        if moves:
            transaction.execute("COMMIT")
            transaction.execute("BEGIN IMMEDIATE")
        enter(transaction, moves, now_s)

    patch.setattr(entries, "enter", split)


def _changed_reconcile(patch: pytest.MonkeyPatch, change: Callable[..., Reconciliation]) -> None:
    decide = reconcile.reconcile

    def changed(ancestor_block: int, rows: Any, found: Sequence[ConfirmedDeposit]) -> Any:
        rows = list(rows)
        return change(decide, ancestor_block, rows, found)

    patch.setattr(deposits, "reconcile", changed)


def no_unique_key(patch: pytest.MonkeyPatch) -> None:
    """Nothing says that an event is credited once: not the code, and not the database."""
    plain = [sql.replace("CREATE UNIQUE", "CREATE") for sql in schema.INDEXES]
    patch.setattr(migrations, "INDEXES", plain)
    _each_log_is_an_event(patch)

    def all_new(_decide: Any, _ancestor: int, _rows: Any, found: Any) -> Reconciliation:
        return Reconciliation((), (), (), tuple(found))

    _changed_reconcile(patch, all_new)


def _each_log_is_an_event(patch: pytest.MonkeyPatch) -> None:
    """The page is believed: what it holds twice is two events."""

    def believed(self: Any, headers: Any, first: int, last: int, logs: Any) -> Any:
        return [pages._event(0, log, log.block_number, log.log_index) for log in logs or ()]

    patch.setattr(PageReader, "_events_of_blocks", believed)


def unconditional_increment(patch: pytest.MonkeyPatch) -> None:
    """The balance grows whether or not the row was inserted."""
    _each_log_is_an_event(patch)
    write = deposits._write

    def always(transaction: WriteTransaction, chain_id: int, changes: Any, *rest: Any) -> None:
        write(transaction, chain_id, changes, *rest)
        extra = _extra_copies.pop() if _extra_copies else []
        found = transaction.execute("SELECT max(id) FROM spot_deposits").fetchone()[0]
        moves = [deposits._entry(deposit, found, "deposit") for deposit in extra]
        entries.enter(transaction, moves, rest[-1])

    _extra_copies: list[list[ConfirmedDeposit]] = []

    def note(decide: Any, ancestor: int, rows: Any, found: Any) -> Reconciliation:
        keys = [deposit.key for deposit in found]
        _extra_copies.append([d for i, d in enumerate(found) if d.key in keys[:i]])
        return decide(ancestor, rows, found)

    _changed_reconcile(patch, note)
    patch.setattr(deposits, "_write", always)


def key_on_transaction_hash_alone(patch: pytest.MonkeyPatch) -> None:
    def one_each(decide: Any, ancestor: int, rows: Any, found: Any) -> Reconciliation:
        return decide(
            ancestor, rows, list({deposit.tx_hash: deposit for deposit in found}.values())
        )

    _changed_reconcile(patch, one_each)


def dedupe_by_content(patch: pytest.MonkeyPatch) -> None:
    """A second deposit of the same account and amount is taken for a replay."""

    def one_each(decide: Any, ancestor: int, rows: Any, found: Any) -> Reconciliation:
        contents = {(deposit.user_address, deposit.amount): deposit for deposit in found}
        return decide(ancestor, rows, list(contents.values()))

    _changed_reconcile(patch, one_each)


def _decoded(patch: pytest.MonkeyPatch, change: Callable[[Any, Any, str], Deposit]) -> None:
    decode = events.decode
    patch.setattr(crediting, "decode", lambda topics, data: change(decode, topics, data))


def no_token_filter(patch: pytest.MonkeyPatch) -> None:
    """Every token's event is taken for DF."""
    _decoded(patch, lambda decode, t, data: replace(decode(t, data), token_address=DF))


def topics_swapped(patch: pytest.MonkeyPatch) -> None:
    """Account and token topics are taken for each other."""

    def swapped(decode: Any, topics: Any, data: str) -> Deposit:
        deposit = decode(topics, data)
        return replace(deposit, account=deposit.token_address, token_address=DF)

    _decoded(patch, swapped)


def float_amounts(patch: pytest.MonkeyPatch) -> None:
    def through_float(raw: int, decimals: int) -> str:
        return f"{raw / 10**decimals:.18f}".rstrip("0").rstrip(".")

    patch.setattr(crediting, "from_base_units", through_float)


def skips_ahead_after_downtime(patch: pytest.MonkeyPatch) -> None:
    """A listener that is far behind goes to the newest confirmed blocks."""
    read = Poller._read_page

    def newest(self: Any, below: Any, target: int, head: int) -> Any:
        if target - below.block > 1_000:
            below = replace(below, block=target - 100, block_hash=None)
        return read(self, below, target, head)

    patch.setattr(Poller, "_read_page", newest)


def page_seam_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """A full page's last block is asked for by nobody."""
    blocks_of = PageReader._events_of_blocks

    def exclusive(self: Any, headers: Any, first: int, last: int, logs: Any) -> Any:
        last = last - 1 if last - first == 99 else last
        kept = [log for log in logs or () if log.block_number <= last]
        return blocks_of(self, headers, first, last, kept)

    patch.setattr(PageReader, "_events_of_blocks", exclusive)


def no_reorg_repair(patch: pytest.MonkeyPatch) -> None:
    """Whatever the node has below the page is taken for what was processed."""
    read = PageReader.read

    def unlinked(self: Any, first: int, last: int, _parent_hash: Any, *rest: Any) -> Any:
        return read(self, first, last, None, *rest)

    head = Poller._head

    def no_branch(self: Any, stored: Any) -> Any:
        return head(self, stored)[0], None

    patch.setattr(PageReader, "read", unlinked)
    patch.setattr(Poller, "_head", no_branch)


def hash_link_not_checked(patch: pytest.MonkeyPatch) -> None:
    """Pages are linked to nothing; the cursor's block is compared with its own number only."""
    no_reorg_repair(patch)
    patch.setattr(pages, "_check_links", lambda *_: None)


def double_reversal(patch: pytest.MonkeyPatch) -> None:
    """What a reorg took is taken twice."""
    enter = entries.enter

    def twice(transaction: WriteTransaction, moves: Sequence[Any], now_s: int) -> None:
        again = [move for move in moves if move.kind == "reversal"]
        enter(transaction, [*moves, *again], now_s)

    patch.setattr(entries, "enter", twice)


def negative_balance_clamped(patch: pytest.MonkeyPatch) -> None:
    """A balance that would go below zero is zero."""
    add = amounts.add

    def at_least_zero(augend: str, addend: str) -> str:
        total = add(augend, addend)
        return "0" if amounts.is_negative(total) else total

    patch.setattr(amounts, "add", at_least_zero)


def key_on_log_index(patch: pytest.MonkeyPatch) -> None:
    """An event is known by its place in the block, as nodes number it."""
    make = pages._event

    def by_index(_ordinal: int, log: Any, block_number: int, log_index: int) -> Any:
        return make(log_index, log, block_number, log_index)

    patch.setattr(pages, "_event", by_index)


def page_ordinal_instead_of_receipt_ordinal(patch: pytest.MonkeyPatch) -> None:
    """Events are counted in the page: what came before one is part of its name."""
    read = PageReader.read

    def counted(self: Any, *arguments: Any) -> Any:
        page = read(self, *arguments)
        numbered = tuple(replace(e, ordinal=place) for place, e in enumerate(page.events))
        return replace(page, events=numbered)

    patch.setattr(PageReader, "read", counted)


def quarantine_that_drops(patch: pytest.MonkeyPatch) -> None:
    """An undecodable log is passed over and forgotten."""
    patch.setattr(Crediting, "_hold", lambda *_: [])


def head_of_line_blocking(patch: pytest.MonkeyPatch) -> None:
    """An undecodable log stops the page."""

    def refuse(*_: Any) -> Any:
        raise EventError("it is not a deposit")

    patch.setattr(Crediting, "_hold", refuse)


def head_trusted(patch: pytest.MonkeyPatch) -> None:
    """The head is believed, and blocks that the node does not have are taken for empty ones."""
    read = PageReader.read

    def trusting(self: Any, first: int, last: int, parent_hash: Any, *rest: Any) -> Any:
        try:
            return read(self, first, last, parent_hash, *rest)
        except NodeBehindError:
            return pages.Page(first, last, None, ())  # type: ignore[arg-type]

    patch.setattr(PageReader, "read", trusting)


def error_read_as_empty(patch: pytest.MonkeyPatch) -> None:
    """A refusal of eth_getLogs is no logs, and blooms are not looked at."""
    logs_of = PageReader._logs

    def empty(self: Any, answer: Any, first: int, last: int) -> Any:
        return [] if isinstance(answer, Refusal) else logs_of(self, answer, first, last)

    patch.setattr(PageReader, "_logs", empty)
    patch.setattr(pages.bloom, "may_hold", lambda *_: False)


def blooms_not_read(patch: pytest.MonkeyPatch) -> None:
    """Nothing but eth_getLogs says where the events are."""
    patch.setattr(pages.bloom, "may_hold", lambda *_: False)


def page_believed(patch: pytest.MonkeyPatch) -> None:
    """What eth_getLogs says is true and all there is."""
    _each_log_is_an_event(patch)


def replay_credits_again(patch: pytest.MonkeyPatch) -> None:
    """Each reading of a block is news: a repair credits again what still stands."""

    def forgetful(decide: Any, ancestor: int, rows: Any, found: Any) -> Reconciliation:
        changes = decide(ancestor, rows, found)
        return replace(changes, orphaned=(), restored=())

    _changed_reconcile(patch, forgetful)


# What is broken, how, and the bundled scenario that must go red.
BROKEN: dict[str, tuple[Break, str]] = {
    "19 confirmations": (_confirmations(19), "first_deposit"),
    "21 confirmations": (_confirmations(21), "first_deposit"),
    "no confirmations": (_confirmations(0), "reorg_drops_a_deposit"),
    "cursor before credit": (cursor_before_credit, "listener_killed_and_restarted"),
    "row and balance apart": (row_and_balance_apart, "first_deposit"),
    "no unique key": (no_unique_key, "duplicate_logs_in_a_page"),
    "unconditional increment": (unconditional_increment, "duplicate_logs_in_a_page"),
    "key on transaction hash alone": (
        key_on_transaction_hash_alone,
        "two_deposits_in_one_transaction",
    ),
    "dedupe by content": (dedupe_by_content, "two_deposits_in_one_block"),
    "no token filter": (no_token_filter, "other_tokens_and_zero"),
    "float amounts": (float_amounts, "two_deposits_in_one_block"),
    "skips ahead after downtime": (skips_ahead_after_downtime, "week_of_downtime"),
    "page seam off by one": (page_seam_off_by_one, "week_of_downtime"),
    "topics swapped": (topics_swapped, "first_deposit"),
    "no reorg repair": (no_reorg_repair, "deep_reorg_drops_a_credited_deposit"),
    "hash link not checked": (hash_link_not_checked, "reorg_between_two_pages"),
    "double reversal": (double_reversal, "deep_reorg_drops_a_credited_deposit"),
    "reversal forgotten": (replay_credits_again, "deep_reorg_drops_a_credited_deposit"),
    "negative balance clamped": (negative_balance_clamped, "deep_reorg_of_spent_money"),
    "quarantine that drops": (quarantine_that_drops, "undecodable_log"),
    "undecodable log blocks": (head_of_line_blocking, "undecodable_log"),
    "head trusted": (head_trusted, "head_told_too_high"),
    "error read as empty": (error_read_as_empty, "errors_are_not_empty_pages"),
    "blooms not read": (blooms_not_read, "log_index_with_a_hole"),
    "page believed": (page_believed, "stale_answer_from_a_cache"),
}

# No scenario sees these: they move the right money, by too many entries. A test does.
REORGS = "tests/unit/spot/test_reorgs.py::TestRepair"
BROKEN_BUT_SOLVENT: dict[str, tuple[Break, str]] = {
    "key on log index": (
        key_on_log_index,
        f"{REORGS}::test_the_events_of_a_transaction_may_shift_by_one",
    ),
    "page ordinal instead of receipt ordinal": (
        page_ordinal_instead_of_receipt_ordinal,
        f"{REORGS}::test_two_deposits_of_a_transaction_may_swap_their_places",
    ),
}
