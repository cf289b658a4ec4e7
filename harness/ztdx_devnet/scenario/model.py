"""A scenario: what the world starts from, the steps, the settling, the checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ztdx_devnet.scenario.conditions import Conditions
from ztdx_devnet.scenario.values import DurationUs, ProductVariable
from ztdx_devnet.scenario.verbs import Step

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class Given(BaseModel):
    """What the world starts from. Everything has a default."""

    model_config = _STRICT
    start_height: Annotated[int, Field(ge=0, le=10_000_000)] = 1_000
    confirmation_depth: Annotated[int, Field(ge=0, le=1_000_000)] = 20
    block_time_s: Annotated[int, Field(ge=1, le=3_600)] = 2
    poll_interval_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 2_000
    listener: Literal["running", "stopped"] = "running"
    restart_after: DurationUs | None = None
    latency: Literal["steady", "varied"] = "steady"
    environment: dict[ProductVariable, str] = Field(default_factory=dict)


class Settle(BaseModel):
    """How long the system may take to settle once the steps are done and faults are lifted."""

    model_config = _STRICT
    within: DurationUs | None = None


class Checks(BaseModel):
    """`always` and `never` hold at every block and commit; `eventually` after settling;
    `sometimes` at least once."""

    model_config = _STRICT
    always: list[Conditions] = Field(default_factory=list)
    never: list[Conditions] = Field(default_factory=list)
    sometimes: list[Conditions] = Field(default_factory=list)
    eventually: list[Conditions] = Field(default_factory=list)


class Head(BaseModel):
    """The scenario without its steps, which are parsed verb by verb."""

    model_config = _STRICT
    title: Annotated[str, Field(min_length=1)]
    why: str = ""
    guards: list[Annotated[str, Field(pattern=r"^F[0-9]{2}$")]] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    canary: Annotated[str, Field(pattern=r"^I[0-9]{1,2}$")] | None = None
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
