"""The simulator's figures: scenarios, the library, sweeps, a week of downtime, and what they cost.

Run it on a quiet machine: `make bench-simulator`. Figures are medians; whole processes are started
where the row says so. `--anvil PATH` compares one scenario with the same listener on anvil.
"""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ztdx_devnet.explore.sweep import disturbances
from ztdx_devnet.explore.sweep.sweep import Sweep
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.verdict import Verdict

RUNS = tempfile.mkdtemp(prefix="ztdx-devnet-bench-")
FIRST = bundled.folder() / "first_deposit.yaml"
WEEK = """
title: A week of downtime with 1,000 deposits in 100 blocks
steps:
  - mine: 30
  - kill_listener
{bursts}
  - mine: 100
  - start_listener
  - wait_until: {{cursor_lag: 0, within: 3h}}
""".format(
    bursts="".join(
        f"  - deposit_series: {{as: w{i}, users: [alice, bob, carol, dave], amount: '2.5', "
        "count: 10, every_blocks: 0}\n  - mine: 3023\n"
        for i in range(100)
    )
)
EVEN = """
title: {count} deposits, two blocks apart
steps:
  - deposit_series: {{as: d, users: [alice, bob], amount: "1", count: {count}, every_blocks: 2}}
"""


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
    short = [path for path in paths if path.stem != "week_of_downtime"]
    each_s = {path: seconds(held(path), runs=3) for path in short}
    median_ms = statistics.median(each_s.values()) * 1_000
    row("one bundled scenario, in process, world included (median)", "60 ms", f"{median_ms:.0f} ms")
    for path in sorted(each_s, key=lambda path: -each_s[path])[:3]:
        row(f"  slowest after the week: {path.stem}", "", f"{each_s[path] * 1_000:.0f} ms")
    row(f"  all but the week, {len(short)} scenarios", "", f"{sum(each_s.values()):.1f} s")
    run = ("run", "--no-runs")
    alone_s = seconds(process(*run), runs=3)
    row(f"all {len(paths)} scenarios, one process", "10 s for 80", f"{alone_s:.1f} s")
    row("  with -n auto", "", f"{seconds(process(*run, '-n', 'auto'), runs=3):.1f} s")
    row("  with --twice -n auto", "", f"{seconds(process(*run, '--twice', '-n', 'auto'), 1):.1f} s")
    row("one scenario, cold process", "2 s", f"{seconds(process(*run, str(FIRST))):.2f} s")
    row("  with its run folder", "", f"{seconds(process('run', '--runs', RUNS, str(FIRST))):.2f} s")


def sweeps() -> None:
    sweep = Sweep(loader.load(FIRST))
    planned = list(disturbances.crashes(sweep.boundaries))[::8]
    wall_s = seconds(lambda: [sweep.run(each) for each in planned], runs=1)
    what = f"crash sweep of first_deposit ({sweep.boundaries} boundaries), one core"
    row(what, "15 runs/s", f"{len(planned) / wall_s:.0f} runs/s")


def week() -> None:
    path = bundled.folder() / "week_of_downtime.yaml"
    wall_s = seconds(process("run", "--no-runs", str(path)), 3)
    row("302,400 blocks, 100 deposits: mined, caught up, checked", "8 s", f"{wall_s:.1f} s")
    row("  with 1,000 deposits in 100 blocks, in process", "8 s", f"{seconds(held(WEEK), 1):.1f} s")


def growth() -> None:
    for count in (10, 100, 1_000):
        each_ms = seconds(held(EVEN.format(count=count)), runs=1) / count * 1e3
        row(f"a series of {count} deposits, each", "constant", f"{each_ms:.1f} ms")


def main(arguments: Sequence[str]) -> None:
    logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
    wanted = arguments or ("library", "sweeps", "week", "growth")
    print(f"{'work':<66} {'goal':>14} {'measured':>16}")
    for name in wanted:
        {"library": library, "sweeps": sweeps, "week": week, "growth": growth}[name]()


main(sys.argv[1:])
