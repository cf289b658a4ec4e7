"""When things were written: what a commit adds to the history says one time, the commit's.

It is part of I18: what is dated back is not added to a history but put into it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ztdx_devnet.faults.clock import ClockJump
from ztdx_devnet.scenario.invariants.evidence.scene import Scene
from ztdx_devnet.scenario.invariants.problems import Problem, Problems, row_text
from ztdx_devnet.virtual_time import MICROSECONDS

WRITES_WITHIN_S = 60
"""From looking at the clock to the commit: waiting for the lock, and the statements."""
_WITH_VARIED_LATENCY = 10


def of_what_was_added(scene: Scene) -> Problems:
    """Whether all that is new in the ledger bears the time of this commit."""
    for before, row in scene.changes.deposits:
        if before is None and row is not None and row.confirmed_at != row.created_at:
            expected = f"{row_text(row)}, confirmed when it was created, at {row.created_at}"
            yield Problem(expected, f"confirmed at {row.confirmed_at}")
    found = dict.fromkeys(_added(scene))
    if not found:
        return
    if len(found) > 1:
        yield Problem("one time for all that is written together", f"{sorted(found)}")
    for written in found:
        if not is_now(scene, written):
            now_s = scene.world.now_us // MICROSECONDS
            yield Problem(f"a history that is written when it happens, at {now_s}", f"{written}")


def is_now(scene: Scene, written: int) -> bool:
    """Whether that may be the present second on the clock of who wrote last.

    Of a clock that has been off nothing is asked.
    """
    world = scene.world
    now_s = world.now_us // MICROSECONDS
    patience_s = WRITES_WITHIN_S * (_WITH_VARIED_LATENCY if world.settings.varied_latency else 1)
    return now_s - patience_s <= written <= now_s or _clock_was_off(scene)


def _clock_was_off(scene: Scene) -> bool:
    return any(
        isinstance(fault, ClockJump) and fault.process == scene.by for fault in scene.world.faults
    )


def _added(scene: Scene) -> Iterator[int]:
    changes = scene.changes
    for pairs in (
        changes.deposits,
        changes.entries,
        changes.admin_credits,
        changes.quarantine,
        changes.kept_answers,
    ):
        for before, now in pairs:
            if before is None and now is not None:
                yield now.created_at
    for sighting in changes.sightings:
        yield sighting.created_at
