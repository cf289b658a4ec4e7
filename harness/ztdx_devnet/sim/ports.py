"""The product's ports, as the kernel implements them: every call is a boundary."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ztdx_devnet.faults.storage import StatementFault
from ztdx_devnet.sim.kernel import Actor, Kernel, OwnBug
from ztdx_devnet.virtual_time import MICROSECONDS

SQL_LATENCY_US = 50


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

    def now_s(self) -> float:
        offset_us = self._offset_us() if self._offset_us is not None else 0
        return (self._kernel.now_us + offset_us) / MICROSECONDS

    def sleep_s(self, duration_s: float) -> None:
        duration_us = 0 if self.farewell else round(duration_s * MICROSECONDS)
        self._sleeper = self._kernel.current
        self._kernel.boundary("sleep", duration_us)
        self._sleeper = None
        if self.farewell is not None:
            raise self.farewell

    def stop(self) -> None:
        from ztdx_spot.edges import Stopping  # its HTTP client is loaded only where one is stopped

        self.farewell = Stopping()
        if self._sleeper is not None:
            self._kernel.hasten(self._sleeper)


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

    `on_busy` is told of each statement that met a lock; `strike` says which fault a statement
    meets, None: no connection of this class ever meets one.
    """

    class BoundaryConnection(sqlite3.Connection):
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self._writes: list[str] = []
            kernel.current.on_kill.append(self.close)

        def execute(self, sql: str, parameters: Iterable[Any] = (), /) -> sqlite3.Cursor:  # type: ignore[override]
            word, kind = _kind(sql)
            kernel.boundary(kind, SQL_LATENCY_US)
            if strike is not None:
                self._fail_if_struck(strike, kind)
            try:
                cursor = super().execute(sql, parameters)  # type: ignore[arg-type]
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                    on_busy()
                raise
            if word in ("BEGIN", "ROLLBACK"):
                self._writes = []
            elif word not in ("COMMIT", "SELECT", "PRAGMA"):
                self._writes.append(sql)
            if self._writes and not self.in_transaction:  # also a statement outside of any BEGIN
                writes, self._writes = tuple(self._writes), []
                try:
                    on_commit(Committed(process, writes))
                except Exception as error:
                    raise OwnBug from error
            return cursor

        def _fail_if_struck(self, strike: Strike, kind: str) -> None:
            fault = strike(process, kind, self._written)
            if fault is None:
                return
            if fault.loses_transaction and self.in_transaction:
                super().execute("ROLLBACK")
                self._writes = []
            raise fault.error(kind)

        def _written(self) -> list[str]:
            return [_kind(sql)[1] for sql in self._writes]

    return BoundaryConnection


def _kind(sql: str) -> tuple[str, str]:
    """The statement's first word, and its kind of boundary: 'sql:SELECT', 'sql:COMMIT'.

    Writes name their table: 'sql:INSERT spot_deposits'.
    """
    words = sql.split(None, 3)
    word = words[0].upper()
    if word in ("INSERT", "DELETE") and len(words) > 2:
        return word, f"sql:{word} {words[2]}"
    if word == "UPDATE" and len(words) > 1:
        return word, f"sql:{word} {words[1]}"
    return word, f"sql:{word}"
