"""Invariants of sums: I4, I5, I11 in the database, and I16."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

from ztdx_devnet.scenario.invariants.evidence.scene import Scene
from ztdx_devnet.scenario.invariants.problems import (
    Problem,
    Problems,
    amount_text,
    balance_label,
    decimal,
    row_text,
)
from ztdx_devnet.scenario.values import WEI
from ztdx_devnet.sim.ledger_reader import NOTHING, AdminCreditRow, DepositRow, exact

_CANONICAL = re.compile(r"0|-?(0|[1-9][0-9]*)\.[0-9]*[1-9]|-?[1-9][0-9]*", re.ASCII)


def conservation(scene: Scene) -> Problems:
    """a balance is the sum of its confirmed deposits and admin credits, less its debits"""
    ledger, books = scene.ledger, scene.books
    for key in scene.changes.keys:
        due, available = books.due(key), ledger.available.get(key)
        if due is None or available is None:
            continue  # that is another invariant's
        frozen, label = ledger.frozen[key], balance_label(key)
        if not (_is_number(available) and _is_number(frozen)):
            continue  # so is that
        held = exact(available) + exact(frozen)
        if exact(frozen):
            yield Problem(f"nothing frozen of {label}: nobody freezes", f"{frozen} frozen")
        if held != due:
            seen = f"{available} available, {frozen} frozen"
            yield Problem(f"{label}: {decimal(due)} in all, the sum of its rows", seen)
        if scene.keeps_history:
            total, shown = books.entries.get(key, NOTHING), books.last.get(key, ("0", "0"))
            if held != total or (exact(available), exact(frozen)) != (
                exact(shown[0]),
                exact(shown[1]),
            ):
                seen = f"entries of {decimal(total)}, the last to {shown[0]} available"
                yield Problem(f"entries of {label} that lead to {available}", seen)
    if scene.keeps_history:
        for before, entry in books.odd_entries:
            label = balance_label((entry.user, entry.token))
            expected = f"an entry that goes on from {label} of {before[0]}, {before[1]} frozen"
            seen = f"{entry.amount} to {entry.available}, {entry.frozen} frozen"
            yield Problem(expected, seen)
    yield from credits_asked_for(scene)
    yield from _unasked_debits(scene)
    yield from _missing_debits(scene)


def credits_asked_for(scene: Scene) -> Problems:
    """a balance is the sum of its confirmed deposits and admin credits, less its debits"""
    for credit in scene.requests.unasked(scene.ledger.admin_rows):
        yield Problem("admin credits that were asked for", credit)


def atomicity(scene: Scene) -> Problems:
    """no row without its balance, no balance without its rows; and no row without its entries"""
    ledger, books = scene.ledger, scene.books
    if scene.keeps_history:
        for row in _rows_with_new_entries(scene):
            due = exact(row.amount) if row.status == "confirmed" else NOTHING
            entered = books.entered.get(row.id, NOTHING)
            if entered != due:
                expected = f"entries of {decimal(due)} for the {row.status} row, {row_text(row)}"
                yield Problem(expected, f"entries of {decimal(entered)}")
    for credit in _credits_with_new_entries(scene):  # the API keeps a history, whoever listens
        entered = books.entered_credits.get(credit.id, NOTHING)
        if entered != exact(credit.amount):
            key = (credit.user, credit.token)
            expected = f"an entry of {credit.amount} for the admin credit to {balance_label(key)}"
            yield Problem(expected, f"entries of {decimal(entered)}")
    for key in scene.changes.keys:
        due_there, there = books.due(key) is not None, key in ledger.available
        if due_there != there:
            found = "rows without a balance" if due_there else "a balance without rows"
            yield Problem(f"rows and balance of {balance_label(key)} together", found)
        elif there and scene.keeps_history and key in books.times:
            entered_at, written = books.times[key], ledger.balance_times[key]
            if written != entered_at:
                expected = "created and changed at {} and {}, as its entries".format(*entered_at)
                seen = "{} and {}".format(*written)
                yield Problem(f"{balance_label(key)} {expected}", seen)


def exact_amounts(scene: Scene) -> Problems:
    """amounts in database, API and chain agree digit for digit"""
    oracle, ledger = scene.world.oracle, scene.ledger
    amounts = {}
    for row in scene.changes.rows:
        amounts[row.id] = row.amount
        versions = oracle.versions(row)
        texts = [amount_text(version.amount_wei) for version in versions]
        if texts and row.amount not in texts:
            yield Problem(f"{texts[0]} DF, as on the chain", row_text(row))
    for _, entry in scene.changes.entries:
        if entry is not None and entry.deposit_id in amounts:
            amount = amounts[entry.deposit_id]
            if entry.amount.removeprefix("-") != amount:
                yield Problem(f"an entry of {amount}, as in the row", f"one of {entry.amount}")
    for credit in (now for _, now in scene.changes.admin_credits if now is not None):
        if not _is_canonical(credit.amount):
            yield Problem("an admin credit of an amount in its one spelling", repr(credit.amount))
    for entry in (now for _, now in scene.changes.entries if now is not None):
        if not all(map(_is_canonical, (entry.amount, entry.available, entry.frozen))):
            seen = f"{entry.amount!r} to {entry.available!r}, {entry.frozen!r} frozen"
            yield Problem("an entry of amounts in their one spelling", seen)
    for key in scene.changes.balances:
        for text in (ledger.available.get(key, "0"), ledger.frozen.get(key, "0")):
            if not _is_number(text) or decimal(exact(text)) != text:
                written = decimal(exact(text)) if _is_number(text) else "a decimal number"
                yield Problem(f"{written} in {balance_label(key)}", repr(text))


def solvency(scene: Scene) -> Problems:
    """the vault holds what it owes: all credits that stand, less what was debited"""
    books = scene.books
    owed = sum((s for (_, token), s in books.rows.items() if token == "DF"), NOTHING)  # noqa: S105
    if not owed:
        return
    entered = sum((s for (_, token), s in books.debits.items() if token == "DF"), NOTHING)  # noqa: S105
    asked = [debit for debit in scene.world.product.debits if debit.token == "DF"]  # noqa: S105
    spent = min(entered, sum((exact(debit.amount) for debit in asked), NOTHING))
    left_behind = sum((exact(row.amount) for row in scene.repairs.stale), NOTHING)
    held = Fraction(scene.held_wei(), WEI)
    owed -= left_behind + spent
    if held < owed:
        # What was withdrawn may be booked as spent, or not yet.
        owed -= max(NOTHING, Fraction(scene.withdrawn_wei(), WEI) - spent)
    if held < owed:
        yield Problem(f"at least {decimal(owed)} DF in the vault", decimal(held))


def _unasked_debits(scene: Scene) -> Problems:
    """Entries that say somebody spent what nobody asked the operator to take."""
    if not any(e.kind == "debit" for pair in scene.changes.entries for e in pair if e is not None):
        return
    asked = Counter(
        ((debit.user_address, debit.token), exact(debit.amount))
        for debit in scene.world.product.debits
    )
    for (key, amount), times in scene.books.spendings.items():
        if times > asked[key, amount]:
            debit = f"a debit of {decimal(amount)} from {balance_label(key)}"
            yield Problem(f"{debit} {asked[key, amount]} times, as asked for", f"{times} times")


def _missing_debits(scene: Scene) -> Problems:
    """What the operator was told that it had taken, and no entry says so."""
    taken = scene.world.product.operator.taken
    if sum(scene.books.spendings.values()) == len(taken):
        return
    done = Counter(((user, token), exact(amount)) for user, token, amount in taken)
    for (key, amount), times in done.items():
        found = scene.books.spendings[key, amount]
        if found < times:
            debit = f"a debit of {decimal(amount)} from {balance_label(key)}"
            yield Problem(f"{debit} {times} times, as was done", f"{found} times")


def _credits_with_new_entries(scene: Scene) -> list[AdminCreditRow]:
    rows = {row.id: row for _, row in scene.changes.admin_credits if row is not None}
    entries = (e for pair in scene.changes.entries for e in pair if e is not None)
    missing = {entry.admin_credit_id for entry in entries} - rows.keys() - {None}
    if missing:  # an entry for one that was made before
        rows |= {row.id: row for row in scene.ledger.admin_rows if row.id in missing}
    return list(rows.values())


def _rows_with_new_entries(scene: Scene) -> list[DepositRow]:
    rows = {row.id: row for row in scene.changes.rows}
    named = {e.deposit_id for pair in scene.changes.entries for e in pair if e is not None}
    missing = named - rows.keys() - {None}
    if missing:  # an entry for a row that was written before, as in a reversal of it
        rows |= {row.id: row for row in scene.rows_of(missing)}
    return list(rows.values())


def _is_canonical(text: str) -> bool:
    return _CANONICAL.fullmatch(text) is not None


def _is_number(text: str) -> bool:
    try:
        Fraction(text)
    except ValueError:
        return False
    return True
