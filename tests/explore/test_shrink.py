"""A failure is shrunk to what it needs, alike on every machine, and within its bounds."""

from __future__ import annotations

import re

import pytest

from ztdx_devnet.explore import documented_loop, shrink
from ztdx_devnet.report.record import Shrunk
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import Outcome, Verdict

LOOP = documented_loop.run_listener
DEPTH = re.compile(r"\{depth: ([0-9]+)\}")


def scenario_of(text: str) -> Scenario:
    return loader.parse(text, "x.yaml")


def shrunk(scenario: Scenario, runs_max: int = shrink.RUNS_MAX) -> tuple[Outcome, Shrunk]:
    outcome = runner.run(scenario, listener=LOOP)
    found = shrink.shrink(scenario, outcome, LOOP, runs_max=runs_max)
    assert found is not None
    return outcome, found


def rule_of(text: str) -> str | None:
    failure = runner.run(scenario_of(text), listener=LOOP).failure
    return failure and failure.rule


@pytest.fixture(scope="module")
def spent() -> tuple[Outcome, Shrunk]:
    return shrunk(loader.load(bundled.folder() / "deep_reorg_of_spent_money.yaml"))


def test_a_long_scenario_becomes_what_its_failure_needs(spent: tuple[Outcome, Shrunk]) -> None:
    _, found = spent
    assert DEPTH.sub("{depth: …}", found.text) == (
        "title: A reversed deposit that was spent leaves a debt, not silence\n"
        "steps:\n"
        '  - deposit: {as: gone, user: alice, amount: "1"}  # any other amount, user will do\n'
        "  - wait_until: {credited: [gone], within: 90s}\n"
        "  - reorg: {depth: …}  # any larger depth will do\n"
    )
    assert (found.steps_before, found.steps) == (12, 3)
    assert "admin_credit" in found.removed
    assert "reorg.drop" in found.removed
    assert "deposit.amount 10 → 1" in found.reduced
    assert found.runs <= shrink.RUNS_MAX


def test_it_fails_alike(spent: tuple[Outcome, Shrunk]) -> None:
    first, found = spent
    assert first.failure is not None
    assert rule_of(found.text) == first.failure.rule


def test_what_is_said_not_to_matter_does_not(spent: tuple[Outcome, Shrunk]) -> None:
    _, found = spent
    other = found.text.replace("user: alice", "user: judy").replace('"1"', '"31.25"')
    assert rule_of(other) == rule_of(found.text)


def test_a_number_is_the_least_that_fails_alike(spent: tuple[Outcome, Shrunk]) -> None:
    _, found = spent
    match = DEPTH.search(found.text)
    assert match is not None
    for change, is_alike in ((1, True), (-1, False)):
        text = DEPTH.sub(f"{{depth: {int(match[1]) + change}}}", found.text)
        assert (rule_of(text) == rule_of(found.text)) is is_alike


def test_the_search_is_the_same_each_time_and_bounded_by_runs() -> None:
    scenario = loader.load(bundled.folder() / "truncated_page.yaml")
    (_, one), (_, two) = shrunk(scenario, 20), shrunk(scenario, 20)
    assert one == two
    assert one.runs == 20


def test_a_step_that_fails_whatever_listens_is_not_what_is_left() -> None:
    """Without the blocks the deposit is never credited: by nobody, so that shows nothing."""
    scenario = scenario_of("""\
title: The owner's listener stops at what it can't read
steps:
  - deposit: {as: poison, user: alice, amount: "1"}
  - answer_fault: {as: cut, method: "*", kind: undecodable, deposit: poison}
  - deposit: {as: good, user: bob, amount: "2"}
  - mine_empty: 1
  - halt_chain
  - mine: 1
  - resume_chain
  - wait_until: {credited: [good], within: 90s}
""")
    _, found = shrunk(scenario)
    assert "answer_fault" in found.text
    with_the_product = runner.run(scenario_of(found.text))
    assert with_the_product.verdict is not Verdict.VIOLATED


def test_a_check_that_fails_keeps_its_values() -> None:
    scenario = scenario_of("""\
title: t
seed: 5
steps:
  - note: an aside
  - deposit: {as: d1, user: alice, amount: "1.5"}
  - deposit: {as: d2, user: bob, amount: "1"}
  - mine: 7
check:
  eventually:
    - balance: {user: bob, available: "1"}
    - balance: {user: alice, available: "2"}
""")
    outcome = runner.run(scenario)
    found = shrink.shrink(scenario, outcome)
    assert found is not None
    assert "seed: 5\n" in found.text
    assert "bob" not in found.text
    assert 'amount: "1.5"' in found.text
    again = runner.run(scenario_of(found.text)).failure
    assert outcome.failure is not None
    assert again is not None
    assert (again.expected, again.actual) == (outcome.failure.expected, outcome.failure.actual)


def test_only_violations_are_shrunk() -> None:
    scenario = loader.load(bundled.folder() / "first_deposit.yaml")
    assert shrink.shrink(scenario, runner.run(scenario)) is None


def test_what_does_not_fail_again_is_not_shrunk() -> None:
    scenario = loader.load(bundled.folder() / "deep_reorg_of_spent_money.yaml")
    outcome = runner.run(scenario, listener=LOOP)
    assert shrink.shrink(scenario, outcome) is None
