"""The figures of the README: cold start, the week of downtime, all scenarios.

Run it on a quiet machine: `make bench`. Each figure is the median of five runs of a whole process,
so that imports and start-up count.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

RUNS = 5
FIGURES: Sequence[tuple[str, float, tuple[str, ...]]] = (
    ("one scenario, cold process to verdict", 2.0, ("scenarios/first_deposit.yaml",)),
    ("a week of downtime, cold process to verdict", 10.0, ("scenarios/week_of_downtime.yaml",)),
    ("all scenarios", 15.0, ("scenarios",)),
)


def wall_s(paths: Sequence[str]) -> float:
    """Seconds from the start of `devnet run` to its end. Raises CalledProcessError unless held."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "ztdx_devnet", "run", "--json", *paths]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    print(f"{'what':<46} {'goal':>8} {'median':>8} {'worst':>8}")
    for what, goal_s, paths in FIGURES:
        walls_s = [wall_s(paths) for _ in range(RUNS)]
        median_s, worst_s = statistics.median(walls_s), max(walls_s)
        print(f"{what:<46} {goal_s:>6.1f} s {median_s:>6.2f} s {worst_s:>6.2f} s")


main()
