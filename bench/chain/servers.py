"""The servers: how each one is found, started, asked for its memory and stopped."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chain.client import HOST, LIMIT_S, Connection, http_request

OURS, ANVIL, HARDHAT = "ours", "anvil", "hardhat"
CHAIN_ID = 97
BLOCK_GAS_LIMIT = 1_000_000_000
PEERS = Path(__file__).parents[1] / "peers"
_POLL_S = 0.002
_READY_POLLS = 500
_STOP_S = 5.0


class ServerFailed(Exception):
    """The server did not start, or ended on its own."""


class Kind(Protocol):
    """One program that serves a chain."""

    @property
    def name(self) -> str: ...

    @property
    def mine_method(self) -> str: ...

    def command(self, port: int, folder: Path) -> list[str]:
        """What starts it. `folder` is empty, its working directory, and removed afterwards."""
        ...


@dataclass(frozen=True)
class Ours:
    name: str = OURS
    mine_method: str = "hardhat_mine"

    def command(self, port: int, folder: Path) -> list[str]:
        program = [sys.executable, "-m", "ztdx_devnet", "chain", "--automine"]
        return [*program, "--port", str(port), "--ready-file", str(_ready_file(folder))]


@dataclass(frozen=True)
class Anvil:
    program: Path
    name: str = ANVIL
    mine_method: str = "anvil_mine"

    def command(self, port: int, folder: Path) -> list[str]:
        options = ["--quiet", "--chain-id", str(CHAIN_ID), "--gas-limit", str(BLOCK_GAS_LIMIT)]
        return [str(self.program), "--port", str(port), "--cache-path", str(folder), *options]


@dataclass(frozen=True)
class Hardhat:
    """Hardhat 3. `modules` is the node_modules folder that it is installed in."""

    modules: Path
    node: Path
    name: str = HARDHAT
    mine_method: str = "hardhat_mine"

    def command(self, port: int, folder: Path) -> list[str]:
        network = {"type": "edr-simulated", "chainId": CHAIN_ID, "blockGasLimit": BLOCK_GAS_LIMIT}
        config = json.dumps({"networks": {"node": network}})
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "hardhat.config.js").write_text(f"export default {config};\n")
        modules = folder / "node_modules"
        modules.symlink_to(self.modules, target_is_directory=True)
        program = [str(self.node), str(modules / ".bin" / "hardhat"), "node"]
        return [*program, "--hostname", HOST, "--port", str(port)]


@dataclass(frozen=True)
class Server:
    """A running server that has answered. `start_s` is from its process's start to that."""

    kind: Kind
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    rpc: Connection
    start_s: float

    def deployed(self) -> tuple[bytes, bytes] | None:
        """Token and vault, where they stand from the start: on ours."""
        if self.kind.name != OURS:
            return None
        # The port may answer a moment before the file is there; a missing one is an error.
        for _ in range(_READY_POLLS):
            if _ready_file(self.folder).exists():
                break
            time.sleep(_POLL_S)
        ready = json.loads(_ready_file(self.folder).read_text("utf-8"))
        return bytes.fromhex(ready["df_token"][2:]), bytes.fromhex(ready["vault"][2:])

    def mine_empty(self, count: int) -> None:
        self.rpc.call(self.kind.mine_method, hex(count))

    def height(self) -> int:
        return int(self.rpc.call("eth_blockNumber"), 16)

    def memory_mb(self) -> float:
        """Resident memory of the process and its children, in MB of 2^20 bytes."""
        listing = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,rss="], check=True, capture_output=True, text=True
        )
        rows = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
        family = {self.process.pid}
        while more := {pid for pid, parent, _ in rows if parent in family} - family:
            family |= more
        return sum(rss_kb for pid, _, rss_kb in rows if pid in family) / 1024


def find_anvil(given: Path | None) -> Anvil | None:
    """The program itself: npm's launcher would add a Node to its start and memory."""
    on_path = shutil.which("anvil")
    installed = (PEERS / "node_modules").glob("@foundry-rs/anvil-*/bin/anvil")
    candidates = [given, *installed, Path(on_path) if on_path else None]
    program = next((found for found in candidates if found is not None), None)
    return Anvil(program.resolve()) if program is not None and program.is_file() else None


def find_hardhat(given: Path | None) -> Hardhat | None:
    """Hardhat, with the Node that is installed beside it or else the one on PATH."""
    modules = ((given or PEERS) / "node_modules").resolve()
    beside = modules / ".bin" / "node"
    node = str(beside) if beside.exists() else shutil.which("node")
    if node is None or not (modules / ".bin" / "hardhat").exists():
        return None
    return Hardhat(modules, Path(node))


@contextmanager
def running(kind: Kind) -> Iterator[Server]:
    """A fresh server of that kind, stopped at the end. Raises ServerFailed."""
    with tempfile.TemporaryDirectory(prefix="bench-chain-") as name:
        folder, port = Path(name), _free_port()
        command = kind.command(port, folder)
        # anvil puts states on disk below HOME, Hardhat its settings.
        environment = {**os.environ, "HOME": name}
        errors = folder / "stderr"
        with errors.open("wb") as sink:
            started = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=sink,
            )
        try:
            rpc = _first_answer(process, port, errors)
            start_s = time.perf_counter() - started
            if isinstance(kind, Hardhat):
                rpc.call("hardhat_setLoggingEnabled", False)
            yield Server(kind, port, folder, process, rpc, start_s)
            rpc.close()
        finally:
            _stop(process)


def _first_answer(process: subprocess.Popen[bytes], port: int, errors: Path) -> Connection:
    deadline = time.perf_counter() + LIMIT_S
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"exit code {process.returncode}: {_complaint(errors)}")
        try:
            connection = Connection(port)
            connection.exchange(http_request("eth_blockNumber"))
        except ConnectionError:
            time.sleep(_POLL_S)
        except TimeoutError:
            break
        else:
            return connection
    raise ServerFailed(f"no answer within {LIMIT_S:.0f} s")


def _complaint(errors: Path) -> str:
    """The line of standard error that says most: the last one about an error, or the last."""
    lines = errors.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
    return next((line for line in reversed(lines) if "rror" in line), lines[-1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _ready_file(folder: Path) -> Path:
    return folder / "ready.json"
