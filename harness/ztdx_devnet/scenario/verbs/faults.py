"""What every verb that arms a fault shares: its name and its scope. And the verb that lifts all."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Annotated, Any, Self, TypedDict

from pydantic import BeforeValidator, Field, model_validator

from ztdx_devnet.chain.rpc import table
from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import DurationUs, Name
from ztdx_devnet.scenario.verbs.verb import Verb

_READ_BY_LISTENERS = (
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getBlockReceipts",
    "eth_getLogs",
    "eth_getTransactionReceipt",
)


def one_of(kinds: Collection[str]) -> BeforeValidator:
    """Refuses a kind that is none of these with the one that was probably meant."""

    def known(value: Any) -> Any:
        if isinstance(value, str) and value not in kinds:
            raise ValueError(unknown("kind", value, kinds))
        return value

    return BeforeValidator(known)


def refuse_unknown_method(name: str) -> None:
    """Raises ValueError for a method that the node of a scenario does not have."""
    methods = [each for each in table.names() if not table.is_control(each)]
    if name in methods:
        return
    if difflib.get_close_matches(name, methods, n=1):
        raise ValueError(unknown("method", name, methods))
    more = len(set(methods) - set(_READ_BY_LISTENERS))
    raise ValueError(f"{unknown('method', name, _READ_BY_LISTENERS)} and {more} more of a node's")


class ScopeArguments(TypedDict):
    """The keywords of a `faults.fault.Fault` that its scope gives."""

    first: int
    last: int | None
    percent: int
    until_us: int | None


class FaultVerb(Verb):
    """Arms one fault. Of what it could touch it touches number `first` to `last` (default: all),
    `percent` in a hundred by chance, and nothing once it was armed `for` that long."""

    name: Name = Field(alias="as")
    first: Annotated[int, Field(ge=1)] = 1
    last: Annotated[int, Field(ge=1)] | None = None
    percent: Annotated[int, Field(ge=1, le=100)] = 100
    duration: DurationUs | None = Field(default=None, alias="for")

    @model_validator(mode="after")
    def _scope_is_not_empty(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last {self.last} is before first {self.first}")
        return self

    def arms(self) -> list[str]:
        return [self.name]

    @property
    def endless(self) -> bool:
        """Whether it touches each thing that it could touch, until somebody lifts it."""
        return (self.first, self.last, self.percent, self.duration) == (1, None, 100, None)

    def scope(self, stage: Stage) -> ScopeArguments:
        """When armed now."""
        return self.scope_at(stage.world.now_us)

    def scope_at(self, now_us: int) -> ScopeArguments:
        """When armed at that time."""
        return ScopeArguments(
            first=self.first,
            last=self.last,
            percent=self.percent,
            until_us=None if self.duration is None else now_us + self.duration,
        )


class ClearFaults(Verb):
    """Lift all faults."""

    KEY = "clear_faults"

    def lifts_faults(self) -> bool:
        return True

    def perform(self, stage: Stage) -> None:
        stage.world.lift_faults()
