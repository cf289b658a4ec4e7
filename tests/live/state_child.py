"""A chain that is killed in the middle of its work, again and again: DIRECTORY SEED KILLS.

Each life is a forked process that opens the directory, answers a seeded stream of requests as fast
as it can, and logs each request before and each answer after. A SIGKILL ends it. What is then in
the file is compared with a replay: a chain in memory that was given the logged requests, all of
them since the first life, and that answered the same. Only of the last request, when it was not
answered, some blocks or all may be in the file or not. Prints the figures as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from tests.unit.chain.builders import sign_delegation
from tests.unit.chain.likeness import picture, standing
from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.mining import Mining
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.node import Node, node_of
from ztdx_devnet.chain.store.chain_file import ChainFile

CHAIN_ID = 97
PEOPLE = sorted(set(USERS) - {"judy"})
NOBODY = "0x" + "99" * 20
DF_TOKEN, VAULT = "0x" + contracts.DF_TOKEN.hex(), "0x" + contracts.VAULT.hex()
DEEP_LOOK_EVERY = 20  # kills
ENOUGH_WAITING, MOST_WAITING = 3, 8  # transactions

Request = tuple[str, list[Any]]


def node_for(chain: Chain) -> Node:
    """A node without a wall clock, so that the same requests give the same blocks."""
    return node_of(Devnet(chain, Mining(chain, automine=False)))


# --- one life -------------------------------------------------------------------------------------


class Requests:
    """What a busy user asks for, chosen by a seed and by what the chain has."""

    def __init__(self, chain: Chain, chance: random.Random) -> None:
        self.chain, self.chance = chain, chance
        self.snapshots: list[str] = []
        self.dump: str | None = None
        self.weighted: list[tuple[int, Callable[[], Iterator[Request]]]] = [
            (16, self.deposit),
            (8, self.transfer),
            (4, self.impersonated),
            (2, self.creation),
            (2, self.delegation),
            (20, self.mine),
            (4, self.mine_many),
            (14, self.reorg),
            (3, self.composed_reorg),
            (5, self.switch),
            (6, self.edit),
            (3, self.drop),
            (7, self.snapshot),
            (3, self.settings),
            (2, self.rollback),
        ]

    def __iter__(self) -> Iterator[Request]:
        kinds = [kind for _, kind in self.weighted]
        weights = [weight for weight, _ in self.weighted]
        if self.chain.state_at(self.chain.head).balance_wei(bytes.fromhex(NOBODY[2:])) == 0:
            yield "anvil_setBalance", [NOBODY, hex(10**20)]
        while True:
            if len(self.chain.pool) > MOST_WAITING:  # else no block is done before the kill
                yield "anvil_dropAllTransactions", []
            elif len(self.chain.pool) > ENOUGH_WAITING and self.chance.random() < 0.5:
                yield from self.mine()
            elif self.chance.random() < 1 / 400:
                yield "anvil_reset", []
            elif self.chance.random() < 1 / 100:
                yield from self.dump_and_load()
            else:
                yield from self.chance.choices(kinds, weights)[0]()

    def send(self, sender: str, to: str | None, data: bytes = b"", **fields: int) -> Request:
        given: dict[str, Any] = {"from": sender, "data": "0x" + data.hex()}
        given.update({name: hex(value) for name, value in fields.items()})
        return "eth_sendTransaction", [given if to is None else {**given, "to": to}]

    def somebody(self) -> str:
        return USERS[self.chance.choice(PEOPLE)].address_hex

    def deposit(self) -> Iterator[Request]:
        user, wei = self.somebody(), self.chance.randint(1, 1_000)
        yield self.send(user, DF_TOKEN, contracts.approve(contracts.VAULT, wei), gas=90_000)
        yield self.send(user, VAULT, contracts.deposit(contracts.DF_TOKEN, wei), gas=200_000)

    def transfer(self) -> Iterator[Request]:
        price = (
            {"gasPrice": 10**9 * self.chance.randint(1, 9)} if self.chance.random() < 0.3 else {}
        )
        yield self.send(self.somebody(), self.somebody(), value=5, gas=21_000, **price)

    def impersonated(self) -> Iterator[Request]:
        _, given = self.send(NOBODY, self.somebody(), value=1, gas=21_000)
        yield "eth_sendUnsignedTransaction", given

    def creation(self) -> Iterator[Request]:
        code = bytes.fromhex("6001600055600a600c600039600a6000f3" + "00" * 10)
        yield self.send(self.somebody(), None, code, gas=200_000)

    def delegation(self) -> Iterator[Request]:
        nonce = self.chain.next_nonce(USERS["alice"].address)
        grants = self.chain.next_nonce(USERS["judy"].address)
        yield (
            "eth_sendRawTransaction",
            ["0x" + sign_delegation("alice", nonce, "judy", grants).raw().hex()],
        )

    def mine(self) -> Iterator[Request]:
        yield "evm_mine", []

    def mine_many(self) -> Iterator[Request]:
        count = self.chance.choice([2, 3, 10, 40, 300, 5_000])
        yield "anvil_mine", [hex(count), hex(self.chance.choice([2, 2, 5]))]

    def known(self) -> list[str]:
        """Transactions that wait, and those of the last blocks."""
        chain = self.chain
        known = [waiting.transaction.hash for waiting in chain.pool]
        for block in chain.tree.executed_above(chain.height - 4):
            known += [receipt.transaction.hash for receipt in block.receipts]
        return ["0x" + each.hex() for each in known]

    def some(self, known: list[str]) -> list[str]:
        return self.chance.sample(known, min(len(known), self.chance.randint(0, 3)))

    def reorg(self) -> Iterator[Request]:
        chance, known = self.chance, self.known()
        deep = chance.random() < 0.1
        plan: dict[str, Any] = {"depth": chance.randint(1, 100 if deep else 6)}
        if chance.random() < 0.5:
            plan["drop"] = self.some(known)
        if chance.random() < 0.2:
            plan["keep"] = self.some(known)
        if chance.random() < 0.3:
            plan["order"] = self.some(known)
        if chance.random() < 0.3:
            plan["delayBlocks"] = chance.randint(0, 3)
        if chance.random() < 0.3:
            plan["length"] = chance.randint(1, plan["depth"] + 3)
        if chance.random() < 0.2:
            plan["branch"] = f"named-{chance.randint(0, 10**6)}"
        if known and chance.random() < 0.2:
            _, (instead,) = self.send(self.somebody(), self.somebody(), value=9, gas=21_000)
            plan["replace"] = {chance.choice(known): instead}
        yield "devnet_reorg", [plan]

    def composed_reorg(self) -> Iterator[Request]:
        depth, known = self.chance.randint(1, 4), self.known()
        pairs = [[each, self.chance.randrange(depth)] for each in self.some(known)]
        yield "anvil_reorg", [depth, pairs]

    def switch(self) -> Iterator[Request]:
        branches = [each.name for each in self.chain.branches]
        if self.chance.random() < 0.3:
            segment = self.chance.choice(self.chain.tree.segments)
            block_hash = segment.hash_at(self.chance.randrange(segment.count))
            yield "devnet_switchBranch", ["0x" + block_hash.hex()]
        else:
            yield "devnet_switchBranch", [self.chance.choice(branches)]

    def edit(self) -> Iterator[Request]:
        edits: list[Request] = [
            ("anvil_setBalance", [self.somebody(), hex(10**21)]),
            ("anvil_setStorageAt", [NOBODY, hex(self.chance.randint(0, 9)), "0x" + "01" * 32]),
            ("anvil_setCoinbase", [self.somebody()]),
            ("anvil_setCode", [NOBODY, "0x" + self.chance.choice(["", "00", "6001600055"])]),
            ("anvil_setNextBlockBaseFeePerGas", [hex(self.chance.randint(0, 10**9))]),
            ("evm_setBlockGasLimit", [hex(2**40 - self.chance.randint(0, 9))]),
        ]
        yield self.chance.choice(edits)

    def drop(self) -> Iterator[Request]:
        if self.chance.random() < 0.1:
            yield "anvil_dropAllTransactions", []
        for known in self.some(self.known())[:1]:
            yield "anvil_dropTransaction", [known]

    def snapshot(self) -> Iterator[Request]:
        if self.snapshots and self.chance.random() < 0.5:
            yield "evm_revert", [self.chance.choice(self.snapshots)]
        else:
            yield "evm_snapshot", []

    def settings(self) -> Iterator[Request]:
        safe = self.chance.randint(0, 9)
        yield "devnet_setFinality", [safe, safe + self.chance.randint(0, 9)]
        yield "anvil_setMinGasPrice", [hex(self.chance.choice([0, 0, 10**9]))]

    def rollback(self) -> Iterator[Request]:
        yield "anvil_rollback", [self.chance.randint(1, 3)]

    def dump_and_load(self) -> Iterator[Request]:
        yield "anvil_dumpState", []
        yield "evm_mine", []
        yield "anvil_loadState", [self.dump]


def live(directory: Path, log: int, ready: int, seed: str) -> NoReturn:
    """Answer requests for ever."""
    file = ChainFile(directory)
    if file.is_empty:
        chain = Chain()
        file.create(chain, {"chain_id": CHAIN_ID})
    else:
        chain = file.load(CHAIN_ID)
    node = node_for(chain)
    requests = Requests(chain, random.Random(seed))
    os.write(ready, b".")
    for method, params in requests:
        body = request(method, params)
        os.write(log, body + b"\n")
        answer = endpoint.answer(node, body)
        os.write(log, answer + b"\n")
        result = json.loads(answer).get("result")
        if method == "evm_snapshot":
            requests.snapshots.append(result)
        elif method == "evm_revert":
            del requests.snapshots[requests.snapshots.index(params[0]) :]
        elif method in ("anvil_reset", "anvil_loadState"):
            requests.snapshots.clear()
        elif method == "anvil_dumpState":
            requests.dump = result
    raise AssertionError("the stream of requests has an end")


def request(method: str, params: list[Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


# --- the replay -----------------------------------------------------------------------------------


class Reached(BaseException):
    """The replay of a request that was not answered is where the file is."""


class Replay:
    """A chain in memory that does what the killed ones were asked to do."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.node = node_for(self.chain)
        self.snapshots: dict[str, str] = {}  # the name in this life → the name here
        self.blocks = 0
        self.counts: dict[str, int] = {}
        self.chain.on_head.append(self._head_changed)

    def _head_changed(self, change: HeadChange) -> None:
        self.blocks += max(change.new_head.number - change.ancestor.number, 0)

    def begin_life(self) -> None:
        """What a process knows apart from its chain is gone with it."""
        assert self.node.devnet is not None
        self.node.devnet.mining.chain_replaced()
        self.snapshots.clear()

    def answer(self, body: bytes) -> tuple[str, bytes]:
        """The method and what is answered here."""
        asked = json.loads(body)
        method = asked["method"]
        if method == "evm_revert":
            body = request(method, [self.snapshots[asked["params"][0]]])
        return method, endpoint.answer(self.node, body)

    def repeat(self, body: bytes, expected: bytes) -> None:
        """A request that was answered: the answer here is the same."""
        method, answer = self.answer(body)
        if method == "evm_snapshot":
            self.snapshots[json.loads(expected)["result"]] = json.loads(answer)["result"]
        elif answer != expected:
            raise AssertionError(f"{body!r:.500}\n was {expected!r:.500}\n now {answer!r:.500}")
        outcome = method if b'"result"' in answer else "refused"
        self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def reach(self, body: bytes, target: dict[str, Any]) -> bool:
        """A request that was not answered: do as much of it as it takes to stand at `target`."""

        def stop_there() -> None:
            if standing(self.chain) == target:
                raise Reached

        self.chain.on_act.append(stop_there)
        try:
            self.answer(body)
        except Reached:
            return True
        finally:
            self.chain.on_act.remove(stop_there)
        return False


