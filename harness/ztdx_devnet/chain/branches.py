"""Branches by name: where each one ends, and which of them is canonical."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ztdx_devnet.chain.blocks import Place
from ztdx_devnet.chain.tree import HeadChange

FIRST = "main"


@dataclass(frozen=True, slots=True)
class Branch:
    """A named branch and its last block."""

    name: str
    tip: Place


class Branches:
    """The named branches of one tree, oldest first. `current` is the name of the canonical one."""

    def __init__(self, genesis: Place) -> None:
        self.current = FIRST
        self._tips = {FIRST: genesis}
        self._names = {genesis: FIRST}

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
            self.current = name or self._names.get(change.new_head) or self._free_name()
        before = self._tips.get(self.current)
        if before is not None and self._names.get(before) == self.current:
            del self._names[before]
        self._tips[self.current] = change.new_head
        self._names.setdefault(change.new_head, self.current)

    def copy(self) -> Branches:
        other = Branches.__new__(Branches)
        other.restore(self.current, self._tips)
        return other

    def restore(self, current: str, tips: Mapping[str, Place]) -> None:
        """Take over what a store has kept."""
        self.current, self._tips = current, dict(tips)
        self._names = {tip: name for name, tip in reversed(list(tips.items()))}

    def _free_name(self) -> str:
        number = len(self._tips) + 1
        while f"branch-{number}" in self._tips:
            number += 1
        return f"branch-{number}"
