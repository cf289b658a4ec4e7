"""One SQLite connection and its transactions; the only place that says BEGIN, COMMIT or ROLLBACK.

Every statement is one `connection.execute`, so that a caller who brings its own connection class
sees each of them. Once open, SQLite itself never waits: waiting for a lock is the clock's.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeAlias

from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ports import Clock

logger = logging.getLogger(__name__)

OPENING_WAIT_S = 5.0
"""SQLite's one wait of its own: PRAGMA synchronous reads the file, which may be in the making."""
BUSY_WAIT_S = 5.0
BUSY_STEP_S = 0.05

SqlValue: TypeAlias = str | int | None
Synchronous: TypeAlias = Literal["FULL", "NORMAL", "OFF"]


def open_connection(
    path: str | os.PathLike[str],
    *,
    factory: type[sqlite3.Connection] = sqlite3.Connection,
    synchronous: Synchronous = "FULL",
) -> sqlite3.Connection:
    """A connection without implicit transactions. The file is WAL once `prepare_schema` ran on it.

    FULL makes a credit durable before it is reported; anything less is for throw-away files.
    """
    connection = sqlite3.connect(
        path,
        timeout=OPENING_WAIT_S,
        isolation_level=None,
        factory=factory,
        # The API's connection is opened by one thread and used by another, never by two at a time.
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA busy_timeout=0")
    return connection


class ReadTransaction:
    """Statements on one snapshot of the database."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[SqlValue] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, parameters)


class WriteTransaction(ReadTransaction):
    """Statements under the write lock: what is read here cannot change before the commit."""

    __slots__ = ()


class Database:
    """Transactions on one connection, one at a time."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, busy_wait_s: float = BUSY_WAIT_S
    ) -> None:
        self.connection = connection
        self._clock = clock
        self._busy_wait_s = busy_wait_s
        self._occupied = False

    @contextmanager
    def read(self) -> Iterator[ReadTransaction]:
        """All statements inside see one state of the database."""
        with self._transaction("BEGIN"):
            yield ReadTransaction(self.connection)

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        """All statements inside are committed together, or none if an exception leaves the block.

        Raises DatabaseBusyError when another writer holds the lock for longer than `busy_wait_s`.
        """
        with self._transaction("BEGIN IMMEDIATE"):
            yield WriteTransaction(self.connection)

    def use_write_ahead_log(self) -> None:
        """Make the file WAL, for good: readers then never wait for the writer, nor it for them."""
        cursor = self._execute_when_free("PRAGMA journal_mode=WAL")
        (mode,) = cursor.fetchone()
        if mode not in ("wal", "memory"):
            raise sqlite3.OperationalError(f"journal mode is {mode!r}, expected 'wal'")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        if self._occupied:
            raise RuntimeError("a transaction is open on this connection: one at a time")
        self._occupied = True
        try:
            if self.connection.in_transaction:
                # Left behind by a ROLLBACK that failed: nothing of it may reach this transaction.
                self.connection.execute("ROLLBACK")
            self._execute_when_free(begin)
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        finally:
            self._occupied = False

    def _execute_when_free(self, sql: str) -> sqlite3.Cursor:
        waited_s = 0.0
        while True:
            try:
                return self.connection.execute(sql)
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
                if waited_s >= self._busy_wait_s:
                    raise DatabaseBusyError(
                        f"{sql}: the database was locked for {waited_s:.2f} s; "
                        "another process holds it, try again"
                    ) from error
            self._clock.sleep_s(BUSY_STEP_S)
            waited_s += BUSY_STEP_S

    def _roll_back(self) -> None:
        """Undo what is open. What went wrong before matters more than an error of this."""
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.ProgrammingError:
            pass  # The connection is closed, and its transaction with it.
        except sqlite3.Error as error:
            logger.warning("ROLLBACK failed: %s", error)


def _is_busy(error: sqlite3.Error) -> bool:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY
