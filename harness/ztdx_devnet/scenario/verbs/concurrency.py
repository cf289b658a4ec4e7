"""Verbs of several actors at once: each step of a list is done by an actor of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, ClassVar, Self

from pydantic import Field, InstanceOf, WithJsonSchema, model_validator

from ztdx_devnet.scenario.names import Named
from ztdx_devnet.scenario.stage import ExpectationFailed, Stage, StepImpossible
from ztdx_devnet.scenario.verbs.api import AdminCredit, Api
from ztdx_devnet.scenario.verbs.chain import Mine, Reorg
from ztdx_devnet.scenario.verbs.deposits import Debit, Deposit, MultiDeposit, TransferToVault
from ztdx_devnet.scenario.verbs.processes import (
    KillApi,
    KillListener,
    RestartApi,
    RestartListener,
    StartApi,
    StartListener,
    StopListener,
)
from ztdx_devnet.scenario.verbs.verb import Step, Verb


class AtOnce(Verb):
    """Do all of it at the same instant, each step by an actor of its own, and wait for the last.

    Which of them comes first is up to the seed. `times` does each step that often, also at once.
    """

    KEY = "at_once"
    SHORTHAND = "steps"
    TAKES: ClassVar[tuple[type[Verb], ...]] = (
        AdminCredit,
        Api,
        Debit,
        Deposit,
        MultiDeposit,
        TransferToVault,
        Mine,
        Reorg,
        StartListener,
        StopListener,
        KillListener,
        RestartListener,
        StartApi,
        KillApi,
        RestartApi,
    )
    steps: Annotated[
        list[Annotated[InstanceOf[Step], WithJsonSchema({"type": "object"})]], Field(min_length=1)
    ]
    times: Annotated[int, Field(ge=1, le=100)] = 1

    @model_validator(mode="after")
    def _is_more_than_one(self) -> Self:
        if len(self.steps) * self.times < 2:
            raise ValueError("one step alone: name another one, or times: 2")
        if self.times > 1 and any(step.verb.defines() for step in self.steps):
            raise ValueError("times goes with steps that give no names: those would be given twice")
        return self

    def inner(self) -> tuple[Step, ...]:
        return tuple(self.steps)

    def blocks_at_most(self, block_time_us: int) -> int:
        return self.times * sum(step.verb.blocks_at_most(block_time_us) for step in self.steps)

    def perform(self, stage: Stage) -> None:
        acts: list[tuple[str, Callable[[], None]]] = []
        for _ in range(self.times):
            for step in self.steps:
                name = f"{self.KEY} {len(acts) + 1}"
                acts.append((name, partial(_perform, step, stage, name)))
        stage.world.at_once(acts)

    def acts(self) -> bool:
        return any(step.verb.acts() for step in self.steps)

    def defines(self) -> list[Named]:
        return [named for step in self.steps for named in step.verb.defines()]

    def uses(self) -> list[Named]:
        return [named for step in self.steps for named in step.verb.uses()]


def _perform(step: Step, stage: Stage, name: str) -> None:
    """Raises what the step raises, with the step's own line."""
    stage.world.record(name, "step", verb=step.verb.KEY)
    try:
        step.verb.perform(stage)
    except (ExpectationFailed, StepImpossible) as error:
        error.line = step.line
        raise
