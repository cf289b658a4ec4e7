"""Verbs that break things: a node's answers, the database's lock."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ztdx_devnet.chain.rpc import table
from ztdx_devnet.faults.answers import AnswerFault as ArmedFault
from ztdx_devnet.faults.answers import AnswerFaultKind
from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import DurationUs, Name
from ztdx_devnet.scenario.verbs.verb import Verb


class AnswerFault(Verb):
    """The node's answers `first` to `last` (default: all) to `method` are wrong.

    `empty`, `truncated`, `duplicated` and `shuffled` count only lists that they change; `stale`
    answers as a node `lag_blocks` behind; `error` answers with `code` and `message`.
    """

    KEY = "answer_fault"
    name: Name = Field(alias="as")
    method: str
    kind: AnswerFaultKind
    first: Annotated[int, Field(ge=1)] = 1
    last: Annotated[int, Field(ge=1)] | None = None
    code: int = -32000
    message: str = "internal error"
    lag_blocks: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.method != "*" and self.method not in table.names():
            raise ValueError(unknown("method", self.method, table.names()))
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last {self.last} is before first {self.first}")
        if (self.kind == "stale") != (self.lag_blocks is not None):
            raise ValueError("lag_blocks goes with kind: stale, and with it alone")
        return self

    def arms(self) -> list[str]:
        return [self.name]

    def perform(self, stage: Stage) -> None:
        stage.world.arm_answer_fault(
            ArmedFault(
                self.name,
                self.method,
                self.kind,
                self.first,
                self.last,
                self.code,
                self.message,
                self.lag_blocks or 0,
            )
        )


class ClearFaults(Verb):
    """Lift all faults."""

    KEY = "clear_faults"

    def perform(self, stage: Stage) -> None:
        stage.world.lift_faults()


class DbFault(Verb):
    """Another process holds the database's write lock for a while."""

    KEY = "db_fault"
    name: Name = Field(alias="as")
    kind: Literal["busy"]
    duration: DurationUs = Field(alias="for")

    def arms(self) -> list[str]:
        return [self.name]

    def perform(self, stage: Stage) -> None:
        stage.world.lock_database(self.name, self.duration)
