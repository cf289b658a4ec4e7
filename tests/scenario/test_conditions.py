"""Conditions about money that was taken back: they hold for that and for nothing like it."""

from __future__ import annotations

import pytest

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verdict import Outcome, Verdict

CREDITED = """
  - mine: 5
  - deposit: {as: d1, user: alice, amount: "10"}
  - mine: 1
  - wait_until: {credited: [d1], within: 90s}
"""
DROPPED = "  - debit: {user: alice, amount: '8'}\n  - reorg: {depth: 26, drop: [d1]}\n"
REVERSED = f"{CREDITED}{DROPPED}  - wait_until: {{reversed: [d1], within: 30s}}\n"


def play(steps: str, *, documented: bool = False) -> Outcome:
    scenario = loader.parse(f"title: t\nsteps:{steps}", "t.yaml")
    return runner.run(scenario, listener=documented_loop.run_listener if documented else None)


def test_a_reversed_deposit_is_one_whose_row_and_money_are_gone() -> None:
    outcome = play(f"{REVERSED}  - expect: {{not_credited: [d1], orphaned: [d1]}}\n")
    assert outcome.verdict is Verdict.HELD, outcome.failure


@pytest.mark.parametrize(
    "steps",
    [
        "\n  - deposit: {as: d1, user: alice, amount: '10'}\n",
        CREDITED,
        "\n  - deposit: {as: d1, user: alice, amount: '1'}\n  - mine: 2\n"
        "  - reorg: {depth: 2, drop: [d1]}\n",
    ],
    ids=["sent", "credited", "orphaned before any credit"],
)
def test_what_was_never_taken_back_is_not_reversed(steps: str) -> None:
    outcome = play(f"{steps}  - expect: {{reversed: [d1]}}\n")
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.failure is not None
    assert outcome.failure.actual == "not reversed: d1"


def test_a_phantom_credit_is_not_reversed() -> None:
    steps = f"{CREDITED}{DROPPED}  - wait: 3s\n  - expect: {{reversed: [d1]}}\n"
    outcome = play(steps, documented=True)
    assert outcome.failure is not None
    assert outcome.failure.actual == "not reversed: d1"


@pytest.mark.parametrize(
    ("amount", "verdict"),
    [("-8", Verdict.HELD), ("8", Verdict.VIOLATED), ("-8.000000000000000001", Verdict.VIOLATED)],
)
def test_a_debt_is_a_balance_below_zero_to_the_wei(amount: str, verdict: Verdict) -> None:
    steps = f"{REVERSED}  - expect: {{balance: {{user: alice, available: '{amount}'}}}}\n"
    assert play(steps).verdict is verdict


def test_quarantine_is_counted_exactly() -> None:
    assert play("\n  - mine: 1\n  - expect: {quarantined: 0}\n").verdict is Verdict.HELD
    outcome = play("\n  - mine: 1\n  - expect: {quarantined: 1}\n")
    assert outcome.failure is not None
    assert (outcome.failure.expected, outcome.failure.actual) == ("1 logs in quarantine", "0")
