"""Branches by name: where each one ends, and which of them is canonical."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.blocktree.tree import HeadChange

FIRST = "main"


@dataclass(frozen=True, slots=True)
class Branch:
    """A named branch and its last block."""

    name: str
    tip: Place


class Branches:
    """The named branches of one tree, oldest first. `current` is the name of the canonical one."""

    def __init__(self, genesis: Place) -> None:
        self.restore(FIRST, {FIRST: genesis})

    def __iter__(self) -> Iterator[Branch]:
        return iter([Branch(name, tip) for name, tip in self._tips.items()])

    def __contains__(self, name: str) -> bool:
        return name in self._tips

    def tip(self, name: str) -> Place | None:
        return self._tips.get(name)

    def follow(self, change: HeadChange, name: str | None = None) -> None:
        """Take over a change of head; `name` is for the branch that it opens, if it opens one.

        A branch that goes on keeps its name; a head that ends a known branch makes that one
        canonical; any other head opens a new branch.
        """
        if change.is_reorg or name is not None:
            self.current = name or self._name_of(change.new_head) or self._free_name()
        before = self._tips.get(self.current)
        if before is not None:
            self._ending[before].remove(self.current)
            if not self._ending[before]:
                del self._ending[before]
        self._enter(self.current, change.new_head)

    def copy(self) -> Branches:
        other = Branches.__new__(Branches)
        other.restore(self.current, self._tips)
        return other

    def restore(self, current: str, tips: Mapping[str, Place]) -> None:
        """Take over what a store has kept."""
        self.current = current
        self._tips: dict[str, Place] = {}
        self._ages: dict[str, int] = {}
        self._ending: dict[Place, set[str]] = {}  # several branches may end in one block
        for name, tip in tips.items():
            self._enter(name, tip)

    def _enter(self, name: str, tip: Place) -> None:
        self._tips[name] = tip
        self._ages.setdefault(name, len(self._ages))
        self._ending.setdefault(tip, set()).add(name)

    def _name_of(self, tip: Place) -> str | None:
        """The oldest branch that ends there."""
        return min(self._ending.get(tip, ()), key=self._ages.__getitem__, default=None)

    def _free_name(self) -> str:
        number = len(self._tips) + 1
        while f"branch-{number}" in self._tips:
            number += 1
        return f"branch-{number}"
