"""What the product's processes use: requests, connections to the database, lines of log."""

from __future__ import annotations

import sqlite3
from collections import deque

from ztdx_devnet.scenario.invariants.evidence import log_lines
from ztdx_devnet.scenario.invariants.problems import Problem, Problems
from ztdx_devnet.sim.kernel import Actor
from ztdx_devnet.sim.world import World
from ztdx_devnet.virtual_time import MICROSECONDS

REQUESTS_IN_A_ROW_MAX = 6_000
"""Without a pause as long as that between polls. A repair may read 5,000 blocks one by one."""
CONNECTIONS_MAX = 8
LOG_LINES_MAX = 120
"""In a minute, and two more for each poll that there is time for, and one for each log that came
into quarantine: that it is there is said once."""

_MINUTE_US = 60 * MICROSECONDS
_SAID_WITHIN_US = 10 * MICROSECONDS
_POLL_US_MIN = 40_000  # two exchanges


class Effort:
    """Counts, and says what is above its bound."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pause_us = world.settings.poll_interval_ms * 1_000
        self._requests: dict[str, int] = {}
        self._asked_us: dict[str, int] = {}
        self._lines_us: deque[int] = deque()
        self._held: deque[tuple[int, int]] = deque()
        polls = _MINUTE_US // max(self._pause_us, _POLL_US_MIN)
        self.log_lines_max = LOG_LINES_MAX + 2 * polls
        self._lines = log_lines.LineWatch(world.kernel, self._line)

    def begin(self) -> None:
        """Listen to the product's log."""
        log_lines.begin(self._lines)

    def end(self) -> None:
        log_lines.end(self._lines)

    def asked(self, life: Actor) -> None:
        """A listener begins an exchange with a node."""
        listener, now_us = life.name, self._world.now_us
        paused = now_us - self._asked_us.get(listener, 0) >= self._pause_us
        self._requests[listener] = 1 if paused else self._requests.get(listener, 0) + 1
        self._asked_us[listener] = now_us

    def held(self, logs: int) -> None:
        """So many logs have come into quarantine."""
        if logs:
            self._held.append((self._world.now_us, logs))

    def _line(self) -> None:
        self._lines_us.append(self._world.now_us)

    def problems(self) -> Problems:
        for listener, requests in self._requests.items():
            if requests > REQUESTS_IN_A_ROW_MAX:
                expected = f"at most {REQUESTS_IN_A_ROW_MAX} requests of {listener} in a row"
                yield Problem(expected, f"{requests}")
        for actor in self._world.kernel.actors:
            # Each connection adds itself there, so few entries are few connections.
            if actor.alive and len(actor.on_kill) > CONNECTIONS_MAX:
                opened = _open_connections(actor)
                if opened > CONNECTIONS_MAX:
                    expected = f"at most {CONNECTIONS_MAX} connections of {actor.name}"
                    yield Problem(expected, f"{opened}")
        now_us = self._world.now_us
        while self._lines_us and now_us - self._lines_us[0] > _MINUTE_US:
            self._lines_us.popleft()
        if len(self._lines_us) > self.log_lines_max:
            while self._held and now_us - self._held[0][0] > _MINUTE_US + _SAID_WITHIN_US:
                self._held.popleft()
            lines_max = self.log_lines_max + sum(logs for _, logs in self._held)
            if len(self._lines_us) > lines_max:
                expected = f"at most {lines_max} lines of log in a minute"
                yield Problem(expected, f"{len(self._lines_us)}")


def _open_connections(actor: Actor) -> int:
    opened = 0
    for close in actor.on_kill:
        connection = getattr(close, "__self__", None)
        if isinstance(connection, sqlite3.Connection):
            try:
                _ = connection.in_transaction
            except sqlite3.ProgrammingError:
                continue  # it is closed
            opened += 1
    return opened
