"""The baseline: what the documented loop loses and what it holds, scenario by scenario.

Each loss is one that the product's listener must not have: it holds in all of them
(tests/scenario/test_bundled.py). A scenario in neither list shows nothing about the loop.
"""

from __future__ import annotations

import pytest

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.verdict import Outcome, Verdict

# The scenario, and the rule that goes red first.
LOST = {
    # a page that is empty, short or spoilt
    "pool_with_a_node_21_blocks_behind": "I1",
    "pool_with_a_node_60_blocks_behind": "I1",
    "log_index_with_a_hole": "I1",
    "truncated_page": "I1",
    "log_indexes_numbered_otherwise": "I1",
    "undecodable_log": "wait_until",
    # a page that holds too much
    "node_adds_foreign_logs": "I2",
    "node_answers_beyond_the_range": "I6",
    "removed_logs_in_a_page": "I2",
    "stale_answer_from_a_cache": "I2",
    "head_told_too_high": "I7",
    # a reorg deeper than the confirmations
    "deep_reorg_drops_a_credited_deposit": "I2",
    "deep_reorg_of_spent_money": "I2",
    "deep_reorg_below_the_cursor": "I1",
    "remined_below_the_cursor": "I2",
    "remined_shifted_by_one": "I3",
    "remined_and_swapped": "I3",
    "remined_with_the_same_index_twice": "I3",
    "reexecuted_with_another_amount": "I3",
    "reorg_between_two_pages": "I1",
    "reorg_on_reorg": "I2",
    "fork_and_back": "I2",
    "shorter_chain": "I2",
    "killed_while_reversing": "I2",
}
HELD = {
    "account_is_credited_not_the_sender",
    "admin_credit",
    "duplicate_logs_in_a_page",
    "errors_are_not_empty_pages",
    "first_deposit",
    "fork_and_back_unseen",
    "head_goes_backwards",
    "listener_killed_and_restarted",
    "node_ignores_the_filter",
    "other_tokens_and_zero",
    "page_seams",
    "pool_with_a_node_20_blocks_behind",
    "reorg_drops_a_deposit",
    "reorg_moves_and_reorders",
    "sums_beyond_a_uint256",
    "token_that_burns_a_fee",
    "two_deposits_in_one_block",
    "two_deposits_in_one_transaction",
    "week_of_downtime",
    "wrong_chain_behind_the_url",
}


def play(name: str) -> Outcome:
    scenario = loader.load(bundled.folder() / f"{name}.yaml")
    return runner.run(scenario, listener=documented_loop.run_listener)


@pytest.mark.parametrize("name", sorted(HELD))
def test_it_holds(name: str) -> None:
    outcome = play(name)
    assert outcome.verdict is Verdict.HELD, outcome.failure


@pytest.mark.parametrize("name", LOST)
def test_it_loses_each_time_in_the_same_way(name: str) -> None:
    first, second = play(name), play(name)
    assert first.verdict is Verdict.VIOLATED
    assert first.failure is not None
    assert first.failure.rule.partition(":")[0] == LOST[name]
    assert second.digest == first.digest


def test_every_bundled_scenario_is_known_to_be_lost_or_held() -> None:
    bundle = {path.stem for path in loader.find([bundled.folder()])}
    assert bundle == LOST.keys() | HELD
    assert not LOST.keys() & HELD
