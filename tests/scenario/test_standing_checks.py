"""Standing checks look at every block and every commit, at all conditions together."""

from __future__ import annotations

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verdict import Outcome, Verdict
from ztdx_devnet.virtual_time import MICROSECONDS


def play(text: str) -> Outcome:
    return runner.run(loader.parse(f"title: t\n{text}", "t.yaml"))


def test_a_block_alone_is_looked_at() -> None:
    outcome = play(
        "given: {listener: stopped}\n"
        "steps: [{wait: 5s}, {mine: 5}]\n"
        "check: {never: [{height: 1002}]}\n"
    )
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.failure is not None
    assert outcome.failure.at_us == 4 * MICROSECONDS


def test_a_commit_alone_is_looked_at() -> None:
    outcome = play(
        "steps:\n"
        "  - mine: 1\n"
        "  - halt_chain\n"
        '  - admin_credit: {user: alice, amount: "1"}\n'
        "  - wait: 60s\n"
        'check: {never: [{balance: {user: alice, available: "1"}}]}\n'
    )
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.failure is not None
    assert outcome.failure.at_us < 3 * MICROSECONDS


def test_conditions_of_one_entry_must_hold_at_once() -> None:
    steps = "steps: [{mine: 3}]\n"
    both = "{height: 1002, listener_runs: false}"
    assert play(f"{steps}check: {{never: [{both}]}}\n").verdict is Verdict.HELD
    assert play(f"{steps}check: {{sometimes: [{both}]}}\n").verdict is Verdict.INCONCLUSIVE


def test_the_first_failure_is_the_one_that_is_shown() -> None:
    outcome = play(
        "steps: [{mine: 9}]\ncheck: {never: [{height: 1004}], always: [{height: 1000}]}\n"
    )
    assert outcome.failure is not None
    assert "1004" in outcome.failure.expected
    assert outcome.failure.at_us == 8 * MICROSECONDS
