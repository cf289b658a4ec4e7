"""The simulator's figures: scenarios, the library, sweeps, a week of downtime, and what they cost.

Run it on a quiet machine: `make bench-simulator`. Figures are medians; whole processes are started
where the row says so. `--anvil PATH` compares one scenario with the same listener on anvil.
"""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ztdx_devnet.explore.sweep import disturbances
from ztdx_devnet.explore.sweep.sweep import Sweep
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.verdict import Verdict

FIRST = bundled.folder() / "first_deposit.yaml"
WEEK = """
title: A week of downtime with 1,000 deposits in 100 blocks
steps:
  - mine: 30
  - kill_listener
  - deposit_burst: {as: week, users: [alice, bob, carol, dave], amount: "2.5", count: 1000, blocks: 100, every_blocks: 3023}
  - mine: 100
  - start_listener
  - wait_until: {cursor_lag: 0, within: 3h}
"""  # noqa: E501
EVEN = """
title: {count} deposits, five in a block
steps:
  - deposit_series: {{as: d, users: [alice, bob, carol], amount: "1", count: {count}, every_blocks: 2}}
"""  # noqa: E501


def seconds(work: Callable[[], object], runs: int = 5) -> float:
    """The median of so many runs."""
    walls_s = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        walls_s.append(time.perf_counter() - started)
    return statistics.median(walls_s)


def process(*arguments: str) -> Callable[[], object]:
    """A whole `devnet` process, which must end well."""
    command = [sys.executable, "-m", "ztdx_devnet", *arguments]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def held(text_or_path: str | Path) -> Callable[[], object]:
    """One scenario in this process, which must hold."""
    if isinstance(text_or_path, Path):
        scenario = loader.load(text_or_path)
    else:
        scenario = loader.parse(text_or_path, "bench")

    def play() -> None:
        outcome = runner.run(scenario)
        assert outcome.verdict is Verdict.HELD, outcome.failure

    return play


def row(what: str, goal: str, figure: str) -> None:
    print(f"{what:<66} {goal:>14} {figure:>16}", flush=True)


def library() -> None:
    paths = loader.find([bundled.folder()])
    each_s = {path: seconds(held(path), runs=3) for path in paths if path.stem != "week_of_downtime"}
    median_ms = statistics.median(each_s.values()) * 1_000
    row("one bundled scenario, in process, world included (median)", "≤ 60 ms", f"{median_ms:.0f} ms")
    slowest = sorted(each_s, key=lambda path: -each_s[path])[:3]
    for path in slowest:
        row(f"  the slowest after the week: {path.stem}", "", f"{each_s[path] * 1_000:.0f} ms")
    row(
        f"all {len(paths)} scenarios, one process",
        "≤ 10 s",
        f"{seconds(process('run', '--no-runs'), runs=3):.1f} s",
    )
    row(
        "the same with -n auto", "", f"{seconds(process('run', '--no-runs', '-n', 'auto'), runs=3):.1f} s"
    )
    row(
        "one scenario, cold process to verdict",
        "≤ 2 s",
        f"{seconds(process('run', '--no-runs', str(FIRST))):.2f} s",
    )


def sweeps() -> None:
    sweep = Sweep(loader.load(FIRST))
    planned = list(disturbances.crashes(sweep.boundaries))[::8]
    wall_s = seconds(lambda: list(sweep.runs(planned)), runs=1)
    row(
        f"crash sweep of first_deposit ({sweep.boundaries} boundaries), one core",
        "≥ 15 runs/s",
        f"{len(planned) / wall_s:.0f} runs/s",
    )


def week() -> None:
    row(
        "302,400 blocks, 100 deposits: mined, caught up, checked (process)",
        "≤ 8 s",
        f"{seconds(process('run', '--no-runs', str(bundled.folder() / 'week_of_downtime.yaml')), 3):.1f} s",
    )


def growth() -> None:
    for count in (10, 100, 1_000):
        wall_s = seconds(held(EVEN.format(count=count)), runs=1)
        row(f"a series of {count} deposits, per deposit", "constant", f"{wall_s / count * 1e3:.1f} ms")


def main(arguments: Sequence[str]) -> None:
    logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
    wanted = arguments or ("library", "sweeps", "week", "growth")
    print(f"{'work':<66} {'goal':>14} {'measured':>16}")
    for name in wanted:
        {"library": library, "sweeps": sweeps, "week": week, "growth": growth}[name]()


main(sys.argv[1:])
