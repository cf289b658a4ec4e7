"""The simulated kill -9 is a real one: the same crash points, in process and with real processes.

At each of 20 boundaries a listener dies, once simulated and once by SIGKILL with a real file and
a real socket. What it left behind must be equal, and so must the ledger after a restart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from tests.live.chain_thread import serve
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.sim.ledger_reader import LedgerReader
from ztdx_devnet.sim.oracle import Oracle
from ztdx_devnet.sim.product import MAIN
from ztdx_devnet.sim.wallets import Wallets
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

START = 1_000
CHILD = Path(__file__).with_name("listener_child.py")
# From the schema over the first cursor and two pages with deposits to an idle poll.
CRASH_POINTS = (1, 4, 9, 14, 20, 26, 33, 40, 47, 54, 61, 68, 74, 80, 86, 92, 98, 105, 111, 118)
DEADLINE_S = 30


@dataclass(frozen=True)
class Projection:
    """What two runs of one chain must agree on: balances, confirmed deposits, the cursor."""

    available: dict[tuple[str, str], Fraction]
    confirmed: Counter[tuple[str, int, str, str, Fraction]]
    cursor_block: int | None


def build(chain: Chain) -> None:
    """Blocks with deposits near the seam of two pages, then enough to confirm them all."""
    wallets = Wallets(chain)
    chain.mine_empty(98)
    for user, wei in (("alice", 10**18), ("bob", 3)):
        wallets.deposit(user, wei)
    chain.mine()
    wallets.deposit("alice", 5 * 10**17)
    chain.mine()
    wallets.deposit_together([("carol", 7), ("carol", 7)])
    chain.mine()
    chain.mine_empty(40)


def projection(reader: LedgerReader, oracle: Oracle) -> Projection:
    ledger = reader.snapshot()
    confirmed: Counter[tuple[str, int, str, str, Fraction]] = Counter()
    for row in ledger.deposits:
        deposit = oracle.on_any_branch(row.block_number, row.tx_hash, row.log_index)
        assert deposit is not None
        confirmed[row.tx_hash, deposit.ordinal, row.user, row.token, Fraction(row.amount)] += 1
    available = {key: Fraction(text) for key, text in ledger.available.items()}
    return Projection(available, confirmed, reader.cursor_block())


def simulated(kill_at: int) -> tuple[Projection, Projection]:
    """The ledger at the listener's death, and after another one has settled."""
    seen: list[Projection] = []
    with World(WorldSettings(start_height=START)) as world:
        build(world.chain)

        def script() -> None:
            world.producer.halt()
            world.product.crash_at(kill_at, "", MAIN)
            world.product.start_listener()
            world.sleep_us(60 * MICROSECONDS)
            assert not world.product.listener.running
            seen.append(projection(world.reader, world.oracle))
            world.product.start_listener()
            world.sleep_us(60 * MICROSECONDS)
            seen.append(projection(world.reader, world.oracle))

        world.run(script)
    return seen[0], seen[1]


def real(kill_at: int, url: str, chain: Chain, folder: Path) -> tuple[Projection, Projection]:
    """The same with processes, SIGKILL, a file and a socket."""
    path = folder / "spot.db"
    environment = {
        **os.environ,
        "SPOT_BSC_RPC_URL": url,
        "SPOT_BSC_VAULT_ADDRESS": "0x" + contracts.VAULT.hex(),
        "SPOT_DF_TOKEN_ADDRESS": "0x" + contracts.DF_TOKEN.hex(),
        "SPOT_BSC_START_BLOCK": str(START + 1),
        "SPOT_BSC_POLL_INTERVAL_MS": "10",
    }

    def start(at: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, str(CHILD), str(path), str(at)], env=environment)

    killed = start(kill_at)
    assert killed.wait(DEADLINE_S) == -9
    reader, oracle = LedgerReader(path), Oracle(chain)
    at_death = projection(reader, oracle)
    again = start(0)
    deadline = time.monotonic() + DEADLINE_S
    while reader.cursor_block() != chain.height - 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    again.kill()
    again.wait()
    settled = projection(reader, oracle)
    reader.close()
    return at_death, settled


def test_the_crash_points_reach_from_the_schema_to_an_idle_poll() -> None:
    with World(WorldSettings(start_height=START)) as world:
        build(world.chain)
        crossed: list[int] = []

        def script() -> None:
            world.producer.halt()
            world.product.start_listener()
            for _ in range(4):
                world.sleep_us(1_900_000)
                crossed.append(world.product.listener.boundaries)

        world.run(script)
    assert len(CRASH_POINTS) == 20
    assert crossed[2] < CRASH_POINTS[-1] <= crossed[3], crossed


@pytest.mark.parametrize("kill_at", CRASH_POINTS)
def test_a_simulated_kill_leaves_what_a_real_one_leaves(kill_at: int, tmp_path: Path) -> None:
    chain = Chain()
    chain.mine_empty(START)
    build(chain)
    with serve(chain) as url:
        at_death, settled = real(kill_at, url, chain, tmp_path)
    assert simulated(kill_at) == (at_death, settled)
    assert settled.cursor_block == chain.height - 20
    assert sum(settled.confirmed.values()) == 5
