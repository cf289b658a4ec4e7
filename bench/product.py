"""The product's figures: credits into a durable file, the API under load, reading pages, start.

Run it on a quiet machine: `make bench-product`. The server of the API rows is a process of its own
(`python -m ztdx_spot --only api`); the client is this one, on bare sockets.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import ListenerSettings
from ztdx_spot.edges import SystemEntropy, WallClock
from ztdx_spot.ledger import cursor, deposits
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.ledger.reconcile import ConfirmedDeposit
from ztdx_spot.listener.crediting import Blocks, Crediting
from ztdx_spot.listener.events import SPOT_DEPOSIT_TOPIC0, VaultEvent
from ztdx_spot.listener.poller import Poller
from ztdx_spot.node.client import NodeClient
from ztdx_spot.ports import HttpAnswer

RUNS = 5
PAGE_LOGS = 1000
USERS = 100
LISTED_DEPOSITS = 1000
CONNECTIONS = 8
LOAD_S = 4.0
EMPTY_BLOCKS = 100_000
SECRET = "a secret for the bench, 32 bytes long"
VAULT, DF_TOKEN = "0x" + contracts.VAULT.hex(), "0x" + contracts.DF_TOKEN.hex()
SETTINGS = ListenerSettings(
    rpc_url="http://node", vault_address=VAULT, df_token_address=DF_TOKEN, start_block=0
)
CLOCK, ENTROPY = WallClock(), SystemEntropy()


def told(what: str, goal: str, measured: str) -> None:
    print(f"{what:<66} {goal:>16} {measured:>22}", flush=True)


@contextmanager
def ledger(path: Path) -> Iterator[Database]:
    """A file with the program's own durability."""
    with closing(open_connection(path)) as connection:
        database = Database(connection, CLOCK)
        prepare_schema(database)
        yield database


def page(number: int, logs: int) -> list[VaultEvent]:
    """A page's events: `logs` deposits of a hundred users in a hundred blocks."""
    first = number * 100
    return [
        VaultEvent(
            tx_hash=f"0x{number * logs + n:064x}",
            ordinal=0,
            block_number=first + n * 100 // logs,
            block_hash=f"0x{first + n * 100 // logs:064x}",
            log_index=n,
            topics=(
                SPOT_DEPOSIT_TOPIC0,
                f"0x{n % USERS + 1:064x}",
                "0x" + 24 * "0" + DF_TOKEN[2:],
            ),
            data=f"0x{10**18 + n:064x}",
        )
        for n in range(logs)
    ]


def credit_pages(folder: Path) -> None:
    """Deposits credited per second, page after page, each page one durable transaction."""
    for logs, pages in ((10, 20), (100, 20), (PAGE_LOGS, 20)):
        with ledger(folder / f"credits-{logs}.db") as database:
            with database.write() as transaction:
                cursor.start(transaction, 97, 0, "0x" + 64 * "0", 0)
            crediting = Crediting(SETTINGS, ENTROPY, database)
            rates = []
            for number in range(pages):
                with database.read() as transaction:
                    expected = cursor.read(transaction, 97)
                assert expected is not None
                last = number * 100 + 99
                blocks = Blocks(
                    expected=expected,
                    head_block=last + 20,
                    ancestor_block=expected.block,
                    last_block=last,
                    last_hash=f"0x{last:064x}",
                    events=page(number, logs),
                )
                started = time.perf_counter()
                changes = crediting.write(blocks, 1)
                rates.append(logs / (time.perf_counter() - started))
                assert len(changes.credited) == logs
        goal = ">= 10,000 /s" if logs == PAGE_LOGS else ""
        first, last_rate = statistics.median(rates[:5]), statistics.median(rates[-5:])
        told(
            f"deposits credited, durable, pages of {logs} (first pages, last pages)",
            goal,
            f"{first:,.0f} /s, {last_rate:,.0f} /s",
        )


class ChainTransport:
    """The chain's method table behind the transport, without a socket."""

    def __init__(self, chain: Chain) -> None:
        self._node = Node(View(chain))

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        return HttpAnswer(200, {}, endpoint.answer(self._node, body))


def read_empty_pages(folder: Path) -> None:
    """Blocks per second that a poller takes from the chain in one process."""
    chain = Chain()
    chain.mine_empty(EMPTY_BLOCKS)
    for verify, goal in (("full", ">= 20,000 /s"), ("boundary", ">= 100,000 /s")):
        settings = ListenerSettings(
            rpc_url="http://node",
            vault_address=VAULT,
            df_token_address=DF_TOKEN,
            start_block=0,
            verify=verify,  # type: ignore[arg-type]
        )
        with closing(open_connection(folder / f"{verify}.db", synchronous="OFF")) as connection:
            database = Database(connection, CLOCK)
            prepare_schema(database)
            node = NodeClient(ChainTransport(chain))
            poller = Poller(settings, node, CLOCK, ENTROPY, database)
            started = time.perf_counter()
            while (poll := poller.poll_once()).last_block < EMPTY_BLOCKS - 20:
                assert poll.last_block >= poll.first_block
            rate = EMPTY_BLOCKS / (time.perf_counter() - started)
        told(f"empty blocks read and written, in process, {verify}", goal, f"{rate:,.0f} /s")


