"""The cross-check: what no single step can see, such as names across steps, depths across the run.

It takes step after step, as they stand in a file or as somebody plays them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ztdx_devnet.scenario.burial import Burial
from ztdx_devnet.scenario.errors import Problem, unknown
from ztdx_devnet.scenario.model import Given
from ztdx_devnet.scenario.names import FROM_THE_START, Named
from ztdx_devnet.scenario.verbs import Step
from ztdx_devnet.scenario.verbs.chain import Reorg
from ztdx_devnet.virtual_time import MICROSECONDS


class CrossCheck:
    """Knows what the steps so far have given. `path` is what problems name, and `place` what the
    lines of steps are called.

    `height_at_most` is how high the chain can be before the next step; who knows better may say so.
    """

    def __init__(self, given: Given, path: str = "", place: str = "line") -> None:
        self.height_at_most = given.start_height
        self._path = path
        self._place = place
        self._defined = {
            Named(kind, name) for kind, names in FROM_THE_START.items() for name in names
        }
        self._armed: set[str] = set()
        self._standing: list[Step] = []
        self._burial = Burial()
        self._block_time_us = given.block_time_s * MICROSECONDS

    def of_step(self, step: Step) -> list[Problem]:
        """What is wrong with the step where it stands. It gives its names, be it good or not."""
        problems = list(self.wrong_with(step))
        self.follow(step)
        return problems

    def wrong_with(self, step: Step) -> Iterator[Problem]:
        """As `of_step`, but the step gives nothing yet."""
        parts = step.verb.inner() or (step,)
        for part in parts:  # none of them comes before another
            yield from self.of_uses(part.verb.uses(), part.line)
            refusal = part.verb.refusal_at(self.height_at_most)
            if refusal is not None:
                yield Problem(self._path, part.line, refusal)
            if isinstance(part.verb, Reorg):
                yield from self._of_reorg(part.verb, part.line)
            for standing in self._standing:
                if standing.verb.hides(part.verb):
                    (hidden,), (hiding,) = part.verb.arms(), standing.verb.arms()
                    message = (
                        f"the fault {hidden!r} can never fire: {hiding!r} of "
                        f"{self._place} {standing.line} touches all of it first; "
                        "clear that one before, or give it an end"
                    )
                    yield Problem(self._path, part.line, message)
                    break
        defined, armed = set(self._defined), set(self._armed)
        for part in parts:
            for named in part.verb.defines():
                if named in defined:
                    message = f"the name {named.name!r} is given twice"
                    yield Problem(self._path, part.line, message)
                defined.add(named)
            for name in part.verb.arms():
                if name in armed:
                    message = f"the fault {name!r} is armed twice: name it anew"
                    yield Problem(self._path, part.line, message)
                armed.add(name)

    def of_uses(self, uses: Iterable[Named], line: int) -> Iterator[Problem]:
        """A problem for each name that no step has given."""
        for named in uses:
            if named not in self._defined:
                yield Problem(self._path, line, self._undefined(named))

    def follow(self, step: Step) -> None:
        """The step has been done: its names are given, and blocks may have come."""
        for part in step.verb.inner() or (step,):
            self._defined.update([*part.verb.defines(), *part.verb.brings()])
            self._armed.update(part.verb.arms())
            if part.verb.lifts_faults():
                self._standing = []
            elif part.verb.arms():
                self._standing.append(part)
        self._burial.follow(step, self._block_time_us)
        self._block_time_us = step.verb.block_time_after(self._block_time_us)
        self.height_at_most = step.verb.height_after(self.height_at_most, self._block_time_us)

    def _of_reorg(self, reorg: Reorg, line: int) -> Iterator[Problem]:
        """A problem for a deposit that it can't replace."""
        name = self._burial.untouched(reorg)
        if name is not None:
            message = (
                f"{name!r} is not touched: at least {self._burial.above(name)} blocks stand on its "
                f"block by then, and the last {reorg.depth} are replaced"
            )
            yield Problem(self._path, line, message)

    def _undefined(self, named: Named) -> str:
        kind, name = named.kind, named.name
        known = [each.name for each in self._defined if each.kind == kind]
        if not known:
            return f"unknown {kind} {name!r}: no {kind} has been named before this {self._place}"
        return unknown(kind, name, known)
