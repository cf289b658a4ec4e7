"""The rows that are measured over HTTP, in groups. Each group has servers of its own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chain.client import (
    LIMIT_S,
    CallFailed,
    Connection,
    WrongAnswer,
    concurrent_rate_per_s,
    http_request,
    rate_per_s,
)
from chain.depositors import Depositors
from chain.figures import GROWN_BLOCKS, GROWN_DEPOSITS, GROWN_LOGS, MINED_BLOCKS, Figure, median_of
from chain.servers import OURS, Kind, Server, ServerFailed, running

Measured = Iterator[tuple[str, Figure]]
Group = Callable[[Kind], Measured]

_RATE_S = 0.3
_ROUNDS = 5
_WARM_UP_ROUNDS = 2
_CONNECTIONS = 8
_DEPOSITS_A_ROUND = 40
_LONG_ROUNDS = 3
_REWIND_ROUNDS = 30
_REORG_DEPTH = 20
_NOBODY = b"\xee" * 20
_UNMEASURABLE = (CallFailed, WrongAnswer, ServerFailed, ConnectionError)


def start(kind: Kind) -> Measured:
    """Process start to first answer, and what the server weighs then."""
    starts_s, memories_mb = [], []
    for _ in range(_ROUNDS):
        with running(kind) as server:
            starts_s.append(server.start_s)
            memories_mb.append(server.memory_mb())
    yield "start", median_of(starts_s)
    yield "memory_start", median_of(memories_mb)


def reads(kind: Kind) -> Measured:
    """Rates of eth_blockNumber and eth_getLogs on a chain with 1,100 deposits."""
    with running(kind) as server:
        height = http_request("eth_blockNumber")
        yield "block_number_1", _rate(server, height)
        others = [Connection(server.port) for _ in range(_CONNECTIONS - 1)]
        connections = [server.rpc, *others]
        rates = [concurrent_rate_per_s(connections, height, _RATE_S) for _ in range(_ROUNDS)]
        yield "block_number_8", median_of(rates)
        for connection in others:
            connection.close()

        depositors = Depositors(server.rpc, server.deployed())
        server.mine_empty(100)
        empty_to = server.height()
        for _ in range(100):
            depositors.deposit()
        single_to = server.height()
        none = depositors.log_filter(empty_to - 99, empty_to)
        nobodys = depositors.log_filter(single_to - 99, single_to, _NOBODY)
        single = depositors.log_filter(single_to - 99, single_to)
        yield "logs_none", _rate_of_logs(server, none, 0)
        yield "logs_others", _rate_of_logs(server, nobodys, 0)
        yield "logs_100", _rate_of_logs(server, single, 100)
        yield "growth_logs", _growth_of_logs(server, depositors)


def deposits(kind: Kind) -> Measured:
    """Deposits with automine: each is sent, mined and its receipt fetched before the next."""
    with running(kind) as server:
        depositors = Depositors(server.rpc, server.deployed())
        yield "deposit", median_of([deposit_rate_per_s(depositors) for _ in range(_ROUNDS)])


def full_blocks(kind: Kind) -> Measured:
    """A thousand deposits in one block, signed by the node or beforehand; and fewer."""
    with running(kind) as server:
        depositors = Depositors(server.rpc, server.deployed())
        server.rpc.call("evm_setAutomine", False)
        costs_us = [
            _median_block_s(server, depositors, depositors.signed_here, count) / count * 1e6
            for count in GROWN_DEPOSITS
        ]
        yield "block_raw", Figure((1e6 / costs_us[-1],))
        yield "growth_deposits", Figure(tuple(costs_us))
    with running(kind) as server:
        depositors = Depositors(server.rpc, server.deployed())
        server.rpc.call("evm_setAutomine", False)
        try:
            wall_s = _median_block_s(server, depositors, depositors.node_signed, 1_000)
        except TimeoutError as error:
            yield "block_node_signed", Figure(remark=str(error))
        else:
            yield "block_node_signed", Figure((1_000 / wall_s,))


def mine(kind: Kind) -> Measured:
    """Runs of empty blocks, each on a fresh server, and what they weigh."""
    runs: dict[int, Run] = {}
    for count in sorted({*MINED_BLOCKS, *GROWN_BLOCKS}):
        try:
            runs[count] = _run(kind, count)
        except TimeoutError:
            too_long = Figure(remark=f"{count:,} blocks take over {LIMIT_S:.0f} s")
            break
        if count in MINED_BLOCKS:
            yield f"mine_{count}", Figure((runs[count].wall_s,), runs[count].remark)
    if MINED_BLOCKS[-1] not in runs:
        unmeasured = [f"mine_{count}" for count in MINED_BLOCKS if count not in runs]
        yield from ((key, too_long) for key in (*unmeasured, "memory_mined", "growth_blocks"))
        return
    yield "memory_mined", Figure((runs[MINED_BLOCKS[-1]].memory_mb,))
    costs_us = tuple(runs[count].wall_s / count * 1e6 for count in GROWN_BLOCKS)
    yield "growth_blocks", Figure(costs_us)


def rewind(kind: Kind) -> Measured:
    """Snapshot and revert around a deposit; a reorg of depth 20 on empty and on full blocks."""
    with running(kind) as server:
        depositors = Depositors(server.rpc, server.deployed())
        walls_ms = [_snapshot_revert_ms(server, depositors) for _ in range(_REWIND_ROUNDS)]
        yield "snapshot_revert", median_of(walls_ms)
        try:
            server.mine_empty(_REORG_DEPTH)
            yield "reorg_20", median_of([_reorg_ms(server) for _ in range(_REWIND_ROUNDS)])
            walls_ms = [_full_reorg_ms(server, depositors) for _ in range(_ROUNDS)]
            yield "reorg_20_deposits", median_of(walls_ms)
        except CallFailed as error:
            for key in ("reorg_20", "reorg_20_deposits"):
                yield key, Figure(remark=str(error))


GROUPS: dict[str, tuple[Group, tuple[str, ...]]] = {
    "start": (start, ("start", "memory_start")),
    "reads": (
        reads,
        (
            "block_number_1",
            "block_number_8",
            "logs_none",
            "logs_others",
            "logs_100",
            "growth_logs",
        ),
    ),
    "deposit": (deposits, ("deposit",)),
    "block": (full_blocks, ("block_node_signed", "block_raw", "growth_deposits")),
    "mine": (
        mine,
        (*(f"mine_{count}" for count in MINED_BLOCKS), "memory_mined", "growth_blocks"),
    ),
    "rewind": (rewind, ("snapshot_revert", "reorg_20", "reorg_20_deposits")),
}


def measure(group: str, kind: Kind) -> dict[str, Figure]:
    """The figures of one group; a row that could not be measured has the reason."""
    function, keys = GROUPS[group]
    figures: dict[str, Figure] = {}
    reason = "not measured"
    try:
        figures.update(function(kind))
    except TimeoutError:
        reason = f"an answer took over {LIMIT_S:.0f} s"
    except _UNMEASURABLE as error:
        reason = str(error)
    return {key: figures.get(key, Figure(remark=reason)) for key in keys}


def _rate(server: Server, request: bytes) -> Figure:
    rate_per_s(server.rpc, request, _RATE_S)  # the server warms up
    return median_of([rate_per_s(server.rpc, request, _RATE_S) for _ in range(_ROUNDS)])


def _rate_of_logs(server: Server, wanted: object, expected: int) -> Figure:
    found = len(server.rpc.call("eth_getLogs", wanted))
    if found != expected:
        raise WrongAnswer(f"eth_getLogs found {found} logs instead of {expected}")
    return _rate(server, http_request("eth_getLogs", wanted))


def _growth_of_logs(server: Server, depositors: Depositors) -> Figure:
    """µs per log, where every block holds ten."""
    server.rpc.call("evm_setAutomine", False)
    for _ in range(GROWN_LOGS[-1] // 10):
        _block_s(server, depositors, depositors.node_signed(10))
    height, costs_us = server.height(), []
    for count in GROWN_LOGS:
        wanted = depositors.log_filter(height - count // 10 + 1, height)
        costs_us.append(1e6 / _rate_of_logs(server, wanted, count).values[0] / count)
    return Figure(tuple(costs_us))


def deposit_rate_per_s(depositors: Depositors) -> float:
    """Deposits a second, each in a block of its own and with its receipt."""
    started = time.perf_counter()
    for _ in range(_DEPOSITS_A_ROUND):
        depositors.deposit()
    return _DEPOSITS_A_ROUND / (time.perf_counter() - started)


def _median_block_s(
    server: Server, depositors: Depositors, make: Callable[[int], list[bytes]], count: int
) -> float:
    """Seconds for so many deposits in one block, without making their requests."""
    walls_s: list[float] = []
    while _another(walls_s):
        walls_s.append(_block_s(server, depositors, make(count)))
    return statistics.median(walls_s)


def _block_s(server: Server, depositors: Depositors, requests: list[bytes]) -> float:
    """Seconds for these deposits, sent one by one, in one block. Automine must be off.

    Raises TimeoutError when sending them takes over LIMIT_S.
    """
    started = time.perf_counter()
    for sent, request in enumerate(requests):
        if time.perf_counter() - started > LIMIT_S:
            raise TimeoutError(f"{sent:,} of {len(requests):,} sent in {LIMIT_S:.0f} s")
        answer = server.rpc.exchange(request)
        if b'"result"' not in answer:
            raise CallFailed(answer[:200].decode())
    server.rpc.call("evm_mine")
    elapsed_s = time.perf_counter() - started
    height = server.height()
    credited = len(server.rpc.call("eth_getLogs", depositors.log_filter(height, height)))
    if credited != len(requests):
        raise WrongAnswer(f"{credited} of {len(requests)} deposits in the block")
    return elapsed_s


def _another(walls_s: list[float]) -> bool:
    """Whether to measure once more: fewer rounds where one takes long."""
    return len(walls_s) < _LONG_ROUNDS and sum(walls_s) < LIMIT_S / 2


@dataclass(frozen=True)
class Run:
    """A run of empty blocks: seconds to mine it, memory after it, what is odd about it."""

    wall_s: float
    memory_mb: float
    remark: str


def _run(kind: Kind, count: int) -> Run:
    walls_s: list[float] = []
    memories_mb = []
    while _another(walls_s):
        with running(kind) as server:
            for _ in range(_WARM_UP_ROUNDS):
                server.mine_empty(1)
            before = server.height()
            started = time.perf_counter()
            server.mine_empty(count)
            walls_s.append(time.perf_counter() - started)
            memories_mb.append(server.memory_mb())
            if server.height() != before + count:
                raise WrongAnswer(f"mined {server.height() - before} blocks, not {count}")
            linked = _linked(server, before + count // 2)
    remark = "" if linked else "the blocks don't name their parents"
    return Run(statistics.median(walls_s), statistics.median(memories_mb), remark)


def _linked(server: Server, number: int) -> bool:
    parent, child = _block(server, number), _block(server, number + 1)
    return child["parentHash"] == parent["hash"]


def _snapshot_revert_ms(server: Server, depositors: Depositors) -> float:
    before = server.height()
    started = time.perf_counter()
    number = server.rpc.call("evm_snapshot")
    snapshot_s = time.perf_counter() - started
    depositors.deposit()
    if server.height() != before + 1:
        raise WrongAnswer("a deposit was not one block")
    started = time.perf_counter()
    server.rpc.call("evm_revert", number)
    revert_s = time.perf_counter() - started
    if server.height() != before:
        raise WrongAnswer("evm_revert left the head where it was")
    return (snapshot_s + revert_s) * 1e3


def _reorg_ms(server: Server) -> float:
    height = server.height()
    replaced = height - _REORG_DEPTH + 1
    orphan = _block(server, replaced)["hash"]
    started = time.perf_counter()
    server.rpc.call("anvil_reorg", _REORG_DEPTH, [])
    elapsed_ms = (time.perf_counter() - started) * 1e3
    if server.height() < height:
        raise WrongAnswer(f"the reorg went from height {height} to {server.height()}")
    # anvil's replacement of an empty block is the same block once its base fee has settled.
    if server.kind.name == OURS and _block(server, replaced)["hash"] == orphan:
        raise WrongAnswer(f"the reorg left block {replaced} as it was")
    return elapsed_ms


def _full_reorg_ms(server: Server, depositors: Depositors) -> float:
    for _ in range(_REORG_DEPTH):
        depositors.deposit()
    return _reorg_ms(server)


def _block(server: Server, number: int) -> dict[str, str]:
    block: dict[str, str] = server.rpc.call("eth_getBlockByNumber", hex(number), False)
    return block
