"""The product's ports, as the kernel implements them: every call is a boundary."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias

from ztdx_devnet.faults.storage import StatementFault
from ztdx_devnet.sim.kernel import Actor, Kernel
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.ledger.schema import TABLES

SQL_LATENCY_US = 50
_UNHEARD_US = 1_000
"""How long whoever has been told to stop sleeps when it goes on: the time until its kill passes."""
_SQL_WORDS = (
    "ALTER",
    "BEGIN",
    "COMMIT",
    "CREATE",
    "DROP",
    "PRAGMA",
    "RELEASE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
)
BOUNDARY_FAMILIES = (
    "http:accept",
    "pause",
    "rpc:receive",
    "rpc:send",
    "sleep",
    *(f"sql:{word}" for word in (*_SQL_WORDS, "DELETE", "INSERT", "UPDATE")),
)
"""The kinds of boundaries that a process of the product crosses, writes without their tables."""
BOUNDARY_KINDS = (
    *BOUNDARY_FAMILIES,
    *(f"http:{act}" for act in ("delayed", "receive", "send", "wait")),
    *(
        f"ws:{act}"
        for act in ("connect", "connected", "look", "pace", "receive", "send", "tail", "wait")
    ),
    *(f"sql:{word} {table}" for word in ("DELETE", "INSERT", "UPDATE") for table in TABLES),
)
"""All kinds: also those of clients and sockets, and writes to each table of the schema."""


class SimClock:
    """The virtual clock, as one process sees it; `offset_us` says how far its time is off.

    Sleeping takes as long as it should, whatever the time. After `stop` whoever sleeps or goes to
    sleep is told to stop, as the product's own clock does it; `farewell` is what was raised then.
    """

    def __init__(self, kernel: Kernel, offset_us: Callable[[], int] | None = None) -> None:
        self._kernel = kernel
        self._offset_us = offset_us
        self._sleeper: Actor | None = None
        self.farewell: BaseException | None = None
        self._was_told = False

    def now_s(self) -> float:
        self._kernel.refuse_the_dead()
        offset_us = self._offset_us() if self._offset_us is not None else 0
        return (self._kernel.now_us + offset_us) / MICROSECONDS

    def sleep_s(self, duration_s: float) -> None:
        duration_us = round(duration_s * MICROSECONDS)
        if self.farewell is not None:
            duration_us = _UNHEARD_US if self._was_told else 0
        self._sleeper = self._kernel.current
        self._kernel.boundary("sleep", duration_us)
        self._sleeper = None
        if self.farewell is not None:
            self._was_told = True
            raise self.farewell

    def stop(self) -> None:
        from ztdx_spot.edges import Stopping  # its HTTP client is loaded only where one is stopped

        self.farewell = Stopping()
        if self._sleeper is not None:
            self._kernel.hasten(self._sleeper)


class PortBypassed(Exception):
    """The product has reached the database past its port: nobody would see what it did there."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What an actor committed: its writing statements."""

    actor: str
    statements: tuple[str, ...]


Strike: TypeAlias = Callable[[str, str, Callable[[], list[str]]], StatementFault | None]
"""Asked with process, kind of boundary, and the kinds of what the open transaction wrote."""


