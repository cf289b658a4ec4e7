"""The console report: a line per scenario as it ends, failures in full, a summary."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from ztdx_devnet.scenario.verdict import Failure, Outcome, Verdict
from ztdx_devnet.virtual_time import duration_text

_COLOURS = {Verdict.HELD: "green", Verdict.VIOLATED: "red", Verdict.INCONCLUSIVE: "yellow"}
_TITLE_WIDTH = 77


class ConsoleReport:
    """Writes to one console. Shown in order: line, line, …, summary."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, outcome: Outcome) -> None:
        """One scenario has ended."""
        colour = _COLOURS[outcome.verdict]
        title = "".join(c if c.isprintable() else "?" for c in outcome.title)
        if len(title) > _TITLE_WIDTH:
            title = title[: _TITLE_WIDTH - 1] + "…"
        self._print(
            f"[{colour}]{outcome.verdict.value:<12}[/] {escape(title):<{_TITLE_WIDTH}} "
            f"{duration_text(outcome.virtual_us):>9} in {outcome.wall_s:>5.2f} s"
        )
        if outcome.failure is not None:
            self._failure(outcome, outcome.failure)

    def summary(self, outcomes: Sequence[Outcome]) -> None:
        counts = ", ".join(
            f"{sum(o.verdict is verdict for o in outcomes)} {verdict.value}"
            for verdict in Verdict
            if verdict is Verdict.HELD or any(o.verdict is verdict for o in outcomes)
        )
        wall_s = sum(outcome.wall_s for outcome in outcomes)
        virtual = duration_text(sum(outcome.virtual_us for outcome in outcomes))
        number = f"{len(outcomes)} scenario" + ("" if len(outcomes) == 1 else "s")
        self._print(f"\n{number}: {counts}; {virtual} of virtual time in {wall_s:.1f} s")

    def _failure(self, outcome: Outcome, failure: Failure) -> None:
        place = f"{outcome.path}:{failure.line}" if failure.line else outcome.path
        self._print(f"  {escape(failure.rule)}")
        self._print(f"  {escape(place)}, seed {outcome.seed}, at {duration_text(failure.at_us)}")
        self._print(f"  expected: {escape(failure.expected)}")
        self._print(f"  actual:   {escape(failure.actual)}")
        for fault in outcome.faults:
            fired = f"fired {fault.hits}×" if fault.hits else "armed, never fired"
            self._print(f"  fault {escape(fault.name)}: {fired}")
        self._print(f"  again: devnet run {escape(outcome.path)} --seed {outcome.seed}")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)
