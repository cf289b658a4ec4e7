"""What every verb is: a validated record that acts on a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ztdx_devnet.scenario.names import Named
from ztdx_devnet.scenario.strict import Strict

if TYPE_CHECKING:
    from ztdx_devnet.scenario.stage import Stage

_MOMENT_US = 60_000_000  # no step that isn't about waiting takes longer than a minute


class Verb(Strict):
    """One step. `KEY` is its word in YAML, `SHORTHAND` the field that a bare value fills."""

    KEY: ClassVar[str]
    SHORTHAND: ClassVar[str | None] = None
    TAKES: ClassVar[tuple[type[Verb], ...]] = ()
    """What may stand in its `steps`, if it has any."""

    def perform(self, stage: Stage) -> None:
        """Do it. Raises ExpectationFailed when the step itself expects something else."""
        raise NotImplementedError

    def acts(self) -> bool:
        """Whether the step does something to the world, beyond looking and letting time pass."""
        return True

    def defines(self) -> list[Named]:
        """The names that this step gives, for the steps and checks after it."""
        return []

    def brings(self) -> list[Named]:
        """Names that there are after this step, and that others may bring again."""
        return []

    def uses(self) -> list[Named]:
        """The names that an earlier step must have given."""
        return []

    def inner(self) -> Sequence[Step]:
        """The steps inside of it, each with its own line."""
        return ()

    def hides(self, later: Verb) -> bool:
        """Whether a fault that `later` arms can never fire as long as this one's stands."""
        return False

    def lifts_faults(self) -> bool:
        """Whether no fault stands any more after this step."""
        return False

    def arms(self) -> list[str]:
        """The names of faults that this step gives."""
        return []

    def blocks_at_most(self, block_time_us: int) -> int:
        """By how many blocks the chain can be higher after this step, generously."""
        return _MOMENT_US // block_time_us + 1

    def height_after(self, height_at_most: int, block_time_us: int) -> int:
        """How high the chain can be after this step, if it was at most that high before."""
        return height_at_most + self.blocks_at_most(block_time_us)

    def block_time_after(self, block_time_us: int) -> int:
        """The block time after this step."""
        return block_time_us

    def refusal_at(self, height_at_most: int) -> str | None:
        """Why the step can never be done on a chain that is at most that high, or None."""
        return None


@dataclass(frozen=True, slots=True)
class Step:
    """One step and the line that it stands on."""

    verb: Verb
    line: int
