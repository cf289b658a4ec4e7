"""The audit: recomputes every balance from its entries, and says where the tables disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ztdx_spot.errors import AmountError
from ztdx_spot.ledger import amounts
from ztdx_spot.ledger.database import ReadTransaction


@dataclass(frozen=True, slots=True)
class Difference:
    """`place` names the row, `expected` is what the others say, `found` is what it holds."""

    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.place}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, and every difference."""

    balances: int
    entries: int
    deposits: int
    admin_credits: int
    differences: tuple[Difference, ...]


def audit(transaction: ReadTransaction) -> Audit:
    """Look at the whole ledger, in one snapshot."""
    differences = (
        *_damage(transaction),
        *_balances(transaction),
        *_deposits(transaction),
        *_admin_credits(transaction),
    )
    return Audit(
        balances=_count(transaction, "SELECT count(*) FROM spot_balances"),
        entries=_count(transaction, "SELECT count(*) FROM spot_ledger_entries"),
        deposits=_count(transaction, "SELECT count(*) FROM spot_deposits"),
        admin_credits=_count(transaction, "SELECT count(*) FROM spot_admin_credits"),
        differences=differences,
    )


def _count(transaction: ReadTransaction, sql: str) -> int:
    (count,) = transaction.execute(sql).fetchone()
    return int(count)


def _damage(transaction: ReadTransaction) -> Iterator[Difference]:
    """What SQLite itself finds wrong with the file."""
    for (text,) in transaction.execute("PRAGMA integrity_check").fetchall():
        if text != "ok":
            yield Difference("the database file", "no damage", text)
    for table, row, parent, _ in transaction.execute("PRAGMA foreign_key_check").fetchall():
        yield Difference(f"{table} row {row}", f"a row of {parent}", "none")


def _balances(transaction: ReadTransaction) -> Iterator[Difference]:
    """Each balance against the sum of its entries, and each entry against those before it."""
    sums: dict[tuple[str, str], str] = {}
    entries = transaction.execute(
        "SELECT seq, user_address, token, amount, available FROM spot_ledger_entries ORDER BY seq"
    )
    for seq, user_address, token, amount, available in entries:
        key = (user_address, token)
        if not _is_amount(amount):
            yield Difference(f"entry {seq} ({token} of {user_address})", "an amount", repr(amount))
            continue
        sums[key] = amounts.add(sums.get(key, "0"), amount)
        if available != sums[key]:
            place = f"entry {seq} ({token} of {user_address}), available after it"
            yield Difference(place, sums[key], available)
    rows = transaction.execute(
        "SELECT user_address, token, available, frozen FROM spot_balances"
        " ORDER BY user_address, token"
    ).fetchall()
    for user_address, token, available, frozen in rows:
        total = sums.pop((user_address, token), "0")
        if available != total:
            yield Difference(f"{token} of {user_address}, available", total, available)
        if frozen != "0":
            yield Difference(f"{token} of {user_address}, frozen", "0", frozen)
    for (user_address, token), total in sums.items():
        yield Difference(f"{token} of {user_address}", f"a balance of {total}", "none")


def _deposits(transaction: ReadTransaction) -> Iterator[Difference]:
    """Each deposit against its entries: its amount while confirmed, nothing once orphaned."""
    sums: dict[str, str] = {}
    owners: dict[str, set[tuple[str, str]]] = {}
    entries = transaction.execute(
        "SELECT deposit_id, user_address, token, amount FROM spot_ledger_entries"
        " WHERE deposit_id IS NOT NULL"
    )
    for deposit_id, user_address, token, amount in entries:
        if not _is_amount(amount):
            continue  # told with the balances
        sums[deposit_id] = amounts.add(sums.get(deposit_id, "0"), amount)
        owners.setdefault(deposit_id, set()).add((user_address, token))
    rows = transaction.execute(
        "SELECT id, user_address, token, amount, status FROM spot_deposits ORDER BY rowid"
    ).fetchall()
    for deposit_id, user_address, token, amount, status in rows:
        place = f"deposit {deposit_id} ({status}), entries"
        credited, expected = sums.get(deposit_id, "0"), amount if status == "confirmed" else "0"
        if credited != expected:
            yield Difference(place, expected, credited)
        for owner in owners.get(deposit_id, set()) - {(user_address, token)}:
            yield Difference(place, f"{token} of {user_address}", f"{owner[1]} of {owner[0]}")


def _admin_credits(transaction: ReadTransaction) -> Iterator[Difference]:
    """Each admin credit against its one entry."""
    rows = transaction.execute(
        "SELECT c.id, c.user_address, c.token, c.amount, e.user_address, e.token, e.amount"
        " FROM spot_admin_credits c LEFT JOIN spot_ledger_entries e ON e.admin_credit_id = c.id"
        " ORDER BY c.rowid"
    ).fetchall()
    for credit_id, *wanted, user_address, token, amount in rows:
        if wanted != [user_address, token, amount]:
            found = "none" if amount is None else f"{amount} {token} of {user_address}"
            expected = f"{wanted[2]} {wanted[1]} of {wanted[0]}"
            yield Difference(f"admin credit {credit_id}, entry", expected, found)


def _is_amount(text: object) -> bool:
    """CHECKs keep anything else out; damage, or another program, may not."""
    try:
        amounts.parse_amount(str(text), signed=True)
    except AmountError:
        return False
    return True
