"""The comparison in docs/listener.md names what exists, and all that the documented loop loses."""

from __future__ import annotations

import re
from pathlib import Path

from ztdx_devnet.explore import baseline
from ztdx_devnet.scenario import bundled, loader

ROOT = Path(__file__).parents[2]
ROWS = [
    line.split("|")[1:-1]
    for line in (ROOT / "docs" / "listener.md").read_text("utf-8").splitlines()
    if re.match(r"\| F\d", line)
]


def shown_by(row: list[str]) -> set[str]:
    return set(re.findall(r"`([\w.]+)`", row[4]))


def test_every_row_is_shown_by_scenarios_and_tests_that_exist() -> None:
    scenarios = {path.stem for path in loader.find([bundled.folder()])}
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(ROWS) > 35
    for row in ROWS:
        assert shown_by(row), row
        assert shown_by(row) <= scenarios | tests, row


def test_every_scenario_that_the_documented_loop_loses_is_in_a_row_that_says_so() -> None:
    losing = {name for row in ROWS if "**" in row[2] + row[4] for name in shown_by(row)}
    recorded = baseline.recorded()
    lost = {name for name, result in recorded.items() if result not in ("held", "inconclusive")}
    assert losing >= lost
