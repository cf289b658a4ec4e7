"""What can be wrong with a scenario file, as one line each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in one place. `line` counts from 1; 0 means the file as a whole."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


class BadScenario(Exception):
    """A scenario that can't be run. `problems` says all that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[BadScenario], tuple[tuple[Problem, ...]]]:
        """To another process goes what is wrong, and nothing that a subclass holds besides."""
        return BadScenario, (self.problems,)


def unknown(kind: str, seen: str, known: Iterable[str]) -> str:
    """'unknown user 'alcie': did you mean 'alice'?' or the list of what there is."""
    choices = sorted(known)
    close = difflib.get_close_matches(seen, choices, n=1)
    everything = f"known: {', '.join(choices)}" if choices else "none is known here"
    hint = f"did you mean {close[0]!r}?" if close else everything
    return f"unknown {kind} {seen!r}: {hint}"
