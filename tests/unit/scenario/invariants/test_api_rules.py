"""I11, I12 and I13 as clients of the API see them, by an API that is made wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jwt
import pytest
from flask import request

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.invariants.evidence.admin_requests import ADMIN_ACTOR, PATH, AdminRequests
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.ledger_reader import AdminCreditRow
from ztdx_devnet.sim.processes import ApiAnswer, ApiProcess, ApiRequest
from ztdx_spot.api import admin, spot
from ztdx_spot.api.errors import ApiError
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


def rule(text: str = STEPS) -> str | None:
    """The invariant that goes red first."""
    outcome = runner.run(loader.parse(text, "api.yaml"))
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


def test_a_default_length_that_is_not_the_documented_one_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _listing(monkeypatch, lambda rows, limit: [] if limit == 50 else rows[:limit])
    assert rule() == "I12"


def test_a_greatest_length_below_the_documented_one_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spot, "LIMIT_MAX", 100)
    series = 'users: [alice], amount: "1.5", count: 4, every_blocks: 2}'
    assert series in STEPS
    many = STEPS.replace(series, 'users: [alice], amount: "1", count: 110, every_blocks: 1}')
    assert rule(many) == "I12"


@pytest.mark.parametrize("seed", [0, 2])
def test_a_length_that_only_some_limits_get_is_noticed(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are taken for 7: 1, 2 or 3 of four deposits are asked for, by seed."""
    _listing(monkeypatch, lambda rows, limit: rows[: limit if limit in (2, 50, 200) else 7])
    assert rule(f"{STEPS}seed: {seed}\n") == "I12"


def test_a_token_that_somebody_else_has_signed_must_be_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verified = jwt.decode

    def unverified(token: str, secret: str, algorithms: list[str], options: Any) -> Any:
        without = {**options, "verify_signature": False}
        return verified(token, secret, algorithms=algorithms, options=without)  # type: ignore[arg-type]

    monkeypatch.setattr(jwt, "decode", unverified)
    assert rule() == "I12"


def test_times_that_are_not_the_rows_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for other in ({"created_at": 1}, {"confirmed_at": 1}, {"confirmed_at": None}):
        with monkeypatch.context() as patch:
            changed = partial(replace, **other)
            _listing(patch, lambda rows, limit: [changed(row) for row in rows[:limit]])  # noqa: B023
            assert rule() == "I12"


def test_lists_that_a_signed_request_does_not_get_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _listing(monkeypatch, lambda rows, limit: [] if "signature" in request.args else rows[:limit])
    assert rule() == "I12"


def test_somebody_elses_balances_for_who_has_none_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = balances.balances_of
    alice = USERS["alice"].address_hex

    def lent(transaction: Any, user: str) -> Rows:
        return read(transaction, user) or read(transaction, alice)

    monkeypatch.setattr(spot, "balances_of", lent)
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


