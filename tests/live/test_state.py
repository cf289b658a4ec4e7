"""A chain under `--state` survives whatever ends its process."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ztdx_devnet.chain.origin.accounts import USERS

ROOT = Path(__file__).parents[2]
CHAIN = [sys.executable, "-m", "ztdx_devnet", "chain", "--port", "0"]
ALICE, BOB = USERS["alice"].address_hex, USERS["bob"].address_hex
DEADLINE_S = 60
KILLS = 200
SERVER_KILLS_S = (0.35, 0.05, 0.2, 0.5, 0.1)  # after the server was ready


def test_200_kills_under_load_lose_and_invent_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "tests.live.state_child", str(tmp_path), "1", str(KILLS)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    figures = json.loads(done.stdout)
    with capsys.disabled():
        told = ("kills", "requests", "blocks", "reorgs", "unanswered", "done")
        print("", ", ".join(f"{name} {figures[name]}" for name in told))
    assert figures["kills"] == KILLS
    assert figures["requests"] > KILLS
    assert figures["reorgs"] > 10
    assert figures["unanswered"] > KILLS / 2  # killed in the middle of something


# --- the server -----------------------------------------------------------------------------------


class Server:
    """A `devnet chain` process."""

    def __init__(self, directory: Path, *flags: str, before: str = "") -> None:
        ready_file = directory.with_suffix(".ready")
        ready_file.unlink(missing_ok=True)
        command = [*CHAIN, "--state", str(directory), "--ready-file", str(ready_file), *flags]
        self.process = subprocess.Popen(
            ["bash", "-c", f"{before} exec {shlex.join(command)}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline_s = time.monotonic() + DEADLINE_S
        while not ready_file.exists():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        self.ready = json.loads(ready_file.read_text("utf-8"))
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", int(self.ready["rpc_url"].rsplit(":", 1)[1]), timeout=DEADLINE_S
        )

    def request(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.connection.request("POST", "/", json.dumps(body))
        return json.loads(self.connection.getresponse().read())

    def ask(self, method: str, *params: Any) -> Any:
        answer = self.request(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> str:
        """End it kindly; what it wrote to stderr."""
        self.connection.close()
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=DEADLINE_S)[1]


@contextmanager
def server(directory: Path, *flags: str, before: str = "") -> Iterator[Server]:
    started = Server(directory, *flags, before=before)
    try:
        yield started
    finally:
        started.stop()


def test_all_that_a_killed_server_answered_is_there_when_it_comes_back(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    sent: list[str] = []
    blocks: dict[str, Any] = {}
    head: Any = None
    for delay_s in SERVER_KILLS_S:
        with server(directory, "--automine") as devnet:
            remembers(devnet, sent, blocks, head)
            timer = threading.Timer(delay_s, devnet.kill)
            timer.start()
            try:
                while True:
                    head = load(devnet, sent, blocks) or head
            except (OSError, http.client.HTTPException):
                timer.join()
    with server(directory, "--automine") as devnet:
        remembers(devnet, sent, blocks, head)
        assert devnet.stop() == ""
    assert [path.name for path in directory.iterdir()] == ["chain.sqlite3"]
    assert len(sent) > len(SERVER_KILLS_S)


def load(devnet: Server, sent: list[str], blocks: dict[str, Any]) -> Any:
    """A transfer in its block, some empty blocks, now and then a reorg; the head after that."""
    given = {"from": ALICE, "to": BOB, "value": "0x1", "gas": hex(21_000)}
    sent.append(devnet.ask("eth_sendTransaction", given))
    devnet.ask("anvil_mine", hex(1 + len(sent) % 40))
    if len(sent) % 3 == 0:
        devnet.ask("devnet_reorg", {"depth": 5})
    head = devnet.ask("eth_getBlockByNumber", "latest", False)
    blocks[head["hash"]] = head
    return head


def remembers(devnet: Server, sent: list[str], blocks: dict[str, Any], head: Any) -> None:
    """Every answer that it ever gave is still true, and time goes on."""
    for block_hash, block in blocks.items():
        assert devnet.ask("eth_getBlockByHash", block_hash, False) == block
    for transaction_hash in sent:
        assert devnet.ask("devnet_transaction", transaction_hash)["status"] in (
            "included",
            "pending",
        )
    if head is None:
        return
    assert devnet.ask("devnet_transaction", sent[-1])["blocks"]
    latest = devnet.ask("eth_getBlockByNumber", "latest", False)
    assert int(latest["number"], 16) >= int(head["number"], 16)
    devnet.ask("evm_mine")
    mined = devnet.ask("eth_getBlockByNumber", "latest", False)
    assert int(mined["timestamp"], 16) > int(latest["timestamp"], 16)
    assert int(mined["timestamp"], 16) >= int(time.time()) - DEADLINE_S


def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    second = [*CHAIN, "--state", str(directory)]
    with server(directory, "--no-mining") as devnet:
        devnet.ask("evm_mine")
        done = subprocess.run(second, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 3
        assert done.stdout == ""
        assert done.stderr == (
            f"devnet: {directory / 'chain.sqlite3'} is in use by another devnet; stop that one, or "
            "choose another directory\n"
        )
        devnet.ask("evm_mine")
        assert devnet.ask("eth_blockNumber") == "0x2"
    with server(directory, "--no-mining") as devnet:
        assert devnet.ask("eth_blockNumber") == "0x2"


@pytest.mark.parametrize("flags", [["--chain-id", "5"], ["--addresses", "deployed"]])
def test_a_directory_keeps_its_chain_id_and_its_contracts(tmp_path: Path, flags: list[str]) -> None:
    command = [*CHAIN, "--state", str(tmp_path), *flags]
    with server(tmp_path, "--no-mining", "--chain-id", "1234") as devnet:
        assert devnet.ready["chain_id"] == 1234
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "leave" in done.stderr
    with server(tmp_path, "--no-mining") as devnet:
        assert devnet.ask("eth_chainId") == hex(1234)


def test_a_server_whose_disk_is_full_goes_on_and_says_so(tmp_path: Path) -> None:
    """No file may grow beyond 500 KB; blocks keep coming every second."""
    with server(tmp_path / "state", "--block-time", "1", before="ulimit -f 500;") as devnet:
        refused = devnet.request("anvil_mine", hex(40_000))
        assert refused["error"]["code"] == -32000
        assert "chain.sqlite3 can't be written: " in refused["error"]["message"]
        height = int(devnet.ask("eth_blockNumber"), 16)
        assert height >= 40_000
        deadline_s = time.monotonic() + DEADLINE_S
        while int(devnet.ask("eth_blockNumber"), 16) < height + 2:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)


def test_users_are_told_where_the_state_can_t_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "state", Path("/proc/state")):
        command = [*CHAIN, "--state", str(directory)]
        environment = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        assert done.returncode == 3
        assert str(directory) in done.stderr
        assert "Traceback" not in done.stderr
