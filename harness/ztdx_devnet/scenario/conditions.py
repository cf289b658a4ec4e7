"""Conditions: what a scenario can expect of the world, wait for, or check.

A condition looks and says whether it holds, what it expected and what it saw. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model, model_validator

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.values import Name, SignedAmountWei, User, decimal_text
from ztdx_devnet.sim.ledger_reader import DepositRow
from ztdx_devnet.sim.world import World


@dataclass(frozen=True, slots=True)
class Look:
    """What a condition saw."""

    holds: bool
    expected: str
    actual: str


class Condition(BaseModel):
    """One condition. `KEY` is its word in YAML, `SHORTHAND` the field that a bare value fills."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    KEY: ClassVar[str]
    SHORTHAND: ClassVar[str | None] = None

    def look(self, world: World) -> Look:
        raise NotImplementedError

    def uses(self) -> list[str]:
        """The deposits that must have been named before."""
        return []


class Balance(Condition):
    """A user's available balance of a token, exactly; below 0 when it was spent and reversed.

    No row counts as 0.
    """

    KEY = "balance"
    user: User
    token: str = "DF"  # noqa: S105 - a symbol
    available: SignedAmountWei

    def look(self, world: World) -> Look:
        text = world.ledger.available.get((USERS[self.user].address_hex, self.token), "0")
        expected = decimal_text(self.available)
        label = f"{self.user} has "
        return Look(
            Fraction(text) == Fraction(expected),
            f"{label}{expected} {self.token} available",
            f"{label}{text} {self.token} available",
        )


class _DepositCondition(Condition):
    SHORTHAND = "names"
    names: list[Name]

    def uses(self) -> list[str]:
        return self.names


class Credited(_DepositCondition):
    """Each named deposit has exactly one confirmed row."""

    KEY = "credited"

    def look(self, world: World) -> Look:
        missing = [name for name in self.names if _rows_of(world, name) != 1]
        counts = {name: _rows_of(world, name) for name in missing}
        return Look(
            not missing,
            f"credited once: {_list(self.names)}",
            "credited " + ", ".join(f"{name} {n} times" for name, n in counts.items()),
        )


class NotCredited(_DepositCondition):
    """No named deposit has a confirmed row."""

    KEY = "not_credited"

    def look(self, world: World) -> Look:
        found = [name for name in self.names if _rows_of(world, name)]
        return Look(not found, f"not credited: {_list(self.names)}", f"credited: {_list(found)}")


class Reversed(_DepositCondition):
    """Each named deposit was credited once, and its row is orphaned and its entries undone."""

    KEY = "reversed"

    def look(self, world: World) -> Look:
        other = [name for name in self.names if not _is_reversed(world, name)]
        return Look(not other, f"reversed: {_list(self.names)}", f"not reversed: {_list(other)}")


class Orphaned(_DepositCondition):
    """Each named deposit stands in a block that is not canonical, and in no canonical one."""

    KEY = "orphaned"

    def look(self, world: World) -> Look:
        chain, other = world.chain, []
        for name in self.names:
            transaction_hash = world.users.deposits[name].transaction_hash
            if not chain.inclusions.blocks(transaction_hash) or chain.inclusions.canonical(
                transaction_hash
            ):
                other.append(name)
        return Look(not other, f"orphaned: {_list(self.names)}", f"not orphaned: {_list(other)}")


class Failed(_DepositCondition):
    """Each named deposit is in a canonical block, and its transaction failed there."""

    KEY = "failed"

    def look(self, world: World) -> Look:
        other = []
        for name in self.names:
            found = world.chain.inclusions.canonical(world.users.deposits[name].transaction_hash)
            if found is None or found[1].succeeded:
                other.append(name)
        return Look(not other, f"failed on chain: {_list(self.names)}", f"not: {_list(other)}")


class Height(Condition):
    """The chain's height is at least this."""

    KEY = "height"
    SHORTHAND = "at_least"
    at_least: int

    def look(self, world: World) -> Look:
        height = world.chain.height
        return Look(height >= self.at_least, f"height ≥ {self.at_least}", f"height {height}")


