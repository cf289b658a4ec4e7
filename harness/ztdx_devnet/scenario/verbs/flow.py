"""Verbs of the script itself: wait, expect, note."""

from __future__ import annotations

from ztdx_devnet.scenario.conditions import Conditions
from ztdx_devnet.scenario.stage import Stage
from ztdx_devnet.scenario.values import DurationUs
from ztdx_devnet.scenario.verbs.verb import Verb


class Wait(Verb):
    """Let that much virtual time pass."""

    KEY = "wait"
    SHORTHAND = "duration"
    duration: DurationUs

    def perform(self, stage: Stage) -> None:
        stage.world.sleep_us(self.duration)

    def blocks_at_most(self, block_time_us: int) -> int:
        return self.duration // block_time_us + 1


class WaitUntil(Verb, Conditions):
    """Let time pass until all conditions hold at once, at most `within`."""

    KEY = "wait_until"
    within: DurationUs

    def perform(self, stage: Stage) -> None:
        stage.wait_until("wait_until", self.conditions(), self.within)

    def blocks_at_most(self, block_time_us: int) -> int:
        return self.within // block_time_us + 1

    def uses(self) -> list[str]:
        return Conditions.uses(self)


class Expect(Verb, Conditions):
    """All conditions hold now."""

    KEY = "expect"

    def perform(self, stage: Stage) -> None:
        stage.require("expect", self.conditions())

    def uses(self) -> list[str]:
        return Conditions.uses(self)


class Note(Verb):
    """Words for the journal and the reader."""

    KEY = "note"
    SHORTHAND = "text"
    text: str

    def perform(self, stage: Stage) -> None:
        stage.world.record("scenario", "note", text=self.text)
