"""Verbs of the database that the product's processes share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import DurationUs, Name
from ztdx_devnet.scenario.verbs.verb import Verb


class DbFault(Verb):
    """Another process holds the database's write lock for a while."""

    KEY = "db_fault"
    name: Name = Field(alias="as")
    kind: Literal["busy"]
    duration: DurationUs = Field(alias="for")

    def arms(self) -> list[str]:
        return [self.name]

    def perform(self, stage: Stage) -> None:
        stage.world.product.lock_database(self.name, self.duration)
