"""The listener: polls for ever, says in its log and in its status how it is doing."""

from __future__ import annotations

import logging
import sqlite3
from typing import NoReturn

from ztdx_spot.config import ListenerSettings
from ztdx_spot.errors import ListenerHalted, SpotError
from ztdx_spot.ledger import listener_status
from ztdx_spot.ledger.database import Database
from ztdx_spot.listener.poller import Poll, Poller
from ztdx_spot.node.client import NodeClient
from ztdx_spot.ports import Clock, Entropy, Transport

logger = logging.getLogger(__name__)

STATUS_INTERVAL_S = 10
"""How old the status of a listener that is well may grow."""


def run_listener(
    settings: ListenerSettings,
    transport: Transport,
    clock: Clock,
    entropy: Entropy,
    database: Database,
) -> NoReturn:
    """Poll, with a pause after each poll. An error is logged and the poll repeated.

    Raises ListenerHalted when the node is on another chain: nothing but an operator helps.
    """
    poller = Poller(settings, NodeClient(transport), clock, entropy, database)
    trouble, status = _Trouble(), _Status(settings.chain_id, clock, database)
    while True:
        try:
            poll = poller.poll_once()
        except ListenerHalted as error:
            status.halted(error)
            raise
        except Exception as error:
            trouble.report(error)
            status.failed(error)
        else:
            trouble.report_end(poll)
            status.succeeded(poll)
            if poll.credited:
                logger.info(
                    "credited %d deposits of blocks %d to %d",
                    poll.credited,
                    poll.first_block,
                    poll.last_block,
                )
        clock.sleep_s(settings.poll_interval_ms / 1000)


class _Trouble:
    """Turns a row of failed polls into one line at its start, at each new kind, and at its end."""

    def __init__(self) -> None:
        self._kind: type[Exception] | None = None
        self._failed_polls = 0

    def report(self, error: Exception) -> None:
        self._failed_polls += 1
        if type(error) is self._kind:
            return
        self._kind = type(error)
        logger.error("poll failed, will be repeated: %s", error, exc_info=not _is_expected(error))

    def report_end(self, poll: Poll) -> None:
        if self._kind is not None:
            logger.info(
                "polls work again after %d failed; head %d, processed up to %d",
                self._failed_polls,
                poll.head_block,
                poll.last_block,
            )
            self._kind, self._failed_polls = None, 0


class _Status:
    """Keeps the row of this listener up to date: at each change for the worse or the better, and
    now and then while nothing changes.
    """

    def __init__(self, chain_id: int, clock: Clock, database: Database) -> None:
        self._chain_id = chain_id
        self._clock = clock
        self._database = database
        self._failed_polls = 0
        self._written_trouble: str | None = None
        self._written_at_s: float | None = None

    def succeeded(self, poll: Poll) -> None:
        self._failed_polls = 0
        if poll.last_block >= poll.first_block:  # written with the page
            self._written_trouble, self._written_at_s = None, self._clock.now_s()
        else:
            self._write(None, head_block=poll.head_block)

    def failed(self, error: Exception) -> None:
        self._failed_polls += 1
        self._write(_in_words(error))

    def halted(self, error: ListenerHalted) -> None:
        self._failed_polls += 1
        self._write(str(error), halted=True)

    def _write(
        self, trouble: str | None, *, head_block: int | None = None, halted: bool = False
    ) -> None:
        now_s = self._clock.now_s()
        if trouble == self._written_trouble and self._is_fresh(now_s) and not halted:
            return
        try:
            with self._database.write() as transaction:
                listener_status.record(
                    transaction,
                    self._chain_id,
                    head_block=head_block,
                    succeeded_at=int(now_s) if trouble is None else None,
                    failed_polls=self._failed_polls,
                    trouble=trouble,
                    halted=halted,
                    now_s=int(now_s),
                )
        except (sqlite3.Error, SpotError) as error:
            # Health then shows that nothing was heard for long; polls are not held up for it.
            logger.debug("the status could not be written: %s", error)
            return
        self._written_trouble, self._written_at_s = trouble, now_s

    def _is_fresh(self, now_s: float) -> bool:
        """Not when the clock was set back: the row is then of a time to come."""
        written_at_s = self._written_at_s
        return written_at_s is not None and 0 <= now_s - written_at_s < STATUS_INTERVAL_S


def _is_expected(error: Exception) -> bool:
    return isinstance(error, (SpotError, sqlite3.Error))


def _in_words(error: Exception) -> str:
    """What health shows; the log has the rest of an error that nobody expected."""
    return str(error) if _is_expected(error) else type(error).__name__
