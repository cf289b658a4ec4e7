"""The timeline of one run as one HTML file: no script, nothing loaded, the same bytes for the same
run.

All that a scenario, a node or a process says is text on it, whatever it holds.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from ztdx_devnet.journal.journal import Entry
from ztdx_devnet.report.timeline.chain_figure import chain_figure, chain_notes
from ztdx_devnet.report.timeline.clock import at_text, span_text
from ztdx_devnet.report.timeline.endings import endings
from ztdx_devnet.report.timeline.events import (
    COLUMNS,
    HEADINGS,
    Cell,
    EventRow,
    around,
    event_rows,
)
from ztdx_devnet.report.timeline.lives_figure import lives_figure, lives_notes
from ztdx_devnet.report.timeline.model import Facts, FaultLife, read, short_hash
from ztdx_devnet.report.timeline.style import STYLE
from ztdx_devnet.report.timeline.svg import escaped
from ztdx_devnet.scenario.verdict import Failure, Outcome, Verdict

_ROWS_BEFORE = 40
_ROWS_AFTER = 6
_CODE_LINES_MAX = 240
_CODE_AROUND = 100
_CODE_WIDTH_MAX = 400
_TITLE_MAX = 200
_STAMPS = {Verdict.HELD: "held", Verdict.VIOLATED: "broken"}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_HASH = re.compile(r"0x[0-9a-f]{64}")
_INVARIANT = re.compile(r"(I[0-9]+): (.*)", re.DOTALL)


def page(
    entries: Iterable[Entry],
    outcome: Outcome,
    *,
    scenario_text: str = "",
    run_id: str = "",
    listener: str = "",
) -> str:
    """The page of one run.

    `entries` are the journal's, `scenario_text` is the scenario's file as it was played, `run_id`
    the name of the run's folder if it has one, and `listener` says what stood in the place of the
    product's listener, if anything did.
    """
    facts = read(entries, outcome)
    sections = [
        ("verdict", "", _verdict(outcome, run_id, listener)),
        ("false", _title_of_values(outcome), _first_false(facts, outcome)),
        ("chain", "Chain", _figures(facts)),
        ("actors", "Actors", _events(facts)),
        ("scenario", "Scenario", _scenario(outcome, scenario_text)),
        ("faults", "Faults", _faults(facts.faults)),
        ("again", "Again", _again(outcome, run_id)),
    ]
    shown = [(name, title, body) for name, title, body in sections if body]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title, _ in shown if title)
    body = "\n".join(f'<section id="{name}">\n{html}\n</section>' for name, _, html in shown)
    title = escaped(f"{outcome.verdict.value} · {outcome.title[:_TITLE_MAX]}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n"
        f'<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n</head>\n<body>\n'
        f'<header class="top"><b>devnet</b><nav aria-label="Sections">{links}</nav></header>\n'
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _verdict(outcome: Outcome, run_id: str, listener: str) -> str:
    failure = outcome.failure
    stamp = _STAMPS.get(outcome.verdict, "maybe")
    place = outcome.path
    if failure is not None and failure.line:
        place = f'<a href="#L{failure.line}">{escaped(f"{outcome.path}:{failure.line}")}</a>'
    else:
        place = escaped(place)
    facts = [("Run", run_id, ""), ("Seed", str(outcome.seed), "")]
    facts += [("Listener", listener, ""), ("Virtual time", span_text(outcome.virtual_us), "")]
    facts.append(("Digest", outcome.digest[:16], "mono"))
    listed = "".join(
        f'<div><dt>{name}</dt><dd class="{kind}">{escaped(value)}</dd></div>'
        for name, value, kind in facts
        if value
    )
    return (
        f'<p class="stamp {stamp}">{outcome.verdict.value}</p>\n'
        f"<h1>{escaped(outcome.title[:_TITLE_MAX])}</h1>\n"
        f'<p class="rule">{escaped(_sentence(outcome.verdict, failure))}</p>\n'
        f'<dl class="meta"><div class="wide"><dt>Scenario</dt><dd class="mono">{place}</dd></div>'
        f"{listed}</dl>"
    )


def _sentence(verdict: Verdict, failure: Failure | None) -> str:
    if verdict is Verdict.HELD:
        return "Everything that was demanded was seen."
    if failure is None:
        return "The run did not come to its end."
    if verdict is Verdict.INTERRUPTED:
        return "The run was stopped before its end."
    if verdict is Verdict.REFUSED:
        return f"The scenario can't be played: {failure.actual}."
    found = _INVARIANT.fullmatch(failure.rule)
    if found is not None:
        return f"Rule {found[1]} does not hold: {found[2]}."
    if verdict is Verdict.VIOLATED:
        return f"Not as demanded: {failure.rule}."
    return f"The run shows nothing: {failure.rule}."


def _title_of_values(outcome: Outcome) -> str:
    return "First false" if outcome.verdict is Verdict.VIOLATED else "Seen"


def _first_false(facts: Facts, outcome: Outcome) -> str:
    failure = outcome.failure
    if failure is None:
        return ""
    heading = f"{_title_of_values(outcome)} at {at_text(failure.at_us)}"
    kind = "sides" if outcome.verdict is Verdict.VIOLATED else "sides maybe"
    ended = endings(facts.entries, outcome)
    expected, actual = _value(facts, failure.expected), _value(facts, failure.actual)
    return (
        f'<h2>{heading}<span class="dim">head #{facts.head} on {escaped(facts.current)}, '
        f"{_cursor(facts)}</span></h2>\n"
        f'<div class="{kind}"><div class="side"><h3>Expected</h3><p>{expected}</p></div>'
        '<div class="neq"><span aria-hidden="true">≠</span><span class="vh">is not</span></div>'
        f'<div class="side seen"><h3>Seen</h3><p>{actual}</p></div></div>'
        + "".join(f'\n<p class="ended">{escaped(words)}</p>' for words in ended)
    )


def _value(facts: Facts, text: str) -> str:
    """A value of the failure; deposits are called by their names beside their hashes."""

    def named(found: re.Match[str]) -> str:
        names = facts.names.get(found[0])
        return f"{', '.join(names)} ({short_hash(found[0])})" if names else found[0]

    return escaped(_HASH.sub(named, text))


def _cursor(facts: Facts) -> str:
    return "no cursor" if facts.cursor is None else f"cursor #{facts.cursor}"


def _figures(facts: Facts) -> str:
    chain = ""
    if facts.branches:
        chain = _figure_box("Chain", chain_figure(facts), chain_notes(facts))
    lives = lives_figure(facts)
    told = '<h2>Chain when the run ended<span class="dim">{}</span></h2>\n{}'.format(
        f"{facts.depth_blocks} confirmations", chain
    )
    if not lives:
        return told
    return (
        f'{told}\n<h2 class="second">Life of each deposit</h2>\n'
        f"{_figure_box('Lives of deposits', lives, lives_notes(facts))}"
    )


def _figure_box(words: str, drawing: str, notes: Sequence[str]) -> str:
    """A drawing that can be scrolled, and under it what is always in sight."""
    told = "".join(f'\n<p class="dim">{escaped(note)}</p>' for note in notes)
    box = f'<div class="figbox" tabindex="0" role="group" aria-label="{words}">\n{drawing}\n</div>'
    return box + told


def _events(facts: Facts) -> str:
    earlier, rows, later = around(event_rows(facts), _ROWS_BEFORE, _ROWS_AFTER)
    used = [column for column in COLUMNS if any(column in row.cells for row in rows)]
    heads = "".join(f'<th scope="col">{HEADINGS[column]}</th>' for column in used)
    width = len(used) + 1
    lines = [_skipped(earlier, "earlier", width)]
    for row in rows:
        time = f'<td class="time">{at_text(row.at_us - facts.started_us)}</td>'
        if row.banner:
            kind = "banner first" if row.first_false else "banner"
            text = escaped(row.banner)
            lines.append(f'<tr class="{kind}">{time}<td colspan="{width - 1}">{text}</td></tr>')
            continue
        cells = "".join(
            f'<td data-is="{HEADINGS[column]}">{_cells(row.cells[column])}</td>'
            if column in row.cells
            else "<td></td>"
            for column in used
        )
        lines.append(f"<tr{_row_kind(row)}>{time}{cells}</tr>")
    lines.append(_skipped(later, "later", width))
    return (
        '<h2>Who did what</h2>\n<table><caption class="vh">Events by actor, oldest first</caption>'
        '<colgroup><col class="time">'
        + f'{"<col>" * len(used)}</colgroup>\n<thead><tr><th scope="col">Time</th>{heads}</tr>'
        "</thead>\n<tbody>\n" + "\n".join(line for line in lines if line) + "\n</tbody></table>"
    )


def _row_kind(row: EventRow) -> str:
    if row.first_false:
        return ' class="first"'
    return ' class="skip"' if row.quiet else ""


def _skipped(count: int, words: str, width: int) -> str:
    if not count:
        return ""
    told = f'<td colspan="{width - 1}">{count:,} {words}</td>'
    return f'<tr class="skip"><td class="time">…</td>{told}</tr>'


def _cells(cells: Sequence[Cell]) -> str:
    return "<br>".join(
        escaped(cell.text)
        if cell.tone == "plain"
        else f'<span class="tone-{cell.tone}">{_mark(cell)}{escaped(cell.text)}</span>'
        for cell in cells
    )


def _mark(cell: Cell) -> str:
    """What the tone says, without colour."""
    return {"wrong": "✕ ", "fault": "▲ "}.get(cell.tone, "")


def _scenario(outcome: Outcome, text: str) -> str:
    if not text:
        return ""
    failing = outcome.failure.line if outcome.failure is not None else 0
    lines = text.splitlines()
    first, last = 1, len(lines)
    if len(lines) > _CODE_LINES_MAX:
        first = max(1, failing - _CODE_AROUND)
        last = min(len(lines), first + 2 * _CODE_AROUND)
    violated = outcome.verdict is Verdict.VIOLATED
    kind = "hit" if violated else "hit maybe"
    said = "the failing line" if violated else "the line that was reached"
    shown = []
    for number in range(first, last + 1):
        hit = f' class="{kind}"' if number == failing else ""
        words = lines[number - 1]
        if len(words) > _CODE_WIDTH_MAX:
            words = words[:_CODE_WIDTH_MAX] + "…"
        note = f'<span class="vh"> {said}</span>' if hit else ""
        shown.append(
            f'<li id="L{number}"{hit}><span class="no">{number}</span>{escaped(words)}{note}</li>'
        )
    part = f'<span class="dim">lines {first} to {last} of {len(lines)}</span>'
    return (
        f"<h2>Scenario{part if last - first + 1 < len(lines) else ''}</h2>\n"
        '<div class="codebox" tabindex="0" role="group" aria-label="Scenario">'
        f'<ol class="code">{"".join(shown)}</ol></div>'
    )


def _faults(faults: Sequence[FaultLife]) -> str:
    if not faults:
        return ""
    rows = "".join(
        f'<tr><th scope="row"><span class="tone-fault">{"▲" if fault.hits else "△"} '
        f"{escaped(fault.name)}</span></th>"
        f'<td data-is="Scope">{escaped(fault.details)}</td>'
        f'<td data-is="Made a difference"><b>{_hits(fault)}</b></td></tr>'
        for fault in faults[:50]
    )
    more = f'<p class="dim">{len(faults) - 50} more</p>' if len(faults) > 50 else ""
    return (
        '<h2>Faults</h2>\n<table><caption class="vh">Faults that were armed</caption><thead><tr>'
        '<th scope="col">Fault</th><th scope="col">Scope</th>'
        f'<th scope="col">Made a difference</th></tr></thead><tbody>{rows}</tbody></table>{more}'
    )


def _hits(fault: FaultLife) -> str:
    return f"fired {fault.hits}×" if fault.hits else "never fired"


def _again(outcome: Outcome, run_id: str) -> str:
    commands = [f"devnet run {shlex.quote(outcome.path)} --seed {outcome.seed}"]
    if run_id:
        commands.insert(0, f"devnet replay {shlex.quote(run_id)}")
    listed = "".join(f'<p class="cmd"><code>{escaped(words)}</code></p>' for words in commands)
    digest = escaped(outcome.digest)
    return (
        f"<h2>Again</h2>\n{listed}\n"
        f'<p class="dim">The same scenario and seed give the same run: digest <code>{digest}</code>'
        "</p>"
    )
