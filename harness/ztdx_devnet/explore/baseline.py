"""The baseline: what the documented loop shows in each bundled scenario.

It is recorded in `baseline.json` (`make baseline` plays it anew), so that it can be shown beside
the product's result; a test plays it and compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.verdict import Outcome, Verdict

_FILE = Path(__file__).with_name("baseline.json")


def recorded() -> Mapping[str, str]:
    """By the name of each bundled scenario: held, inconclusive, or the rule that goes red first."""
    found: dict[str, str] = json.loads(_FILE.read_text("utf-8"))
    return found


def play(path: Path) -> Outcome:
    """One scenario with the documented loop in the listener's place."""
    return runner.run(loader.load(path), listener=documented_loop.run_listener)


def result(outcome: Outcome) -> str:
    """What is recorded of it."""
    if outcome.verdict is not Verdict.VIOLATED or outcome.failure is None:
        return outcome.verdict.value
    return outcome.failure.rule.partition(":")[0]


def write() -> None:
    """Play all bundled scenarios and record them."""
    results = {path.stem: result(play(path)) for path in loader.find([bundled.folder()])}
    _FILE.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")
