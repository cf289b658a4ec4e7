"""Conditions hold for what their rows in the documents say, and for nothing like it."""

from __future__ import annotations

import pytest

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.conditions import CONDITIONS
from ztdx_devnet.scenario.errors import BadScenario
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
    # At once: with its next block the documented loop is red for what it was never told.
    steps = f"{CREDITED}{DROPPED}  - expect: {{reversed: [d1]}}\n"
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


TWO = """
  - mine: 5
  - deposit: {as: d1, user: alice, amount: "10"}
  - deposit: {as: d2, user: bob, amount: "2.5"}
  - mine: 1
"""
BOTH = f"{TWO}  - wait_until: {{credited: [d1, d2], within: 90s}}\n"
SENT = "\n  - deposit: {as: d1, user: alice, amount: '10'}\n"
ADMIN = """
  - mine: 1
  - admin_credit: {user: bob, amount: "3"}
  - admin_credit: {user: bob, amount: "4"}
"""
REMINED = f"{TWO}  - mine: 2\n  - reorg: {{depth: 3, branch: b}}\n"
RESTORED = f"{CREDITED}  - reorg: {{depth: 26, drop: [d1], branch: b}}\n  - wait: 9s\n"
RESTORED += "  - switch_branch: main\n  - wait: 20s\n"
FAILED = "\n  - deposit: {as: d1, user: alice, amount: '0'}\n  - mine: 1\n"
FEE = "\n  - charge_token_fees\n" + SENT[1:] + "  - mine: 1\n"
PAUSED = "\n  - pause_vault\n  - mine: 1\n"
EMPTIED = f"{CREDITED}  - withdraw: {{user: bob, amount: '9'}}\n  - mine: 1\n"
WRONG = "\n  - mine: 3\n  - answer_fault: {as: w, method: eth_chainId, kind: wrong_chain}\n"
WRONG += "  - restart_listener\n  - wait: 9s\n"
TRUE_AND_FALSE = [
    ("balance", BOTH, "{user: bob, available: '2.5'}", "{user: bob, available: '2.4'}"),
    ("total", BOTH, "{available: '12.5'}", "{available: '12'}"),
    ("total", BOTH, "{token: USDT, available: '0'}", "{token: USDT, available: '12.5'}"),
    ("credited", BOTH, "[d1, d2]", None),
    ("credited", TWO, None, "[d1]"),
    ("not_credited", TWO, "[d1, d2]", None),
    ("not_credited", BOTH, None, "[d1, d2]"),
    ("reversed", REVERSED, "[d1]", None),
    ("reversed", CREDITED, None, "[d1]"),
    ("rows", BOTH, "2", "1"),
    ("rows", BOTH, "{user: alice, count: 1}", "{user: carol, count: 1}"),
    ("rows", REVERSED, "{status: orphaned, count: 1}", "{status: confirmed, count: 1}"),
    (
        "sightings",
        RESTORED,
        "{deposit: d1, act: orphaned, count: 1}",
        "{deposit: d1, act: orphaned, count: 2}",
    ),
    (
        "sightings",
        RESTORED,
        "{deposit: d1, act: restored, count: 1}",
        "{deposit: d1, act: moved, count: 1}",
    ),
    ("admin_credits", ADMIN, "{user: bob, count: 2, total: '7'}", "{user: bob, count: 1}"),
    ("admin_credits", ADMIN, "{user: erin, count: 0}", None),
    ("admin_credits", ADMIN, None, "{user: bob, count: 2, total: '6'}"),
    ("quarantined", BOTH, "0", "1"),
    ("mined", TWO, "[d1, d2]", None),
    ("mined", SENT, None, "[d1]"),
    ("waiting", SENT, "[d1]", None),
    ("waiting", TWO, None, "[d1]"),
    ("orphaned", REVERSED, "[d1]", None),
    ("orphaned", REMINED, None, "[d1]"),
    ("orphaned", SENT, None, "[d1]"),
    ("remined", REMINED, "[d1, d2]", None),
    ("remined", TWO, None, "[d1]"),
    ("remined", REVERSED, None, "[d1]"),
    ("failed", FAILED, "[d1]", None),
    ("failed", TWO, None, "[d1]"),
    (
        "confirmations",
        f"{TWO}  - mine: 4\n",
        "{deposit: d1, at_least: 4, at_most: 4}",
        "{deposit: d1, at_least: 5}",
    ),
    ("confirmations", SENT, None, "{deposit: d1, at_least: 0}"),
    ("deposited", FEE, "{deposit: d1, amount: '9.9', account: alice}", "{deposit: d1, amount: 10}"),
    ("deposited", TWO, "{deposit: d1, amount: 10}", "{deposit: d1, amount: 10, account: bob}"),
    ("deposited", FAILED, None, "{deposit: d1, amount: '0'}"),
    ("vault_balance", TWO, "{amount: '12.5'}", "{amount: '10'}"),
    ("vault_balance", TWO, "{token: BNB, amount: '0'}", "{token: FEE, amount: '1'}"),
    ("vault_solvent", BOTH, "true", "false"),
    ("vault_solvent", EMPTIED, "true", "false"),
    ("vault_paused", PAUSED, "true", "false"),
    ("vault_paused", TWO, "false", "true"),
    ("height", "\n  - mine: 7\n", "1007", "1008"),
    ("height", "\n  - mine: 7\n", "{at_most: 1007}", "{at_most: 1006}"),
    ("on_branch", REMINED, "b", "main"),
    ("cursor", "\n  - mine: 30\n  - wait: 1s\n", "9", "11"),
    ("cursor", "\n  - mine: 30\n  - wait: 1s\n", "{at_most: 10}", "{at_most: 8}"),
    ("cursor_lag", "\n  - mine: 30\n  - wait: 1s\n", "1", "{at_least: 2}"),
    ("passed", BOTH, "[d1, d2]", None),
    ("passed", TWO, None, "[d1]"),
    ("listener_runs", BOTH, "true", "false"),
    ("listener_runs", "\n  - kill_listener\n  - wait: 1s\n", "false", "true"),
    ("listener_exited", WRONG, "ListenerHalted", "NodeError"),
    (
        "listener_exited",
        WRONG,
        "{error: ListenerHalted, says: the node serves chain 98}",
        "{error: ListenerHalted, says: something else}",
    ),
    ("listener_exited", "\n  - kill_listener\n  - wait: 1s\n", None, "ListenerHalted"),
    ("health", f"{BOTH}  - wait: 5s\n", "true", "false"),
    ("health", f"{BOTH}  - kill_listener\n  - wait: 5m\n", "false", "true"),
    (
        "health",
        WRONG,
        "{ready: false, says: waits for an operator}",
        "{ready: false, says: below zero}",
    ),
]


