"""A scenario: what the world starts from, the steps, the settling, the checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ztdx_devnet.scenario.catalogue import ROWS
from ztdx_devnet.scenario.conditions import Conditions
from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.scenario.invariants import SENTENCES
from ztdx_devnet.scenario.strict import Strict
from ztdx_devnet.scenario.values import DurationUs, PositiveDurationUs, ProductVariable, one_of
from ztdx_devnet.scenario.verbs import Step
from ztdx_devnet.scenario.yaml_text import shown

_OF_SWEEPS = "I17"
_CANARIES = tuple(number for number in SENTENCES if number != _OF_SWEEPS)


def _row(value: Any) -> Any:
    if isinstance(value, str) and value not in ROWS:
        first, *_, last = ROWS
        raise ValueError(f"the failure catalogue has rows {first} to {last}, not {shown(value)}")
    return value


def _canary(value: Any) -> Any:
    if value == _OF_SWEEPS:
        raise ValueError(f"{value} has no canary: it is judged by sweeps, not by one run")
    if isinstance(value, str) and value not in _CANARIES:
        raise ValueError(unknown("invariant", value, _CANARIES))
    return value


Row = Annotated[str, BeforeValidator(_row), one_of(ROWS)]
Canary = Annotated[str, BeforeValidator(_canary), one_of(_CANARIES)]


class Given(Strict):
    """What the world starts from. Everything has a default."""

    start_height: Annotated[int, Field(ge=0, le=10_000_000)] = 1_000
    confirmation_depth: Annotated[int, Field(ge=0, le=100_000)] = 20
    block_time_s: Annotated[int, Field(ge=1, le=3_600)] = 2
    poll_interval_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 2_000
    listener: Literal["running", "stopped"] = "running"
    restart_after: DurationUs | None = None
    latency: Literal["steady", "varied"] = "steady"
    environment: dict[ProductVariable, str] = Field(default_factory=dict)


class Settle(Strict):
    """How long the system may take to settle once the steps are done and faults are lifted."""

    within: PositiveDurationUs | None = None


class Checks(Strict):
    """`always` and `never` hold at every block and commit; `eventually` after settling;
    `sometimes` at least once."""

    always: list[Conditions] = Field(default_factory=list)
    never: list[Conditions] = Field(default_factory=list)
    sometimes: list[Conditions] = Field(default_factory=list)
    eventually: list[Conditions] = Field(default_factory=list)


class Head(Strict):
    """The scenario without its steps, which are parsed verb by verb."""

    title: Annotated[str, Field(min_length=1)]
    why: str = ""
    guards: list[Row] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    canary: Canary | None = None
    given: Given = Given()
    steps: Annotated[list[Any], Field(min_length=1)]
    settle: Settle = Settle()
    check: Checks = Checks()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, ready to run. `path` is as the user gave it, `text` the file's; lines count
    from 1."""

    path: str
    text: str
    head: Head
    steps: tuple[Step, ...]
    given_line: int
    settle_line: int
    check_line: int
