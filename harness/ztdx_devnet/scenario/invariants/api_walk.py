"""I12: walks through the lists of the API, as an actor of its own, and compares with the ledger.

The API takes no cursor and no filter but `limit`: pages are the heads of one list. A walk asks for
several lengths; each answer must be the head of the ledger's list, in its documented order, and the
balances those of the ledger, as it was before or after the request. After settling the API must
answer at all, unless the scenario killed it; one user also asks with signed requests, and somebody
with a forged token of that user. On the way I15 has the walk ask /readyz.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.faults.clock import ClockJump
from ztdx_devnet.faults.processes import CrashPoint
from ztdx_devnet.faults.storage import DatabaseLock, StatementFault
from ztdx_devnet.scenario.invariants.problems import Problem
from ztdx_devnet.sim.health import health
from ztdx_devnet.sim.kernel import Actor
from ztdx_devnet.sim.ledger_reader import DepositRow, LedgerSnapshot
from ztdx_devnet.sim.processes import API_ANSWERS_WITHIN_US, ApiAnswer, ApiRequest
from ztdx_devnet.sim.product import API
from ztdx_devnet.sim.user_acts import user_of
from ztdx_devnet.sim.world import World
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.errors import DatabaseBusyError

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
"""As the API's documents say them."""
_FEW = 2
_TOO_MANY = 1_000
WALKS_DURING_WRITES_MAX = 4
_ATTEMPTS = 3
_UNAUTHORIZED = 401
_BASE = "/api/v1/spot"
_READINESS = "/readyz"


