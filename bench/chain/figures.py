"""The rows of the table: what each one is called, its unit, its target, and which way is better."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LINEAR_TOLERANCE = 1.5  # how much dearer one unit may be at 100 times the load


@dataclass(frozen=True)
class Row:
    """One line. A figure with several values is the cost of one unit at 1×, 10× and 100×."""

    key: str
    title: str
    unit: str
    target: float | None = None
    more_is_better: bool = True
    growth: bool = False


@dataclass(frozen=True)
class Figure:
    """What was measured. The remark says why nothing was, or what to know about the values."""

    values: tuple[float, ...] = ()
    remark: str = ""


def _cost(key: str, title: str, unit: str, target: float | None = None) -> Row:
    return Row(key, title, unit, target, more_is_better=False)


def _growth(key: str, title: str) -> Row:
    return Row(key, title, "µs", more_is_better=False, growth=True)


MINED_BLOCKS = (1_000, 10_000, 100_000, 302_400)
GROWN_BLOCKS = (3_024, 30_240, 302_400)
GROWN_LOGS = (10, 100, 1_000)
GROWN_DEPOSITS = (10, 100, 1_000)

ROWS = (
    _cost("start", "start to first answer", "s", 1.3),
    _cost("memory_start", "memory at start", "MB", 100),
    Row("block_number_1", "eth_blockNumber, 1 connection", "/s", 5_000),
    Row("block_number_8", "eth_blockNumber, 8 connections", "/s", 12_000),
    Row("logs_none", "eth_getLogs, 100 empty blocks", "/s", 4_500),
    Row("logs_others", "eth_getLogs, 100 blocks with logs, none match", "/s"),
    Row("logs_100", "eth_getLogs, 100 blocks, 100 match", "/s", 1_500),
    Row("deposit", "deposit, one block each, with receipt", "tx/s", 100),
    Row("block_node_signed", "1,000 deposits in one block, node-signed", "tx/s", 330),
    Row("block_raw", "1,000 deposits in one block, raw", "tx/s", 330),
    _cost("mine_1000", "mine 1,000 empty blocks", "s", 0.01),
    _cost("mine_10000", "mine 10,000 empty blocks", "s", 0.06),
    _cost("mine_100000", "mine 100,000 empty blocks", "s", 0.5),
    _cost("mine_302400", "mine 302,400 empty blocks", "s", 1.5),
    _cost("memory_mined", "memory after 302,400 empty blocks", "MB", 120),
    _cost("snapshot_revert", "snapshot + revert of one deposit", "ms", 0.3),
    _cost("reorg_20", "reorg of depth 20, empty blocks", "ms", 5),
    _cost("reorg_20_deposits", "reorg of depth 20, dropping 20 deposits", "ms"),
    _growth("growth_blocks", "per empty block of 3,024 / 30,240 / 302,400"),
    _growth("growth_logs", "per log of 10 / 100 / 1,000 in one eth_getLogs"),
    _growth("growth_deposits", "per deposit of 10 / 100 / 1,000 in one block"),
    Row("in_bytes_block_number", "in process, bytes: eth_blockNumber", "/s", 60_000),
    Row("in_table_block_number", "in process, method table: eth_blockNumber", "/s", 200_000),
    Row("in_bytes_logs_none", "in process, bytes: eth_getLogs, none", "/s", 30_000),
    Row("in_bytes_logs_100", "in process, bytes: eth_getLogs, 100 match", "/s", 3_000),
    Row("in_deposit", "in process: deposit, one block each", "tx/s", 130),
)


def median_of(values: Sequence[float]) -> Figure:
    return Figure((statistics.median(values),))


def goodness(row: Row, figure: Figure) -> float | None:
    """How many times better than its target a figure is; below 1 it misses it."""
    if not figure.values:
        return None
    if row.growth:
        return LINEAR_TOLERANCE * figure.values[0] / figure.values[-1]
    if row.target is None:
        return None
    value = figure.values[0]
    return value / row.target if row.more_is_better else row.target / value
