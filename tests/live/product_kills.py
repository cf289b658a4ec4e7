"""Kills the real product with SIGKILL at random instants under load, and looks at what is left.

`python -m tests.live.product_kills FOLDER SEED KILLS` prints its figures as JSON. The chain is in
this process behind the real server; the product is `python -m ztdx_spot`, listener and API in one
process, on a real SQLite file. Deposits, deep reorgs and admin credits go on all the time. After
each death the ledger must be sound, and no deposit credited that is on no branch, or twice; after
the last one a new process must bring the ledger to exactly what the chain holds.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path

from tests.live.chain_thread import ServedChain, served
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.sim.ledger_reader import DepositRow, LedgerReader
from ztdx_devnet.sim.oracle import Oracle
from ztdx_devnet.sim.wallets import Wallets
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger.audit import audit
from ztdx_spot.ledger.database import Database, open_connection

DEADLINE_S = 60
WEI = 10**18
LIFE_S_MAX = 0.5
"""After its listener has started; one life in ten ends before that."""


class Load:
    """A chain that never rests: deposits in most blocks, now and then a reorg, often a deep one."""

    def __init__(self, chance: random.Random) -> None:
        self.chain = Chain()
        self.oracle = Oracle(self.chain)
        self.reorgs = 0
        self._wallets = Wallets(self.chain)
        self._chance = chance
        self._users = tuple(USERS)

    def step(self) -> None:
        chance = self._chance
        for _ in range(chance.choice((0, 1, 1, 2))):
            self._wallets.deposit(chance.choice(self._users), chance.randrange(1, 1000))
        if chance.random() < 0.1:
            pair = [(user, chance.randrange(1, 9)) for user in chance.sample(self._users, 2)]
            self._wallets.deposit_together(pair)
        self.chain.mine()
        if chance.random() < 0.3:
            self.chain.mine_empty(chance.randrange(1, 8))
        if chance.random() < 0.04 and self.chain.height > 60:
            depth = chance.randrange(2, 45)
            dropped = self._some_of(depth) if chance.random() < 0.3 else []
            delay_blocks = chance.randrange(3)
            self.chain.reorg(Reorg(depth=depth, drop=frozenset(dropped), delay_blocks=delay_blocks))
            self.reorgs += 1

    def _some_of(self, depth: int) -> list[bytes]:
        """Some of the transactions of the newest blocks: they are never included again."""
        first = self.chain.height - depth + 1
        found = [
            receipt.transaction.hash
            for block in self.chain.logs.between(first, self.chain.height)
            for receipt in block.receipts
        ]
        return self._chance.sample(found, len(found) // 4)


class Credits:
    """Admin credits over HTTP, each under a key of its own; a broken answer is asked for again."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        self.acknowledged: set[str] = set()

    def send_until_broken(self, port: int) -> None:
        with (
            closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection,
            suppress(OSError, http.client.HTTPException),
        ):
            for key in [key for key in self.sent if key not in self.acknowledged]:
                self._send(connection, key)
            while True:
                key = f"key-{len(self.sent)}"
                self.sent[key] = 1 + len(self.sent) % 7
                self._send(connection, key)

    def _send(self, connection: http.client.HTTPConnection, key: str) -> None:
        body = {
            "user_address": USERS["judy"].address_hex,
            "token": "USDT",
            "amount": str(self.sent[key]),
        }
        headers = {"X-API-Key": "a-key", "Idempotency-Key": key}
        path = "/api/v1/admin/spot/balances/credit"
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            self.acknowledged.add(key)