class CursorLag(Condition):
    """The listener's cursor is at most this many blocks below the highest confirmed block."""

    KEY = "cursor_lag"
    SHORTHAND = "at_most"
    at_most: int

    def look(self, world: World) -> Look:
        cursor = world.cursor_block
        lag = None if cursor is None else world.confirmed_height - cursor
        return Look(
            lag is not None and lag <= self.at_most,
            f"cursor at most {self.at_most} blocks behind",
            "no cursor yet" if lag is None else f"cursor {lag} blocks behind",
        )


class Quarantined(Condition):
    """The ledger holds exactly this many logs in quarantine."""

    KEY = "quarantined"
    SHORTHAND = "logs"
    logs: int

    def look(self, world: World) -> Look:
        held = len(world.ledger.quarantined)
        return Look(held == self.logs, f"{self.logs} logs in quarantine", f"{held}")


class ListenerRuns(Condition):
    """The listener process is alive, or is not."""

    KEY = "listener_runs"
    SHORTHAND = "value"
    value: bool

    def look(self, world: World) -> Look:
        runs = world.product.listener.running
        words = {True: "the listener runs", False: "the listener does not run"}
        return Look(runs is self.value, words[self.value], words[runs])


CONDITIONS: dict[str, type[Condition]] = {
    condition.KEY: condition
    for condition in (
        Balance,
        Credited,
        NotCredited,
        Reversed,
        Orphaned,
        Failed,
        Height,
        CursorLag,
        Quarantined,
        ListenerRuns,
    )
}


def _rows_of(world: World, name: str) -> int:
    """How many confirmed rows the ledger holds for that deposit, on whatever branch."""
    return len(_of(world, name, world.ledger.confirmed_by_transaction))


def _is_reversed(world: World, name: str) -> bool:
    ledger = world.ledger
    orphaned = _of(world, name, ledger.orphaned_by_transaction)
    undone = not any(ledger.deposit_sums.get(row.id) for row in orphaned)
    return bool(orphaned) and undone and not _rows_of(world, name)


def _of(world: World, name: str, rows: Mapping[str, tuple[DepositRow, ...]]) -> list[DepositRow]:
    """Those rows of the deposit's transaction that are for the deposit."""
    sent = world.users.deposits[name]
    found = []
    for row in rows.get("0x" + sent.transaction_hash.hex(), ()):
        deposit = world.oracle.claimed(row)
        if deposit is not None and deposit.ordinal == sent.ordinal:
            found.append(row)
    return found


def _list(names: list[str]) -> str:
    shown = names if len(names) <= 6 else [*names[:5], f"… {len(names) - 5} more"]
    return ", ".join(shown) or "none"


def _spread(condition: type[Condition]) -> Any:
    """Let a bare value stand for the condition's one main field."""

    def spread(value: Any) -> Any:
        if condition.SHORTHAND is not None and not isinstance(value, dict | Condition):
            return {condition.SHORTHAND: value}
        return value

    return BeforeValidator(spread)


class _Conditions(BaseModel):
    """Conditions by their words; at least one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.conditions():
            raise ValueError(f"expected at least one of {', '.join(CONDITIONS)}")
        return self

    def conditions(self) -> list[Condition]:
        """The given conditions, in the order of the language."""
        found = (getattr(self, key) for key in CONDITIONS)
        return [condition for condition in found if condition is not None]

    def uses(self) -> list[str]:
        return [name for condition in self.conditions() for name in condition.uses()]


# One optional field per condition, so that errors and JSON Schema name the condition's own fields.
if TYPE_CHECKING:
    Conditions = _Conditions
else:
    Conditions = create_model(
        "Conditions",
        __base__=_Conditions,
        **{
            key: (Annotated[condition, _spread(condition)] | None, None)
            for key, condition in CONDITIONS.items()
        },
    )
