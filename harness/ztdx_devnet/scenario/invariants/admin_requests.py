"""Admin credits as their senders know them: what was asked for, and what was answered.

They are the truth about admin credits. A request that is open, or that nobody answered, may have
been carried out or not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ztdx_devnet.scenario.invariants.problems import decimal
from ztdx_devnet.sim.ledger_reader import AdminCreditRow, exact
from ztdx_devnet.sim.processes import ApiAnswer, ApiRequest
from ztdx_devnet.sim.user_acts import user_of

PATH = "/api/v1/admin/spot/balances/credit"
KEY_HEADER = "idempotency-key"
_CONFLICT = 409
_NOT_OF_THE_REQUEST = (401, 403, 404, 429)
"""Refusals that a request may get although the same one was accepted: they are not about it."""

_DIGITS_MAX = 1_000
"""Beyond it an exponent is nobody's amount, and would take all memory."""

Credit = tuple[str, str, Fraction]
"""User, token and amount."""


@dataclass(eq=False, slots=True)
class Submission:
    """One request. `accepted` is None until it is known, and stays so if nobody answered."""

    request: ApiRequest
    credit: Credit
    key: str | None
    accepted: bool | None = None
    status: int | None = None
    answer: bytes = b""


class AdminRequests:
    """Every request for an admin credit of a run, in the order of sending."""

    def __init__(self) -> None:
        self._sent: list[Submission] = []

    def sent(self, request: ApiRequest) -> None:
        credit = _credit_of(request)
        if credit is not None:
            keys = [v for name, v in request.headers.items() if name.lower() == KEY_HEADER]
            self._sent.append(Submission(request, credit, keys[0] if keys else None))

    def answered(self, request: ApiRequest, answer: ApiAnswer | None) -> None:
        for submission in self._sent:
            if submission.request is request and answer is not None:
                known = answer.status < 500 or b"DB_ERROR" in answer.body
                submission.accepted = answer.status == 200 if known else None
                submission.status, submission.answer = answer.status, answer.body

    def unasked(self, rows: Iterable[AdminCreditRow]) -> Iterator[str]:
        """The credits that more rows say were made than were asked for without a key."""
        if rows:
            for credit, times in _made(rows).items():
                at_most = self._possible(credit)
                if times > at_most and not any(s.key for s in self._of(credit)):
                    yield f"{_text(credit)} {times} times, asked for {at_most} times"

    def repeated(self, rows: Iterable[AdminCreditRow]) -> Iterator[tuple[str, str]]:
        """What was made of requests with a key, where it is not what they ask for."""
        made = _made(rows)
        for credit in dict.fromkeys(submission.credit for submission in self._sent):
            times, at_most = made[credit], self._possible(credit)
            if times > at_most and any(s.key for s in self._of(credit)):
                yield f"{_text(credit)} at most {at_most} times", f"{times} times"
            due = self._due(credit)
            if times < due:
                yield f"{_text(credit)} {due} times, as was answered", f"{times} times"
        for first, other in self._same_requests():
            if first.answer != other.answer:
                yield f"the answer that key {first.key} got: {first.answer!r}", repr(other.answer)
        for refused in self._refused_again():
            yield (
                f"the answer of the only request with key {refused.key}",
                f"{refused.status} {refused.answer!r}",
            )

    def _of(self, credit: Credit) -> list[Submission]:
        return [s for s in self._sent if s.credit == credit]

    def _possible(self, credit: Credit) -> int:
        return _times(s for s in self._of(credit) if s.accepted is not False)

    def _due(self, credit: Credit) -> int:
        return _times(s for s in self._of(credit) if s.accepted)

    def _same_requests(self) -> Iterator[tuple[Submission, Submission]]:
        """Accepted requests with one key and one body, each with the first of them."""
        first: dict[tuple[str, bytes], Submission] = {}
        for submission in self._sent:
            if submission.key is not None and submission.accepted:
                identity = (submission.key, submission.request.body)
                yield first.setdefault(identity, submission), submission

    def _refused_again(self) -> Iterator[Submission]:
        """Requests that were refused for what was accepted, or for a key that only they had.

        The latter also where nobody got an answer yet: that is what keys are for.
        """
        keyed = [s for s in self._sent if s.key is not None]
        for refused in keyed:
            if refused.accepted is not False or refused.status in _NOT_OF_THE_REQUEST:
                continue
            if refused.status is None or refused.status >= 500:
                continue
            same_key = [s for s in keyed if s.key == refused.key]
            body = refused.request.body
            accepted = any(s.accepted and s.request.body == body for s in same_key)
            alone = all(s.request.body == body for s in same_key)
            if accepted or (alone and refused.status == _CONFLICT):
                yield refused


def _times(submissions: Iterable[Submission]) -> int:
    """How many credits they can make: those with one key make one."""
    keys = [submission.key for submission in submissions]
    return keys.count(None) + len({key for key in keys if key is not None})


def _made(rows: Iterable[AdminCreditRow]) -> Counter[Credit]:
    return Counter((row.user, row.token, exact(row.amount)) for row in rows)


def _text(credit: Credit) -> str:
    user, token, amount = credit
    return f"a credit of {decimal(amount)} {token} to {user_of(user)}"


def _credit_of(request: ApiRequest) -> Credit | None:
    """What a well-formed request asks for; None: nobody could carry it out."""
    if request.method != "POST" or request.target.partition("?")[0] != PATH:
        return None
    try:
        body = json.loads(request.body)
        user, token, amount = body["user_address"], body["token"], body["amount"]
        if not isinstance(token, str) or abs(Decimal(amount).adjusted()) > _DIGITS_MAX:
            return None
        return (user.lower(), token, Fraction(amount))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
