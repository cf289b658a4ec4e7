"""Reads the product's database from outside: one snapshot, own SQL, exact numbers.

It never writes and never crosses a boundary, so looking changes nothing. Told what was written
since it looked last, it reads only that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

_READ_ANEW_EVERY = 256
"""Even told what was written, it reads all this often: what nobody told of comes to light."""


@dataclass(frozen=True, slots=True)
class DepositRow:
    """A row of spot_deposits. `row` is SQLite's rowid, which grows with each insert."""

    row: int
    id: str
    user: str
    token: str
    amount: str
    tx_hash: str
    block_number: int
    log_index: int
    status: str
    chain_id: int
    event_ordinal: int
    block_hash: str | None
    created_at: int = 0
    confirmed_at: int | None = None


@dataclass(frozen=True, slots=True)
class AdminCreditRow:
    """A row of spot_admin_credits."""

    row: int
    id: str
    user: str
    token: str
    amount: str
    admin_actor: str = ""
    reason: str | None = None
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A change of a balance, and the balance after it."""

    seq: int
    user: str
    token: str
    kind: str
    amount: str
    available: str
    frozen: str
    deposit_id: str | None
    admin_credit_id: str | None = None
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where the ledger says that it saw a deposit, and what it did with it then."""

    seq: int
    deposit_id: str
    act: str
    block_number: int
    log_index: int
    block_hash: str | None
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class HeldLog:
    """A log that is held in quarantine."""

    tx_hash: str
    event_ordinal: int
    block_number: int


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A row of spot_quarantined_logs, whatever has become of it."""

    row: int
    id: str
    chain_id: int
    tx_hash: str
    event_ordinal: int
    block_number: int
    block_hash: str
    log_index: int
    raw_log: str
    status: str
    created_at: int


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A row of spot_admin_credit_keys: what was made, and answered, under an idempotency key."""

    row: int
    key: str
    body_sha256: str
    admin_credit_id: str
    answer: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last processed block, and its hash if the listener kept it; of which chain, where it
    began, and when that was written, in Unix seconds."""

    block_number: int
    block_hash: str | None
    chain_id: int | None = None
    genesis_hash: str | None = None
    first_block: int | None = None
    updated_at: int | None = None


@dataclass(frozen=True)
class LedgerSnapshot:
    """The ledger at one instant. Balances are keyed by (user, token).

    A row that two snapshots of a reader have in common is one object: comparing them is cheap.
    """

    deposits: tuple[DepositRow, ...]
    available: Mapping[tuple[str, str], str]
    frozen: Mapping[tuple[str, str], str]
    admin_rows: tuple[AdminCreditRow, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    quarantined: tuple[HeldLog, ...] = ()
    quarantine: tuple[QuarantineRow, ...] = ()
    kept_answers: tuple[KeptAnswer, ...] = ()
    balance_times: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """When each balance was created, and changed last."""

    @cached_property
    def confirmed_by_transaction(self) -> Mapping[str, tuple[DepositRow, ...]]:
        """The confirmed rows of each transaction hash."""
        return self._by_transaction("confirmed", self.deposits, {})

    @cached_property
    def orphaned_by_transaction(self) -> Mapping[str, tuple[DepositRow, ...]]:
        """The orphaned rows of each transaction hash."""
        return self._by_transaction("orphaned", self.deposits, {})

    @cached_property
    def held(self) -> frozenset[HeldLog]:
        """The logs that are held in quarantine."""
        return frozenset(self.quarantined)

    @cached_property
    def keeps_entries(self) -> bool:
        """Whether whoever writes deposits also writes entries or sightings of them.

        Nothing that does not keep a history can be asked for it.
        """
        return bool(self.sightings) or any(entry.deposit_id for entry in self.entries)

    @cached_property
    def deposit_sums(self) -> Mapping[str, Fraction]:
        """What the entries of each deposit, by its id, sum to."""
        return _deposit_sums(self.entries, {})

    @cached_property
    def debits(self) -> Mapping[tuple[str, str], Fraction]:
        """What was spent, as positive numbers."""
        spent: dict[tuple[str, str], Fraction] = {}
        for entry in self.entries:
            if entry.kind == "debit":
                key = (entry.user, entry.token)
                spent[key] = spent.get(key, Fraction(0)) - exact(entry.amount)
        return spent

    @cached_property
    def admin_credits(self) -> Mapping[tuple[str, str], Fraction]:
        """What admins credited to each user of each token."""
        sums: dict[tuple[str, str], Fraction] = {}
        for row in self.admin_rows:
            key = (row.user, row.token)
            sums[key] = sums.get(key, NOTHING) + exact(row.amount)
        return sums

    def follow(self, before: LedgerSnapshot) -> None:
        """Take over what `before` has worked out, if rows were only added since."""
        known, mine = before.__dict__, self.__dict__
        added = self.deposits[len(before.deposits) :]
        if self.deposits[: len(before.deposits)] == before.deposits:
            for status in ("confirmed", "orphaned"):
                name = f"{status}_by_transaction"
                if name in known:
                    mine[name] = self._by_transaction(status, added, known[name])
        if "deposit_sums" in known and self.entries[: len(before.entries)] == before.entries:
            new = self.entries[len(before.entries) :]
            mine["deposit_sums"] = _deposit_sums(new, known["deposit_sums"])

    @staticmethod
    def _by_transaction(
        status: str, rows: Iterable[DepositRow], known: Mapping[str, tuple[DepositRow, ...]]
    ) -> Mapping[str, tuple[DepositRow, ...]]:
        found = dict(known)
        for row in rows:
            if row.status == status:
                found[row.tx_hash] = (*found.get(row.tx_hash, ()), row)
        return found


NOTHING = Fraction(0)
EMPTY_LEDGER = LedgerSnapshot((), {}, {})


@lru_cache(maxsize=65_536)
def exact(text: str) -> Fraction:
    """The amount that a column holds; what is no number is worth nothing."""
    try:
        return Fraction(text)
    except ValueError:
        return NOTHING


def _deposit_sums(
    entries: Iterable[LedgerEntry], known: Mapping[str, Fraction]
) -> Mapping[str, Fraction]:
    sums = dict(known)
    for entry in entries:
        if entry.deposit_id is not None:
            sums[entry.deposit_id] = sums.get(entry.deposit_id, NOTHING) + exact(entry.amount)
    return sums


# --- what was written ---------------------------------------------------------------------------


_TABLES = (
    "spot_deposits",
    "spot_deposit_sightings",
    "spot_quarantined_logs",
    "spot_balances",
    "spot_admin_credits",
    "spot_admin_credit_keys",
    "spot_ledger_entries",
)


class _Write(NamedTuple):
    """What a statement does: adds rows to a table, or may change any row of these tables."""

    kind: Literal["adds", "changes"]
    tables: tuple[str, ...]


def concerns_ledger(statements: Iterable[str]) -> bool:
    """Whether any of these writes may have changed what a snapshot shows."""
    return any(_write_of(sql).tables for sql in statements)


@lru_cache(maxsize=1_024)
def _write_of(sql: str) -> _Write:
    words = sql.replace("(", " ").split(None, 3)
    mentioned = tuple(table for table in _TABLES if table in sql)
    if len(mentioned) == 1 and len(words) > 2 and words[2] in mentioned:
        upper = sql.upper()
        if words[0].upper() == "INSERT" and "DO UPDATE" not in upper and " OR " not in upper:
            return _Write("adds", mentioned)
        if words[0].upper() in ("UPDATE", "DELETE", "INSERT"):
            return _Write("changes", mentioned)
    if len(mentioned) == 1 and words[0].upper() == "UPDATE" and words[1] in mentioned:
        return _Write("changes", mentioned)
    # Anything else may do anything to them: a DROP, a trigger, one table from another.
    return _Write("changes", _TABLES if mentioned else ())


# --- reading ------------------------------------------------------------------------------------


_Row = TypeVar("_Row")

_DEPOSITS = (
    "SELECT rowid, id, user_address, token, amount, tx_hash, block_number, log_index,"
    " status, chain_id, event_ordinal, block_hash, created_at, confirmed_at"
    " FROM spot_deposits WHERE rowid > ? ORDER BY rowid"
)
_ADMIN_CREDITS = (
    "SELECT rowid, id, user_address, token, amount, admin_actor, reason, created_at"
    " FROM spot_admin_credits"
    " WHERE rowid > ? ORDER BY rowid"
)
_ENTRIES = (
    "SELECT seq, user_address, token, kind, amount, available, frozen, deposit_id, admin_credit_id,"
    " created_at"
    " FROM spot_ledger_entries WHERE seq > ? ORDER BY seq"
)
_SIGHTINGS = (
    "SELECT seq, deposit_id, act, block_number, log_index, block_hash, created_at"
    " FROM spot_deposit_sightings WHERE seq > ? ORDER BY seq"
)
_KEPT_ANSWERS = (
    "SELECT rowid, idempotency_key, body_sha256, admin_credit_id, answer, created_at"
    " FROM spot_admin_credit_keys WHERE rowid > ? ORDER BY rowid"
)
_QUARANTINE = (
    "SELECT rowid, id, chain_id, tx_hash, event_ordinal, block_number, block_hash, log_index,"
    " raw_log, status, created_at FROM spot_quarantined_logs WHERE rowid > ? ORDER BY rowid"
)


class LedgerReader:
    """A read-only look at the database file, from beside the product."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._last = EMPTY_LEDGER
        # What was written since the last look; None: nobody said, so it may be anything.
        self._written: dict[str, Literal["adds", "changes"]] | None = None
        self._looks = 0

    def cursor(self) -> Cursor | None:
        """Where the listener stands, or None before it wrote that."""
        rows = self.cursor_rows()
        return rows[0] if rows else None

    def cursor_rows(self) -> list[Cursor]:
        """Every row that says so; there should be one."""
        connection = self._open()
        if connection is None:
            return []
        found = connection.execute(
            "SELECT last_processed_block, last_processed_hash, chain_id, genesis_hash, first_block,"
            " updated_at FROM spot_block_sync_state WHERE event_type = 'deposit'"
        )
        return [Cursor(*row) for row in found]

    def cursor_block(self) -> int | None:
        """The last processed block, or None before the listener wrote one."""
        connection = self._open()
        if connection is None:
            return None
        found = connection.execute(
            "SELECT last_processed_block FROM spot_block_sync_state WHERE event_type = 'deposit'"
        ).fetchone()
        return None if found is None else found[0]

    def note(self, statements: Iterable[str]) -> None:
        """These writes, and no others, were committed since the last snapshot or note."""
        if self._written is None:
            self._written = {}
        for write in map(_write_of, statements):
            for table in write.tables:
                if self._written.get(table) != "changes":
                    self._written[table] = write.kind

    def snapshot(self) -> LedgerSnapshot:
        """The whole ledger now: read whole, or what was noted to be written."""
        connection = self._open()
        if connection is None:
            return EMPTY_LEDGER
        written, self._written = self._written, None
        self._looks += 1
        if written is None or self._looks % _READ_ANEW_EVERY == 0:
            written = dict.fromkeys(_TABLES, "changes")
        before = self._last
        connection.execute("BEGIN")
        try:
            self._last = self._read(connection, before, written)
        finally:
            connection.execute("COMMIT")
        self._last.follow(before)
        return self._last

    def read_only(self) -> sqlite3.Connection | None:
        """A connection that sees what is committed; None before the product made its tables."""
        return self._open()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _read(
        self,
        connection: sqlite3.Connection,
        before: LedgerSnapshot,
        written: Mapping[str, Literal["adds", "changes"]],
    ) -> LedgerSnapshot:
        def rows(
            table: str,
            sql: str,
            known: tuple[_Row, ...],
            make: Callable[..., _Row],
            number: Callable[[_Row], int],
        ) -> tuple[_Row, ...]:
            kind = written.get(table)
            if kind is None:
                return known
            if kind == "adds":
                above = number(known[-1]) if known else -1
                return (*known, *(make(*row) for row in connection.execute(sql, (above,))))
            return _same(known, [make(*row) for row in connection.execute(sql, (-1,))], number)

        available, frozen, times = before.available, before.frozen, before.balance_times
        if "spot_balances" in written:
            balances = connection.execute(
                "SELECT user_address, token, available, frozen, created_at, updated_at"
                " FROM spot_balances"
            ).fetchall()
            available = {(row[0], row[1]): row[2] for row in balances}
            frozen = {(row[0], row[1]): row[3] for row in balances}
            times = {(row[0], row[1]): row[4:] for row in balances}
        quarantine = rows(
            "spot_quarantined_logs", _QUARANTINE, before.quarantine, QuarantineRow, lambda r: r.row
        )
        quarantined = before.quarantined
        if quarantine is not before.quarantine:
            quarantined = tuple(
                HeldLog(row.tx_hash, row.event_ordinal, row.block_number)
                for row in quarantine
                if row.status == "held"
            )
        return LedgerSnapshot(
            rows("spot_deposits", _DEPOSITS, before.deposits, DepositRow, lambda r: r.row),
            available,
            frozen,
            rows(
                "spot_admin_credits",
                _ADMIN_CREDITS,
                before.admin_rows,
                AdminCreditRow,
                lambda r: r.row,
            ),
            rows("spot_ledger_entries", _ENTRIES, before.entries, LedgerEntry, lambda r: r.seq),
            rows("spot_deposit_sightings", _SIGHTINGS, before.sightings, Sighting, lambda r: r.seq),
            quarantined,
            quarantine,
            rows(
                "spot_admin_credit_keys",
                _KEPT_ANSWERS,
                before.kept_answers,
                KeptAnswer,
                lambda r: r.row,
            ),
            times,
        )

    def _open(self) -> sqlite3.Connection | None:
        """The connection, once the product has made its tables."""
        if self._connection is None and self._path.exists():
            connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=0
            )
            try:
                found = connection.execute(
                    "SELECT 1 FROM sqlite_master WHERE name = 'spot_block_sync_state'"
                ).fetchone()
            except sqlite3.OperationalError:
                found = None
            if found is None:
                connection.close()
            else:
                self._connection = connection
        return self._connection


def _same(
    known: Sequence[_Row], found: Sequence[_Row], number: Callable[[_Row], int]
) -> tuple[_Row, ...]:
    """What was found, each row that has not changed as the object that it was."""
    before = {number(row): row for row in known}
    kept = ((before.get(number(row)), row) for row in found)
    return tuple(row if old is None or old != row else old for old, row in kept)
