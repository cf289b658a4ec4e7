"""`devnet up` as its users start it: real processes, real sockets, the real product."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from click.testing import CliRunner
from eth_account import Account
from eth_account.messages import encode_typed_data

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.cli import devnet
from ztdx_devnet.live import credentials
from ztdx_devnet.live.chain_source import ChainSource, open_chain
from ztdx_devnet.live.ready_file import ReadyFile
from ztdx_devnet.live.rpc_client import RpcClient
from ztdx_spot.edges import SystemEntropy, WallClock
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.database import Database
from ztdx_spot.service import open_ledger

PROGRAM = Path(sys.executable).with_name("devnet")
DOCUMENT = Path(__file__).parents[2] / "docs" / "up.md"
DEADLINE_S = 30


class Up:
    """A running `devnet up`. Its folders are `work`, where it runs, and `temporary`."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.ready_file = folder / "ready.json"
        self.work, self.temporary = folder / "work", folder / "temporary"
        for each in (self.work, self.temporary):
            each.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [PROGRAM, "up", *free_ports(), "--ready-file", self.ready_file, *flags],
            cwd=self.work,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline_s = time.monotonic() + DEADLINE_S
        self.ready: dict[str, Any] = {}
        while self.ready.get("pid") != self.process.pid:  # it may be of one that was killed
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                self.process.kill()
                raise AssertionError(f"did not start: {self.process.communicate()}")
            time.sleep(0.01)
            with suppress(FileNotFoundError):
                self.ready = json.loads(self.ready_file.read_text("utf-8"))
        self.rpc = RpcClient(self.ready["rpc_url"])

    def user(self, name: str) -> dict[str, str]:
        (found,) = [user for user in self.ready["users"] if user["name"] == name]
        return dict(found)

    def typed(self, *words: str) -> str:
        """What a command by hand prints, without its end of line."""
        result = CliRunner().invoke(devnet, [*words, "--rpc-url", self.ready["rpc_url"]])
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return result.stdout.rstrip("\n")

    def get(self, path: str, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(self.ready["api_url"] + path, headers=headers)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return json.load(answer)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self.ready["api_url"] + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return json.load(answer)

    def readiness(self) -> dict[str, Any]:
        """What /readyz says, be it 200 or 503."""
        url = self.ready["api_url"].removesuffix("/api/v1") + "/readyz"
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return dict(json.load(refusal))

    def deposits(self, name: str) -> list[dict[str, Any]]:
        """What the user sees with the JWT."""
        return list(self.get("/spot/deposits", bearer(self.user(name)["jwt"])))

    def deposits_when_there_are(self, count: int, name: str) -> list[dict[str, Any]]:
        deadline_s = time.monotonic() + DEADLINE_S
        while len(found := self.deposits(name)) < count:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Exit code and what was printed."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, output, errors


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[Up]:
    each = Up(folder, *flags)
    try:
        yield each
    finally:
        if each.process.poll() is None:
            each.kill()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One for all tests of the module that leave it as it is."""
    folder = tmp_path_factory.mktemp("up")
    with running(folder, "--block-time", "1", "--state", str(folder / "state")) as each:
        yield each


def free_ports() -> list[str]:
    return ["--rpc-port", "0", "--api-port", "0"]


def bearer(jwt: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {jwt}"}


def refused(*flags: str) -> str:
    """The one line of an `up` that does not start."""
    done = subprocess.run(
        [PROGRAM, "up", *flags], capture_output=True, timeout=DEADLINE_S, check=False, text=True
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1), done
    return done.stderr.rstrip("\n")


def test_the_ready_file_tells_all_that_a_frontend_needs(up: Up) -> None:
    ready = up.ready
    port = urlsplit(ready["api_url"]).port
    assert ready["api_url"] == f"http://127.0.0.1:{port}/api/v1"
    assert ready["ws_url"] == f"ws://127.0.0.1:{port}/ws"
    assert ready["admin_api_key"] == "devnet-admin-key"
    assert ready["chain_id"] == int(up.rpc.ask("eth_chainId"), 16) == 97
    assert ready["pid"] == up.process.pid
    assert [user["name"] for user in ready["users"]] == list(USERS)
    for user in ready["users"]:
        assert up.get("/spot/balances", bearer(user["jwt"])) == {"balances": []}
    hexes = [user[name] for user in ready["users"] for name in ("api_key", "api_secret")]
    assert len(set(hexes)) == 20
    assert all(re.fullmatch(r"[0-9a-f]{64}", each) for each in hexes)


def test_a_deposit_is_credited_and_seen_with_jwt_and_api_key(up: Up) -> None:
    told = up.typed("deposit", "bob", "12.5")
    number = int(re.search(r"in block (\d+),", told)[1])  # type: ignore[index]
    assert up.deposits("bob") == []
    assert up.typed("mine", "20").startswith("20 blocks mined")
    (deposit,) = up.deposits_when_there_are(1, "bob")
    assert (deposit["amount"], deposit["block_number"], deposit["status"]) == (
        "12.5",
        number,
        "confirmed",
    )
    bob = up.user("bob")
    query = f"limit=5&timestamp={time.time_ns() // 1_000_000}"
    signature = hmac.new(bob["api_secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
    path = f"/spot/deposits?{query}&signature={signature}"
    assert up.get(path, {"X-MBX-APIKEY": bob["api_key"]}) == [deposit]
    assert up.deposits("carol") == []


def test_a_credit_with_the_admin_key_is_pushed_to_its_user(up: Up) -> None:
    dave, channel = up.user("dave"), "spot:user:balances"
    credit = {"user_address": dave["address"], "token": "DF", "amount": "7"}

    async def pushed() -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(up.ready["ws_url"]) as socket,
        ):
            await socket.send_json({"type": "subscribe", "channel": channel, "token": dave["jwt"]})
            while (await socket.receive_json(timeout=DEADLINE_S))["type"] != "subscribed":
                pass
            url = up.ready["api_url"] + "/admin/spot/balances/credit"
            headers = {"X-API-Key": up.ready["admin_api_key"]}
            async with session.post(url, json=credit, headers=headers) as answer:
                assert await answer.json() == {"ok": True}
            return dict(await socket.receive_json(timeout=DEADLINE_S))

    push = asyncio.run(pushed())
    assert (push["type"], push["channel"]) == ("spot_user_balance", channel)
    assert (push["data"]["token"], push["data"]["available"]) == ("DF", "7")
    assert up.get("/spot/balances", bearer(dave["jwt"]))["balances"] == [
        {"token": "DF", "available": "7", "frozen": "0"}
    ]


def test_a_token_is_that_users(up: Up) -> None:
    erin = up.user("erin")
    for user in ("erin", erin["address"], erin["address"].lower()):
        jwt = up.typed("token", user)
        assert up.get("/spot/balances", bearer(jwt)) == {"balances": []}
    result = CliRunner().invoke(devnet, ["token", "zoe", "--rpc-url", up.ready["rpc_url"]])
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("devnet: no user 'zoe': expected an address or one of alice")


def test_a_shell_that_evaluates_the_env_can_start_a_backend_of_its_own(
    up: Up, tmp_path: Path
) -> None:
    variables = dict(line.split("=", 1) for line in up.typed("env").splitlines())
    assert variables["SPOT_BSC_RPC_URL"] == up.ready["rpc_url"]
    assert variables["SPOT_BSC_VAULT_ADDRESS"] == up.ready["vault"]
    assert variables["SPOT_DF_TOKEN_ADDRESS"] == up.ready["df_token"]
    assert variables["DATABASE_URL"] == "sqlite:///spot.db"
    script = (
        f'set -a; eval "$({PROGRAM} env --rpc-url {up.ready["rpc_url"]})"; '
        f"PORT=0; exec {sys.executable} -m ztdx_spot --only api"
    )
    backend = subprocess.Popen(
        ["bash", "-euc", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert backend.stdout is not None
    try:
        (url,) = re.findall(r"^api: (http://\S+)$", backend.stdout.readline())
        # The same secret: tokens of the devnet are good there, where nobody has anything yet.
        request = urllib.request.Request(
            f"{url}/spot/deposits", headers=bearer(up.user("bob")["jwt"])
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            assert json.load(answer) == []
    finally:
        backend.terminate()
        backend.communicate(timeout=DEADLINE_S)
    assert backend.returncode == 0


@pytest.mark.parametrize("flag", ["--rpc-port", "--api-port"])
def test_a_busy_port_is_one_line_that_names_port_and_flag(up: Up, flag: str) -> None:
    url = up.ready["rpc_url" if flag == "--rpc-port" else "api_url"]
    port = urlsplit(url).port
    assert refused(*free_ports(), flag, str(port)) == (
        f"devnet: 127.0.0.1:{port} is in use; choose another with {flag}, or {flag} 0 for any "
        "free one"
    )
    assert up.rpc.ask("eth_chainId") == "0x61"
    assert up.get("/spot/balances", bearer(up.user("alice")["jwt"])) == {"balances": []}


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            ["--rpc-port", "9000", "--api-port", "9000"],
            "devnet up: --rpc-port and --api-port are both 9000: each server needs its own. "
            "`devnet up --help` shows what it takes",
        ),
        (
            ["--block-time", "0.5"],
            "devnet up: Invalid value for '--block-time': '0.5': expected whole seconds from 1 to "
            "86400, because blocks carry whole seconds. `devnet up --help` shows what it takes",
        ),
    ],
)
def test_what_cannot_be_is_one_line(flags: list[str], line: str) -> None:
    assert refused(*flags) == line


def refused_here(*flags: str) -> str:
    """The same in this process, without the start of another."""
    result = CliRunner().invoke(devnet, ["up", *free_ports(), *flags])
    assert (result.exit_code, result.stdout) == (3, ""), result.output
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.rstrip("\n")


def test_users_log_in_for_the_chain_or_for_the_one_that_a_flag_names(
    up: Up, tmp_path: Path
) -> None:
    alice = up.user("alice")
    with running(tmp_path, "--login-chain-id", "421614") as other:
        for devnet_up, chain_id in ((up, 97), (other, 421614)):
            asked = devnet_up.get(f"/auth/nonce/{alice['address']}", {})["typed_data"]
            assert asked["domain"]["chainId"] == chain_id
            signed = Account.sign_message(
                encode_typed_data(full_message=asked), alice["private_key"]
            )
            login = {
                "address": alice["address"],
                "signature": "0x" + signed.signature.hex().removeprefix("0x"),
                "timestamp": asked["message"]["timestamp"],
            }
            assert devnet_up.post("/auth/login", login)["token"]


def test_a_ledger_that_another_program_holds_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WallClock, "sleep_s", lambda *_: None)
    state = tmp_path / "state"
    open_chain(ChainSource(state=state)).close()
    open_ledger(str(state / "spot.db")).close()
    with closing(sqlite3.connect(state / "spot.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        line = refused_here("--state", str(state))
    assert line.startswith(f"devnet: {state / 'spot.db'}: BEGIN IMMEDIATE: the database was locked")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_banner_that_nobody_can_read_is_one_line(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "up", *free_ports(), "--ready-file", ready_file],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=DEADLINE_S,
            check=False,
            text=True,
        )
    assert (done.returncode, done.stderr) == (
        3,
        "devnet: can't write: No space left on device\n",
    )
    assert not ready_file.exists()


def test_what_speaks_no_json_rpc_is_told_without_what_the_url_hides(up: Up) -> None:
    url = up.ready["api_url"].replace("//", "//user:SECRET@") + "/SECRET?key=SECRET"
    result = CliRunner().invoke(devnet, ["token", "alice", "--rpc-url", url])
    assert (result.exit_code, result.stdout) == (3, "")
    root_url = up.ready["api_url"].removesuffix("/api/v1")
    assert result.stderr.startswith(f"devnet: no chain answers at {root_url} (HTTP 4")
    assert "SECRET" not in result.stderr


@pytest.mark.parametrize(
    "content",
    [
        '{"pid": 99999999999999999999999}',
        '{"pid": -99999999999999999999999}',
        '{"pid": "1"}',
        '{"pid": 1.5}',
        "[1]",
        "[" * 100_000,
        "\udcff",
    ],
    ids=lambda content: content[:12],
)
def test_a_ready_file_that_no_devnet_wrote_is_left_until_the_start_replaces_it(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "ready.json"
    path.write_text(content, "utf-8", "surrogateescape")
    ready_file = ReadyFile(path)
    assert path.read_text("utf-8", "surrogateescape") == content
    ready_file.write({"pid": os.getpid()})
    ready_file.remove()
    assert not path.exists()


def test_a_state_that_no_ledger_can_be_in_is_told_of_its_flag(tmp_path: Path) -> None:
    state = tmp_path / "a?b"
    assert refused_here("--state", str(state)) == (
        f"devnet: --state {state}: a ledger's path has no '?'; choose another directory"
    )
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("kept_bytes", [None, b""], ids=["removed", "emptied"])
def test_a_ledger_whose_chain_is_gone_is_refused_and_kept(
    tmp_path: Path, kept_bytes: bytes | None
) -> None:
    ledger = tmp_path / "spot.db"
    open_ledger(str(ledger)).close()
    if kept_bytes is not None:
        (tmp_path / "chain.sqlite3").write_bytes(kept_bytes)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert refused_here("--state", str(tmp_path)) == (
        f"devnet: {ledger} belongs to a chain that is not there any more: remove it too, or "
        "choose another --state"
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


class TestCredentials:
    ALICE = USERS["alice"]

    def test_are_those_of_the_ledger(self, tmp_path: Path) -> None:
        path = str(tmp_path / "spot.db")
        issued = credentials.issue(path, USERS.values())
        with closing(open_ledger(path)) as connection:
            with Database(connection, WallClock()).read() as transaction:
                for user in USERS.values():
                    (entry,) = api_keys.list_of(transaction, user.address_hex)
                    found = api_keys.find_active(transaction, entry.api_key)
                    assert found is not None
                    assert found.user_address == user.address_hex
                    of_user = issued[user.name]
                    assert (of_user.api_key, of_user.api_secret) == (
                        found.api_key,
                        found.secret_key,
                    )
            # A secret by another rule, as of another version: what signs is what the ledger has.
            connection.execute("UPDATE api_keys SET secret_key = ?", ("ab" * 32,))
        assert credentials.issue(path, [self.ALICE])["alice"].api_secret == "ab" * 32

    def test_of_a_user_who_has_disabled_the_key_and_made_others(self, tmp_path: Path) -> None:
        path = str(tmp_path / "spot.db")
        first = credentials.issue(path, [self.ALICE])["alice"]
        address = self.ALICE.address_hex
        with (
            closing(open_ledger(path)) as connection,
            Database(connection, WallClock()).write() as transaction,
        ):
            (entry,) = api_keys.list_of(transaction, address)
            api_keys.change(transaction, address, entry.id, label="mine", status="disabled")
            api_keys.create(transaction, address, credentials.LABEL, SystemEntropy(), 1)
        second = credentials.issue(path, [self.ALICE])["alice"]
        assert (second.api_key, second.api_secret) == (first.api_key, first.api_secret)
        with (
            closing(open_ledger(path)) as connection,
            Database(connection, WallClock()).read() as transaction,
        ):
            kept = api_keys.list_of(transaction, address)
        assert {each.label: each.status for each in kept} == {
            "mine": "disabled",
            credentials.LABEL: "active",
        }


def test_it_can_be_killed_and_goes_on_from_its_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running(tmp_path, "--state", str(state), "--block-time", "1") as first:
        first.rpc.ask("evm_setAutomine", True)
        first.typed("deposit", "alice", "100")
        first.typed("mine", "20")
        credited = first.deposits_when_there_are(1, "alice")
        height = int(first.rpc.ask("eth_blockNumber"), 16)
        first.kill()
    with running(tmp_path, "--state", str(state), "--block-time", "1") as second:
        assert int(second.rpc.ask("eth_blockNumber"), 16) >= height
        assert second.get("/spot/deposits", bearer(first.user("alice")["jwt"])) == credited
        for kept in ("api_key", "api_secret"):
            assert [u[kept] for u in second.ready["users"]] == [
                u[kept] for u in first.ready["users"]
            ]
        second.rpc.ask("evm_setAutomine", True)
        second.typed("deposit", "alice", "0.5")
        second.typed("mine", "20")
        deposits = second.deposits_when_there_are(2, "alice")
        assert [each["amount"] for each in deposits] == ["0.5", "100"]
        assert second.stop(signal.SIGTERM)[0] == 0
    assert {path.name for path in state.iterdir()} == {"chain.sqlite3", "spot.db"}


def test_a_ledger_of_another_chain_halts_the_listener_and_nothing_else(
    up: Up, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    open_chain(ChainSource(state=state, addresses="deployed")).close()
    assert up.readiness()["listener"]["chain_id"] == 97  # so its ledger knows block 0
    with (
        closing(sqlite3.connect(up.ready_file.with_name("state") / "spot.db")) as ledger,
        closing(sqlite3.connect(state / "spot.db")) as copy,
    ):
        ledger.backup(copy)
    with running(tmp_path, "--state", str(state)) as other:
        deadline_s = time.monotonic() + DEADLINE_S
        # At first it is what the copied ledger says of the listener that it is from.
        while not (listener := other.readiness()["listener"])["halted"]:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        assert other.rpc.ask("eth_chainId") == "0x61"
        code, _, errors = other.stop()
    assert code == 0
    assert errors.splitlines() == [f"devnet: {listener['trouble']}"]
    assert "block 0" in errors


def test_ctrl_c_ends_it_and_nothing_is_left(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        (curl,) = re.findall(r"^curl .*$", banner := read_banner(up), re.MULTILINE)
        asked = subprocess.run(
            ["bash", "-euc", curl], capture_output=True, timeout=DEADLINE_S, check=True, text=True
        )
        assert json.loads(asked.stdout) == {"balances": []}
        code, output, errors = up.stop()
    assert (code, output) == (0, "")
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["temporary", "work"]
    assert [*up.work.iterdir(), *up.temporary.iterdir()] == []
    for url in ("rpc_url", "ws_rpc_url", "api_url", "ws_url"):
        assert up.ready[url] in banner
    root_url = up.ready["api_url"].removesuffix("/api/v1")
    for told in (f"{root_url}/docs", f"{root_url}/readyz", up.ready["admin_api_key"]):
        assert told in banner
    for told in (up.ready["vault"], up.ready["df_token"]):
        assert told in banner
    for user in up.ready["users"]:
        for name in ("name", "address", "private_key", "api_key", "api_secret", "jwt"):
            assert user[name] in banner
    assert up.user("alice")["jwt"] in curl


def read_banner(up: Up) -> str:
    """Up to the curl line, which comes last."""
    assert up.process.stdout is not None
    lines = [up.process.stdout.readline()]
    while not lines[-1].startswith("curl "):
        lines.append(up.process.stdout.readline())
    assert up.process.stdout.readline() == "\n"
    return "".join(lines)


class TestItsDocument:
    TEXT = DOCUMENT.read_text("utf-8")

    @pytest.mark.parametrize("command", ["up", "token", "env"])
    def test_names_every_flag(self, command: str) -> None:
        shown = CliRunner().invoke(devnet, [command, "--help"]).output
        flags = set(re.findall(r"--[a-z-]+", shown)) - {"--help", "--debug", "--only"}
        assert flags
        assert {flag for flag in flags if f"`{flag}" not in self.TEXT} == set()

    def test_names_every_field_of_the_ready_file(self, up: Up) -> None:
        for field in (*up.ready, *(f"users[].{field}" for field in up.ready["users"][0])):
            assert f"| `{field}` |" in self.TEXT, field

    def test_names_every_variable_of_the_env(self, up: Up) -> None:
        for line in up.typed("env").splitlines():
            assert f"`{line.partition('=')[0]}`" in self.TEXT