class Product:
    """One life of the program."""

    def __init__(self, url: str, database_path: Path) -> None:
        environment = {
            **os.environ,
            "SPOT_BSC_RPC_URL": url,
            "SPOT_BSC_VAULT_ADDRESS": "0x" + contracts.VAULT.hex(),
            "SPOT_DF_TOKEN_ADDRESS": "0x" + contracts.DF_TOKEN.hex(),
            "SPOT_BSC_START_BLOCK": "0",
            "SPOT_BSC_POLL_INTERVAL_MS": "1",
            "DATABASE_URL": f"sqlite:///{database_path}",
            "JWT_SECRET": "a-secret",
            "ADMIN_API_KEY": "a-key",
            "TESTNET_ONLY": "true",
            "PORT": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ztdx_spot"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_port(self) -> int:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("api: "):
                return int(line.rsplit(":", 1)[1].split("/")[0])
        raise AssertionError(self.process.communicate()[1])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def main(folder: Path, seed: int, kills: int) -> dict[str, int]:
    if any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty: its ledger may be of another chain")
    chance = random.Random(seed)
    load, client, database_path = Load(chance), Credits(), folder / "spot.db"
    rows_seen: set[str] = set()
    written = 0
    with served(load.chain) as chain:
        for _ in range(kills):
            for _ in range(10):
                chain.act(load.step)
            before = _rows(database_path)
            product = Product(chain.url, database_path)
            if chance.random() < 0.1:
                time.sleep(chance.random() * 0.5)
                product.kill()
            else:
                _live(product, chain, load, client, chance)
            written += _rows(database_path) != before
            chain.act(lambda: _check_dead(load, database_path, rows_seen))
        product = Product(chain.url, database_path)
        _settle(product, load, client, database_path)
        product.kill()
        _check_settled(load, client, database_path)
    return {
        "kills": kills,
        "deaths that left new rows": written,
        "blocks": load.chain.height,
        "reorgs": load.reorgs,
        "deposit rows": len(rows_seen),
        "admin credits": len(client.sent),
    }


def _live(
    product: Product, chain: ServedChain, load: Load, client: Credits, chance: random.Random
) -> None:
    port = product.wait_for_port()
    crediting = threading.Thread(target=client.send_until_broken, args=(port,))
    crediting.start()
    ends_at_s = time.monotonic() + chance.random() * LIFE_S_MAX
    while (left_s := ends_at_s - time.monotonic()) > 0:
        chain.act(load.step)
        time.sleep(min(left_s, 0.01))
    product.kill()
    crediting.join()


def _settle(product: Product, load: Load, client: Credits, database_path: Path) -> None:
    port = product.wait_for_port()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        for key in [key for key in client.sent if key not in client.acknowledged]:
            client._send(connection, key)
    reader = LedgerReader(database_path)
    deadline_s = time.monotonic() + DEADLINE_S
    while reader.cursor_block() != load.chain.height - 20:
        assert time.monotonic() < deadline_s, (reader.cursor_block(), load.chain.height)
        time.sleep(0.01)
    reader.close()


def _rows(database_path: Path) -> int:
    if not database_path.exists():
        return 0
    with (
        closing(sqlite3.connect(database_path)) as connection,
        suppress(sqlite3.OperationalError),
    ):
        (count,) = connection.execute("SELECT count(*) FROM spot_ledger_entries").fetchone()
        return int(count)
    return 0


def _check_dead(load: Load, database_path: Path, rows_seen: set[str]) -> None:
    """What a death left: a sound ledger, and only credits of deposits that some branch holds."""
    if not _rows(database_path):
        return
    with closing(open_connection(database_path)) as connection:
        with Database(connection, WallClock()).read() as transaction:
            found = audit(transaction).differences
        assert not found, found
        identities = connection.execute(
            "SELECT id, tx_hash || event_ordinal, status FROM spot_deposits"
        ).fetchall()
    reader = LedgerReader(database_path)
    for row in reader.snapshot().deposits:
        deposit = load.oracle.claimed(row)
        assert deposit is not None, row
        assert (deposit.account, deposit.amount_wei) == (row.user, Fraction(row.amount) * WEI), row
    reader.close()
    confirmed = [identity for _, identity, status in identities if status == "confirmed"]
    assert len(confirmed) == len(set(confirmed))
    now = {row_id for row_id, _, _ in identities}
    assert rows_seen <= now, "a row has gone"
    rows_seen |= now


def _check_settled(load: Load, client: Credits, database_path: Path) -> None:
    with (
        closing(open_connection(database_path)) as connection,
        Database(connection, WallClock()).read() as transaction,
    ):
        assert not audit(transaction).differences
    reader = LedgerReader(database_path)
    ledger = reader.snapshot()
    reader.close()
    true = Counter(
        (d.transaction_hash, d.block_number, d.log_index, d.account, d.amount_wei)
        for d in load.oracle.canonical(0, load.chain.height - 20)
    )
    assert true == Counter(map(_shown, (r for r in ledger.deposits if r.status == "confirmed")))
    sums: Counter[str] = Counter()
    for account, wei in ((key[3], key[4]) for key in true.elements()):
        sums[account] += wei
    available = {
        user: Fraction(t) * WEI for (user, tok), t in ledger.available.items() if tok == "DF"
    }
    assert {user: wei for user, wei in available.items() if wei} == dict(sums)
    usdt = ledger.available.get((USERS["judy"].address_hex, "USDT"), "0")
    assert int(usdt) == sum(client.sent.values())
    assert client.acknowledged == set(client.sent)


def _shown(row: DepositRow) -> tuple[str, int, int, str, int]:
    wei = int(Fraction(row.amount) * WEI)
    return row.tx_hash, row.block_number, row.log_index, row.user, wei


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]))))
