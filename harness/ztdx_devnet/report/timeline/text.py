"""The moments around the first false instant as text, for a terminal: a column per actor."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from ztdx_devnet.journal.journal import Entry
from ztdx_devnet.report.timeline.clock import at_text
from ztdx_devnet.report.timeline.events import (
    COLUMNS,
    HEADINGS,
    Column,
    EventRow,
    around,
    event_rows,
)
from ztdx_devnet.report.timeline.model import read
from ztdx_devnet.scenario.verdict import Outcome

WIDTH = 116
_SHARES: dict[Column, int] = {"chain": 27, "node": 26, "listener": 19, "ledger": 26, "api": 20}
_LINES_MAX = 4


def text_timeline(
    entries: Iterable[Entry], outcome: Outcome, before: int = 8, after: int = 2
) -> str:
    """What happened around the first false instant, or before the end of a run without one.

    At most `WIDTH` characters wide, one line per instant or more. '>' marks the first false one.
    """
    facts = read(entries, outcome)
    earlier, rows, later = around(event_rows(facts), before, after)
    used = [column for column in COLUMNS if any(column in row.cells for row in rows)]
    times = [at_text(row.at_us - facts.started_us) for row in rows]
    time_width = max((len(time) for time in times), default=0)
    widths = _widths(rows, used, WIDTH - 2 - time_width - 2 * len(used))
    lines = []
    if used:
        lines.append(_line(" ", "", time_width, [HEADINGS[c].lower() for c in used], widths))
    if earlier:
        lines.append(f"  … {earlier} earlier")
    for row, time in zip(rows, times, strict=True):
        lines += _row_lines(row, time, time_width, used, widths)
    if later:
        lines.append(f"  … {later} later")
    return "\n".join(lines)


def _widths(rows: Sequence[EventRow], used: Sequence[Column], room: int) -> list[int]:
    """Each column as wide as its words, or its share of the room where they don't all fit."""
    needed = [max(len(HEADINGS[c]), *(len(_words(row, c)) for row in rows)) for c in used]
    if sum(needed) <= room:
        return needed
    shares = sum(_SHARES[column] for column in used)
    widths = [min(n, _SHARES[c] * room // shares) for n, c in zip(needed, used, strict=True)]
    for i, wanted in enumerate(needed):  # what some don't need, others may take
        widths[i] += max(0, min(wanted - widths[i], room - sum(widths)))
    return widths


def _words(row: EventRow, column: Column) -> str:
    text = "; ".join(cell.text for cell in row.cells.get(column, ()))
    return "".join(c if c.isprintable() else "?" for c in text)


def _row_lines(
    row: EventRow, time: str, time_width: int, used: Sequence[Column], widths: Sequence[int]
) -> list[str]:
    mark = ">" if row.first_false else " "
    if row.banner:
        shown = "".join(c if c.isprintable() else "?" for c in row.banner)
        banner = textwrap.shorten(shown, WIDTH - time_width - 8, placeholder=" …")
        return [f"{mark} {time:>{time_width}}  -- {banner}"]
    most = None if row.first_false else _LINES_MAX
    cells = [
        textwrap.wrap(_words(row, c), width, max_lines=most, placeholder=" …") or [""]
        for c, width in zip(used, widths, strict=True)
    ]
    height = max(len(cell) for cell in cells)
    lines = []
    for i in range(height):
        words = [cell[i] if i < len(cell) else "" for cell in cells]
        first = i == 0
        lines.append(
            _line(mark if first else " ", time if first else "", time_width, words, widths)
        )
    return lines


def _line(
    mark: str, time: str, time_width: int, words: Sequence[str], widths: Sequence[int]
) -> str:
    cells = "  ".join(f"{word:<{width}}" for word, width in zip(words, widths, strict=True))
    return f"{mark} {time:>{time_width}}  {cells}".rstrip()