# --- killing --------------------------------------------------------------------------------------


def killed_life(directory: Path, log_path: Path, seed: str, chance: random.Random) -> None:
    """One life: to its first request and a little further, or not even that far."""
    early = chance.random() < 0.1
    ready, ready_in_child = os.pipe()
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    child = os.fork()
    if child == 0:
        try:
            live(directory, log, ready_in_child, seed)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(ready_in_child)
    os.close(log)
    try:
        if not early:
            os.read(ready, 1)
        time.sleep(chance.uniform(0.002, 0.02 if early else 0.06))
    finally:
        os.close(ready)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise AssertionError(f"the chain died by itself: {status}")


def read_log(path: Path) -> list[list[bytes]]:
    """[request, answer] of each; the last one may have no answer. A torn line was not written."""
    lines = path.read_bytes().split(b"\n")[:-1]
    return [lines[start : start + 2] for start in range(0, len(lines), 2)]


def opened(directory: Path) -> Chain | None:
    """The chain of the file; None if no life came so far as to make one."""
    file = ChainFile(directory)
    chain = None if file.is_empty else file.load(CHAIN_ID)
    file.close()
    if chain is not None:
        chain.on_act.clear()
    return chain


def logs(chain: Chain) -> Any:
    return node_for(chain).call("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest"}])


