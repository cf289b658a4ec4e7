"""The watch: puts the catalogue to a world at the instants that it names."""

from __future__ import annotations

from collections.abc import Callable

from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.scenario.invariants.api_walk import ApiWalk
from ztdx_devnet.scenario.invariants.catalogue import CATALOGUE, Instant
from ztdx_devnet.scenario.invariants.evidence.scene import Scene
from ztdx_devnet.scenario.invariants.problems import Problem, Violation
from ztdx_devnet.scenario.invariants.pushes import Pushes
from ztdx_devnet.sim.health import health
from ztdx_devnet.sim.kernel import Actor
from ztdx_devnet.sim.ledger_reader import concerns_ledger
from ztdx_devnet.sim.ports import Committed
from ztdx_devnet.sim.processes import ApiAnswer, ApiRequest
from ztdx_devnet.sim.world import World

_CHECKS = {
    instant: [(each.number, each.checks[instant]) for each in CATALOGUE if instant in each.checks]
    for instant in Instant
}


def _is_below_zero(amount: str) -> bool:
    return amount.startswith("-")


class _Audience:
    """What nodes tell listeners goes to the scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.judged = scene.told.judged
        self.judged_headers = scene.told.judged_headers
        self.told = scene.told.told

    def asked(self, life: Actor) -> None:
        self._scene.effort.asked(life)
        self._scene.told.asked(life)


class Invariants:
    """Watches one world. `on_violation` is called once, for the first violation."""

    def __init__(self, world: World, on_violation: Callable[[Violation], None]) -> None:
        self._world = world
        self._on_violation = on_violation
        self._scene = Scene(world)
        self._walk = ApiWalk(world, self._tell)
        self._pushes = Pushes(world, self._tell)
        self._scene.stalls.on_doubt = self._walk.health_doubted
        self.found: list[Violation] = []
        """Every violation, in order; those after the first may follow from it."""
        world.watch_answers(_Audience(self._scene))
        world.on_commit.append(self._after_commit)
        # Not as one who watches single blocks: a week of them may still come at once.
        world.chain.on_head.append(self._after_head)
        api = world.product.api
        api.on_request.append(self._scene.requests.sent)
        api.on_answer.append(self._after_answer)
        self._scene.effort.begin()

    def close(self) -> None:
        """Stop listening to the log."""
        self._scene.effort.end()

    def check_settled(self) -> None:
        """The whole ledger against the whole canonical chain, at a quiet moment."""
        scene = self._scene
        scene.see_ledger(self._world.reader.snapshot())  # all of it: what nobody told of, too
        self._look(Instant.COMMIT)
        if self._world.listener_refused_the_chain:
            return  # it has stopped for good, and its ledger is of the chain that was
        scene.see_all()
        scene.settled = True
        self._look(Instant.SETTLED)
        scene.settled = False
        if not self.found:
            self._wait_for_green()
            self._pushes.wait_for_all()
            self._walk.walk_all()

    def _wait_for_green(self) -> None:
        """I15: a listener that has caught up is well, or says so soon.

        Below zero is a balance only after a reversal, which somebody must see to. Of a listener
        in the product's place no health is known.
        """
        world = self._world
        if world.settings.listener is not None or not world.product.a_listener_runs:
            return

        def is_over() -> bool:
            amounts = world.ledger.available.values()
            return health(world).ready or bool(self.found) or any(map(_is_below_zero, amounts))

        if not world.wait_until(is_over, self._scene.stalls.patience_us):
            missing = "; ".join(health(world).missing)
            self._tell("I15", Problem("health that is green, as all is done", missing))

    # --- inside -----------------------------------------------------------------------------------

    def _after_commit(self, committed: Committed) -> None:
        scene = self._scene
        scene.by = committed.actor
        if concerns_ledger(committed.statements):
            scene.see_ledger(self._world.ledger)
            self._look(Instant.COMMIT)
            self._walk.ledger_changed(scene.ledger)
        if scene.see_cursor():
            self._look(Instant.CURSOR)
        self._look(Instant.MOMENT)

    def _after_head(self, change: HeadChange) -> None:
        self._scene.head_changed(change)
        self._look(Instant.MOMENT)

    def _after_answer(self, request: ApiRequest, answer: ApiAnswer | None) -> None:
        self._scene.requests.answered(request, answer)
        self._scene.answers.answered(request, answer)
        self._look(Instant.ANSWER)

    def _look(self, instant: Instant) -> None:
        for number, check in _CHECKS[instant]:
            for problem in check(self._scene):
                self._tell(number, problem)

    def _tell(self, number: str, problem: Problem) -> None:
        world = self._world
        violation = Violation(number, world.now_us, problem.expected, problem.actual)
        self.found.append(violation)
        if len(self.found) > 1:
            return
        world.record(
            "oracle",
            "violated",
            invariant=number,
            expected=problem.expected,
            actual=problem.actual,
        )
        self._on_violation(violation)