@pytest.mark.parametrize(
    ("condition", "steps", "true", "false"),
    TRUE_AND_FALSE,
    ids=[f"{number}-{entry[0]}" for number, entry in enumerate(TRUE_AND_FALSE)],
)
def test_a_condition_holds_where_it_is_so_and_not_where_it_is_not(
    condition: str, steps: str, true: str | None, false: str | None
) -> None:
    def failure(value: str) -> str | None:
        """What the condition saw where it did not hold; what comes after it does not matter."""
        expected = f"  - expect: {{{condition}: {value}}}\n"
        end = "  - clear_faults\n  - start_listener\n" if steps == WRONG else ""
        end += "  - start_listener\n" if "kill_listener" in steps else ""
        outcome = play(f"{steps}{expected}{end}")
        if outcome.failure is None:
            return None
        assert outcome.failure.rule == "expect", outcome.failure
        return outcome.failure.actual

    if true is not None:
        assert failure(true) is None
    if false is not None:
        assert failure(false)


def test_every_condition_is_seen_to_hold_and_not_to_hold() -> None:
    for word in CONDITIONS:
        mine = [entry for entry in TRUE_AND_FALSE if entry[0] == word]
        assert any(entry[2] is not None for entry in mine), word
        assert any(entry[3] is not None for entry in mine), word


def test_a_credit_whose_deposit_is_gone_leaves_the_vault_short_until_it_is_reversed() -> None:
    steps = f"{CREDITED}  - reorg: {{depth: 26, drop: [d1]}}\n"
    outcome = play(f"{steps}  - expect: {{vault_solvent: false}}\n")
    assert outcome.verdict is Verdict.HELD, outcome.failure
    outcome = play(f"{steps}  - wait: 9s\n  - expect: {{vault_solvent: true}}\n")
    assert outcome.verdict is Verdict.HELD, outcome.failure


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("cursor: {}", "expected at_least, at_most or both"),
        ("height: {at_least: 5, at_most: 4}", "at_least 5 is more than at_most 4"),
        ("balance: {user: walet, available: '1'}", "did you mean 'wallet'?"),
        ("confirmations: {deposit: d7, at_least: 1}", "unknown deposit 'd7'"),
        ("on_branch: other", "unknown branch 'other'"),
        ("listener_exited: {error: X, listener: second}", "unknown listener 'second'"),
    ],
)
def test_a_mistake_in_a_condition_is_one_line(condition: str, problem: str) -> None:
    with pytest.raises(BadScenario, match=r"t\.yaml:3: ") as raised:
        loader.parse(f"title: t\nsteps:\n  - expect: {{{condition}}}\n", "t.yaml")
    assert problem in str(raised.value)


def test_looking_changes_nothing() -> None:
    steps = f"{TWO}  - wait: 9s\n"
    seen = play(f"{steps}  - expect: {{health: true, vault_solvent: true, rows: 0}}\n")
    blind = play(f"{steps}  - expect: {{rows: 0}}\n")
    assert seen.digest == blind.digest
