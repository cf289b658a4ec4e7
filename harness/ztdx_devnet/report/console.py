"""The console report: a line per scenario as it ends, failures in full, a summary."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from ztdx_devnet.report.failure import failure_lines, visible
from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.virtual_time import duration_text

_COLOURS = {
    Verdict.HELD: "green",
    Verdict.VIOLATED: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.REFUSED: "red",
    Verdict.INTERRUPTED: "yellow",
    Verdict.ERROR: "red",
}
_TITLE_WIDTH = 77


class Terminal(Console):
    """Standard output. A pipe that nobody reads is an OSError, as a full disk is.

    Rich would end the process with the exit code 1, which says that a scenario was violated.
    """

    def on_broken_pipe(self) -> None:
        raise  # it is called where the error is handled


class ConsoleReport:
    """Writes to one console. Shown in order: line, line, …, summary."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, record: RunRecord) -> None:
        """One scenario has ended."""
        outcome = record.outcome
        colour = _COLOURS[outcome.verdict]
        title = visible(outcome.title)
        if len(title) > _TITLE_WIDTH:
            title = title[: _TITLE_WIDTH - 1] + "…"
        self._print(
            f"[{colour}]{outcome.verdict.value:<12}[/] {escape(title):<{_TITLE_WIDTH}} "
            f"{duration_text(outcome.virtual_us):>9} in {outcome.wall_s:>5.2f} s"
        )
        for line in failure_lines(record):
            self._print(escape(f"  {line}") if line else "")

    def text(self, line: str) -> None:
        """One line as it is."""
        self._print(escape(line))

    def summary(self, records: Sequence[RunRecord], wall_s: float, of: int | None = None) -> None:
        """`wall_s` is what all took together, `of` how many there were to play."""
        outcomes = [record.outcome for record in records]
        counts = ", ".join(
            f"{sum(o.verdict is verdict for o in outcomes)} {verdict.value}"
            for verdict in Verdict
            if verdict is Verdict.HELD or any(o.verdict is verdict for o in outcomes)
        )
        virtual = duration_text(sum(outcome.virtual_us for outcome in outcomes))
        number = f"{len(outcomes)} scenario" + ("" if len(outcomes) == 1 else "s")
        if of is not None and of > len(outcomes):
            number = f"{len(outcomes)} of {of} scenarios"
        self._print(f"\n{number}: {counts}; {virtual} of virtual time in {wall_s:.1f} s")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)
