"""The rows that are measured in this process: our endpoint's bytes and our method table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chain.client import json_request
from chain.depositors import Depositors
from chain.figures import Figure, median_of
from chain.rows import deposit_rate_per_s
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.rpc import endpoint
from ztdx_devnet.chain.rpc.node import Node, node_of

_ROUNDS = 5
_ROUND_S = 0.3
_BATCH = 20  # calls between two looks at the clock


class InProcess:
    """Our method table, called like a connection."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def call(self, method: str, *parameters: Any) -> Any:
        return self.node.call(method, list(parameters))


def measure() -> dict[str, Figure]:
    """Figures of one chain with a deposit in each of its last blocks."""
    node = node_of(Devnet(Chain()))
    rpc = InProcess(node)
    rpc.call("evm_setAutomine", True)
    depositors = Depositors(rpc, (contracts.DF_TOKEN, contracts.VAULT))
    rpc.call("hardhat_mine", hex(100))
    empty_to = int(rpc.call("eth_blockNumber"), 16)
    for _ in range(100):
        depositors.deposit()
    none = depositors.log_filter(empty_to - 99, empty_to)
    all_match = depositors.log_filter(empty_to + 1, empty_to + 100)
    assert (len(rpc.call("eth_getLogs", none)), len(rpc.call("eth_getLogs", all_match))) == (0, 100)

    height_body = json_request("eth_blockNumber")
    none_body, all_body = (json_request("eth_getLogs", wanted) for wanted in (none, all_match))
    return {
        "in_bytes_block_number": _rate(lambda: endpoint.answer(node, height_body)),
        "in_table_block_number": _rate(lambda: node.call("eth_blockNumber", [])),
        "in_bytes_logs_none": _rate(lambda: endpoint.answer(node, none_body)),
        "in_bytes_logs_100": _rate(lambda: endpoint.answer(node, all_body)),
        "in_deposit": median_of([deposit_rate_per_s(depositors) for _ in range(_ROUNDS)]),
    }


def _rate(call: Callable[[], object]) -> Figure:
    return median_of([_rate_per_s(call) for _ in range(_ROUNDS)])


def _rate_per_s(call: Callable[[], object]) -> float:
    count, started = 0, time.perf_counter()
    end = started + _ROUND_S
    while (now := time.perf_counter()) < end:
        for _ in range(_BATCH):
            call()
        count += _BATCH
    return count / (now - started)
