"""Tail: the entries that other connections commit, in order, each once. The only source of pushes.

Looking costs microseconds (`PRAGMA data_version`); the entries are read only after a commit. When
to look is the caller's.
"""

from __future__ import annotations

import logging
import sqlite3

from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ledger import entries
from ztdx_spot.ledger.database import Database
from ztdx_spot.ledger.entries import BalanceChange

logger = logging.getLogger(__name__)

BATCH_CHANGES_MAX = 1000


class Tail:
    """Follows the ledger from its newest entry on. Raises sqlite3.Error if it can't be read now.

    The connection of `database` must be the tail's own: SQLite does not tell a connection of the
    commits that it made itself.
    """

    def __init__(self, database: Database, batch_changes_max: int = BATCH_CHANGES_MAX) -> None:
        self._database = database
        self._batch_changes_max = batch_changes_max
        self._failing = False
        # Looked at first: a commit between the two is then looked for once too often, not missed.
        self._seen_version: int | None = self._version()
        with database.read() as transaction:
            self._last_seq = entries.newest_seq(transaction)

    @property
    def is_failing(self) -> bool:
        """Whether the ledger could not be read when it was last looked at."""
        return self._failing

    def news(self) -> list[BalanceChange]:
        """The next committed changes, oldest first; none when there are none, or none can be read.

        A failing database loses nothing: the changes come when it can be read again.
        """
        try:
            changes = self._changes()
        except (sqlite3.Error, DatabaseBusyError) as error:
            if not self._failing:
                logger.warning("balances are not pushed, the database fails: %s", error)
            self._failing = True
            return []
        if self._failing:
            logger.info("balances are pushed again")
            self._failing = False
        return changes

    def _changes(self) -> list[BalanceChange]:
        version = self._version()
        if version == self._seen_version:
            return []
        with self._database.read() as transaction:
            changes = entries.changes_after(transaction, self._last_seq, self._batch_changes_max)
        # After a full batch there may be more, without another commit.
        full = len(changes) == self._batch_changes_max
        self._seen_version = None if full else version
        if changes:
            self._last_seq = changes[-1].seq
        return changes

    def _version(self) -> int:
        (version,) = self._database.connection.execute("PRAGMA data_version").fetchone()
        return int(version)
