"""The scenario's own standing checks: always, never, sometimes."""

from __future__ import annotations

from collections.abc import Callable

from ztdx_devnet.scenario.conditions import Conditions
from ztdx_devnet.scenario.model import Checks
from ztdx_devnet.scenario.stage import ExpectationFailed
from ztdx_devnet.sim.world import World


class Watch:
    """Looks at every block and every commit. `on_failure` is called once, for the first failure."""

    def __init__(
        self, world: World, checks: Checks, on_failure: Callable[[ExpectationFailed], None]
    ) -> None:
        self._world = world
        self._checks = checks
        self._on_failure: Callable[[ExpectationFailed], None] | None = on_failure
        self.unseen: list[Conditions] = list(checks.sometimes)
        if checks.always or checks.never or checks.sometimes:
            world.on_head.append(lambda _: self._look())
            world.on_commit.append(lambda _: self._look())

    def _look(self) -> None:
        for conditions in self._checks.always:
            if self._can_be_seen(conditions):
                for look in (c.look(self._world) for c in conditions.conditions()):
                    if not look.holds:
                        self._fail("always", look.expected, look.actual)
        for conditions in self._checks.never:
            if self._can_be_seen(conditions) and self._all_hold(conditions):
                words = ", ".join(c.look(self._world).expected for c in conditions.conditions())
                self._fail("never", f"never: {words}", "it was so")
        self.unseen = [
            conditions
            for conditions in self.unseen
            if not (self._can_be_seen(conditions) and self._all_hold(conditions))
        ]

    def _can_be_seen(self, conditions: Conditions) -> bool:
        """Deposits that are not sent yet have no state to look at."""
        sent = self._world.users.deposits
        return all(named.name in sent for named in conditions.uses() if named.kind == "deposit")

    def _all_hold(self, conditions: Conditions) -> bool:
        return all(c.look(self._world).holds for c in conditions.conditions())

    def _fail(self, rule: str, expected: str, actual: str) -> None:
        if self._on_failure is not None:
            report, self._on_failure = self._on_failure, None
            report(ExpectationFailed(rule, expected, actual))
