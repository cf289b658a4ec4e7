"""The disturbances of a sweep: what is done to one run that is not done to the others.

Each is a change of the retold scenario, so each disturbed run is a scenario that can be kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ztdx_devnet.explore.sweep.retold import Value

SWEPT = "swept"
"""The name of the fault that the sweep adds."""
RESTART_AFTER = "1s"
_POLL_INTERVALS_MS = (2_000, 500, 5_000)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One disturbance: its words, steps to put in front, and changes of what is given.

    Disturbances of one `family` come in the order of `number`; when the first of them hits
    nothing, neither will those that follow.
    """

    title: str
    family: str
    number: int
    first_steps: tuple[Value, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None


def crashes(boundaries: int) -> Iterator[Disturbance]:
    """kill -9 of the listener at each boundary that it crosses, and a start a second later."""
    return map(crash, range(1, boundaries + 1))


def crash(number: int) -> Disturbance:
    """kill -9 of the listener at that boundary."""
    return Disturbance(
        f"kill -9 at boundary {number}",
        "crash",
        number,
        ({"crash_at": {"nth": number}},),
        {"restart_after": RESTART_AFTER},
    )


def schedules(first_seed: int, count: int) -> Iterator[Disturbance]:
    """Other interleavings: latencies that vary, by seeds, and other pauses between polls.

    A crash of the scenario's own may strike after the scenario's restart: then there is another.
    """
    for seed in range(first_seed, first_seed + count):
        given = {
            "latency": "varied",
            "poll_interval_ms": _POLL_INTERVALS_MS[seed % len(_POLL_INTERVALS_MS)],
            "restart_after": RESTART_AFTER,
        }
        yield Disturbance(f"schedule {seed}", "schedule", seed, (), given, seed)


def faults(classes: Sequence[Value], at_most: int) -> Iterator[Disturbance]:
    """Each class of fault once, at the first thing that it can touch, the second, and so on.

    A class is a step such as `{"answer_fault": {"kind": "empty", "method": "*"}}`; its name and
    its place are added.
    """
    for fault_class in classes:
        ((verb, fields),) = fault_class.items()
        family = " ".join([verb, *(str(value) for value in fields.values())])
        for number in range(1, at_most + 1):
            step = {verb: {"as": SWEPT, **fields, "first": number, "last": number}}
            yield Disturbance(
                f"{family}, number {number}",
                family,
                number,
                (step,),
                {"restart_after": RESTART_AFTER},
            )
