"""Verbs of the script itself: wait, expect, note."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from ztdx_devnet.scenario.conditions import Conditions
from ztdx_devnet.scenario.names import Named
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import DurationUs
from ztdx_devnet.scenario.verbs.verb import Verb


class Wait(Verb):
    """Let that much virtual time pass, or let time pass until the run is that old."""

    KEY = "wait"
    SHORTHAND = "duration"
    duration: DurationUs | None = None
    until: DurationUs | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.duration is None) == (self.until is None):
            raise ValueError("a wait has a duration or an until, and not both")
        return self

    def acts(self) -> bool:
        return False

    def perform(self, stage: Stage) -> None:
        world = stage.world
        if self.duration is not None:
            world.sleep_us(self.duration)
        elif self.until is not None:
            world.sleep_us(max(world.started_us + self.until - world.now_us, 0))

    def blocks_at_most(self, block_time_us: int) -> int:
        return (self.duration or self.until or 0) // block_time_us + 1


class WaitUntil(Verb, Conditions):
    """Let time pass until all conditions hold at once, at most `within`."""

    KEY = "wait_until"
    within: DurationUs

    def acts(self) -> bool:
        return False

    def perform(self, stage: Stage) -> None:
        stage.wait_until("wait_until", self.conditions(), self.within)

    def blocks_at_most(self, block_time_us: int) -> int:
        return self.within // block_time_us + 1

    def uses(self) -> list[Named]:
        return Conditions.uses(self)


class Expect(Verb, Conditions):
    """All conditions hold now."""

    KEY = "expect"

    def acts(self) -> bool:
        return False

    def perform(self, stage: Stage) -> None:
        stage.require("expect", self.conditions())

    def uses(self) -> list[Named]:
        return Conditions.uses(self)


class Note(Verb):
    """Words for the journal and the reader."""

    KEY = "note"
    SHORTHAND = "text"
    text: str

    def acts(self) -> bool:
        return False

    def perform(self, stage: Stage) -> None:
        stage.world.record("scenario", "note", text=self.text)
