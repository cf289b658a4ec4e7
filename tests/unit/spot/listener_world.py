"""A listener in its faked world: the node, the clock, a real SQLite file, and questions to it."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.ledger import amounts, balances, cursor, deposits, listener_status
from ztdx_spot.ledger.cursor import Cursor
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.deposits import Deposit
from ztdx_spot.ledger.listener_status import ListenerStatus
from ztdx_spot.listener.crediting import Crediting
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.listener.poller import Poll, Poller
from ztdx_spot.node.client import NodeClient

from .world import ALICE, CountingEntropy, FakeClock, ScriptedNode, listener_settings


class Kill(BaseException):
    """The end of a process, at a chosen statement."""


class BoundaryConnection(sqlite3.Connection):
    """Calls `before` ahead of every statement."""

    before: Callable[[str], None] = staticmethod(lambda _sql: None)

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.before(sql)
        return super().execute(sql, *parameters)


def open_boundary(path: Path) -> BoundaryConnection:
    connection = open_connection(path, factory=BoundaryConnection, synchronous="OFF")
    assert isinstance(connection, BoundaryConnection)
    return connection


def kill_at(connection: BoundaryConnection, boundary: int) -> None:
    """From now on the process lives for that many statements less one."""
    countdown = itertools.count(1)

    def before(sql: str) -> None:
        if next(countdown) >= boundary:
            sqlite3.Connection.close(connection)
            raise Kill

    connection.before = before


@dataclass
class Listener:
    """One listener; `settings` hold for each poller that it makes."""

    node: ScriptedNode
    clock: FakeClock
    entropy: CountingEntropy
    database: Database
    path: Path
    settings: dict[str, Any] = field(default_factory=lambda: {"start_block": 1})
    _poller: Poller | None = None

    def poller(self, database: Database | None = None, **changes: Any) -> Poller:
        settings = listener_settings(**{**self.settings, **changes})
        node = NodeClient(self.node)
        return Poller(settings, node, self.clock, self.entropy, database or self.database)

    def restart(self) -> None:
        self._poller = None

    def poll(self) -> Poll:
        if self._poller is None:
            self._poller = self.poller()
        return self._poller.poll_once()

    def poll_to_the_end(self, polls_max: int = 200) -> None:
        """Poll until there is nothing new."""
        for _ in range(polls_max):
            poll = self.poll()
            if poll.first_block > poll.last_block:
                return
        raise AssertionError(f"not done after {polls_max} polls")

    def run(self, polls: int, database: Database | None = None, **changes: Any) -> None:
        """The loop, ended by a kill in the pause after so many polls."""
        sleeps = itertools.count(1)
        interval_s = 2.0

        def on_sleep(duration_s: float) -> None:
            if duration_s == interval_s and next(sleeps) == polls:
                raise Kill

        self.clock.on_sleep = on_sleep
        settings = listener_settings(**{**self.settings, **changes})
        with pytest.raises(Kill):
            run_listener(settings, self.node, self.clock, self.entropy, database or self.database)
        self.clock.on_sleep = lambda _duration_s: None

    def crediting(self, **changes: Any) -> Crediting:
        settings = listener_settings(**{**self.settings, **changes})
        return Crediting(settings, self.entropy, self.database)

    def ask(self, sql: str, *parameters: Any) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def available(self, user: str = ALICE) -> str | None:
        with self.database.read() as transaction:
            held = balances.balances_of(transaction, user)
        return held[0].available if held else None

    def rows(self, user: str = ALICE) -> list[Deposit]:
        with self.database.read() as transaction:
            return deposits.confirmed_deposits_of(transaction, user, 200)

    def places(self, user: str = ALICE) -> list[tuple[int, int, int]]:
        """Of the confirmed rows: transaction number, block, log index."""
        found = self.ask(
            "SELECT tx_hash, block_number, log_index FROM spot_deposits WHERE user_address = ?"
            " AND status = 'confirmed' ORDER BY block_number, log_index",
            user,
        )
        return [(int(tx, 16), block, log_index) for tx, block, log_index in found]

    def statuses(self) -> list[tuple[str, str]]:
        """Amount and status of every row, oldest first."""
        return self.ask("SELECT amount, status FROM spot_deposits ORDER BY rowid")

    def entries(self) -> list[tuple[str, str]]:
        return self.ask("SELECT kind, amount FROM spot_ledger_entries ORDER BY seq")

    def sightings(self) -> list[tuple[str, int]]:
        return self.ask("SELECT act, block_number FROM spot_deposit_sightings ORDER BY seq")

    def quarantine(self) -> list[tuple[int, str]]:
        return self.ask("SELECT block_number, status FROM spot_quarantined_logs ORDER BY rowid")

    def cursor(self) -> Cursor | None:
        with self.database.read() as transaction:
            return cursor.read(transaction, 97)

    def cursor_block(self) -> int | None:
        found = self.cursor()
        return None if found is None else found.block

    def status(self) -> ListenerStatus | None:
        with self.database.read() as transaction:
            return listener_status.read(transaction, 97)

    def state(self) -> tuple[Any, ...]:
        """All that may not come apart."""
        return (
            self.ask("SELECT tx_hash, amount, status, block_number FROM spot_deposits ORDER BY id"),
            self.ask("SELECT user_address, available FROM spot_balances ORDER BY user_address"),
            self.entries(),
            self.quarantine(),
            self.ask("SELECT last_processed_block, last_processed_hash FROM spot_block_sync_state"),
        )

    def check_ledger(self) -> None:
        """Balances are the sums of their entries; a row is in its user's entries if it stands."""
        sums: dict[tuple[str, str], str] = {}
        of_row: dict[str, str] = {}
        for user, token, amount, available, row_id in self.ask(
            "SELECT user_address, token, amount, available, deposit_id"
            " FROM spot_ledger_entries ORDER BY seq"
        ):
            sums[user, token] = amounts.add(sums.get((user, token), "0"), amount)
            assert sums[user, token] == available, "the balance after an entry"
            if row_id is not None:
                of_row[row_id] = amounts.add(of_row.get(row_id, "0"), amount)
        held = self.ask("SELECT user_address, token, available FROM spot_balances")
        assert {(user, token): available for user, token, available in held} == sums
        standing = self.ask("SELECT id, amount, status FROM spot_deposits")
        assert of_row == {
            row_id: amount if status == "confirmed" else "0" for row_id, amount, status in standing
        }
