"""A real listener process that kills itself with SIGKILL at its nth boundary (0: never).

It is composed as `python -m ztdx_spot --only listener` is; the ports are the live ones, and each
call of one is counted before it acts, as the simulator does.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from typing import Any

from ztdx_spot.config import read_listener_settings
from ztdx_spot.edges import HttpTransport, SystemEntropy, WallClock
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.ports import HttpAnswer

kill_at = int(sys.argv[2])
crossed = 0


def boundary() -> None:
    global crossed
    crossed += 1
    if crossed == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


class CountingConnection(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        boundary()
        return super().execute(*arguments)


class CountingTransport(HttpTransport):
    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        boundary()
        answer = super().post(body, timeout_s)
        boundary()
        return answer


class CountingClock(WallClock):
    def sleep_s(self, duration_s: float) -> None:
        boundary()
        super().sleep_s(duration_s)


settings = read_listener_settings(os.environ)
clock = CountingClock()
database = Database(open_connection(sys.argv[1], factory=CountingConnection), clock)
prepare_schema(database)
run_listener(settings, CountingTransport(settings.rpc_url), clock, SystemEntropy(), database)