def main(directory: Path, seed: int, kills: int) -> dict[str, Any]:
    state, log_path = directory / "state", directory / "log"
    chance, replay = random.Random(seed), Replay()
    gc.freeze()  # what is here stays, and the children need not look at it
    figures = {"kills": 0, "early": 0, "unanswered": 0, "done": 0}
    for life in range(kills):
        killed_life(state, log_path, f"{seed}.{life}", chance)
        found_in = state
        if life % 2:  # else the next life has nothing to recover
            found_in = directory / "copy"
            shutil.rmtree(found_in, ignore_errors=True)
            shutil.copytree(state, found_in)
        chain = opened(found_in)
        entries = read_log(log_path)
        figures["kills"] += 1
        figures["early"] += not entries
        if chain is None:
            assert not entries
            continue
        replay.begin_life()
        unanswered = entries.pop() if entries and len(entries[-1]) == 1 else None
        for body, answer in entries:
            replay.repeat(body, answer)
        target = standing(chain)
        if unanswered is not None:
            figures["unanswered"] += 1
            if standing(replay.chain) != target:
                figures["done"] += 1
                assert replay.reach(unanswered[0], target), (
                    f"life {life}: {unanswered[0]!r:.500} leads elsewhere: {target}"
                )
        now = standing(replay.chain)
        assert now == target, f"life {life}: {difference(now, target)}"
        assert logs(chain) == logs(replay.chain), f"life {life}: logs"
        if life % DEEP_LOOK_EVERY == 0 or life == kills - 1:
            assert picture(chain) == picture(replay.chain), f"life {life}: picture"
    return {
        **figures,
        "requests": sum(replay.counts.values()),
        "blocks": replay.blocks,
        "reorgs": replay.counts.get("devnet_reorg", 0) + replay.counts.get("anvil_reorg", 0),
        "counts": replay.counts,
    }


def difference(now: dict[str, Any], target: dict[str, Any]) -> str:
    return "; ".join(
        f"{key}: {now[key]!r:.300} in the replay, {target[key]!r:.300} in the file"
        for key in now
        if now[key] != target[key]
    )


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