class ApiWalk:
    """Asks the API's own process, past any gateway; what it asks is in no journal."""

    def __init__(self, world: World, report: Callable[[str, Problem], None]) -> None:
        self._world = world
        self._report = report
        self._actor: Actor | None = None
        self._due: list[Callable[[], None]] = []
        self._changes = 0
        self._walks = 0
        self._told = False

    def ledger_changed(self, ledger: LedgerSnapshot) -> None:
        """At the 1st, 2nd, 4th, … change, somebody looks at the newest deposit's user meanwhile.

        Not while a fault is armed: a crash that counts the API's boundaries counts ours, too.
        """
        self._changes += 1
        world = self._world
        rare = self._changes & (self._changes - 1) == 0
        if not (rare and ledger.deposits) or self._walks >= WALKS_DURING_WRITES_MAX:
            return
        if world.faults.any_may_fire or not world.product.api.running:
            return
        self._walks += 1
        newest = ledger.deposits[-1].user
        self._have_walked(lambda: self._walk(newest, (_FEW, LIMIT_MAX), settled=False))

    def health_doubted(self) -> None:
        """Somebody looks at /readyz meanwhile.

        Not while a fault can touch what the API says, or counts its boundaries.
        """
        if self._world.product.api.running and not self._api_is_touched:
            self._have_walked(lambda: self._compare_readiness(settled=False))

    def walk_all(self) -> None:
        """Every user's lists, by whoever runs; nothing if the scenario killed the API."""
        if not self._is_there():
            return
        ledger = self._world.ledger
        counts = {user: 0 for user, _ in sorted(ledger.available)}
        for row in ledger.deposits:
            counts[row.user] = counts.get(row.user, 0) + (row.status == "confirmed")
        known = [user for user in counts if user_of(user) in USERS]
        busiest = max(known, key=lambda user: counts[user], default=None)
        self._compare_readiness(settled=True)
        for user in known:
            few = self._some(counts[user])
            if user == busiest:
                self._walk(user, (None, few, LIMIT_MAX, _TOO_MANY), settled=True)
                self._walk(user, (None,), settled=True, signed=True)
                self._try_forged(user_of(user))
            else:
                more = (LIMIT_MAX,) if counts[user] > LIMIT_DEFAULT else ()
                self._walk(user, (None, few, *more), settled=True)
        idle = (account.address_hex for account in USERS.values())
        for user in [user for user in idle if user not in counts][:1]:
            self._walk(user, (None,), settled=True)

    def _some(self, deposits: int) -> int:
        """A limit for a list of so many, as the seed has it: less than all, if there are two."""
        return 1 + self._world.settings.seed % max(1, min(deposits, LIMIT_MAX) - 1)

    def _try_forged(self, user: str) -> None:
        """The list is for the user alone: who forges a token must get nothing."""
        path = f"{_BASE}/deposits"
        forged = {"Authorization": f"Bearer {self._world.product.operator.forge_jwt(user)}"}
        asked = f"{path} of {user} with a forged token"
        answer = self._answer(asked, lambda: self._send(ApiRequest("GET", path, forged)), True)
        if answer is not None and answer.status != _UNAUTHORIZED:
            self._tell("I12", Problem(f"{_UNAUTHORIZED} for {asked}", f"{answer.status}"))

    def _have_walked(self, walk: Callable[[], None]) -> None:
        """By the actor that walks beside the scenario."""
        self._due.append(walk)
        if self._actor is None or not self._actor.alive:
            self._actor = self._world.kernel.spawn("walker", self._walk_for_ever)
        else:
            self._world.kernel.wake(self._actor)

    def _walk_for_ever(self) -> None:
        while True:
            while self._due:
                self._due.pop(0)()
            self._world.kernel.park("idle")

    @property
    def _api_is_touched(self) -> bool:
        """Whether a fault can change what the API says, or counts its boundaries."""
        faults = self._world.faults
        return any((faults.of(CrashPoint), faults.of(ClockJump), faults.of(StatementFault)))

    def _is_there(self) -> bool:
        """Whether the API runs; says so where it has died by itself."""
        api = self._world.product.api
        failure = api.failure
        if failure is not None and not self._is_excused(failure):
            self._tell("I12", Problem("an API that answers", f"it died: {type(failure).__name__}"))
        return api.running

    def _is_excused(self, failure: BaseException) -> bool:
        """Whether it died of a fault of the database."""
        met = any(
            fault.hits
            for fault in self._world.faults
            if isinstance(fault, DatabaseLock)
            or (isinstance(fault, StatementFault) and fault.process in (None, API))
        )
        return met and isinstance(failure, sqlite3.Error | DatabaseBusyError)

    def _walk(
        self, address: str, limits: Sequence[int | None], *, settled: bool, signed: bool = False
    ) -> None:
        """The user's balances, and deposits: None asks without a limit."""
        user = user_of(address)
        if user not in USERS:
            return
        send = self._ask_signed if signed else self._ask
        for limit in limits:
            path = f"{_BASE}/deposits" + ("" if limit is None else f"?limit={limit}")
            length = LIMIT_DEFAULT if limit is None else min(limit, LIMIT_MAX)
            self._compare(
                f"{path} of {user}",
                lambda path=path: send(user, path),  # type: ignore[misc]
                lambda ledger, n=length: listed(ledger, address)[:n],  # type: ignore[misc]
                settled,
            )
        path = f"{_BASE}/balances"
        self._compare(
            f"{path} of {user}",
            lambda: send(user, path),
            lambda ledger: {"balances": balances(ledger, address)},
            settled,
        )

    def _compare(
        self,
        what: str,
        ask: Callable[[], ApiAnswer | None],
        expected_of: Callable[[LedgerSnapshot], Any],
        settled: bool,
    ) -> None:
        for _ in range(_ATTEMPTS):
            if not settled and self._world.faults.any_may_fire:
                return  # it was armed since this was due
            before, changes = self._world.ledger, self._changes
            answer = self._answer(what, ask, settled)
            if answer is None:
                return
            after = self._world.ledger
            if answer.status != 200:
                if settled:
                    self._tell("I12", Problem(f"{what} answered", f"{answer.status}"))
                return
            seen = _json(answer)
            if any(seen == expected_of(ledger) for ledger in (before, after)):
                return
            if self._changes - changes <= 1:  # else there was a state between the two
                self._differ(what, expected_of(after), seen)
                return

    def _differ(self, what: str, expected: Any, seen: Any) -> None:
        """Say which invariant an answer breaks: only its amounts, or more than that."""
        rule = "I11" if _without_amounts(seen) == _without_amounts(expected) else "I12"
        self._tell(rule, Problem(f"{what}: {json.dumps(expected)}", json.dumps(seen)))

    def _compare_readiness(self, *, settled: bool) -> None:
        """I15: what /readyz says is what health is, before or after the request.

        Nothing is said of an answer during which a fault was armed.
        """
        faults = self._world.faults
        for _ in range(_ATTEMPTS):
            if self._api_is_touched:
                return
            armed, before = len(faults), self._readiness()
            request = ApiRequest("GET", _READINESS)
            answer = self._answer(_READINESS, lambda: self._send(request), settled)  # noqa: B023
            if answer is None:
                return
            after = self._readiness()
            seen = (answer.status, _json(answer))
            if seen in (before, after) or len(faults) != armed:
                return
        self._tell("I15", Problem(f"{_READINESS}: {_shown(after)}", _shown(seen)))

    def _readiness(self) -> tuple[int, Any]:
        verdict = health(self._world)
        return (200 if verdict.ready else 503, verdict.model_dump(mode="json"))

    def _answer(
        self, what: str, ask: Callable[[], ApiAnswer | None], settled: bool
    ) -> ApiAnswer | None:
        """None: no answer came, which after settling is red, or nothing is asked any more."""
        if self._told and settled:
            return None
        kernel = self._world.kernel
        asked_us = kernel.now_us
        answer = ask()
        if answer is None and settled and self._is_there():
            late = kernel.now_us - asked_us >= API_ANSWERS_WITHIN_US
            within = f"none within {API_ANSWERS_WITHIN_US // MICROSECONDS} s"
            self._tell("I12", Problem(f"{what} answered", within if late else "it died"))
        return answer

    def _tell(self, rule: str, problem: Problem) -> None:
        self._told = True
        self._report(rule, problem)

    def _ask(self, user: str, path: str) -> ApiAnswer | None:
        token = self._world.product.operator.issue_jwt(user)
        return self._send(ApiRequest("GET", path, {"Authorization": f"Bearer {token}"}))

    def _ask_signed(self, user: str, path: str) -> ApiAnswer | None:
        key = self._world.product.operator.api_key(user)
        signed = key.sign(path, b"", self._world.now_us // 1_000)
        return self._send(ApiRequest("GET", signed, {"X-MBX-APIKEY": key.api_key}))

    def _send(self, request: ApiRequest) -> ApiAnswer | None:
        try:
            return self._world.product.api.request(request)
        except ConnectionRefusedError:
            return None


def listed(ledger: LedgerSnapshot, address: str) -> list[dict[str, Any]]:
    """The user's deposits as the API lists them, all of them, newest first."""
    rows = [r for r in ledger.deposits if r.user == address and r.status == "confirmed"]
    rows.sort(key=_order, reverse=True)
    return [
        {
            "id": row.id,
            "token": row.token,
            "amount": row.amount,
            "chain_id": row.chain_id,
            "tx_hash": row.tx_hash,
            "block_number": row.block_number,
            "status": row.status,
            "created_at": row.created_at,
            "confirmed_at": row.confirmed_at,
        }
        for row in rows
    ]


def balances(ledger: LedgerSnapshot, address: str) -> list[dict[str, str]]:
    """The user's balances as the API lists them."""
    return [
        {"token": token, "available": available, "frozen": ledger.frozen[user, token]}
        for (user, token), available in sorted(ledger.available.items())
        if user == address
    ]


def _order(row: DepositRow) -> tuple[int, int, int, str]:
    return (row.created_at, row.block_number, row.log_index, row.id)


def _without_amounts(value: Any) -> Any:
    if isinstance(value, dict):
        hidden = ("amount", "available", "frozen")
        return {k: _without_amounts(v) for k, v in value.items() if k not in hidden}
    return [_without_amounts(each) for each in value] if isinstance(value, list) else value


def _json(answer: ApiAnswer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _shown(readiness: tuple[int, Any]) -> str:
    status, body = readiness
    return f"{status} {json.dumps(body)}"
