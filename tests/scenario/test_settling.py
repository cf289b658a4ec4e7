"""The settling: it waits for all that is still to come, and for nothing that will not."""

from __future__ import annotations

import pytest

from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.runner import Run
from ztdx_devnet.scenario.verdict import Verdict


def play(text: str) -> Run:
    return runner.play(loader.parse(text, "settling.yaml"))


def test_a_deposit_that_still_waits_is_mined_and_must_be_credited() -> None:
    run = play(
        """
title: Nothing but a deposit
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
check: {eventually: [{credited: [d1]}]}
"""
    )
    assert run.outcome.failure is None
    assert run.outcome.verdict is Verdict.HELD


def test_what_can_never_be_mined_is_not_waited_for() -> None:
    run = play(
        """
title: A deposit behind a nonce that never comes
steps:
  - mine: 3
  - deposit: {as: d1, user: alice, amount: "1"}
  - deposit: {as: d2, user: alice, amount: "2"}
  - mine: 1
  - reorg: {depth: 2, drop: [d1]}
check: {eventually: [{not_credited: [d1, d2]}]}
"""
    )
    assert run.outcome.failure is None


def test_a_run_without_anything_still_needs_a_listener_that_moves() -> None:
    run = play("title: t\nsteps:\n  - note: nothing\n")
    moves = [e for e in run.journal if e.kind == "commit" and "cursor" in e.payload]
    assert run.outcome.verdict is Verdict.HELD
    assert max(e.payload["cursor"] for e in moves) > 1_000


def test_a_page_that_was_read_before_the_last_reorg_is_no_proof_of_having_seen_it() -> None:
    run = play(
        """
title: A page in flight
given: {confirmation_depth: 1}
steps:
  - mine: 5
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 4
  - wait_until: {credited: [d1], within: 20s}
  - stop_listener
  - mine: 60
  - start_listener
  - wait: 55ms
  - reorg: {depth: 66, length: 1, drop: [d1]}
check: {eventually: [{reversed: [d1]}]}
"""
    )
    assert run.outcome.failure is None


def test_a_chain_that_was_reset_leaves_the_time_that_it_takes() -> None:
    run = play(
        """
title: A reset before the first commit
given: {confirmation_depth: 1}
steps:
  - reset_chain: {same_genesis: true}
"""
    )
    assert run.outcome.failure is None


def test_a_request_that_hangs_when_faults_are_lifted_may_end_as_it_would() -> None:
    run = play(
        """
title: A node that hangs until the end
given: {confirmation_depth: 1, poll_interval_ms: 500}
steps:
  - transport_fault: {as: f1, kind: hang}
  - wait: 14s
"""
    )
    assert run.outcome.failure is None


def test_a_request_that_still_hangs_when_its_fault_is_used_up_excuses_the_listener() -> None:
    run = play(
        """
title: A request hangs while credited rows are off the chain
given: {poll_interval_ms: 500}
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 22
  - wait_until: {credited: [d1], within: 60s}
  - transport_fault: {as: f1, kind: hang, last: 1}
  - wait: 600ms
  - reorg: {depth: 24, drop: [d1]}
  - wait: 4s
  - wait: 3s
check: {eventually: [{reversed: [d1]}]}
"""
    )
    assert run.outcome.failure is None


def test_a_listener_that_has_learned_small_pages_may_get_on_slowly() -> None:
    run = play(
        """
title: Two blocks a page until the end
given: {confirmation_depth: 3, poll_interval_ms: 10000}
steps:
  - node_view: {as: capped, range_blocks: 2}
  - pool: {as: p, nodes: [capped]}
  - stop_listener
  - mine: 100
  - start_listener
  - wait: 50s
"""
    )
    assert run.outcome.failure is None


def test_a_listener_that_stays_slow_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ztdx_spot.listener.window.BLOCKS_PER_PAGE_MAX", 1)
    run = play(
        """
title: One block a poll, also when thousands wait
steps:
  - answer_fault: {as: f1, method: eth_getLogs, kind: error, code: -32000, message: later, last: 1}
  - mine: 30
  - stop_listener
  - mine: 3000
  - start_listener
"""
    )
    assert run.outcome.failure is not None
    assert run.outcome.failure.rule.startswith("I10: ")
    started_us = 3_030 * 2_000_000
    assert run.outcome.virtual_us < started_us + 30 * 60 * 1_000_000


def test_a_listener_that_never_catches_up_is_told_with_its_rule() -> None:
    run = play(
        """
title: The listener is gone
steps:
  - kill_listener
"""
    )
    assert run.outcome.failure is not None
    assert run.outcome.failure.part == "settling"
    assert run.outcome.failure.rule.startswith("I10: ")
    assert "the listener does not run" in run.outcome.failure.actual