def boundary_connection(
    kernel: Kernel,
    process: str,
    on_commit: Callable[[Committed], None],
    on_busy: Callable[[], None],
    strike: Strike | None = None,
) -> type[sqlite3.Connection]:
    """A connection class whose every statement is a boundary. kill -9 closes the connection.

    Statements come by `connection.execute` alone, as `ztdx_spot.ledger.database` promises it: any
    other way to SQL ends the run with PortBypassed.

    `on_busy` is told of each statement that met a lock; `strike` says which fault a statement
    meets, None: no connection of this class ever meets one.
    """

    def refused(call: str) -> Any:
        def refuse(*_: Any, **__: Any) -> NoReturn:
            kernel.fail(
                PortBypassed(
                    f"{process}: {call} goes past the simulated port of the database, where nobody "
                    "sees it: send each statement, BEGIN and COMMIT too, by connection.execute()"
                )
            )

        return refuse

    class BoundaryCursor(sqlite3.Cursor):
        execute = refused("cursor.execute()")
        executemany = refused("cursor.executemany()")
        executescript = refused("cursor.executescript()")

    class BoundaryConnection(sqlite3.Connection):
        cursor = refused("connection.cursor()")
        executemany = refused("connection.executemany()")
        executescript = refused("connection.executescript()")
        commit = refused("connection.commit()")
        rollback = refused("connection.rollback()")
        blobopen = refused("connection.blobopen()")
        deserialize = refused("connection.deserialize()")
        __enter__ = refused("with connection")

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self._transaction = _Transaction()
            kernel.current.on_kill.append(self.close)

        def execute(self, sql: str, parameters: Iterable[Any] = (), /) -> sqlite3.Cursor:  # type: ignore[override]
            word, kind = _kind(sql)
            kernel.boundary(kind, SQL_LATENCY_US)
            if strike is not None:
                self._fail_if_struck(strike, kind)
            cursor = super().cursor(BoundaryCursor)
            try:
                sqlite3.Cursor.execute(cursor, sql, parameters)  # type: ignore[arg-type]
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                    on_busy()
                if not self.in_transaction:  # lost with the statement
                    self._transaction.lose()
                raise
            self._transaction.note(word, sql)
            if not self.in_transaction:  # also after a statement outside of any BEGIN
                writes = self._transaction.end()
                if writes:
                    try:
                        on_commit(Committed(process, writes))
                    except Exception as error:
                        kernel.fail(error)
            return cursor

        def _fail_if_struck(self, strike: Strike, kind: str) -> None:
            fault = strike(process, kind, self._written)
            if fault is None:
                return
            if fault.loses_transaction and self.in_transaction:
                sqlite3.Cursor.execute(super().cursor(), "ROLLBACK")
                self._transaction.lose()
            raise fault.error(kind)

        def _written(self) -> list[str]:
            return [_kind(sql)[1] for sql in self._transaction.writes]

    return BoundaryConnection


class _Transaction:
    """What a connection's open transaction has written, and not rolled back."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self._savepoints: list[tuple[str, int]] = []  # name, and how much was written before it

    def note(self, word: str, sql: str) -> None:
        """A statement that begins with that word has been done."""
        match word:
            case "BEGIN":
                self.lose()
            case "SAVEPOINT":
                self._savepoints.append((_last_name(sql), len(self.writes)))
            case "RELEASE":
                self._undo_savepoint(_last_name(sql))
            case "ROLLBACK":
                if _ROLLS_BACK_TO.match(sql):
                    name = _last_name(sql)
                    written = self._undo_savepoint(name)
                    del self.writes[written:]
                    self._savepoints.append((name, written))  # it may be rolled back to again
                else:
                    self.lose()
            case "" | "COMMIT" | "END" | "SELECT" | "VALUES" | "EXPLAIN" | "PRAGMA":
                pass
            case _:
                self.writes.append(sql)

    def lose(self) -> None:
        self.writes, self._savepoints = [], []

    def end(self) -> tuple[str, ...]:
        """It is over: what it wrote."""
        written = tuple(self.writes)
        self.lose()
        return written

    def _undo_savepoint(self, name: str) -> int:
        """Forget the newest of that name, and all after it; how much was written before it."""
        written = 0
        while self._savepoints:
            newest, written = self._savepoints.pop()
            if newest == name:
                break
        return written


_COMMENTS = re.compile(r"(?:\s+|--[^\n]*\n?|/\*.*?\*/)*", re.DOTALL)
_ROLLS_BACK_TO = re.compile(
    _COMMENTS.pattern + r"ROLLBACK\s+(TRANSACTION\s+)?TO\b", re.DOTALL | re.IGNORECASE
)


def _last_name(sql: str) -> str:
    """The name at the end of a statement about a savepoint."""
    return sql.rstrip("; \t\r\n").split()[-1].strip("\"'`[]").casefold()


@lru_cache(maxsize=1_024)
def _kind(sql: str) -> tuple[str, str]:
    """The statement's first word, and its kind of boundary: 'sql:SELECT', 'sql:COMMIT'.

    Writes name their table: 'sql:INSERT spot_deposits'. Comments before it don't matter.
    """
    words = _COMMENTS.sub("", sql, 1).split(None, 3)
    word = words[0].upper().rstrip(";") if words else ""
    if word in ("INSERT", "DELETE") and len(words) > 2:
        return word, f"sql:{word} {words[2]}"
    if word == "UPDATE" and len(words) > 1:
        return word, f"sql:{word} {words[1]}"
    return word, f"sql:{word}"
