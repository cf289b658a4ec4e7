"""What the timeline knows of a run, read from its journal."""

from __future__ import annotations

from ztdx_devnet.report.timeline.events import event_rows
from ztdx_devnet.report.timeline.model import Facts, Life, Track

from .runs import BATCHED, FAILS_AT_ITS_CHECK, bundled_run, double_credit, facts_of, life, run_of


def kinds(one: Life, track: Track) -> list[str]:
    return [moment.kind for moment in one.moments if moment.track == track]


def at_s(facts: Facts, one: Life, kind: str) -> float:
    moment = next(moment for moment in one.moments if moment.kind == kind)
    return (moment.at_us - facts.started_us) / 1_000_000


def test_a_deposit_is_sent_mined_final_and_credited() -> None:
    facts = facts_of(bundled_run("two_deposits_in_one_block"))
    for one in facts.lives.values():
        assert kinds(one, "chain") == ["sent", "mined", "final"]
        assert kinds(one, "product") == ["credited"]
        assert not one.wrong


def test_a_second_credit_of_a_deposit_is_wrong_and_the_first_is_not() -> None:
    facts = facts_of(double_credit())
    for name in ("d1", "d2"):
        one = life(facts, name)
        assert kinds(one, "chain") == ["sent", "mined", "final", "orphaned", "again", "final"]
        found = [moment for moment in one.moments if moment.kind == "credited"]
        assert [moment.wrong for moment in found] == [False, True]


def test_the_first_false_instant_is_that_of_the_outcome() -> None:
    run = double_credit()
    facts = facts_of(run)
    assert run.outcome.failure is not None
    assert facts.first_false_us == run.started_us + run.outcome.failure.at_us
    assert facts.first_false_tick is not None
    assert facts.entries[facts.first_false_tick].actor == "oracle"


def test_rows_of_a_violated_run_tell_who_is_credited_again_and_who_is_off_the_chain() -> None:
    rows = facts_of(double_credit()).rows
    assert [(row.name, row.block, row.again, row.misplaced) for row in rows.values()] == [
        ("d1", 1006, False, True),
        ("d2", 1006, False, True),
        ("d2", 1032, True, False),
        ("d1", 1032, True, False),
    ]


def test_a_branch_that_was_left_for_good_is_an_orphan_and_the_one_come_back_to_is_not() -> None:
    facts = facts_of(bundled_run("fork_and_back"))
    assert facts.current == "main"
    assert [(branch.name, first) for branch, first, _ in facts.orphans()] == [("other", 1001)]
    assert facts.path() == [("main", 0, facts.head)]
    assert [len(branch.canonical_us) for branch in facts.branches.values()] == [2, 1]


def test_a_branch_on_a_branch_knows_the_blocks_of_both() -> None:
    facts = facts_of(bundled_run("reorg_on_reorg"))
    assert [name for name, _, _ in facts.path()] == ["main", "branch-3"]
    assert [branch.name for branch, _, _ in facts.orphans()] == ["main", "branch-2"]


def test_a_reversal_and_a_move_are_moments_of_the_product() -> None:
    facts = facts_of(bundled_run("fork_and_back"))
    assert kinds(life(facts, "d1"), "product") == ["credited", "reversed", "credited"]
    assert kinds(life(facts, "d2"), "product") == ["credited", "moved", "moved"]
    assert not any(one.wrong for one in facts.lives.values())
    assert not any(row.wrong for row in facts.rows.values())


def test_a_deposit_becomes_final_within_a_run_of_blocks_that_is_one_entry() -> None:
    facts = facts_of(run_of(BATCHED))
    one = life(facts, "d1")
    assert one.amount == "1.5 DF"
    assert at_s(facts, one, "final") - at_s(facts, one, "mined") == 20 * 2


def test_the_cursor_is_where_the_ledger_says() -> None:
    facts = facts_of(double_credit())
    assert facts.cursor == 1052


def test_a_fault_has_its_hits_and_the_times_at_which_it_fired() -> None:
    (fault,) = facts_of(bundled_run("truncated_page")).faults
    assert (fault.name, fault.hits, len(fault.fired_us)) == ("half", 1, 1)
    assert fault.ended_us is not None


def test_a_process_ran_in_two_spans_when_it_was_killed_and_started() -> None:
    ran_us = facts_of(double_credit()).processes["listener"].ran_us
    assert [to is None for _, to in ran_us] == [False, True]


def test_a_dropped_deposit_stands_nowhere_and_its_row_is_off_the_chain() -> None:
    facts = facts_of(bundled_run("deep_reorg_drops_a_credited_deposit", documented=True))
    gone = life(facts, "gone")
    assert kinds(gone, "chain")[-2:] == ["dropped", "orphaned"]
    assert gone.standing is None
    assert [row.name for row in facts.rows.values() if row.misplaced] == ["gone", "stays"]


def test_a_check_that_fails_is_first_false_at_the_last_thing_that_happened() -> None:
    facts = facts_of(run_of(FAILS_AT_ITS_CHECK))
    assert facts.first_false_us == facts.ended_us
    assert facts.first_false_tick is not None
    assert facts.entries[facts.first_false_tick].kind != "verdict"
    assert sum(row.first_false for row in event_rows(facts)) == 1


def test_a_listener_that_is_killed_and_started_at_once_runs_on() -> None:
    text = "title: t\nsteps: [mine: 3, kill_listener, start_listener, mine: 3]\n"
    first, second = facts_of(run_of(text)).processes["listener"].ran_us
    assert first[1] == second[0]
    assert second[1] is None
    text = text.replace("start_listener,", "start_listener, kill_listener, start_listener,")
    assert [to is None for _, to in facts_of(run_of(text)).processes["listener"].ran_us] == [
        False,
        False,
        True,
    ]
