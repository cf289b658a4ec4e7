"""The burial: how many blocks stand on a deposit at least, as far as the steps alone can say.

A reorg that is not deeper than that does not touch the deposit.
"""

from __future__ import annotations

from ztdx_devnet.scenario.verbs import Step, Verb
from ztdx_devnet.scenario.verbs.chain import (
    HaltChain,
    Mine,
    MineEmpty,
    Reorg,
    ResetChain,
    ResumeChain,
    SwitchBranch,
)
from ztdx_devnet.scenario.verbs.concurrency import AtOnce
from ztdx_devnet.scenario.verbs.flow import Wait


class Burial:
    """Follows the steps. What it can't be sure of, it does not know."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._above: dict[str, int] = {}
        self._is_halted = False
        self._is_sure = True

    def untouched(self, reorg: Reorg) -> str | None:
        """A deposit that the reorg speaks of and surely does not touch, or None."""
        for named in reorg.uses():
            if named.kind == "deposit" and self._above.get(named.name, -1) >= reorg.depth:
                return named.name
        return None

    def above(self, name: str) -> int:
        """How many blocks stand on the deposit, at least. Raises KeyError."""
        return self._above[name]

    def follow(self, step: Step, block_time_us: int) -> None:
        """The step has been done; `block_time_us` is what it was before."""
        times = step.verb.times if isinstance(step.verb, AtOnce) else 1
        for part in [*(step.verb.inner() or (step,))] * times:
            self._follow_change(part.verb)
        self._is_halted = self._is_halted or isinstance(step.verb, HaltChain)
        self._is_halted = self._is_halted and not isinstance(step.verb, ResumeChain)
        if isinstance(step.verb, MineEmpty):
            self._bury(step.verb.blocks, takes_waiting=False)
        elif isinstance(step.verb, Mine):
            self._bury(step.verb.blocks)
        elif isinstance(step.verb, Wait) and not self._is_halted:
            self._bury((step.verb.duration or 0) // block_time_us - 1)
        if self._is_sure:
            self._waiting.update(n.name for n in step.verb.defines() if n.kind == "deposit")

    def _follow_change(self, verb: Verb) -> None:
        """Once a branch was left, a transaction may wait for a nonce that does not come."""
        if isinstance(verb, Reorg):
            more = (verb.depth + 1 if verb.length is None else verb.length) - verb.depth
            kept = {name: n for name, n in self._above.items() if n >= verb.depth}
            self._above = {name: n + more for name, n in kept.items()}
        elif isinstance(verb, SwitchBranch | ResetChain):
            self._above = {}
        else:
            return
        self._waiting.clear()
        self._is_sure = False

    def _bury(self, blocks: int, *, takes_waiting: bool = True) -> None:
        """So many blocks at least have come; the first took what waited."""
        if blocks < 1:
            return
        for name in self._above:
            self._above[name] += blocks
        if takes_waiting:
            self._above.update(dict.fromkeys(self._waiting, blocks - 1))
            self._waiting.clear()
