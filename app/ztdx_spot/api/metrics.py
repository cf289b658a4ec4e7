"""Figures for Prometheus: everything from one snapshot, nothing kept between requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from ztdx_spot.api.answers import Readiness
from ztdx_spot.ledger.database import ReadTransaction
from ztdx_spot.ledger.listener_status import Traces, read_traces


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is counted. `entries` is how many changes of balances there ever were."""

    chain_id: int
    traces: Traces
    deposits: Mapping[str, int]
    entries: int
    users: int


def read_figures(transaction: ReadTransaction, chain_id: int) -> Figures:
    """Count in this snapshot; deposits by status."""
    deposits = {"confirmed": 0, "orphaned": 0}
    deposits |= dict(
        transaction.execute("SELECT status, count(*) FROM spot_deposits GROUP BY status").fetchall()
    )
    (entries,) = transaction.execute("SELECT max(seq) FROM spot_ledger_entries").fetchone()
    (users,) = transaction.execute("SELECT count(*) FROM users").fetchone()
    return Figures(
        chain_id=chain_id,
        traces=read_traces(transaction, chain_id),
        deposits=deposits,
        entries=entries or 0,
        users=users,
    )


def exposition(figures: Figures, verdict: Readiness) -> bytes:
    """The figures in Prometheus' text format; what is not known is left out."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(figures, verdict))
    return generate_latest(registry)


class _Snapshot(Collector):
    """Figures that were read already."""

    def __init__(self, figures: Figures, verdict: Readiness) -> None:
        self._figures = figures
        self._verdict = verdict

    def collect(self) -> Iterator[Metric]:
        figures, verdict = self._figures, self._verdict
        yield _gauge("ready", "1 when /readyz is 200.", int(verdict.ready))
        yield from self._listener_gauges()
        yield _gauge(
            "quarantined_logs", "Logs held for an operator.", figures.traces.quarantined_logs
        )
        yield _gauge("negative_balances", "Balances below zero.", figures.traces.negative_balances)
        yield _gauge("users", "Addresses that are users.", figures.users)
        deposits = GaugeMetricFamily("ztdx_spot_deposits", "Deposits by status.", labels=["status"])
        for status, number in sorted(figures.deposits.items()):
            deposits.add_metric([status], number)
        yield deposits
        yield CounterMetricFamily(
            "ztdx_spot_ledger_entries", "Changes of balances so far.", value=figures.entries
        )

    def _listener_gauges(self) -> Iterator[Metric]:
        state = self._verdict.listener
        if state is None:
            return
        rows: list[tuple[str, str, int | None]] = [
            ("listener_cursor_block", "The last block that was processed.", state.cursor_block),
            ("listener_head_block", "The node's newest block.", state.head_block),
            ("listener_lag_blocks", "Head minus cursor.", state.lag_blocks),
            (
                "listener_seconds_since_poll",
                "Since the last poll that the node answered.",
                state.seconds_since_poll,
            ),
            ("listener_failed_polls", "Since then.", state.failed_polls),
            ("listener_halted", "1 when it waits for an operator.", int(state.halted)),
        ]
        for name, text, value in rows:
            if value is not None:
                gauge = GaugeMetricFamily(f"ztdx_spot_{name}", text, labels=["chain_id"])
                gauge.add_metric([str(state.chain_id)], value)
                yield gauge


def _gauge(name: str, text: str, value: int) -> Metric:
    return GaugeMetricFamily(f"ztdx_spot_{name}", text, value=value)
