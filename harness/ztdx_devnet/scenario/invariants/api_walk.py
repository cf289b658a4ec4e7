"""I12: walks through the lists of the API, as an actor of its own, and compares with the ledger.

The API takes no cursor and no filter but `limit`: pages are the heads of one list. A walk asks for
several lengths; each answer must be the head of the ledger's list, in its documented order, and the
balances those of the ledger, as it was before or after the request.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.invariants.problems import Problem
from ztdx_devnet.sim.kernel import Actor
from ztdx_devnet.sim.ledger_reader import DepositRow, LedgerSnapshot
from ztdx_devnet.sim.processes import ApiAnswer, ApiRequest
from ztdx_devnet.sim.user_acts import user_of
from ztdx_devnet.sim.world import World

LIMITS = (2, 200)
WALKS_DURING_WRITES_MAX = 4
_ATTEMPTS = 3
_BASE = "/api/v1/spot"


class ApiWalk:
    """Asks the API's own process, past any gateway; what it asks is in no journal."""

    def __init__(self, world: World, report: Callable[[str, Problem], None]) -> None:
        self._world = world
        self._report = report
        self._actor: Actor | None = None
        self._due: list[str] = []
        self._changes = 0
        self._walks = 0

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
        self._due.append(ledger.deposits[-1].user)
        if self._actor is None or not self._actor.alive:
            self._actor = world.kernel.spawn("walker", self._walk_for_ever)
        else:
            world.kernel.wake(self._actor)

    def walk_all(self) -> None:
        """Every user's lists, by whoever runs; nothing if no API answers."""
        for user in sorted({user for user, _ in self._world.ledger.available}):
            self._walk(user, settled=True)

    def _walk_for_ever(self) -> None:
        while True:
            while self._due:
                self._walk(self._due.pop(0), settled=False)
            self._world.kernel.park("idle")

    def _walk(self, address: str, *, settled: bool) -> None:
        user = user_of(address)
        if user not in USERS:
            return
        for limit in LIMITS:
            path = f"{_BASE}/deposits?limit={limit}"
            self._compare(user, path, lambda ledger, n=limit: listed(ledger, address)[:n], settled)  # type: ignore[misc]
        path = f"{_BASE}/balances"
        self._compare(user, path, lambda ledger: {"balances": balances(ledger, address)}, settled)

    def _compare(
        self, user: str, path: str, expected_of: Callable[[LedgerSnapshot], Any], settled: bool
    ) -> None:
        for _ in range(_ATTEMPTS):
            before, changes = self._world.ledger, self._changes
            answer = self._ask(user, path)
            if answer is None:
                return
            after = self._world.ledger
            if answer.status != 200:
                if settled:
                    self._report("I12", Problem(f"{path} answered", f"{answer.status}"))
                return
            seen = _json(answer)
            if any(_same(seen, expected_of(ledger)) for ledger in (before, after)):
                return
            if self._changes - changes <= 1:  # else there was a state between the two
                self._differ(path, user, expected_of(after), seen)
                return

    def _differ(self, path: str, user: str, expected: Any, seen: Any) -> None:
        """Say which invariant an answer breaks: only its amounts, or more than that."""
        rule = "I11" if _without_amounts(seen) == _without_amounts(expected) else "I12"
        problem = Problem(f"{path} of {user}: {json.dumps(expected)}", json.dumps(seen))
        self._report(rule, problem)

    def _ask(self, user: str, path: str) -> ApiAnswer | None:
        product = self._world.product
        headers = {"Authorization": f"Bearer {product.operator.issue_jwt(user)}"}
        try:
            return product.api.request(ApiRequest("GET", path, headers))
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


def _same(seen: Any, expected: Any) -> bool:
    """Whether an answer says what is expected; it may say more of each deposit."""
    if not isinstance(expected, list) or not isinstance(seen, list):
        return bool(seen == expected)
    return len(seen) == len(expected) and all(
        isinstance(one, dict) and one.items() >= other.items()
        for one, other in zip(seen, expected, strict=True)
    )


def _without_amounts(value: Any) -> Any:
    if isinstance(value, dict):
        hidden = ("amount", "available", "frozen", "created_at", "confirmed_at")
        return {k: _without_amounts(v) for k, v in value.items() if k not in hidden}
    return [_without_amounts(each) for each in value] if isinstance(value, list) else value


def _json(answer: ApiAnswer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None
