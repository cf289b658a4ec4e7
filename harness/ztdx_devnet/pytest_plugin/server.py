"""A `devnet up` of a test's own: a real process, known by what its ready file says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ztdx_devnet.live.rpc_client import RpcClient

_LOOK_EVERY_S = 0.02
_LOOKS_MAX = 3_000
"""A minute: a machine under load starts it slowly."""
_STOP_S = 10


class NotStarted(Exception):
    """The devnet did not come up; the text is what it said."""


@dataclass(frozen=True, slots=True)
class DevnetUser:
    """A user of the devnet. `private_key` is 0x and 64 hex digits; the others log in to the API."""

    name: str
    address: str
    private_key: str
    jwt: str
    api_key: str
    api_secret: str


class DevnetServer:
    """A running system. `ready` is all that its ready file says; see docs/up.md."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.rpc_url: str = ready["rpc_url"]
        self.ws_rpc_url: str = ready["ws_rpc_url"]
        self.api_url: str = ready["api_url"]
        self.ws_url: str = ready["ws_url"]
        self.admin_key: str = ready["admin_api_key"]
        self.chain_id: int = ready["chain_id"]
        self.vault: str = ready["vault"]
        self.df_token: str = ready["df_token"]
        self.confirmation_depth: int = ready["confirmation_depth"]
        self._users = {user["name"]: DevnetUser(**user) for user in ready["users"]}

    def __repr__(self) -> str:
        return f"<DevnetServer {self.api_url}, chain at {self.rpc_url}>"

    def user(self, name: str) -> DevnetUser:
        """One of the ten, `alice` to `judy`. Raises KeyError that names them."""
        if name not in self._users:
            raise KeyError(f"{name!r}: the users are {', '.join(self._users)}")
        return self._users[name]

    def token(self, name: str) -> str:
        """A user's JWT, valid for a day."""
        return self.user(name).jwt

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of a JSON-RPC call to the chain, such as `rpc("evm_mine")`.

        Raises `live.rpc_client.Refused` for an error.
        """
        return RpcClient(self.rpc_url).ask(method, *params)


@contextmanager
def serving(folder: Path, *flags: str) -> Generator[DevnetServer]:
    """Start it with these flags more, and stop it at the end. Raises NotStarted."""
    ready_file, said = folder / "ready.json", folder / "stderr.txt"
    command = [sys.executable, "-m", "ztdx_devnet", "up", "--rpc-port", "0", "--api-port", "0"]
    with said.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--ready-file", str(ready_file), *flags],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            yield DevnetServer(_ready(process, ready_file, said))
        finally:
            _stop(process)


def _ready(process: subprocess.Popen[bytes], ready_file: Path, said: Path) -> dict[str, Any]:
    for _ in range(_LOOKS_MAX):
        with suppress(FileNotFoundError):
            return dict(json.loads(ready_file.read_text("utf-8")))
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(_LOOK_EVERY_S)
            raise NotStarted(f"devnet up ended with {code}: {said.read_text('utf-8').strip()}")
    raise NotStarted(f"devnet up does not get ready: {said.read_text('utf-8').strip()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
