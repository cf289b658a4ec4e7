"""Random worlds: small chains with reorgs, lies, kills and a bad database, against the real poller.

When the node has been honest for a while, confirmed rows are the events of its chain, and the
ledger adds up. A seed that fails is its own reproduction.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.errors import SpotError
from ztdx_spot.ledger.database import Database
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.listener.events import SPOT_DEPOSIT_TOPIC0

from .listener_world import Kill, Listener, kill_at, open_boundary
from .world import (
    ALICE,
    BOB,
    STRANGER,
    CountingEntropy,
    FakeClock,
    ScriptedNode,
    Wire,
    answers,
    cuts,
    deposit_log,
    missing,
    refuses,
    sends,
)

DEPTH_BLOCKS = 3
STEPS = 40
TRANSACTIONS = 6


class World:
    """A chain that changes by chance, and a listener that is disturbed by chance."""

    def __init__(self, seed: int, path: Path) -> None:
        self.chance = random.Random(seed)
        self.node = ScriptedNode(head=1)
        connection = open_boundary(path)
        database = Database(connection, FakeClock())
        prepare_schema(database)
        self.listener = Listener(self.node, FakeClock(), CountingEntropy(), database, path)
        self.listener.settings = {
            "start_block": 1,
            "confirmation_depth_blocks": DEPTH_BLOCKS,
            # What only `full` sees through is a lie by omission: see `lie`.
            "verify": self.chance.choice(["full", "boundary"]),
        }
        self.branches = {0: 1}

    def grow(self) -> None:
        for _ in range(self.chance.randrange(1, 5)):
            self.node.head += 1
            if self.chance.random() < 0.4:
                self.mine(self.node.head)

    def mine(self, number: int) -> None:
        """A transaction with one or two logs, in a block; not one that the chain has already."""
        mined = {int(log["transactionHash"], 16) for log in self.node.logs}
        left = [tx for tx in range(1, TRANSACTIONS * 4) if tx not in mined]
        if not left:
            return
        place = self.chance.randrange(3)
        tx = self.chance.choice(left[:TRANSACTIONS])
        for ordinal in range(self.chance.randrange(1, 3)):
            self.node.logs.append(
                deposit_log(
                    number,
                    tx=tx,
                    log_index=place + ordinal,
                    account=self.chance.choice([ALICE, BOB]),
                    amount_wei=self.chance.choice([10**18, 5]),
                )
            )

    def reorg(self) -> None:
        first = max(self.node.head - self.chance.randrange(10), 1)
        self.node.reorg(first)
        gone = [log for log in self.node.logs if int(log["blockNumber"], 16) >= first]
        self.node.logs = [log for log in self.node.logs if int(log["blockNumber"], 16) < first]
        self.node.head = max(self.node.head - self.chance.randrange(3), first)
        for number in range(first, self.node.head + 1):
            if self.chance.random() < 0.3:
                self.mine(number)
        # Some of what was mined is mined again as it was, in a free block of the new branch.
        for log in gone:
            taken = {int(each["blockNumber"], 16) for each in self.node.logs}
            free = [n for n in range(first, self.node.head + 1) if n not in taken]
            known = {each["transactionHash"] for each in self.node.logs}
            if free and log["transactionHash"] not in known and self.chance.random() < 0.6:
                same = [each for each in gone if each["transactionHash"] == log["transactionHash"]]
                number = self.chance.choice(free)
                self.node.logs += [{**each, "blockNumber": hex(number)} for each in same]

    def lie(self) -> None:
        """One answer, or one batch, is wrong."""
        method = self.chance.choice(
            [
                *("eth_chainId", "eth_blockNumber", "eth_getLogs", "eth_getBlockByNumber"),
                *("eth_getBlockReceipts", "eth_getTransactionReceipt"),
            ]
        )
        if self.chance.random() < 0.3:
            fault = self.chance.choice(
                [cuts, sends(b"<html>"), sends(b"", 429), sends(b"", 413), sends(b"[]")]
            )
            self.node.fail_batch(method, fault)
            return
        wrong = [missing, refuses(-32000), refuses(429), answers(result=None)]
        if method == "eth_blockNumber":
            wrong.append(answers(result=hex(self.node.head + self.chance.randrange(1, 300))))
        if method == "eth_getLogs":
            stranger = self.node.wire(deposit_log(1, tx=999, account=STRANGER))
            wrong.append(answers(result=[stranger]))
            if self.listener.settings["verify"] == "full":
                wrong.append(answers(result=[]))
        self.node.fail(method, self.chance.choice(wrong))

    def kill(self) -> None:
        connection = open_boundary(self.listener.path)
        kill_at(connection, self.chance.randrange(1, 40))
        try:
            self.listener.poller(Database(connection, FakeClock())).poll_once()
        except (Kill, SpotError, sqlite3.Error):
            pass
        finally:
            sqlite3.Connection.close(connection)
        self.listener.restart()

    def poll(self) -> None:
        try:
            self.listener.poll()
        except SpotError:
            return

    def play(self) -> None:
        acts = [self.grow, self.grow, self.grow, self.reorg, self.lie, self.lie, self.kill]
        for _ in range(STEPS):
            self.chance.choice(acts)()
            for _ in range(self.chance.randrange(3)):
                self.poll()
                self.listener.check_ledger()

    def settle(self) -> None:
        """The node becomes honest, and the chain grows past all that was processed."""
        self.node._faults.clear()
        self.node._batch_faults.clear()
        self.node.head = max(self.node.head, (self.listener.cursor_block() or 0)) + 5
        self.listener.poll_to_the_end()

    def truth(self) -> set[tuple[Any, ...]]:
        found = set()
        for number in range(1, self.node.head - DEPTH_BLOCKS + 1):
            for receipt in self.node.receipts(number):
                mine = [log for log in receipt["logs"] if log["topics"][0] == SPOT_DEPOSIT_TOPIC0]
                for ordinal, log in enumerate(mine):
                    found.add(_event(number, ordinal, log))
        return found

    def rows(self) -> list[tuple[Any, ...]]:
        return self.listener.ask(
            "SELECT tx_hash, event_ordinal, block_number, block_hash, log_index, user_address,"
            " amount FROM spot_deposits WHERE status = 'confirmed'"
        )


def _event(number: int, ordinal: int, log: Wire) -> tuple[Any, ...]:
    amount = {10**18: "1", 5: "0.000000000000000005"}[int(log["data"], 16)]
    account = "0x" + log["topics"][1][26:]
    place = (number, log["blockHash"], int(log["logIndex"], 16))
    return (log["transactionHash"], ordinal, *place, account, amount)


@pytest.mark.parametrize("seed", range(60))
def test_an_honest_node_makes_the_ledger_true_whatever_went_before(
    seed: int, tmp_path: Path
) -> None:
    world = World(seed, tmp_path / "spot.db")
    world.play()
    world.settle()
    rows = world.rows()
    assert len(rows) == len(set(rows))
    assert set(rows) == world.truth()
    world.listener.check_ledger()
    world.listener.database.connection.close()
