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
    "an account's next deposit follows its part in a common transaction": """
  - multi_deposit: [{as: m1, user: alice, amount: "1"}, {as: m2, user: bob, amount: "2"}]
  - deposit: {as: d1, user: bob, amount: "3"}
  - multi_deposit: [{as: m3, user: bob, amount: "4"}, {as: m4, user: bob, amount: "4"}]
  - deposit: {as: d2, user: alice, amount: "5"}
  - mine: 1
  - wait_until: {credited: [m1, m2, d1, m3, m4, d2], within: 90s}
""",
    "the steps end on a halted chain": """
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 10
  - halt_chain
""",
    "what a reorg dropped is sent again and is another deposit": """
  - mine: 5
  - deposit: {as: gone, user: alice, amount: "1"}
  - mine: 2
  - reorg: {depth: 3, drop: [gone]}
  - deposit: {as: again, user: alice, amount: "1"}
  - mine: 1
  - wait_until: {credited: [again], within: 60s}
  - expect: {not_credited: [gone], orphaned: [gone]}
""",
    "credentials are issued while the database is locked": """
  - mine: 1
  - db_fault: {as: locked, kind: busy, for: 20s}
  - wait: 1s
  - api: {path: /spot/balances, as: bob, auth: hmac, expect: {status: 200, body: {balances: []}}}
""",
    "two processes hold the lock in turn": """
  - mine: 1
  - db_fault: {as: first, kind: busy, for: 20s}
  - wait: 1s
  - db_fault: {as: second, kind: busy, for: 20s}
  - wait: 25s
  - admin_credit: {user: bob, amount: "1", expect: {status: 500, body: {error: DB_ERROR}}}
""",
    "nobody credits while no listener was ever started": """
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 50
  - expect: {not_credited: [d1]}
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
    listener = "stopped" if name.startswith("nobody") else "running"
    given = f"given: {{confirmation_depth: {depth}, listener: {listener}}}"
    scenario = loader.parse(f"title: {name}\n{given}\nsteps:{ODD[name]}", "odd.yaml")
    outcome = runner.run(scenario)
    assert outcome.failure is None
    assert outcome.verdict is Verdict.HELD
