"""The figures of `/ws`: a thousand sockets, one push each, and what a socket costs.

Run it on a quiet machine: `python bench/websocket.py [SOCKETS]`. The server is a process of its
own; clients and the writer are this one, so the times include what a thousand clients take to read.
"""

from __future__ import annotations

import asyncio
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import ApiSettings
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger import admin_credits
from ztdx_spot.ledger.admin_credits import AdminCredit
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.serving.server import ApiServer
from ztdx_spot.serving.sockets.follower import TAIL_INTERVAL_S
from ztdx_spot.serving.sockets.reception import Push
from ztdx_spot.ws.tail import Tail
from ztdx_spot.ws.verifier import Verifier

SOCKETS = 1000
GOAL_S = 1.0
SINGLE_PUSHES = 50
SECRET = "a secret for the bench, 32 bytes long"
CLOCK = WallClock()


async def serve(path: str) -> None:
    """The server alone; prints its URL, ends when its input does."""

    def refuse(address: str, signature: str, timestamp_s: int) -> str:
        raise NotImplementedError

    def nothing(environ: Any, start: Any) -> list[bytes]:
        raise NotImplementedError

    with closing(open_connection(path)) as asked, closing(open_connection(path)) as followed:
        settings = ApiSettings(jwt_secret=SECRET)
        verifier = Verifier(settings, CLOCK, Database(asked, CLOCK), refuse)
        push = Push(verifier=verifier, tail=Tail(Database(followed, CLOCK)), clock=CLOCK)
        server = ApiServer(nothing, "127.0.0.1", 0, push=push)
        await server.start()
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await server.close()


def raise_file_limit() -> None:
    """A socket is a file, and many shells allow 1,024 of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def resident_kb(pid: int) -> int:
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1])


class Ledger:
    """Credits, each transaction of them at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count = 0

    def credit(self, *users: str) -> None:
        with self._database.write() as transaction:
            for user in users:
                self._count += 1
                wanted = AdminCredit(user_address=user, token="DF", amount="1", reason=None)
                now_s = int(CLOCK.now_s())
                admin_credits.credit(transaction, wanted, f"bench-{self._count}", now_s)


async def measure(url: str, pid: int, ledger: Ledger, socket_count: int) -> None:
    users = [f"0x{number:040x}" for number in range(1, socket_count + 1)]
    idle_kb = resident_kb(pid)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def subscribe(user: str) -> aiohttp.ClientWebSocketResponse:
            client = await session.ws_connect(f"{url}/ws")
            token = issue_token(user, SECRET, int(CLOCK.now_s()), 3600)
            channel = "spot:user:balances"
            await client.send_json({"type": "subscribe", "channel": channel, "token": token})
            assert (await client.receive_json())["type"] == "subscribed"
            return client

        started = time.perf_counter()
        clients = []
        for first in range(0, socket_count, 100):
            clients += await asyncio.gather(*map(subscribe, users[first : first + 100]))
        opened_s = time.perf_counter() - started
        held_kb = resident_kb(pid)
        print(f"{socket_count} sockets opened and subscribed: {opened_s:.2f} s")
        print(f"memory per socket: {(held_kb - idle_kb) / socket_count:.1f} KB", end="")
        print(f" (the server: {idle_kb / 1024:.0f} MB, then {held_kb / 1024:.0f} MB)")

        singles_ms = []
        for number in range(SINGLE_PUSHES):
            # At another moment between two looks of the tail each time.
            await asyncio.sleep(TAIL_INTERVAL_S * number / SINGLE_PUSHES)
            await asyncio.to_thread(ledger.credit, users[0])
            started = time.perf_counter()
            await clients[0].receive_json()
            singles_ms.append(1000 * (time.perf_counter() - started))
        median_ms, worst_ms = statistics.median(singles_ms), max(singles_ms)
        print(
            f"one push, from commit to client: median {median_ms:.0f} ms, worst {worst_ms:.0f} ms"
        )

        waiting = asyncio.gather(*(client.receive_json() for client in clients))
        await asyncio.to_thread(ledger.credit, *users)
        started = time.perf_counter()
        await waiting
        all_s = time.perf_counter() - started
        verdict = "held" if all_s <= GOAL_S else "missed"
        print(f"one push to each, all have it: {all_s:.2f} s (goal {GOAL_S:.1f} s: {verdict})")
        print(f"memory after the pushes: {resident_kb(pid) / 1024:.0f} MB")
        await asyncio.gather(*(client.close() for client in clients))


def main(socket_count: int) -> None:
    raise_file_limit()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/spot.db"
        with closing(open_connection(path)) as connection:
            database = Database(connection, CLOCK)
            prepare_schema(database)
            with subprocess.Popen(
                [sys.executable, __file__, "serve", path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as server:
                assert server.stdout is not None
                url = server.stdout.readline().strip()
                asyncio.run(measure(url, server.pid, Ledger(database), socket_count))
                assert server.stdin is not None
                server.stdin.close()


if sys.argv[1:2] == ["serve"]:
    raise_file_limit()
    asyncio.run(serve(sys.argv[2]))
else:
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SOCKETS)
