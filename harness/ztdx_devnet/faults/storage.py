"""Faults of the database that the product's processes share: a lock, a disk that fails.

What a failed statement leaves behind is what SQLite leaves behind: after a full disk or a failed
read or write the whole transaction is gone, after a refusal it is still open. Tests compare both
with real files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.fault import Chance, Fault

StatementFaultKind = Literal["full", "read_only", "io_error", "corrupt"]
Moment = Literal["statement", "commit"]

_WRITES = tuple(f"sql:{word}" for word in ("INSERT", "UPDATE", "DELETE", "CREATE"))
_READS = ("sql:SELECT",)
READING_KINDS = ("io_error", "corrupt")
"""What can happen to a statement that only reads, too."""
COMMIT_KINDS = ("full", "io_error")
"""What can happen at COMMIT, when the pages are written."""


class _Wording(NamedTuple):
    """How the library reports it, and whether the transaction is lost with it."""

    error: type[sqlite3.DatabaseError]
    code: int
    name: str
    message: str
    loses_transaction: bool


_WORDINGS: dict[str, _Wording] = {
    "full": _Wording(
        sqlite3.OperationalError,
        sqlite3.SQLITE_FULL,
        "SQLITE_FULL",
        "database or disk is full",
        True,
    ),
    "read_only": _Wording(
        sqlite3.OperationalError,
        sqlite3.SQLITE_READONLY,
        "SQLITE_READONLY",
        "attempt to write a readonly database",
        False,
    ),
    "io_error": _Wording(
        sqlite3.OperationalError,
        sqlite3.SQLITE_IOERR_WRITE,
        "SQLITE_IOERR_WRITE",
        "disk I/O error",
        True,
    ),
    "corrupt": _Wording(
        sqlite3.DatabaseError,
        sqlite3.SQLITE_CORRUPT,
        "SQLITE_CORRUPT",
        "database disk image is malformed",
        False,
    ),
}


@dataclass(slots=True)
class DatabaseLock(Fault):
    """Another process holds the write lock. A hit is a statement of the product that met it.

    `release` ends that process; `runs` says whether it still waits for the lock or holds it, `held`
    whether it holds it.
    """

    release: Callable[[], None] = field(kw_only=True)
    runs: Callable[[], bool] = field(kw_only=True)
    held: Callable[[], bool] = field(kw_only=True)

    @property
    def may_fire(self) -> bool:
        return self.armed and self.runs()

    def disarm(self) -> None:
        self.armed = False
        self.release()


@dataclass(slots=True)
class StatementFault(Fault):
    """A statement of a process, or a COMMIT of something written, fails before it does anything.

    `statement` is the beginning of the statements that are meant ('INSERT spot_deposits', or
    empty); at a COMMIT, of one that the transaction holds. `process` None is any of the product.
    """

    kind: StatementFaultKind = "full"
    at: Moment = "statement"
    statement: str = ""
    process: str | None = None

    def concerns(self, process: str, boundary: str, written: Callable[[], list[str]]) -> bool:
        """Whether it could touch that boundary.

        `written` gives the boundaries of what the open transaction wrote.
        """
        if self.process not in (process, None):
            return False
        wanted = f"sql:{self.statement}"
        if self.at == "commit":
            return boundary == "sql:COMMIT" and any(one.startswith(wanted) for one in written())
        kinds = _WRITES + _READS if self.kind in READING_KINDS else _WRITES
        return boundary.startswith(kinds) and boundary.startswith(wanted)

    @property
    def loses_transaction(self) -> bool:
        """Whether SQLite rolls the open transaction back with it."""
        return _WORDINGS[self.kind].loses_transaction

    def error(self, boundary: str) -> sqlite3.DatabaseError:
        """The error as Python's sqlite3 raises it."""
        wording = _WORDINGS[self.kind]
        error = wording.error(wording.message)
        error.sqlite_errorcode, error.sqlite_errorname = wording.code, wording.name
        if self.kind == "io_error" and boundary.startswith(_READS):
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
            error.sqlite_errorname = "SQLITE_IOERR_READ"
        return error


class StorageFaults:
    """Asked by each connection of the product. Journals what fires."""

    def __init__(self, faults: ArmedFaults, chance: Chance, record: Callable[..., object]) -> None:
        self._faults = faults
        self._chance = chance
        self._record = record

    def strike(
        self, process: str, boundary: str, written: Callable[[], list[str]]
    ) -> StatementFault | None:
        """The fault that this statement meets, if any; `written` as in `concerns`."""
        for fault in self._faults.of(StatementFault):
            if fault.concerns(process, boundary, written) and fault.takes(self._chance):
                at = boundary.removeprefix("sql:")
                self._record("faults", "fired", name=fault.name, process=process, statement=at)
                return fault
        return None

    def meet_lock(self) -> None:
        """A statement of the product met a lock: that of whoever holds it."""
        for lock in self._faults.of(DatabaseLock):
            if lock.held():
                lock.hits += 1
