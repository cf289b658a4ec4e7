"""Runs for the tests of the timeline, each played once."""

from __future__ import annotations

from functools import cache

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.report.timeline import page
from ztdx_devnet.report.timeline.model import Facts, Life, read
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.runner import Run

BATCHED = """
title: A deposit below a run of blocks
given: {listener: stopped}
steps:
  - deposit: {as: d1, user: alice, amount: "1.5"}
  - mine: 1
  - wait: 80s
"""
FAILS_AT_ITS_CHECK = """
title: A balance that nobody has
steps:
  - mine: 1
check:
  eventually:
    - balance: {user: alice, available: "1"}
"""
HOSTILE = """
title: "<script>alert(1)</script> & \\e[31m"
why: </style><img src=x onerror=alert(2)>
steps:
  - note: </td></table><script>alert(3)</script>
  - mine: 1
"""


@cache
def bundled_run(name: str, documented: bool = False) -> Run:
    """A bundled scenario, with the product or with the documented loop."""
    return play(loader.load(bundled.folder() / f"{name}.yaml"), documented=documented)


@cache
def run_of(text: str) -> Run:
    return play(loader.parse(text, "here.yaml"))


def play(scenario: loader.Scenario, *, documented: bool = False) -> Run:
    return runner.play(scenario, listener=documented_loop.run_listener if documented else None)


def double_credit() -> Run:
    """Two deposits swap places in a deep reorg, and the documented loop credits both again."""
    return bundled_run("remined_and_swapped", documented=True)


def facts_of(run: Run) -> Facts:
    return read(run.journal, run.outcome)


def life(facts: Facts, name: str) -> Life:
    return next(one for one in facts.lives.values() if one.name == name)


def page_of(run: Run, run_id: str = "") -> str:
    return page(run.journal, run.outcome, scenario_text=run.scenario.text, run_id=run_id)
