"""What every verb is: a validated record that acts on a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from ztdx_devnet.scenario.stage import Stage

_MOMENT_US = 60_000_000  # no step that isn't about waiting takes longer than a minute


class Verb(BaseModel):
    """One step. `KEY` is its word in YAML, `SHORTHAND` the field that a bare value fills."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    KEY: ClassVar[str]
    SHORTHAND: ClassVar[str | None] = None

    def perform(self, stage: Stage) -> None:
        """Do it. Raises ExpectationFailed when the step itself expects something else."""
        raise NotImplementedError

    def defines(self) -> list[str]:
        """The names of deposits that this step gives."""
        return []

    def uses(self) -> list[str]:
        """The names of deposits that an earlier step must have given."""
        return []

    def arms(self) -> list[str]:
        """The names of faults that this step gives."""
        return []

    def blocks_at_most(self, block_time_us: int) -> int:
        """By how many blocks the chain can be higher after this step, generously."""
        return _MOMENT_US // block_time_us + 1

    def refusal_at(self, height_at_most: int) -> str | None:
        """Why the step can never be done on a chain that is at most that high, or None."""
        return None
