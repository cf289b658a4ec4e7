"""The program as an operator runs it: settings, credentials, and one live process."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ztdx_spot.__main__ import main
from ztdx_spot.auth.tokens import user_of_token
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.database import Database, open_connection

from .loopback import Exchange, LoopbackServer
from .loopback import http as http_bytes
from .world import ALICE, DF, VAULT, ScriptedNode, deposit_log

SECRET = "a secret of at least thirty-two bytes"


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


def test_one_process_credits_a_deposit_from_a_node_and_serves_it(tmp_path: Path) -> None:
    node = ScriptedNode(head=30, logs=[deposit_log(5)])
    polled_twice = threading.Event()

    def answer(exchange: Exchange) -> None:
        body = exchange.request.partition(b"\r\n\r\n")[2]
        exchange.send(http_bytes(node.post(body, 1).body))
        if node.methods().count("eth_blockNumber") == 2:
            polled_twice.set()

    with LoopbackServer(answer) as server:
        environment = {
            **os.environ,
            "SPOT_BSC_RPC_URL": server.url,
            "SPOT_BSC_VAULT_ADDRESS": VAULT,
            "SPOT_DF_TOKEN_ADDRESS": DF,
            "SPOT_BSC_START_BLOCK": "1",
            "SPOT_BSC_POLL_INTERVAL_MS": "10",
            "DATABASE_URL": f"sqlite:///{tmp_path}/spot.db",
            "JWT_SECRET": SECRET,
            "PORT": "0",
        }
        command = [sys.executable, "-W", "error", "-m", "ztdx_spot"]
        process = subprocess.Popen(
            command,
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
            assert polled_twice.wait(10)
            token = run({"JWT_SECRET": SECRET}, "issue-jwt", ALICE).stdout.strip()
            client = http.client.HTTPConnection("127.0.0.1", int(match[1]), timeout=10)
            client.request(
                "GET", "/api/v1/spot/deposits", headers={"Authorization": f"Bearer {token}"}
            )
            (deposit,) = json.loads(client.getresponse().read())
            client.close()
            assert (deposit["amount"], deposit["block_number"]) == ("1", 5)
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "4711" not in errors
