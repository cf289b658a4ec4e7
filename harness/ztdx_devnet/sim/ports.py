"""The product's ports, as the kernel implements them: every call is a boundary."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ztdx_devnet.sim.kernel import Kernel
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.ports import HttpAnswer

RPC_LATENCY_US = 10_000  # one way
SQL_LATENCY_US = 50


class SimClock:
    """The virtual clock."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def now_s(self) -> float:
        return self._kernel.now_us / MICROSECONDS

    def sleep_s(self, duration_s: float) -> None:
        self._kernel.boundary("sleep", round(duration_s * MICROSECONDS))


class HttpNode(Protocol):
    """What stands behind the node's URL: one HTTP body in, one HTTP answer out."""

    def answer(self, body: bytes) -> HttpAnswer: ...


class SimTransport:
    """Carries a request to the node and its answer back, each taking virtual time."""

    def __init__(self, kernel: Kernel, node: HttpNode) -> None:
        self._kernel = kernel
        self._node = node

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        self._kernel.boundary("rpc:send", RPC_LATENCY_US)
        answer = self._node.answer(body)
        self._kernel.boundary("rpc:receive", RPC_LATENCY_US)
        return answer


@dataclass(frozen=True, slots=True)
class Committed:
    """What an actor committed: its writing statements."""

    actor: str
    statements: tuple[str, ...]


def boundary_connection(
    kernel: Kernel,
    actor_name: str,
    on_commit: Callable[[Committed], None],
    on_busy: Callable[[], None],
) -> type[sqlite3.Connection]:
    """A connection class whose every statement is a boundary. kill -9 closes the connection."""

    class BoundaryConnection(sqlite3.Connection):
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self._writes: list[str] = []
            kernel.current.on_kill.append(self.close)

        def execute(self, sql: str, parameters: Iterable[Any] = (), /) -> sqlite3.Cursor:  # type: ignore[override]
            words = sql.split(None, 3)
            word = words[0].upper()
            kernel.boundary(_kind(word, words), SQL_LATENCY_US)
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
                on_commit(Committed(actor_name, writes))
            return cursor

    return BoundaryConnection


def _kind(word: str, words: list[str]) -> str:
    """'sql:SELECT', 'sql:COMMIT'; writes name their table: 'sql:INSERT spot_deposits'."""
    if word in ("INSERT", "DELETE") and len(words) > 2:
        return f"sql:{word} {words[2]}"
    if word == "UPDATE" and len(words) > 1:
        return f"sql:{word} {words[1]}"
    return f"sql:{word}"
