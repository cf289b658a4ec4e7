"""The program as an operator runs it: settings, credentials, and one live process."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from tests.live.chain_thread import serve
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.sim.wallets import Wallets
from ztdx_spot import service
from ztdx_spot.__main__ import main
from ztdx_spot.auth.tokens import user_of_token
from ztdx_spot.config import ListenerSettings, read_settings
from ztdx_spot.edges import HttpTransport, WallClock
from ztdx_spot.errors import ListenerHalted
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.database import Database, open_connection

from .world import ALICE, DF, VAULT

SECRET = "a secret of at least thirty-two bytes"
DEADLINE_S = 30


def run(environment: dict[str, str], *arguments: str) -> Result:
    names = [name for name in os.environ if name.startswith(("SPOT_", "JWT_", "ADMIN_"))]
    cleared = dict.fromkeys([*names, "DATABASE_URL", "HOST", "PORT"])
    return CliRunner().invoke(main, arguments, env={**cleared, **environment})


class TestSettings:
    def test_every_problem_is_a_line_on_stderr_and_the_exit_code_is_3(self) -> None:
        result = run({"PORT": "http"})
        assert (result.exit_code, result.stdout) == (3, "")
        assert [line.split()[0] for line in result.stderr.splitlines()] == [
            "PORT",
            "SPOT_BSC_RPC_URL",
            "SPOT_BSC_VAULT_ADDRESS",
            "SPOT_DF_TOKEN_ADDRESS",
            "JWT_SECRET",
        ]

    def test_a_busy_port_is_one_line(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]
            environment = {
                "JWT_SECRET": SECRET,
                "PORT": str(port),
                "DATABASE_URL": f"sqlite:///{tmp_path}/spot.db",
            }
            result = run(environment, "--only", "api")
        assert (result.exit_code, result.stdout) == (3, "")
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"cannot listen on 127.0.0.1:{port} (")

    def test_a_database_that_cannot_be_opened_is_one_line(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/missing/spot.db"
        result = run({"JWT_SECRET": SECRET, "DATABASE_URL": url}, "--only", "api")
        assert result.exit_code == 3
        assert len(result.stderr.splitlines()) == 1
        assert "DATABASE_URL" in result.stderr


class TestCredentials:
    def test_issue_jwt_prints_a_token_of_the_address(self) -> None:
        result = run({"JWT_SECRET": SECRET}, "issue-jwt", "0x" + ALICE[2:].upper())
        assert result.exit_code == 0
        now_s = WallClock().now_s()
        token = result.stdout.strip()
        assert user_of_token(token, SECRET, now_s) == ALICE
        assert user_of_token(token, SECRET, now_s + 86400) is None

    @pytest.mark.parametrize("address", ["alice", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"])
    @pytest.mark.parametrize("command", ["issue-jwt", "issue-api-key"])
    def test_a_mistyped_address_is_refused(
        self, tmp_path: Path, command: str, address: str
    ) -> None:
        url = f"sqlite:///{tmp_path}/spot.db"
        result = run({"JWT_SECRET": SECRET, "DATABASE_URL": url}, command, address)
        assert (result.exit_code, result.stdout) == (3, "")
        assert address in result.stderr

    def test_issue_api_key_prints_a_working_pair(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/spot.db"
        result = run({"DATABASE_URL": url}, "issue-api-key", ALICE, "--label", "desk")
        assert result.exit_code == 0
        match = re.fullmatch(r"API_KEY=([0-9a-f]{64})\nAPI_SECRET=([0-9a-f]{64})\n", result.stdout)
        assert match is not None
        connection = open_connection(tmp_path / "spot.db")
        with Database(connection, WallClock()).read() as transaction:
            found = api_keys.find_active(transaction, match[1])
        connection.close()
        assert found == api_keys.ApiKey(ALICE, match[1], match[2])


class TestAListenerThatEnds:
    """What becomes of the process; the listener's own reasons are not the matter here."""

    HALT = "block 0 of the node is another: remove the ledger, or correct SPOT_BSC_RPC_URL"

    @pytest.fixture(autouse=True)
    def _signals(self) -> Iterator[None]:
        """The program takes the signals of the process that runs it: here, of the tests."""
        kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        yield
        for number, handler in kept.items():
            signal.signal(number, handler)

    @pytest.fixture
    def environment(self, tmp_path: Path) -> dict[str, str]:
        return {
            "SPOT_BSC_RPC_URL": "http://127.0.0.1:1",
            "SPOT_BSC_VAULT_ADDRESS": VAULT,
            "SPOT_DF_TOKEN_ADDRESS": DF,
            "DATABASE_URL": f"sqlite:///{tmp_path}/spot.db",
            "JWT_SECRET": SECRET,
            "PORT": "0",
        }

    @pytest.fixture
    def ends_with(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
        def ends_with(error: Exception) -> None:
            def run_listener(*arguments: object) -> NoReturn:
                raise error

            monkeypatch.setattr(service, "run_listener", run_listener)

        return ends_with

    def test_alone_and_halted_it_is_one_line_and_exit_code_4(
        self, environment: dict[str, str], ends_with: Callable[[Exception], None]
    ) -> None:
        ends_with(ListenerHalted(self.HALT))
        result = run(environment, "--only", "listener")
        assert (result.exit_code, result.stderr) == (4, self.HALT + "\n")

    def test_halted_beside_an_api_it_is_a_line_and_the_api_stays(
        self, environment: dict[str, str], ends_with: Callable[[Exception], None]
    ) -> None:
        ends_with(ListenerHalted(self.HALT))

        async def status_after_the_halt() -> int:
            halted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            settings = read_settings(environment)
            async with service.running(settings, environment, halted.set_result) as running:
                assert await halted == self.HALT
                assert not running.failed.done()
                url = f"{running.url}/api/v1/spot/balances"
                async with aiohttp.ClientSession() as session, session.get(url) as answer:
                    return answer.status

        assert asyncio.run(status_after_the_halt()) == 401

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    @pytest.mark.parametrize("parts", [(), ("--only", "listener")])
    def test_dead_of_anything_else_it_takes_the_process_along(
        self,
        environment: dict[str, str],
        ends_with: Callable[[Exception], None],
        parts: tuple[str, ...],
    ) -> None:
        ends_with(ZeroDivisionError())
        assert run(environment, *parts).exit_code == 1


def test_a_listener_that_waits_for_a_node_of_its_own_process_ends_before_its_parts_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop that stops it is the one that answers it."""

    def run_listener(
        settings: ListenerSettings, transport: HttpTransport, clock: WallClock, *others: object
    ) -> NoReturn:
        transport.post(b"{}", 10)
        clock.sleep_s(0)
        raise AssertionError("it was told to stop")

    async def listeners_left() -> list[threading.Thread]:
        asked, answering = asyncio.Event(), asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            asked.set()
            await answering.wait()
            return web.Response()

        front = web.Application()
        front.router.add_post("/", answer)
        runner = web.AppRunner(front)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        environment = {
            "SPOT_BSC_RPC_URL": f"http://127.0.0.1:{runner.addresses[0][1]}",
            "SPOT_BSC_VAULT_ADDRESS": VAULT,
            "SPOT_DF_TOKEN_ADDRESS": DF,
            "DATABASE_URL": f"sqlite:///{tmp_path}/spot.db",
        }
        async with service.running(read_settings(environment, api=False), environment, print):
            await asked.wait()
            asyncio.get_running_loop().call_later(0.02, answering.set)
        left = [each for each in threading.enumerate() if each.name == "listener"]
        await runner.cleanup()
        return left

    monkeypatch.setattr(service, "run_listener", run_listener)
    assert asyncio.run(listeners_left()) == []


def test_one_process_credits_a_deposit_from_a_node_and_serves_it(tmp_path: Path) -> None:
    chain = Chain()
    Wallets(chain).deposit("alice", 10**18)
    chain.mine()
    chain.mine_empty(20)
    alice = USERS["alice"].address_hex
    with serve(chain) as url:
        environment = {
            **os.environ,
            "SPOT_BSC_RPC_URL": f"{url}/key-4711",
            "SPOT_BSC_VAULT_ADDRESS": VAULT,
            "SPOT_DF_TOKEN_ADDRESS": DF,
            "SPOT_BSC_START_BLOCK": "1",
            "SPOT_BSC_POLL_INTERVAL_MS": "10",
            "DATABASE_URL": f"sqlite:///{tmp_path}/spot.db",
            "JWT_SECRET": SECRET,
            "PORT": "0",
        }
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "ztdx_spot"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            api_line, listener_line = process.stdout.readline(), process.stdout.readline()
            match = re.fullmatch(r"api: http://127\.0\.0\.1:(\d+)/api/v1\n", api_line)
            assert match is not None, api_line
            assert listener_line == f"listener: chain 97, vault {VAULT}\n"
            (deposit,) = deposits_when_there_are(int(match[1]), alice)
            assert (deposit["amount"], deposit["block_number"]) == ("1", 1)
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "4711" not in errors


def deposits_when_there_are(port: int, user_address: str) -> list[dict[str, Any]]:
    token = run({"JWT_SECRET": SECRET}, "issue-jwt", user_address).stdout.strip()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    deadline_s, found = time.monotonic() + DEADLINE_S, []
    while not found:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
        client.request("GET", "/api/v1/spot/deposits", headers={"Authorization": f"Bearer {token}"})
        found = json.loads(client.getresponse().read())
    client.close()
    return list(found)
