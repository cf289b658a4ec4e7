"""The product as its users start it: real processes, a real socket, the README as written."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.chain_thread import serve
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.sim.wallets import Wallets

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
ALICE = USERS["alice"].address_hex
DEADLINE_S = 30
SECRETS = {
    "JWT_SECRET": "a-secret-of-more-than-thirty-two-characters",
    "ADMIN_API_KEY": "an-admin-key",
    "TESTNET_ONLY": "true",
}


@pytest.fixture
def chain() -> Chain:
    """Two deposits of alice: 0.5 DF, confirmed, and all but all that she has, 19 blocks deep."""
    chain = Chain()
    chain.mine_empty(10)
    wallets = Wallets(chain)
    wallets.deposit("alice", 5 * 10**17)
    chain.mine()
    chain.mine_empty(4)
    wallets.deposit("alice", 999_999 * 10**18 + 1)
    chain.mine()
    chain.mine_empty(19)
    return chain


@pytest.fixture
def environment(chain: Chain, tmp_path: Path) -> Iterator[dict[str, str]]:
    with serve(chain) as url:
        yield {
            **os.environ,
            **SECRETS,
            "SPOT_BSC_RPC_URL": url,
            "SPOT_BSC_VAULT_ADDRESS": "0x4Fe0b354c5865ee9deb979a99030d757ae47664a",
            "SPOT_DF_TOKEN_ADDRESS": "0x8063a43ed88397c1B10DA23dcC60ba1E7A0Bf555",
            "SPOT_BSC_START_BLOCK": "1",
            "SPOT_BSC_POLL_INTERVAL_MS": "50",
            "DATABASE_URL": f"sqlite:////{tmp_path / 'spot.db'}",
            "PORT": "0",
        }


def get(url: str, headers: dict[str, str]) -> list[dict[str, object]]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return list(json.loads(answer.read()))


def command(environment: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "ztdx_spot", *arguments],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()


def test_a_deposit_on_our_chain_reaches_the_user_through_the_real_program(
    chain: Chain, environment: dict[str, str]
) -> None:
    jwt = command(environment, "issue-jwt", ALICE)
    keys = dict(line.split("=") for line in command(environment, "issue-api-key", ALICE).split())
    program = subprocess.Popen(
        [sys.executable, "-m", "ztdx_spot"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    try:
        (base,) = re.findall(r"^api: (http://\S+)$", program.stdout.readline())
        bearer = {"Authorization": f"Bearer {jwt}"}
        deadline, deposits = time.monotonic() + DEADLINE_S, []
        while not deposits and time.monotonic() < deadline:
            deposits = get(f"{base}/spot/deposits?limit=20", bearer)
        assert [(d["amount"], d["block_number"], d["status"]) for d in deposits] == [
            ("0.5", 11, "confirmed")
        ]
        chain.mine_empty(1)
        while len(deposits) < 2 and time.monotonic() < deadline:
            deposits = get(f"{base}/spot/deposits?limit=20", bearer)
        assert [d["amount"] for d in deposits] == ["999999.000000000000000001", "0.5"]

        query = f"limit=1&timestamp={time.time_ns() // 1_000_000}"
        secret = keys["API_SECRET"].encode()
        signature = hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()
        signed = get(
            f"{base}/spot/deposits?{query}&signature={signature}",
            {"X-MBX-APIKEY": keys["API_KEY"]},
        )
        assert signed == deposits[:1]
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.wait(DEADLINE_S) == 0
        program.stdout.close()


def test_the_readmes_way_in_for_frontends_works_as_it_is_written(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (start,) = [block for block in blocks if "--only api" in block]
    (ask,) = [block for block in blocks if "issue-jwt" in block]
    with socket.socket() as probe:  # the README's port may be taken on this machine
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    exports = "".join(line for line in start.splitlines(True) if line.startswith("export"))
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "python").symlink_to(sys.executable)
    environment = {**os.environ, "PORT": port, "PYTHONPATH": os.pathsep.join(sys.path)}

    def shell(script: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-euc", script],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    server = shell(start)
    assert server.stdout is not None
    try:
        assert server.stdout.readline().startswith("api: ")
        asked = shell(exports + ask.replace("8080", port))
        printed, _ = asked.communicate(timeout=DEADLINE_S)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(DEADLINE_S)
        server.stdout.close()
    credited, balances = printed.splitlines()
    assert json.loads(credited) == {"ok": True}
    assert json.loads(balances) == {
        "balances": [{"token": "DF", "available": "1000", "frozen": "0"}]
    }


def test_the_documented_addresses_are_those_of_the_chain() -> None:
    documents = README + (Path(__file__).parents[2] / "docs" / "backend.md").read_text("utf-8")
    for address in (contracts.VAULT, contracts.DF_TOKEN):
        assert address.hex() in documents.lower()
