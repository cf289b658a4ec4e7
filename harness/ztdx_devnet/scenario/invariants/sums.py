"""I3, I4 and I5: what a ledger must be by itself, in every snapshot."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ztdx_devnet.scenario.invariants.problems import Problem, Problems, decimal, row_text
from ztdx_devnet.sim.ledger_reader import DepositRow, LedgerSnapshot
from ztdx_devnet.sim.user_acts import user_of

_Sums = dict[tuple[str, str], Fraction]


def ledger_problems(ledger: LedgerSnapshot, ordinal_of: Callable[[DepositRow], int]) -> Problems:
    """Double credits, then rows without balances and balances without rows, then wrong sums.

    `ordinal_of` says which event of its transaction a row is for.
    """
    yield from _double_credits(ledger, ordinal_of)
    if ledger.keeps_entries:
        yield from _entries_of_rows(ledger)
    sums = _sums_of_rows(ledger)
    for key in sorted(sums.keys() | ledger.available.keys()):
        total, available = sums.get(key), ledger.available.get(key)
        label = _label(key)
        if total is None or available is None:
            found = "a balance without rows" if total is None else "rows without a balance"
            yield Problem("I5", f"rows and balance of {label} together", found)
        elif _held(available, ledger.frozen[key]) != total:
            seen = f"{available} available, {ledger.frozen[key]} frozen"
            yield Problem("I4", f"{label}: {decimal(total)} in all, the sum of its rows", seen)
    if ledger.keeps_entries:
        yield from _entries_of_balances(ledger)


def _double_credits(ledger: LedgerSnapshot, ordinal_of: Callable[[DepositRow], int]) -> Problems:
    for tx_hash, rows in ledger.confirmed_by_transaction.items():
        credited: set[int] = set()
        for row in rows:
            ordinal = ordinal_of(row)
            if ordinal in credited:
                yield Problem("I3", f"one credit of event {ordinal} of {tx_hash}", "two or more")
            credited.add(ordinal)


def _sums_of_rows(ledger: LedgerSnapshot) -> _Sums:
    """What each user should have of each token; 0 where all was reversed or spent."""
    sums: _Sums = dict(ledger.admin_credits)
    for row in ledger.deposits:
        key = (row.user, row.token)
        counts = Fraction(row.amount) if row.status == "confirmed" else Fraction(0)
        sums[key] = sums.get(key, Fraction(0)) + counts
    for key, spent in ledger.debits.items():
        sums[key] = sums.get(key, Fraction(0)) - spent
    return sums


def _entries_of_rows(ledger: LedgerSnapshot) -> Problems:
    for row in ledger.deposits:
        due = Fraction(row.amount) if row.status == "confirmed" else Fraction(0)
        entered = ledger.deposit_sums.get(row.id, Fraction(0))
        if entered != due:
            expected = f"entries of {decimal(due)} for the {row.status} row, {row_text(row)}"
            yield Problem("I5", expected, f"entries of {decimal(entered)}")


def _entries_of_balances(ledger: LedgerSnapshot) -> Problems:
    sums: _Sums = {}
    last: dict[tuple[str, str], tuple[str, str]] = {}
    for entry in ledger.entries:
        key = (entry.user, entry.token)
        sums[key] = sums.get(key, Fraction(0)) + Fraction(entry.amount)
        last[key] = (entry.available, entry.frozen)
    for key, available in ledger.available.items():
        balance = (available, ledger.frozen[key])
        total, shown = sums.get(key, Fraction(0)), last.get(key, ("0", "0"))
        if _held(*balance) != total or balance != shown:
            seen = f"entries of {decimal(total)}, the last to {shown[0]} available"
            yield Problem("I4", f"entries of {_label(key)} that lead to {available}", seen)


def _held(available: str, frozen: str) -> Fraction | None:
    try:
        return Fraction(available) + Fraction(frozen)
    except ValueError:
        return None


def _label(key: tuple[str, str]) -> str:
    return f"{user_of(key[0])}'s {key[1]}"
