"""I11, I12 and I13 as clients of the API see them, by an API that is made wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.invariants.admin_requests import PATH, AdminRequests
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.ledger_reader import AdminCreditRow
from ztdx_devnet.sim.processes import ApiAnswer, ApiProcess, ApiRequest
from ztdx_spot.api import admin, spot
from ztdx_spot.ledger import admin_credits, balances

STEPS = """
title: Deposits, a credit and its repetition
steps:
  - deposit_series: {as: d, users: [alice], amount: "1.5", count: 4, every_blocks: 2}
  - mine: 21
  - wait_until: {credited: [d-1, d-2, d-3, d-4], within: 60s}
  - admin_credit: {user: bob, amount: "2", idempotency_key: k}
  - admin_credit: {user: bob, amount: "2", idempotency_key: k}
  - admin_credit: {user: bob, amount: "3"}
"""


def rule() -> str | None:
    """The invariant that goes red first."""
    outcome = runner.run(loader.parse(STEPS, "api.yaml"))
    if outcome.verdict is Verdict.HELD:
        return None
    assert outcome.failure is not None
    return outcome.failure.rule.partition(":")[0]


def test_a_right_api_is_no_violation() -> None:
    assert rule() is None


Rows = list[Any]


def _listing(patch: pytest.MonkeyPatch, change: Callable[[Rows, int], Rows]) -> None:
    """Change what the list of deposits is made of; the change gets all rows and the limit."""
    read = spot.confirmed_deposits_of

    def changed(transaction: Any, user: str, limit: int) -> Rows:
        return change(read(transaction, user, 200), limit)

    patch.setattr(spot, "confirmed_deposits_of", changed)


def test_pages_that_repeat_a_row_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _listing(monkeypatch, lambda rows, limit: (rows[:1] + rows)[:limit])
    assert rule() == "I12"


def test_a_list_without_its_oldest_row_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _listing(monkeypatch, lambda rows, limit: rows[: max(1, min(limit, len(rows) - 1))])
    assert rule() == "I12"


def test_an_order_that_depends_on_the_limit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _listing(monkeypatch, lambda rows, limit: rows[::-1][:limit] if limit < 200 else rows)
    assert rule() == "I12"


def test_balances_of_another_moment_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spot, "balances_of", lambda *_: [])
    assert rule() == "I12"


def test_an_amount_that_the_api_spells_otherwise_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spelled(rows: Rows, limit: int) -> Rows:
        return [replace(row, amount=f"{float(row.amount):.2f}") for row in rows[:limit]]

    _listing(monkeypatch, spelled)
    assert rule() == "I11"


def test_a_balance_that_the_api_spells_otherwise_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = balances.balances_of

    def spelled(transaction: Any, user: str) -> Rows:
        found = read(transaction, user)
        return [replace(one, available=f"{float(one.available):.2f}") for one in found]

    monkeypatch.setattr(spot, "balances_of", spelled)
    assert rule() == "I11"


def test_an_answer_to_somebody_else_is_compared_in_passing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the scenario's own request is answered wrong: no walk would notice."""
    respond = ApiProcess._respond

    def respell(self: ApiProcess, asked: ApiRequest) -> ApiAnswer:
        answer = respond(self, asked)
        if not asked.target.endswith("limit=7"):
            return answer
        return ApiAnswer(answer.status, answer.headers, answer.body.replace(b'"1.5"', b'"1.50"'))

    monkeypatch.setattr(ApiProcess, "_respond", respell)
    text = STEPS + '  - api: {path: "/spot/deposits?limit=7", as: alice, expect: {status: 200}}\n'
    failure = runner.run(loader.parse(text, "api.yaml")).failure
    assert failure is not None
    assert failure.rule.startswith("I11:")
    assert "'1.50' in the API's answer" in failure.actual


def test_a_key_that_credits_each_time_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Balance, audit row and entry agree with one another; only who sent the requests knows."""
    monkeypatch.setattr(admin_credits, "find_answer", lambda *_: None)
    monkeypatch.setattr(admin_credits, "keep_answer", lambda *_: None)
    assert rule() == "I13"


def test_another_answer_for_the_same_key_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = iter(['{"ok":true}\n', '{"ok": true}\n', '{"ok":true}\n'])
    credit_once = admin._credit_once

    def other(*arguments: Any) -> str:
        credit_once(*arguments)
        return next(bodies)

    monkeypatch.setattr(admin, "_credit_once", other)
    assert rule() == "I13"


def test_a_credit_that_was_promised_and_not_made_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admin, "_credit_once", lambda *_: admin.CREDITED)
    assert rule() == "I13"


def test_a_credit_that_is_doubled_together_with_its_audit_row_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credit = admin_credits.credit

    def twice(transaction: Any, wanted: Any, credit_id: str, now_s: int) -> None:
        credit(transaction, wanted, credit_id, now_s)
        if wanted.amount == "3":  # the one without a key
            credit(transaction, wanted, f"{credit_id[:-1]}x", now_s)

    monkeypatch.setattr(admin_credits, "credit", twice)
    assert rule() == "I4"


def test_a_credit_whose_answer_nobody_got_may_have_been_made_or_not() -> None:
    alice = USERS["alice"].address_hex
    body = json.dumps({"user_address": alice, "token": "DF", "amount": "1"}).encode()
    made = [AdminCreditRow(1, "a", alice, "DF", "1")]
    for key in ({}, {"Idempotency-Key": "k"}):
        requests = AdminRequests()
        lost = ApiRequest("POST", PATH, key, body)
        requests.sent(lost)
        requests.answered(lost, None)
        for rows in ([], made):
            assert not [*requests.unasked(rows), *requests.repeated(rows)]
        assert [*requests.unasked(made * 2), *requests.repeated(made * 2)]
        again = ApiRequest("POST", PATH, key, body)
        requests.sent(again)
        requests.answered(again, ApiAnswer(200, {}, b""))
        assert bool([*requests.repeated([])])
        assert not [*requests.unasked(made), *requests.repeated(made)]
        # Without a key both may have been made.
        assert bool([*requests.unasked(made * 2), *requests.repeated(made * 2)]) is bool(key)