@contextmanager
def api(path: Path) -> Iterator[tuple[int, int]]:
    """The program's API on that file: its port and its process id."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{path}",
        "JWT_SECRET": SECRET,
        "PORT": "0",
    }
    command = [sys.executable, "-m", "ztdx_spot", "--only", "api"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rsplit(":", 1)[1].split("/")[0]), process.pid
    finally:
        process.terminate()
        process.wait()


def list_deposits(folder: Path) -> None:
    """GET /spot/deposits?limit=20 with a JWT over eight kept-alive connections."""
    path, user = folder / "api.db", "0x" + f"{1:040x}"
    with ledger(path) as database, database.write() as transaction:
        found = [
            ConfirmedDeposit(
                user_address=user,
                token="DF",
                amount="1.5",
                tx_hash=f"0x{number:064x}",
                event_ordinal=0,
                block_number=number,
                block_hash=f"0x{number:064x}",
                log_index=0,
            )
            for number in range(LISTED_DEPOSITS)
        ]
        deposits.write_blocks(transaction, 97, -1, LISTED_DEPOSITS, found, ENTROPY, 1)
    token = issue_token(user, SECRET, int(CLOCK.now_s()), 3600)
    with api(path) as (port, _):
        for what, target, goal in (
            ("GET /spot/deposits?limit=20", "/api/v1/spot/deposits?limit=20", ">= 1,500 /s"),
            ("GET /spot/deposits?limit=200", "/api/v1/spot/deposits?limit=200", ""),
            ("GET /spot/balances", "/api/v1/spot/balances", ""),
        ):
            latencies_s = load(port, target, token)
            rate = len(latencies_s) / LOAD_S
            p99_ms = 1000 * statistics.quantiles(latencies_s, n=100)[98]
            p99_goal = " p99 <= 20 ms" if goal else ""
            told(
                f"{what} with a JWT, {CONNECTIONS} connections{p99_goal}",
                goal,
                f"{rate:,.0f} /s, p99 {p99_ms:.1f} ms",
            )


def load(port: int, target: str, token: str) -> list[float]:
    """Each connection asks again as soon as it is answered; how long each answer took."""
    request = (
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
    selector, latencies_s = selectors.DefaultSelector(), list[float]()
    pending: dict[socket.socket, tuple[float, bytes]] = {}
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        connection.sendall(request)
        pending[connection] = (time.perf_counter(), b"")
    ends_at_s = time.perf_counter() + LOAD_S
    while time.perf_counter() < ends_at_s:
        for key, _ in selector.select(1):
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            sent_at_s, received = pending[ready]
            received += ready.recv(1 << 18)
            if not is_whole(received):
                pending[ready] = (sent_at_s, received)
                continue
            assert received.startswith(b"HTTP/1.1 200"), received[:200]
            now_s = time.perf_counter()
            latencies_s.append(now_s - sent_at_s)
            pending[ready] = (now_s, b"")
            ready.sendall(request)
    for connection in pending:
        connection.close()
    return latencies_s


def is_whole(received: bytes) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return bool(separator) and length is not None and len(body) >= int(length[1])


def start_everything(folder: Path) -> None:
    """Cold process to ready file of `devnet up`."""
    walls_s = []
    for run in range(RUNS):
        ready_file = folder / f"ready-{run}.json"
        command = [sys.executable, "-m", "ztdx_devnet", "up", "--rpc-port", "0"]
        command += ["--api-port", "0", "--ready-file", str(ready_file)]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not ready_file.exists():
            time.sleep(0.005)
        walls_s.append(time.perf_counter() - started)
        assert "api_url" in json.loads(ready_file.read_text("utf-8"))
        process.terminate()
        process.wait()
    told("devnet up, cold process to ready", "<= 2 s", f"{statistics.median(walls_s):.2f} s")


def main() -> None:
    print(f"{'what':<66} {'goal':>16} {'measured':>22}")
    with tempfile.TemporaryDirectory() as folder:
        credit_pages(Path(folder))
        read_empty_pages(Path(folder))
        list_deposits(Path(folder))
        start_everything(Path(folder))
    websocket = Path(__file__).with_name("websocket.py")
    subprocess.run([sys.executable, str(websocket)], check=True)


main()
