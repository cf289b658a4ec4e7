"""One scenario, the same listener: in the simulator, and on anvil over HTTP without any sleep.

    .venv/bin/python bench/same_listener.py [--anvil PATH]

A deposit, a poll after each block, a reorg of 10 blocks, and the credit once it is 20 blocks deep.
On anvil the server runs already and the contracts are deployed, and nobody checks anything; in the
simulator world, API, invariants and settling are part of the time. bench/chain.py tells how to get
anvil.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from pathlib import Path

from chain.depositors import Depositors
from chain.servers import CHAIN_ID, Server, find_anvil, running

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_spot.config import ListenerSettings
from ztdx_spot.edges import HttpTransport, SystemEntropy, WallClock
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.listener.poller import Poller
from ztdx_spot.node.client import NodeClient

RUNS = 9
SCENARIO = """
title: A deposit, a reorg of 10 blocks, and the credit
steps:
  - deposit: {as: d1, user: alice, amount: "0.001"}
  - mine: 12
  - reorg: {depth: 10, length: 11}
  - mine: 9
  - wait_until: {credited: [d1], within: 60s}
"""


def simulated_s() -> float:
    scenario = loader.parse(SCENARIO, "same_listener")
    started = time.perf_counter()
    outcome = runner.run(scenario)
    wall_s = time.perf_counter() - started
    assert outcome.verdict is Verdict.HELD, outcome.failure
    return wall_s


def on_anvil_s(server: Server, depositors: Depositors) -> float:
    """The listener's own poller on a fresh database; a poll after each block, no pause."""
    rpc = server.rpc
    snapshot = rpc.call("evm_snapshot")
    start_block = server.height() + 1
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{server.port}"
        settings = ListenerSettings(
            rpc_url=url,
            vault_address=depositors.vault_hex,
            df_token_address="0x" + depositors.token.hex(),
            chain_id=CHAIN_ID,
            start_block=start_block,
        )
        database = Database(open_connection(Path(folder) / "spot.db"), WallClock())
        prepare_schema(database)
        transport = HttpTransport(url)
        poller = Poller(settings, NodeClient(transport), WallClock(), SystemEntropy(), database)
        started = time.perf_counter()
        depositors.deposit()
        credited = poller.poll_once().credited
        for _ in range(11):
            rpc.call("anvil_mine", "0x1")
            credited += poller.poll_once().credited
        rpc.call("anvil_reorg", 10, [])
        while not credited:
            rpc.call("anvil_mine", "0x1")
            credited += poller.poll_once().credited
        wall_s = time.perf_counter() - started
        database.connection.close()
        transport.close()
    rpc.call("evm_revert", snapshot)
    return wall_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anvil", type=Path)
    anvil = find_anvil(parser.parse_args().anvil)
    logging.disable(logging.CRITICAL)
    simulated_s()
    ours_s = statistics.median(simulated_s() for _ in range(RUNS))
    print(f"simulated, with all invariants watched: {ours_s * 1_000:.0f} ms")
    if anvil is None:
        print("anvil: not found")
        return
    with running(anvil) as server:
        depositors = Depositors(server.rpc, None)
        theirs_s = statistics.median(on_anvil_s(server, depositors) for _ in range(RUNS))
    print(f"on anvil: {theirs_s * 1_000:.0f} ms, {theirs_s / ours_s:.1f} times as long")


main()
