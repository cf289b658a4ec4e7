"""The outside of the product, faked: a clock, entropy, and a small node that answers batches.

The node has a truth (`head`, `logs` and what `reorg` did) from which it derives blocks and
receipts, and four ways to be wrong: `lies` change every answer of a method, `fail` replaces the
next answers of one, `fail_batch` the whole HTTP answer, `before` lets the world change meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from ztdx_spot.config import ListenerSettings
from ztdx_spot.listener.events import SPOT_DEPOSIT_TOPIC0
from ztdx_spot.node.bloom import bits_of
from ztdx_spot.ports import HttpAnswer, TransportError

VAULT = "0x4fe0b354c5865ee9deb979a99030d757ae47664a"
DF = "0x8063a43ed88397c1b10da23dcc60ba1e7a0bf555"
ALICE = "0x" + "a1" * 20
BOB = "0x" + "b0" * 20
STRANGER = "0x" + "57" * 20
ONE_DF = 10**18

Wire: TypeAlias = dict[str, Any]
EntryFault: TypeAlias = Callable[[Wire], Wire | None]
"""From a request of a batch to its entry in the answer; None leaves it out."""
BatchFault: TypeAlias = Callable[[list[Wire]], HttpAnswer]
Lie: TypeAlias = Callable[[list[Any], Any], Any]
"""From the parameters of a call and its true result to what the node says."""


def listener_settings(**changes: Any) -> ListenerSettings:
    values = {"rpc_url": "http://node", "vault_address": VAULT, "df_token_address": DF, **changes}
    return ListenerSettings(**values)


class FakeClock:
    """Stands still; sleeping moves it."""

    def __init__(self, now_s: float = 1_778_315_530.0) -> None:
        self.time_s = now_s
        self.sleeps_s: list[float] = []
        self.on_sleep: Callable[[float], None] = lambda _duration_s: None

    def now_s(self) -> float:
        return self.time_s

    def sleep_s(self, duration_s: float) -> None:
        self.sleeps_s.append(duration_s)
        self.time_s += duration_s
        self.on_sleep(duration_s)


class CountingEntropy:
    """Different bytes on each call, the same in each run."""

    def __init__(self) -> None:
        self.purposes: list[str] = []

    def bytes(self, purpose: str, count: int) -> bytes:
        self.purposes.append(purpose)
        return (len(self.purposes) % 256**count).to_bytes(count, "big")


def tx_hash(number: int) -> str:
    return f"0x{number:064x}"


def address_topic(address: str) -> str:
    return "0x" + 24 * "0" + address[2:]


def deposit_log(
    block_number: int,
    *,
    log_index: int = 0,
    tx: int | None = None,
    account: str = ALICE,
    token: str = DF,
    amount_wei: int = ONE_DF,
    **changes: Any,
) -> Wire:
    """A SpotDeposit as a node writes it; `changes` overwrite wire fields.

    The node adds the hash of its block. By default the transaction is the log's own.
    """
    tx_number = block_number * 1000 + log_index if tx is None else tx
    log: Wire = {
        "address": VAULT,
        "topics": [SPOT_DEPOSIT_TOPIC0, address_topic(account), address_topic(token)],
        "data": f"0x{amount_wei:064x}",
        "blockNumber": hex(block_number),
        "transactionHash": tx_hash(tx_number),
        "transactionIndex": "0x0",
        "logIndex": hex(log_index),
        "removed": False,
    }
    log.update(changes)
    return log


@dataclass
class ScriptedNode:
    """A transport. `logs` are all logs that matter, in any order; between them, where the log
    indexes leave room, foreign contracts have emitted theirs.
    """

    chain: int = 97
    head: int = 0
    logs: list[Wire] = field(default_factory=list)
    failed_transactions: set[str] = field(default_factory=set)
    lies: dict[str, Lie] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _method: None
    batch_calls_max: int = 10_000
    batches: list[list[Wire]] = field(default_factory=list)
    _forks: list[tuple[int, int]] = field(default_factory=list)
    _faults: dict[str, list[EntryFault]] = field(default_factory=dict)
    _batch_faults: dict[str, list[BatchFault]] = field(default_factory=dict)
    _branch_count: int = 0

    def reorg(self, from_block: int, branch: int | None = None) -> int:
        """Replace all blocks from that one on; the branch's number leads back to it (0: the first).

        Logs stay where they are: the test says which of them the new branch has.
        """
        if branch is None:
            self._branch_count += 1
            branch = self._branch_count
        self._forks = [fork for fork in self._forks if fork[0] < from_block]
        self._forks.append((from_block, branch))
        return branch

    def hash_of(self, number: int) -> str:
        branch = next((b for first, b in reversed(self._forks) if first <= number), 0)
        return f"0x{branch + 1:08x}{number + 1:056x}"

    def fail(self, method: str, *faults: EntryFault) -> None:
        """The next answers to calls of that method are these."""
        self._faults.setdefault(method, []).extend(faults)

    def fail_batch(self, method: str, *faults: BatchFault) -> None:
        """The next HTTP answers to batches with such a call are these."""
        self._batch_faults.setdefault(method, []).extend(faults)

    def methods(self) -> list[list[str]]:
        """What each batch asked for, in its order, repetitions left out."""
        return [list(dict.fromkeys(call["method"] for call in batch)) for batch in self.batches]

    def windows(self) -> list[tuple[int, int]]:
        filters = [c["params"][0] for b in self.batches for c in b if c["method"] == "eth_getLogs"]
        return [(int(f["fromBlock"], 16), int(f["toBlock"], 16)) for f in filters]

    def asked_blocks(self) -> list[int]:
        calls = [c for b in self.batches for c in b if c["method"] == "eth_getBlockByNumber"]
        return [int(call["params"][0], 16) for call in calls]

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        batch = json.loads(body)
        self.batches.append(batch)
        for call in batch:
            self.before(call["method"])
            if self._batch_faults.get(call["method"]):
                return self._batch_faults[call["method"]].pop(0)(batch)
        if len(batch) > self.batch_calls_max:
            error = {"code": -32600, "message": "batch too large"}
            return sends({"jsonrpc": "2.0", "id": None, "error": error})(batch)
        entries = [self.entry(call) for call in batch]
        return http_answer(json.dumps([e for e in entries if e is not None]).encode())

    def entry(self, call: Wire) -> Wire | None:
        method, parameters = call["method"], call["params"]
        if self._faults.get(method):
            return self._faults[method].pop(0)(call)
        true_result = self._results()[method](*parameters)
        lie = self.lies.get(method)
        told = true_result if lie is None else lie(parameters, true_result)
        return told(call) if callable(told) else good_entry(call, told)

    def _results(self) -> dict[str, Callable[..., Any]]:
        return {
            "eth_chainId": lambda: hex(self.chain),
            "eth_blockNumber": lambda: hex(self.head),
            "eth_getLogs": self._filtered,
            "eth_getBlockByNumber": lambda number, _full: self.block(int(number, 16)),
            "eth_getBlockReceipts": lambda block_hash: self._receipts_by_hash(block_hash),
            "eth_getTransactionReceipt": self._receipt,
        }

    def wire(self, log: Wire) -> Wire:
        """The log as this node gives it: with the hash that its block has now."""
        number = log["blockNumber"]
        known = isinstance(number, str) and len(number) < 18
        return {"blockHash": self.hash_of(int(number, 16) if known else 0), **log}

    def block(self, number: int) -> Wire | None:
        if number > self.head:
            return None
        receipts = self.receipts(number)
        bloom = 0
        for receipt in receipts:
            for log in receipt["logs"]:
                bloom |= _bits(log["address"], *log["topics"])
        return {
            "number": hex(number),
            "hash": self.hash_of(number),
            "parentHash": self.hash_of(number - 1),
            "logsBloom": f"0x{bloom:0512x}",
            "transactions": [receipt["transactionHash"] for receipt in receipts],
        }

    def receipts(self, number: int) -> list[Wire]:
        """All receipts of a block, in order; log indexes are true positions in the block."""
        logs = sorted(
            (log for log in self.logs if int(log["blockNumber"], 16) == number),
            key=lambda log: int(log["logIndex"], 16),
        )
        places = {int(log["logIndex"], 16): log for log in logs}
        assert len(places) == len(logs), "two true logs at one position"
        found: dict[str, list[Wire]] = {}
        for place in range(max(places, default=-1) + 1):
            log = places.get(place)
            if log is None:
                # Inside of a transaction it is that one's; before its first log, another's.
                coming = next(places[p] for p in range(place, max(places) + 1) if p in places)
                inside = coming["transactionHash"] in found
                sender = (
                    coming["transactionHash"] if inside else _foreign_transaction(number, found)
                )
                log = _foreign_log(number, place, sender)
            hash_ = log["transactionHash"]
            assert hash_ not in found or hash_ == next(reversed(found)), "transactions interleave"
            found.setdefault(hash_, []).append(self.wire(log))
        return [
            {
                "transactionHash": hash_.lower(),
                "blockHash": self.hash_of(number),
                "status": "0x0" if hash_ in self.failed_transactions else "0x1",
                "logs": [] if hash_ in self.failed_transactions else logs,
            }
            for hash_, logs in found.items()
        ]

    def _filtered(self, wanted: Wire) -> list[Wire]:
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        return [
            self.wire(log)
            for log in self.logs
            if first <= int(log["blockNumber"], 16) <= min(last, self.head)
            and log["transactionHash"] not in self.failed_transactions
            and log["address"] == wanted["address"]
            and log["topics"][:1] == wanted["topics"]
        ]

    def _receipts_by_hash(self, block_hash: str) -> list[Wire] | None:
        number = int(block_hash[10:], 16) - 1
        known = number <= self.head and self.hash_of(number) == block_hash
        return self.receipts(number) if known else None

    def _receipt(self, hash_: str) -> Wire | None:
        for number in {int(log["blockNumber"], 16) for log in self.logs}:
            for receipt in self.receipts(number) if number <= self.head else ():
                if receipt["transactionHash"] == hash_:
                    return receipt
        return None


def _foreign_transaction(number: int, earlier: Wire) -> str:
    """The strangers' transaction that is being built, or a new one."""
    last = next(reversed(earlier), "")
    return last if last.startswith("0xff") else f"0xff{number:040x}{len(earlier):022x}"


def _foreign_log(number: int, place: int, sender: str) -> Wire:
    return deposit_log(
        number, log_index=place, address=STRANGER, topics=["0x" + "57" * 32], transactionHash=sender
    )


@cache
def _bits(*items: str) -> int:
    return bits_of(*items)


def http_answer(body: bytes, status: int = 200, **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status, {"content-type": "application/json", **named}, body)


def good_entry(call: Wire, result: object) -> Wire:
    return {"jsonrpc": "2.0", "id": call["id"], "result": result}


def answers(**members: Any) -> EntryFault:
    """An entry with these members beside the right version and id, unless they replace them."""
    return lambda call: {"jsonrpc": "2.0", "id": call["id"], **members}


def refuses(code: object, message: str = "no") -> EntryFault:
    return answers(error={"code": code, "message": message})


def missing(call: Wire) -> None:
    """No entry at all for that call."""


def sends(body: bytes | object, status: int = 200, **headers: str) -> BatchFault:
    """This HTTP answer, whatever was asked."""
    whole = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _batch: http_answer(whole, status, **headers)


def cuts(batch: list[Wire]) -> HttpAnswer:
    raise TransportError("connection reset")
