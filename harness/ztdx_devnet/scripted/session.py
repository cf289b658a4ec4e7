"""The session: what a scripted world has played so far, and the scenario file that plays the same.

A step that failed is in it, and fails again there. What can't be said in a file is said in a note.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ztdx_devnet.scenario.yaml_text import text_of


class Session:
    """Steps as their values in YAML, in order; `given` is what differs from the defaults."""

    def __init__(self, seed: int, given: Mapping[str, Any]) -> None:
        self._head: dict[str, Any] = {"seed": seed, "given": dict(given)}
        self._steps: list[Any] = []
        self._settled_us: int | None = None
        self._within: str | None = None
        self.note = ""

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, step: Any) -> None:
        """One more step. A settling that it comes after becomes steps, too."""
        if self._settled_us is not None:
            self._steps += ["clear_faults", "resume_chain", {"wait": f"{self._settled_us}us"}]
            self._settled_us = self._within = None
        self._steps.append(step)

    def take_back(self) -> None:
        """The step that was added last can't be done after all."""
        self._steps.pop()

    def settled(self, took_us: int, within: str | None) -> None:
        """The system was let settle, which a scenario does by itself at its end."""
        self._settled_us = took_us + (self._settled_us or 0)
        self._within = within

    def text(self, title: str) -> str:
        """The scenario's YAML."""
        value: dict[str, Any] = {"title": title}
        if self.note:
            value["why"] = self.note
        value |= {key: part for key, part in self._head.items() if part}
        value["steps"] = self._steps or [{"note": "nothing was done"}]
        if self._within is not None:
            value["settle"] = {"within": self._within}
        return text_of(value)
