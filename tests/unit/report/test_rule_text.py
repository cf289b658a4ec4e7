"""The broken rule as a sentence."""

from __future__ import annotations

import pytest

from ztdx_devnet.report.failure import rule_text

from .runs import run_of

SOCKET = """
title: A frame that never comes
steps:
  - ws: {as: c1}
  - ws: {socket: c1, expect: {type: nonsense}, within: 1s}
"""
SPENT = """
title: More than there is
steps:
  - debit: {user: alice, amount: "1"}
"""
REFUSED = """
title: Another answer
steps:
  - wait: 5s
  - api: {method: GET, path: /healthz, expect: {status: 418}}
"""


@pytest.mark.parametrize(("text", "rule"), [(SOCKET, "ws c1"), (SPENT, "debit")])
def test_a_step_that_failed_is_told_as_a_sentence(text: str, rule: str) -> None:
    failure = run_of(text).outcome.failure
    assert failure is not None
    assert rule_text(failure) == f"{rule}: the step came out otherwise than it says"


def test_an_answer_that_was_not_expected_is_told_as_a_sentence() -> None:
    failure = run_of(REFUSED).outcome.failure
    assert failure is not None
    assert rule_text(failure).endswith(": the step came out otherwise than it says")
