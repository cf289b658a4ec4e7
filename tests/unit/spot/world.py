"""The outside of the product, faked: a clock, entropy, and a node that answers from a script."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ztdx_spot.config import ListenerSettings
from ztdx_spot.listener.events import SPOT_DEPOSIT_TOPIC0
from ztdx_spot.ports import HttpAnswer, TransportError

VAULT = "0x4fe0b354c5865ee9deb979a99030d757ae47664a"
DF = "0x8063a43ed88397c1b10da23dcc60ba1e7a0bf555"
ALICE = "0x" + "a1" * 20
BOB = "0x" + "b0" * 20
ONE_DF = 10**18


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
        return len(self.purposes).to_bytes(count, "big")


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
) -> dict[str, Any]:
    """A SpotDeposit as a node writes it; `changes` overwrite wire fields."""
    tx_number = block_number * 1000 + log_index if tx is None else tx
    log: dict[str, Any] = {
        "address": VAULT,
        "topics": [SPOT_DEPOSIT_TOPIC0, address_topic(account), address_topic(token)],
        "data": f"0x{amount_wei:064x}",
        "blockNumber": hex(block_number),
        "blockHash": f"0x{block_number:064x}",
        "transactionHash": f"0x{tx_number:064x}",
        "transactionIndex": "0x0",
        "logIndex": hex(log_index),
        "removed": False,
    }
    log.update(changes)
    return log


@dataclass
class ScriptedNode:
    """A transport: answers like a good node unless `faults` holds something for the next calls."""

    chain: int = 97
    head: int = 0
    logs: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, list[Callable[[dict[str, Any]], HttpAnswer]]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    before: Callable[[str], None] = lambda _method: None

    def post(self, body: bytes, timeout_s: float) -> HttpAnswer:
        request = json.loads(body)
        self.requests.append(request)
        self.before(request["method"])
        if self.faults.get(request["method"]):
            return self.faults[request["method"]].pop(0)(request)
        return good_answer(request, self._result(request))

    def fail(self, method: str, *faults: Callable[[dict[str, Any]], HttpAnswer]) -> None:
        self.faults.setdefault(method, []).extend(faults)

    def methods(self) -> list[str]:
        return [request["method"] for request in self.requests]

    def windows(self) -> list[tuple[int, int]]:
        filters = [r["params"][0] for r in self.requests if r["method"] == "eth_getLogs"]
        return [(int(f["fromBlock"], 16), int(f["toBlock"], 16)) for f in filters]

    def _result(self, request: dict[str, Any]) -> object:
        if request["method"] == "eth_chainId":
            return hex(self.chain)
        if request["method"] == "eth_blockNumber":
            return hex(self.head)
        (wanted,) = request["params"]
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        return [log for log in self.logs if first <= int(log["blockNumber"], 16) <= last]


def http_answer(body: bytes, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status, {"content-type": "application/json"}, body)


def good_answer(request: dict[str, Any], result: object) -> HttpAnswer:
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": result}
    return http_answer(json.dumps(answer).encode())


def answers(**members: Any) -> Callable[[dict[str, Any]], HttpAnswer]:
    """An answer with these members beside the right version and id, unless they replace them."""

    def answer(request: dict[str, Any]) -> HttpAnswer:
        whole = {"jsonrpc": "2.0", "id": request["id"], **members}
        return http_answer(json.dumps(whole).encode())

    return answer


def sends(body: bytes, status: int = 200) -> Callable[[dict[str, Any]], HttpAnswer]:
    return lambda _request: http_answer(body, status)


def cuts(request: dict[str, Any]) -> HttpAnswer:
    raise TransportError("connection reset")
