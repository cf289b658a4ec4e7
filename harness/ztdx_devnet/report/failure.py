"""The failure report: why a run is not held, for a reader who did not write the scenario.

Plain lines, without colour. In this order: the rule and where it stands; when it was first wrong
and both values; how a listener ended that does not run; the timeline around it; the shrunk
scenario; the faults; what to do next.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ztdx_devnet.report.record import RunRecord, Shrunk
from ztdx_devnet.scenario.verdict import Failure, Outcome, Verdict
from ztdx_devnet.virtual_time import duration_text

_SENTENCES = {
    "expect": "what the step expects is not so",
    "wait_until": "what the step waits for did not come in time",
    "always": "what the check says must always hold, and did not",
    "never": "what the check says must never hold, and did",
    "eventually": "what the check says must hold after settling, and does not",
    "sometimes": "what the check says must hold at some time, and never did",
    "impossible": "the scenario asks for what can't be done",
    "interrupted": "the run was stopped before its end",
}
"""Of rules that are only a word."""
_WHEN = {
    Verdict.VIOLATED: "first wrong at {}",
    Verdict.INCONCLUSIVE: "at the end, at {}",
    Verdict.REFUSED: "refused at {}",
    Verdict.INTERRUPTED: "stopped at {}",
}


def failure_lines(record: RunRecord) -> list[str]:
    """The whole report, none for a run that held. Lines hold printable characters only."""
    parts = [
        list(part)
        for part in (
            _rule(record.outcome),
            _values(record.outcome),
            record.endings,
            _around(record),
            _shrunk(record),
            _faults(record.outcome),
            _next(record),
        )
    ]
    lines: list[str] = []
    if record.outcome.failure is not None:
        for part in parts:
            lines += ["", *part] if part and lines else part
    return [visible(line) for line in lines]


def visible(text: str) -> str:
    """The text with what a terminal would obey, or not show, written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def rule_text(failure: Failure) -> str:
    """The broken rule as a sentence."""
    if failure.rule in _SENTENCES:
        return f"{failure.rule}: {_SENTENCES[failure.rule]}"
    if failure.part == "step" and ": " not in failure.rule:
        return f"{failure.rule}: the step came out otherwise than it says"
    return failure.rule


def place(outcome: Outcome) -> str:
    """'scenarios/first.yaml:10', or the file alone."""
    line = outcome.failure.line if outcome.failure is not None else 0
    return f"{outcome.path}:{line}" if line else outcome.path


def headline(outcome: Outcome) -> str:
    """What is wrong, in one line: the broken rule; of a refused scenario `file:line: message`.

    Empty for a run that held.
    """
    if outcome.failure is None:
        return ""
    if outcome.verdict is Verdict.REFUSED:
        return f"{place(outcome)}: {outcome.failure.actual}"
    return rule_text(outcome.failure)


def _rule(outcome: Outcome) -> Iterator[str]:
    if outcome.failure is not None:
        yield headline(outcome)
        if outcome.verdict is Verdict.REFUSED:
            at = _WHEN[outcome.verdict].format(duration_text(outcome.failure.at_us))
            yield f"{at}, seed {outcome.seed}"
        else:
            yield f"{place(outcome)}, seed {outcome.seed}"


def _values(outcome: Outcome) -> Iterator[str]:
    if outcome.verdict is Verdict.REFUSED:
        return  # the first line says it all
    if outcome.failure is not None and outcome.verdict is Verdict.ERROR:
        yield f"  {outcome.failure.actual}"
        yield "`devnet run --debug` shows where"
    elif outcome.failure is not None:
        yield _WHEN[outcome.verdict].format(duration_text(outcome.failure.at_us))
        yield f"  expected: {outcome.failure.expected}"
        yield f"  actual:   {outcome.failure.actual}"


def _around(record: RunRecord) -> Iterator[str]:
    if record.timeline:
        yield "around it"
        yield from (f"  {line}" for line in record.timeline.splitlines())


def _shrunk(record: RunRecord) -> Iterator[str]:
    shrunk = record.shrunk
    if shrunk is None:
        if record.unshrunk:
            yield f"not shrunk: {record.unshrunk}"
        return
    yield f"shrunk: {_steps(shrunk)} ({shrunk.runs} runs)"
    yield from (f"  {line}" for line in shrunk.text.splitlines())
    for word, things in (("removed", shrunk.removed), ("reduced", shrunk.reduced)):
        if things:
            yield f"{word}: {'; '.join(things)}"


def _steps(shrunk: Shrunk) -> str:
    if shrunk.steps == shrunk.steps_before:
        return "no step can be left out"
    return f"{shrunk.steps} of {shrunk.steps_before} steps fail alike"


def _faults(outcome: Outcome) -> Iterator[str]:
    if outcome.faults:
        yield "faults"
        for fault in outcome.faults:
            yield f"  {fault.name}: " + (f"fired {fault.hits}×" if fault.hits else "never fired")


def _next(record: RunRecord) -> Iterator[str]:
    if record.page is not None:
        yield f"timeline: {record.page}"
    if record.replay is not None:
        yield f"again:    devnet replay {_argument(record.replay)}"
    else:
        path = _argument(record.outcome.path)
        yield f"again:    devnet run {path} --seed {record.outcome.seed}"


def _argument(path: str) -> str:
    """The path as a shell's argument that is no option."""
    return shlex.quote(f"./{path}" if path.startswith("-") else path)
