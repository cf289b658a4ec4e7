"""Conditions on the ledger: balances, rows, credits and what was taken back."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from ztdx_devnet.scenario.conditions.condition import Condition, DepositsCondition, Look, listed
from ztdx_devnet.scenario.names import Named, deposits, tokens
from ztdx_devnet.scenario.values import (
    AmountWei,
    Holder,
    Name,
    SignedAmountWei,
    User,
    decimal_text,
)
from ztdx_devnet.sim.cast import HOLDERS
from ztdx_devnet.sim.ledger_reader import DepositRow
from ztdx_devnet.sim.world import World

Count = Annotated[int, Field(ge=0)]


class Balance(Condition):
    """An available balance of a token, exactly; below 0 when it was spent and reversed.

    No row counts as 0. `user` may be one of the contracts that deposit, too.
    """

    KEY = "balance"
    user: Holder
    token: str = "DF"  # noqa: S105 - a symbol
    available: SignedAmountWei

    def look(self, world: World) -> Look:
        text = world.ledger.available.get((HOLDERS[self.user], self.token), "0")
        expected = decimal_text(self.available)
        label = f"{self.user} has "
        return Look(
            Fraction(text) == Fraction(expected),
            f"{label}{expected} {self.token} available",
            f"{label}{text} {self.token} available",
        )

    def uses(self) -> list[Named]:
        return tokens(self.token)


class Total(Condition):
    """What all together have available of a token, exactly."""

    KEY = "total"
    token: str = "DF"  # noqa: S105 - a symbol
    available: SignedAmountWei

    def look(self, world: World) -> Look:
        held = world.ledger.available.items()
        total = sum((Fraction(text) for (_, token), text in held if token == self.token), _NOTHING)
        expected = decimal_text(self.available)
        label = f"{self.token} available in all"
        return Look(total == Fraction(expected), f"{expected} {label}", f"{_text(total)} {label}")

    def uses(self) -> list[Named]:
        return tokens(self.token)


class Credited(DepositsCondition):
    """Each named deposit has exactly one confirmed row."""

    KEY = "credited"

    def look(self, world: World) -> Look:
        counts = {name: confirmed_rows(world, name) for name in self.names}
        wrong = [f"{name} {count} times" for name, count in counts.items() if count != 1]
        return Look(not wrong, f"credited once: {listed(self.names)}", f"credited {listed(wrong)}")


class NotCredited(DepositsCondition):
    """No named deposit has a confirmed row."""

    KEY = "not_credited"

    def look(self, world: World) -> Look:
        found = [name for name in self.names if confirmed_rows(world, name)]
        return Look(not found, f"not credited: {listed(self.names)}", f"credited: {listed(found)}")


class Reversed(DepositsCondition):
    """Each named deposit was credited once, and its row is orphaned and its entries undone."""

    KEY = "reversed"
    WORDS = "reversed"

    def holds_for(self, world: World, name: str) -> bool:
        ledger = world.ledger
        orphaned = _of(world, name, ledger.orphaned_by_transaction)
        undone = not any(ledger.deposit_sums.get(row.id) for row in orphaned)
        return bool(orphaned) and undone and not confirmed_rows(world, name)


class Rows(Condition):
    """The ledger holds exactly `count` rows of deposits: of that user, of that status."""

    KEY = "rows"
    SHORTHAND = "count"
    count: Count
    user: Holder | None = None
    status: Literal["confirmed", "orphaned"] = "confirmed"

    def look(self, world: World) -> Look:
        address = None if self.user is None else HOLDERS[self.user]
        found = sum(
            row.status == self.status and address in (None, row.user)
            for row in world.ledger.deposits
        )
        whose = "" if self.user is None else f" of {self.user}"
        label = f"{self.status} rows{whose}"
        return Look(found == self.count, f"{self.count} {label}", f"{found} {label}")


class Sightings(Condition):
    """The ledger says exactly `count` times that it did `act` with the deposit."""

    KEY = "sightings"
    deposit: Name
    act: Literal["credited", "moved", "orphaned", "restored"]
    count: Count

    def look(self, world: World) -> Look:
        ledger = world.ledger
        rows = [row for row in ledger.deposits if _is_of(world, self.deposit, row)]
        ids = {row.id for row in rows}
        found = sum(s.deposit_id in ids and s.act == self.act for s in ledger.sightings)
        label = f"{self.deposit} {self.act}"
        return Look(found == self.count, f"{label} {self.count} times", f"{label} {found} times")

    def uses(self) -> list[Named]:
        return deposits([self.deposit])


class AdminCredits(Condition):
    """A user got exactly `count` admin credits of a token, which sum to `total`, if it is given."""

    KEY = "admin_credits"
    user: User
    token: str = "DF"  # noqa: S105 - a symbol
    count: Count
    total: AmountWei | None = None

    def look(self, world: World) -> Look:
        key = (HOLDERS[self.user], self.token)
        amounts = [
            Fraction(entry.amount)
            for entry in world.ledger.entries
            if entry.kind == "admin_credit" and (entry.user, entry.token) == key
        ]
        total, wanted = sum(amounts, _NOTHING), self.total
        holds = len(amounts) == self.count
        expected = f"{self.count} admin credits of {self.token} to {self.user}"
        if wanted is not None:
            holds = holds and total == Fraction(decimal_text(wanted))
            expected += f", {decimal_text(wanted)} in all"
        return Look(holds, expected, f"{len(amounts)}, {_text(total)} in all")

    def uses(self) -> list[Named]:
        return tokens(self.token)


class Quarantined(Condition):
    """The ledger holds exactly this many logs in quarantine."""

    KEY = "quarantined"
    SHORTHAND = "logs"
    logs: int

    def look(self, world: World) -> Look:
        held = len(world.ledger.quarantined)
        return Look(held == self.logs, f"{self.logs} logs in quarantine", f"{held}")


def confirmed_rows(world: World, name: str) -> int:
    """How many confirmed rows the ledger holds for that deposit, on whatever branch."""
    return len(_of(world, name, world.ledger.confirmed_by_transaction))


def _of(world: World, name: str, rows: Mapping[str, tuple[DepositRow, ...]]) -> list[DepositRow]:
    """Those rows of the deposit's transaction that are for the deposit."""
    tx_hash = "0x" + world.users.deposits[name].transaction_hash.hex()
    return [row for row in rows.get(tx_hash, ()) if _is_of(world, name, row)]


def _is_of(world: World, name: str, row: DepositRow) -> bool:
    sent = world.users.deposits[name]
    if row.tx_hash != "0x" + sent.transaction_hash.hex():
        return False
    deposit = world.oracle.claimed(row)
    return deposit is not None and deposit.ordinal == sent.ordinal


def _text(value: Fraction) -> str:
    """Exact where it is a whole number of wei, as all but admin credits are."""
    wei = value * 10**18
    return decimal_text(int(wei)) if wei.denominator == 1 else str(value)


_NOTHING = Fraction(0)
