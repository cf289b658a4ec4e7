"""Legal but odd scenarios: the product is right, and so must the verdict be."""

from __future__ import annotations

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verdict import Verdict

ODD = {
    "a shorter branch lowers the head below cursor and depth": """
  - mine: 30
  - reorg: {depth: 10, length: 1}
  - admin_credit: {user: alice, amount: "1"}
""",
    "no confirmations needed": """
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 2
  - wait_until: {credited: [d1], within: 6s}
""",
}


@pytest.mark.parametrize("name", ODD)
def test_it_holds(name: str) -> None:
    depth = 0 if name == "no confirmations needed" else 20
    given = f"given: {{confirmation_depth: {depth}}}"
    scenario = loader.parse(f"title: {name}\n{given}\nsteps:{ODD[name]}", "odd.yaml")
    outcome = runner.run(scenario)
    assert outcome.failure is None
    assert outcome.verdict is Verdict.HELD
