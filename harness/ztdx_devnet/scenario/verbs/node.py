"""Verbs of what the listener's URL answers: wrong answers, and a pool of nodes behind it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ztdx_devnet.chain.rpc import table
from ztdx_devnet.faults.answers import METHODS_OF, AnswerFaultKind
from ztdx_devnet.faults.answers import AnswerFault as ArmedFault
from ztdx_devnet.faults.log_edits import Numbering
from ztdx_devnet.faults.pools import Lagging, LaggingPool
from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import Name
from ztdx_devnet.scenario.verbs.faults import FaultVerb
from ztdx_devnet.scenario.verbs.verb import Verb

_FIELD_OF = {"stale": "lag_blocks", "head_ahead": "ahead_blocks", "renumbered": "numbering"}


class AnswerFault(FaultVerb):
    """The node's answers to `method` are wrong.

    Counted are only answers that the fault changes. `error` answers with `code` and `message`,
    `stale` as a node `lag_blocks` behind, `head_ahead` with a head `ahead_blocks` too high,
    `renumbered` with log indexes of another `numbering`; `undecodable` spoils the logs of one
    `deposit`, or all.
    """

    KEY = "answer_fault"
    method: str
    kind: AnswerFaultKind
    code: int = -32000
    message: str = "internal error"
    lag_blocks: Annotated[int, Field(ge=1)] | None = None
    ahead_blocks: Annotated[int, Field(ge=1)] | None = None
    numbering: Numbering | None = None
    deposit: Name | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.method != "*" and self.method not in table.names():
            raise ValueError(unknown("method", self.method, table.names()))
        if self.method != "*" and self.method not in METHODS_OF.get(self.kind, (self.method,)):
            words = ", ".join(METHODS_OF[self.kind])
            raise ValueError(f"kind: {self.kind} is for {words}, not for {self.method}")
        for kind, field in _FIELD_OF.items():
            if (self.kind == kind) != (getattr(self, field) is not None):
                raise ValueError(f"{field} goes with kind: {kind}, and with it alone")
        if self.deposit is not None and self.kind != "undecodable":
            raise ValueError("deposit goes with kind: undecodable, and with it alone")
        return self

    def uses(self) -> list[str]:
        return [] if self.deposit is None else [self.deposit]

    def perform(self, stage: Stage) -> None:
        fault = ArmedFault(
            self.name,
            self.method,
            self.kind,
            self.code,
            self.message,
            self.lag_blocks or 0,
            self.ahead_blocks or 0,
            self.numbering or "per_transaction",
            **self.scope(stage),
        )
        if self.deposit is not None:
            sent = stage.world.users.deposits[self.deposit]
            fault.transaction_hash = "0x" + sent.transaction_hash.hex()
        stage.world.arm(fault, method=fault.method, kind_of_fault=fault.kind)


class Pool(Verb):
    """The listener's URL is a pool of two nodes, one of them `lag_blocks` behind.

    Each HTTP request, a batch as a whole, goes to one of them: to the lagging one the `odd` ones
    from now, the `even` ones, or `random` ones.
    """

    KEY = "pool"
    name: Name = Field(alias="as")
    lag_blocks: Annotated[int, Field(ge=1)]
    lagging: Lagging = "random"

    def arms(self) -> list[str]:
        return [self.name]

    def perform(self, stage: Stage) -> None:
        pool = LaggingPool(self.name, self.lag_blocks, self.lagging)
        stage.world.arm(pool, lag_blocks=pool.lag_blocks, lagging=pool.lagging)
