"""Admin credits as their senders know them: what was asked for, and what was answered.

They are the truth about admin credits: whom, what, how much, why, and by whom. A request that is
open, or that nobody answered, may have been carried out or not.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ztdx_devnet.scenario.invariants.problems import decimal
from ztdx_devnet.sim.ledger_reader import AdminCreditRow, KeptAnswer, exact
from ztdx_devnet.sim.processes import ApiAnswer, ApiRequest
from ztdx_devnet.sim.user_acts import user_of

PATH = "/api/v1/admin/spot/balances/credit"
KEY_HEADER = "idempotency-key"
ADMIN_ACTOR = "admin_api_key"
"""Whom the audit row names: the admin key is shared, and there is no other."""
_CONFLICT = 409
_NOT_OF_THE_REQUEST = (401, 403, 404, 429)
"""Refusals that a request may get although the same one was accepted: they are not about it."""

_DIGITS_MAX = 1_000
"""Beyond it an exponent is nobody's amount, and would take all memory."""


class Credit(NamedTuple):
    """What is credited, and what its audit row says of it. A reason may be left out."""

    user: str
    token: str
    amount: Fraction
    reason: str | None
    actor: str = ADMIN_ACTOR


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
        self._of: dict[Credit, list[Submission]] = {}
        self._open: dict[int, Submission] = {}  # by the identity of the request
        self._exchanges = 0
        self._looked_at: tuple[int, Sequence[AdminCreditRow], Sequence[KeptAnswer]] = (0, (), ())
        self._made: tuple[Sequence[AdminCreditRow], Counter[Credit]] = ((), Counter())

    def sent(self, request: ApiRequest) -> None:
        credit = _credit_of(request)
        if credit is not None:
            keys = [v for name, v in request.headers.items() if name.lower() == KEY_HEADER]
            submission = Submission(request, credit, keys[0] if keys else None)
            self._sent.append(submission)
            self._of.setdefault(credit, []).append(submission)
            self._open[id(request)] = submission
            self._exchanges += 1

    def answered(self, request: ApiRequest, answer: ApiAnswer | None) -> None:
        submission = self._open.pop(id(request), None)
        if submission is not None and answer is not None:
            self._exchanges += 1
            known = answer.status < 500 or b"DB_ERROR" in answer.body
            submission.accepted = answer.status == 200 if known else None
            submission.status, submission.answer = answer.status, answer.body

    def has_news(self, rows: Sequence[AdminCreditRow], kept: Sequence[KeptAnswer]) -> bool:
        """Whether a request, an answer or a row has come since this was asked last."""
        now = (self._exchanges, rows, kept)
        before, self._looked_at = self._looked_at, now
        return now[0] != before[0] or rows is not before[1] or kept is not before[2]

    def unasked(self, rows: Sequence[AdminCreditRow]) -> Iterator[str]:
        """The credits that more rows say were made than were asked for without a key."""
        for credit, times in self._made_of(rows).items():
            at_most = self._possible(credit)
            if times > at_most and not any(s.key for s in self._of.get(credit, ())):
                yield f"{_text(credit)} {times} times, asked for {at_most} times"

    def repeated(self, rows: Sequence[AdminCreditRow]) -> Iterator[tuple[str, str]]:
        """What was made of requests, where it is not what they ask for, each key once."""
        if not self._sent:
            return
        made = self._made_of(rows)
        for credit, submissions in self._of.items():
            times, at_most = made[credit], self._possible(credit)
            if times > at_most and any(s.key for s in submissions):
                yield f"{_text(credit)} at most {at_most} times", f"{times} times"
            due = self._due(credit)
            if times < due:
                yield f"{_text(credit)} {due} times, as was answered", f"{times} times"
        keyed = {c: of for c, of in self._of.items() if any(s.key for s in of)}
        times = sum(made[credit] for credit in keyed)
        at_most = _times(s for of in keyed.values() for s in of if s.accepted is not False)
        if times > at_most:
            yield f"at most {at_most} credits, as there are keys", f"{times}"
        for first, other in self._same_keys():
            if first.request.body != other.request.body:
                expected = f"{_CONFLICT} for another body under key {first.key}"
                yield expected, f"{other.status} {other.answer!r}"
            elif first.answer != other.answer:
                yield f"the answer that key {first.key} got: {first.answer!r}", repr(other.answer)
        for refused in self._refused_again():
            yield (
                f"the answer of the only request with key {refused.key}",
                f"{refused.status} {refused.answer!r}",
            )

    def misremembered(
        self, kept: Sequence[KeptAnswer], rows: Sequence[AdminCreditRow]
    ) -> Iterator[tuple[str, str]]:
        """What is kept under a key, where it is not what was asked for and answered with it."""
        with_key: dict[tuple[str, str], list[Submission]] = {}
        for submission in self._sent:
            if submission.key is not None and submission.accepted is not False:
                digest = hashlib.sha256(submission.request.body).hexdigest()
                with_key.setdefault((submission.key, digest), []).append(submission)
        if not (kept or with_key):
            return
        made = {row.id: _credit_in(row) for row in rows}
        for each in kept:
            submissions = with_key.pop((each.key, each.body_sha256), [])
            if not submissions:
                seen = f"key {each.key} for a body {each.body_sha256}"
                yield "keys that were sent, each with its body", seen
                continue
            for submission in submissions:
                if made.get(each.admin_credit_id) != submission.credit:
                    expected = f"{_text(submission.credit)} for key {each.key}"
                    yield expected, f"that of row {each.admin_credit_id}"
                if submission.accepted and submission.answer != each.answer.encode():
                    expected = f"the answer that key {each.key} got: {submission.answer!r}"
                    yield expected, f"{each.answer!r} is kept"
        for (key, _), submissions in with_key.items():
            if any(submission.accepted for submission in submissions):
                yield f"what was made and answered with key {key} is kept", "it is not"

    def _made_of(self, rows: Sequence[AdminCreditRow]) -> Counter[Credit]:
        if self._made[0] is not rows:
            self._made = (rows, Counter(map(_credit_in, rows)))
        return self._made[1]

    def _possible(self, credit: Credit) -> int:
        return _times(s for s in self._of.get(credit, ()) if s.accepted is not False)

    def _due(self, credit: Credit) -> int:
        return _times(s for s in self._of.get(credit, ()) if s.accepted)

    def _same_keys(self) -> Iterator[tuple[Submission, Submission]]:
        """Accepted requests with one key, each with the first of them."""
        first: dict[str, Submission] = {}
        for submission in self._sent:
            if submission.key is not None and submission.accepted:
                yield first.setdefault(submission.key, submission), submission

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


def _credit_in(row: AdminCreditRow) -> Credit:
    return Credit(row.user, row.token, exact(row.amount), row.reason, row.admin_actor)


def _text(credit: Credit) -> str:
    user, token, amount, reason, actor = credit
    why = "no reason" if reason is None else f"reason {reason!r}"
    return f"a credit of {decimal(amount)} {token} to {user_of(user)} by {actor} for {why}"


def _credit_of(request: ApiRequest) -> Credit | None:
    """What a well-formed request asks for; None: nobody could carry it out."""
    if request.method != "POST" or unquote(urlsplit(request.target).path) != PATH:
        return None
    try:
        body = json.loads(request.body)
        user, token, amount = body["user_address"], body["token"], body["amount"]
        reason = body.get("reason")
        if not (isinstance(token, str) and isinstance(reason, str | None)):
            return None
        if abs(Decimal(amount).adjusted()) > _DIGITS_MAX:
            return None
        return Credit(user.lower(), token, Fraction(amount), reason)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
