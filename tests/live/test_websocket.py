"""Push between real processes: who writes and who serves share nothing but a database file."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.unit.spot.push_world import (
    SETTINGS,
    Client,
    connected,
    credit,
    open_sockets,
    served,
    token,
)
from tests.unit.spot.world import ALICE, BOB
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema

WRITER = """
import sys
from tests.unit.spot.push_world import credit
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger.database import Database, open_connection

database = Database(open_connection(sys.argv[1], synchronous="OFF"), WallClock())
for line in sys.stdin:
    credit(database, *line.split())
    print("committed", flush=True)
"""
NEVER_COMMITS = """
import sqlite3, sys
from tests.unit.spot.push_world import credit
from tests.unit.spot.world import ALICE
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger.database import Database, open_connection

class Stuck(sqlite3.Connection):
    def execute(self, sql, *parameters):
        if sql == "COMMIT":
            print("written", flush=True)
            sys.stdin.readline()
        return super().execute(sql, *parameters)

credit(Database(open_connection(sys.argv[1], factory=Stuck), WallClock()), ALICE)
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    path = tmp_path / "spot.db"
    connection = open_connection(path, synchronous="OFF")
    prepare_schema(Database(connection, WallClock()))
    connection.close()
    return path


class Writer:
    """A process that commits when told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def credit(self, *users: str) -> None:
        """One transaction; returns when it is committed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(users) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "committed\n"


def child(script: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    with child(WRITER, path) as process:
        try:
            yield Writer(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(10) == 0


def test_what_another_process_commits_is_pushed_to_its_owner(database_path: Path) -> None:
    clock = WallClock()

    async def whole() -> None:
        async with served(database_path, clock) as server, connected(server, 2) as (alice, bob):
            await alice.subscribe(token(clock, ALICE))
            await bob.subscribe(token(clock, BOB))
            with writing(database_path) as writer:
                for number in range(1, 6):
                    writer.credit(ALICE)
                    assert (await alice.next())["data"]["available"] == str(number)
                writer.credit(BOB, ALICE)
                assert (await bob.next())["data"]["available"] == "1"
                assert (await alice.next())["data"]["available"] == "6"

    asyncio.run(whole())


def test_two_servers_on_one_file_each_push_every_change(database_path: Path) -> None:
    clock = WallClock()

    async def whole() -> None:
        async with (
            served(database_path, clock) as one,
            served(database_path, clock) as other,
            connected(one) as first,
            connected(other) as second,
        ):
            await first.subscribe(token(clock))
            await second.subscribe(token(clock))
            with writing(database_path) as writer:
                writer.credit(ALICE, ALICE)
            for client in (first, second):
                heard = [(await client.next())["data"]["available"] for _ in range(2)]
                assert heard == ["1", "2"]

    asyncio.run(whole())


def test_a_writer_that_is_killed_before_its_commit_is_not_heard(database_path: Path) -> None:
    clock = WallClock()

    async def whole() -> None:
        async with served(database_path, clock) as server, connected(server) as client:
            await client.subscribe(token(clock))
            with child(NEVER_COMMITS, database_path) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "written\n"
                process.kill()
            with writing(database_path) as writer:
                writer.credit(ALICE)
            assert (await client.next())["data"]["available"] == "1"

    asyncio.run(whole())


def test_two_hundred_sockets_hear_each_of_their_own_change(database_path: Path) -> None:
    clock = WallClock()
    users = [f"0x{number:040x}" for number in range(1, 201)]

    async def whole() -> None:
        async with served(database_path, clock) as server:
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(connector=connector) as session:

                async def subscribe(user: str) -> Client:
                    client = Client(await session.ws_connect(f"{server.url}/ws"))
                    await client.subscribe(token(clock, user))
                    return client

                clients = await asyncio.gather(*map(subscribe, users))
                assert open_sockets(server) == 200
                database = Database(open_connection(database_path, synchronous="OFF"), clock)
                credit(database, *users)
                database.connection.close()
                pushes = await asyncio.gather(*(client.next() for client in clients))
                assert {push["data"]["available"] for push in pushes} == {"1"}
                pongs = await asyncio.gather(*(client.ask(type="ping") for client in clients))
                assert pongs == [{"type": "pong"}] * 200

    asyncio.run(whole())


def test_the_program_pushes_what_its_own_endpoint_credits_and_leaves_with_1001(
    tmp_path: Path,
) -> None:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("SPOT_")},
        "DATABASE_URL": f"sqlite:///{tmp_path}/spot.db",
        "JWT_SECRET": SETTINGS.jwt_secret,
        "ADMIN_API_KEY": "the admin key",
        "TESTNET_ONLY": "true",
        "PORT": "0",
    }
    command = [sys.executable, "-W", "error", "-m", "ztdx_spot", "--only", "api"]

    async def whole(url: str, process: subprocess.Popen[str]) -> None:
        async with aiohttp.ClientSession() as session:
            client = Client(await session.ws_connect(f"{url}/ws"))
            await client.subscribe(token(WallClock()))
            wanted = {"user_address": ALICE, "token": "DF", "amount": "1.50"}
            path = f"{url}/api/v1/admin/spot/balances/credit"
            headers = {"X-API-Key": "the admin key"}
            async with session.post(path, json=wanted, headers=headers) as answer:
                assert (answer.status, await answer.json()) == (200, {"ok": True})
            assert (await client.next())["data"]["available"] == "1.5"
            process.send_signal(signal.SIGTERM)
            assert await client.close_code() == 1001

    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            match = re.match(r"api: (http://\S+?)/api/v1\n", process.stdout.readline())
            assert match is not None
            asyncio.run(whole(match[1], process))
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_the_browser_snippet_of_the_document_hears_a_change(database_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    document = (ROOT / "docs" / "websocket.md").read_text("utf-8")
    (snippet,) = re.findall(r"^```js\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    assert len(snippet.splitlines()) <= 15
    clock = WallClock()

    async def whole() -> None:
        async with served(database_path, clock) as server:
            script = (
                f"const WS_URL = {server.url.replace('http', 'ws') + '/ws'!r};\n"
                f"const JWT = {token(clock)!r};\n"
                "const showBalances = () => console.log('subscribed');\n"
                "const showBalance = (data) => {"
                " console.log(data.available, data.token); socket.close(); };\n" + snippet
            )
            process = await asyncio.create_subprocess_exec(
                *(node, "--experimental-websocket", "-e", script),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            assert process.stdout is not None
            async with asyncio.timeout(20):
                assert await process.stdout.readline() == b"subscribed\n"
                connection = open_connection(database_path, synchronous="OFF")
                credit(Database(connection, clock), ALICE, amount="2.5")
                connection.close()
                assert await process.stdout.readline() == b"2.5 DF\n"
                await process.communicate()
            assert process.returncode == 0

    asyncio.run(whole())
