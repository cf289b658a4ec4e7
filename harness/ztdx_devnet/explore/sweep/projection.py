"""What two runs of one chain must agree on (I17), however they were disturbed.

Available balances by user and token; the confirmed deposits as (transaction, ordinal, user, token,
amount); admin credits; and where the cursor stands. Not compared: ids, times, orphaned rows and
their reversals, and how often something was tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.conditions.ledger import Credited
from ztdx_devnet.sim.user_acts import user_of
from ztdx_devnet.sim.world import World

ConfirmedDeposit = tuple[str, int, str, str, Fraction]


@dataclass(frozen=True, slots=True)
class Projection:
    """The end of one run. `settled_block` is the block that the cursor had to reach."""

    available: dict[tuple[str, str], Fraction]
    confirmed: Counter[ConfirmedDeposit]
    admin_credits: dict[tuple[str, str], Fraction]
    cursor_reached: bool


def projection(world: World, settled_block: int) -> Projection:
    """The projection of a world that has settled; its cursor had to come to `settled_block`."""
    ledger = world.ledger
    confirmed: Counter[ConfirmedDeposit] = Counter()
    for row in ledger.deposits:
        if row.status == "confirmed":
            deposit = world.oracle.claimed(row)
            ordinal = row.event_ordinal if deposit is None else deposit.ordinal
            confirmed[row.tx_hash, ordinal, row.user, row.token, Fraction(row.amount)] += 1
    available = {key: Fraction(text) for key, text in ledger.available.items()}
    return Projection(
        {key: amount for key, amount in available.items() if amount},
        confirmed,
        dict(ledger.admin_credits),
        (world.cursor_block or 0) >= settled_block,
    )


def demands(world: World) -> tuple[dict[str, Any], ...]:
    """The end of a world as conditions of a scenario: balances of users, and what was credited."""
    balances = [
        {"balance": {"user": user, "token": token, "available": available}}
        for (address, token), available in sorted(world.ledger.available.items())
        if (user := user_of(address)) in USERS
    ]
    credited: list[str] = []
    others: list[str] = []
    for name in world.users.deposits:
        holds = Credited(names=[name]).look(world).holds
        (credited if holds else others).append(name)
    deposits = [
        {word: names} for word, names in (("credited", credited), ("not_credited", others)) if names
    ]
    return (*balances, *deposits)


def differences(undisturbed: Projection, disturbed: Projection) -> Iterator[tuple[str, str]]:
    """Each thing in which the two differ, as (expected, actual), for people."""
    keys = sorted(undisturbed.available.keys() | disturbed.available.keys())
    for user, token in keys:
        held = undisturbed.available.get((user, token), Fraction(0))
        holds = disturbed.available.get((user, token), Fraction(0))
        if held != holds:
            label = f"{user_of(user)} has"
            yield f"{label} {_text(held)} {token} available", f"{label} {_text(holds)} {token}"
    for deposit in sorted(undisturbed.confirmed | disturbed.confirmed):
        one, other = undisturbed.confirmed[deposit], disturbed.confirmed[deposit]
        if one != other:
            tx_hash, ordinal, user, token, amount = deposit
            label = f"event {ordinal} of {tx_hash}, {_text(amount)} {token} of {user_of(user)}:"
            yield f"{label} {one} confirmed rows", f"{label} {other}"
    if undisturbed.admin_credits != disturbed.admin_credits:
        yield f"admin credits {_sums(undisturbed)}", _sums(disturbed)
    if undisturbed.cursor_reached != disturbed.cursor_reached:
        yield "a cursor that has caught up", "one that has not"


def _text(amount: Fraction) -> str:
    return str(amount) if amount.denominator == 1 else str(float(amount))


def _sums(ends: Projection) -> str:
    shown = (
        f"{user_of(user)} {_text(amount)} {token}"
        for (user, token), amount in sorted(ends.admin_credits.items())
    )
    return ", ".join(shown) or "none"