def test_a_refusal_of_the_same_key_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody got the first answer: that is what keys are for."""
    credit_once = admin._credit_once

    def once(context: Any, wanted: Any, key: str | None, digest: str) -> str:
        with context.database.read() as transaction:
            if key is not None and admin_credits.find_answer(transaction, key):
                raise ApiError("IDEMPOTENCY_KEY_REUSED")
        return str(credit_once(context, wanted, key, digest))

    monkeypatch.setattr(admin, "_credit_once", once)
    again = STEPS.replace(
        '"2", idempotency_key: k}\n  - admin_credit: {user: bob, amount: "3"}',
        '"2", idempotency_key: k, expect: {status: 409}}',
    )
    assert again != STEPS
    assert rule(again) == "I13"
    lost = again.replace("key: k}", "key: k, expect: {status: none}}").replace(
        "  - wait_until", "  - api_fault: {as: l, kind: dropped, first: 1}\n  - wait_until"
    )
    assert "status: none" in lost
    assert rule(lost) == "I13"


def _problems(
    exchanges: Sequence[tuple[bytes, int | None, bytes]], rows: Sequence[AdminCreditRow]
) -> list[tuple[str, str]]:
    """Of requests with one key and these bodies, statuses and answers."""
    requests = AdminRequests()
    for body, status, text in exchanges:
        request = ApiRequest("POST", PATH, {"Idempotency-Key": "k"}, body)
        requests.sent(request)
        requests.answered(request, None if status is None else ApiAnswer(status, {}, text))
    return list(requests.repeated(rows))


def test_other_answers_for_the_same_key_that_are_no_fault() -> None:
    alice = USERS["alice"].address_hex
    one, two = (
        json.dumps({"user_address": alice, "token": "DF", "amount": amount}).encode()
        for amount in ("1", "2")
    )
    made = [AdminCreditRow(1, "a", alice, "DF", "1", ADMIN_ACTOR)]
    ok = (one, 200, b"ok")
    for refused in (
        (one, 401, b"no such admin"),
        (one, 404, b"disabled"),
        (one, 500, b"DB_ERROR"),
        (one, None, b""),
    ):
        for order in ([refused, ok], [ok, refused]):
            assert not _problems(order, made)
    reused = (two, 409, b"reused")
    assert not _problems([ok, reused, ok], made)
    assert _problems([ok, reused, (one, 409, b"reused")], made)
    assert not _problems([(two, None, b""), (one, 409, b"")], [])  # the first may have been made


def test_another_body_under_a_used_key_must_be_refused_and_makes_nothing() -> None:
    alice = USERS["alice"].address_hex
    one, two = (
        json.dumps({"user_address": alice, "token": "DF", "amount": amount}).encode()
        for amount in ("1", "2")
    )
    first = AdminCreditRow(1, "a", alice, "DF", "1", ADMIN_ACTOR)
    second = AdminCreditRow(2, "b", alice, "DF", "2", ADMIN_ACTOR)
    ok, lost = (one, 200, b"ok"), (one, None, b"")
    reused = (two, 409, b"reused")
    assert not _problems([ok, reused], [first])
    assert _problems([ok, (two, 200, b"ok")], [first, second])
    assert _problems([ok, (two, 200, b"ok")], [first])
    assert _problems([ok, (one + b" ", 200, b"ok")], [first]), "other bytes are another body"
    assert not _problems([lost, (two, 200, b"ok")], [second]), "the first was never made"
    assert _problems([lost, (two, 200, b"ok")], [first, second])
    for made in ([], [first], [second]):
        assert not _problems([lost, (two, None, b"")], made)
    assert _problems([lost, (two, None, b"")], [first, second])


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


@pytest.mark.parametrize(
    "wrong", [{"reason": "other"}, {"token": "DF2"}, {"amount": "30"}], ids=str
)
def test_an_audit_row_that_says_something_else_than_the_request_is_noticed(
    wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Balance, audit row and entry agree with one another."""
    credit = admin_credits.credit

    def otherwise(transaction: Any, wanted: Any, credit_id: str, now_s: int) -> None:
        credit(transaction, replace(wanted, **wrong), credit_id, now_s)

    monkeypatch.setattr(admin_credits, "credit", otherwise)
    without_keys = STEPS.replace(", idempotency_key: k", "")
    assert rule(without_keys) == "I4"


def test_a_credit_that_is_made_and_refused_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    credit_once = admin._credit_once

    def refuse(context: Any, wanted: Any, key: str | None, digest: str) -> str:
        answer = credit_once(context, wanted, key, digest)
        if wanted.amount == "3":
            raise ApiError("INVALID_FIELD", "amount")
        return str(answer)

    monkeypatch.setattr(admin, "_credit_once", refuse)
    refused = STEPS.replace('amount: "3"}', 'amount: "3", expect: {status: 400}}')
    assert refused != STEPS
    assert rule(refused) == "I4"


def test_a_credit_whose_answer_nobody_got_may_have_been_made_or_not() -> None:
    alice = USERS["alice"].address_hex
    body = json.dumps({"user_address": alice, "token": "DF", "amount": "1"}).encode()
    made = [AdminCreditRow(1, "a", alice, "DF", "1", ADMIN_ACTOR)]
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
