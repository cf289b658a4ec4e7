"""The lives of deposits over time: a track of the chain and one of the product for each, and under
them when faults were armed and processes ran.

Each instant at which something happened to a shown deposit is a column; waits are folded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ztdx_devnet.report.timeline import svg
from ztdx_devnet.report.timeline.clock import at_text, span_text
from ztdx_devnet.report.timeline.model import Facts, FaultLife, Life, Moment, Process, in_order

_COLUMNS_MAX = 16
_LIVES_MAX = 6
_FAULTS_MAX = 8
_FOLD_US = 3_000_000
_FOLD_WIDTH = 92
_SPARE = 22
_TOP = 40
_LIFE_HEIGHT = 104
_PRODUCT_BELOW = 44
_LANE_HEIGHT = 34
_FIRES_MAX = 24
_TAIL = 64
_SYMBOL = 20


def lives_figure(facts: Facts) -> str:
    """The figure as an SVG element; an empty text if there is nothing to draw."""
    drawing = _Drawing(facts)
    return drawing.drawn() if drawing.times else ""


def lives_notes(facts: Facts) -> list[str]:
    """What the figure leaves out, in words."""
    return _Drawing(facts).notes()


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment in words."""

    moment: Moment
    words: str


class _Drawing:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names: list[str] = []
        self._parts: list[str] = []
        self._lives, times = self._choose()
        lanes = [one for fault in facts.faults for one in (fault.armed_us, *fault.fired_us[:1])]
        if times or lanes:
            # Without a deposit to show there is still when faults were armed.
            few = lanes[: _COLUMNS_MAX - min(len(times), _COLUMNS_MAX)]
            times |= set(few)
            if self._lanes():
                times.add(facts.started_us)
            if facts.first_false_us is not None:
                times.add(facts.first_false_us)
        self.times = sorted(times)
        self._x: dict[int, float] = {}
        self._folds: list[tuple[float, int]] = []

    def drawn(self) -> str:
        self._lay_out()
        lanes = len(self._lanes())
        height = _TOP + _LIFE_HEIGHT * len(self._lives) + _LANE_HEIGHT * lanes + 26
        self._draw_times(height)
        y: float = _TOP + 30
        for life in self._lives:
            self._draw_life(life, y)
            y += _LIFE_HEIGHT
        y -= 14 if self._lives else 0
        for lane in self._lanes():
            if isinstance(lane, FaultLife):
                self._draw_fault(lane, y)
            else:
                self._draw_process(lane, y)
            y += _LANE_HEIGHT
        words = "; ".join(self._told(life) for life in self._lives)
        return svg.figure(
            self._end, height, words or "When faults were armed", self._names, self._parts
        )

    def notes(self) -> list[str]:
        facts = self._facts
        found = []
        hidden = len(facts.lives) - len(self._lives)
        if hidden:
            found.append(svg.not_drawn(hidden, "more deposit"))
        faults = [fault.name for fault in facts.faults[_FAULTS_MAX:]]
        if faults:
            found.append(f"{svg.not_drawn(len(faults), 'more fault')}: {svg.listed(faults)}")
        return found

    # --- what is shown -------------------------------------------------------------------------

    def _choose(self) -> tuple[list[Life], set[int]]:
        """The lives with most to tell, as many as their instants fit into the columns."""
        chosen: list[Life] = []
        times: set[int] = set()
        for life in in_order(self._facts.lives.values()):
            more = times | {moment.at_us for moment in life.moments}
            if chosen and (len(more) > _COLUMNS_MAX or len(chosen) == _LIVES_MAX):
                break
            chosen.append(life)
            times = more
        order = list(self._facts.lives.values())
        return sorted(chosen, key=order.index), set(sorted(times)[:_COLUMNS_MAX])

    def _lanes(self) -> list[FaultLife | Process]:
        stopped = [
            process
            for process in self._facts.processes.values()
            if any(to is not None for _, to in process.ran_us) or len(process.ran_us) > 1
        ]
        return [*self._facts.faults[:_FAULTS_MAX], *stopped]

    def _marks(self, life: Life) -> Iterator[_Mark]:
        for moment in life.moments:
            if moment.at_us in self._x or not self._x:
                yield _Mark(moment, _words(moment))

    def _together(self, life: Life) -> dict[tuple[int, str], list[_Mark]]:
        """The marks of each instant on each track."""
        found: dict[tuple[int, str], list[_Mark]] = {}
        for mark in self._marks(life):
            found.setdefault((mark.moment.at_us, mark.moment.track), []).append(mark)
        return found

    def _told(self, life: Life) -> str:
        started_us = self._facts.started_us
        moments = ", ".join(
            f"{mark.words} at {at_text(mark.moment.at_us - started_us)}"
            for mark in self._marks(life)
        )
        return f"{life.name} of {life.user}: {moments}"

    # --- where it is shown ---------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Columns as far apart as the words at them need, with room for folded waits."""
        started_us = self._facts.started_us
        room = {t: svg.width_of(at_text(t - started_us)) for t in self.times}
        for life in self._lives:
            widths = {
                key: max(svg.width_of(_joined(marks)), _SYMBOL * len(marks))
                for key, marks in self._together(life).items()
            }
            for (at_us, _), width in widths.items():
                room[at_us] = max(room.get(at_us, 0), width)
        x = svg.GUTTER + svg.MARGIN + room[self.times[0]] / 2
        before: int | None = None
        for at_us in self.times:
            if before is not None:
                distance = (room[before] + room[at_us]) / 2 + _SPARE
                if at_us - before >= _FOLD_US:
                    distance += _FOLD_WIDTH
                    middle = (
                        x + room[before] / 2 + (distance - room[before] / 2 - room[at_us] / 2) / 2
                    )
                    self._folds.append((middle, at_us - before))
                x += distance
            self._x[at_us] = x
            before = at_us
        assert before is not None
        self._end = x + room[before] / 2 + _TAIL

    def _at(self, at_us: int) -> float:
        """Where an instant is, also one between two columns."""
        x = self._x.get(at_us)
        if x is not None:
            return x
        lower = max((t for t in self.times if t < at_us), default=None)
        upper = min((t for t in self.times if t > at_us), default=None)
        if lower is None:
            return self._x[self.times[0]]
        if upper is None:
            return min(self._x[lower] + _TAIL / 2, self._end)
        share = (at_us - lower) / (upper - lower)
        return self._x[lower] + (self._x[upper] - self._x[lower]) * share

    # --- drawing -------------------------------------------------------------------------------

    def _draw_times(self, height: float) -> None:
        facts = self._facts
        for at_us in self.times:
            x, words = self._x[at_us], at_text(at_us - facts.started_us)
            first_false = at_us == facts.first_false_us
            if first_false:
                half = svg.width_of(words) / 2 + 8
                self._parts.append(svg.box("badcol", x - half, 0, 2 * half, height))
                self._parts.append(svg.label(x, height - 5, "first false", "wrongt", "middle"))
            kind = "wrongt" if first_false else "num"
            self._parts.append(svg.label(x, 16, words, kind, "middle"))
            if not first_false:
                self._parts.append(svg.upright("guide", x, 24, height - 20))
        for x, wait_us in self._folds:
            self._parts.append(svg.label(x, 16, f"{span_text(wait_us)} folded", "sub", "middle"))

    def _draw_breaks(self, y: float, since: float) -> None:
        for x in (x for x, _ in self._folds if x > since):
            at = f"M{svg.number(x - 6)} {svg.number(y + 6)}l5-12m6 12l5-12"
            self._parts.append(svg.path("break", at))

    def _draw_life(self, life: Life, y: float) -> None:
        product_y = y + _PRODUCT_BELOW
        name = svg.shortened(life.name, 16)
        names = self._names
        names.append(svg.label(0, y - 12, name, "lane"))
        names.append(svg.label(0, y + 4, svg.shortened(f"{life.user} {life.amount}", 17), "sub"))
        names.append(svg.label(0, product_y + 4, "product", "sub"))
        self._draw_chain_track(life, y)
        self._draw_product_track(life, product_y)
        self._draw_breaks(y, self._at(life.moments[0].at_us))
        shared = self._together(life)
        for marks in shared.values():
            self._draw_marks(marks, y, product_y)

    def _draw_chain_track(self, life: Life, y: float) -> None:
        """Solid while it stands in a canonical block or waits for one; dotted while it is out."""
        out_from: float | None = None
        x: float | None = None
        for mark in self._marks(life):
            moment, at = mark.moment, self._at(mark.moment.at_us)
            if moment.track != "chain":
                continue
            if x is not None and out_from is None:
                self._parts.append(svg.line("link", x, y, at))
            if out_from is not None and at > out_from:
                self._parts.append(svg.line("link orphan", out_from, y, at))
            gone = moment.kind in ("orphaned", "dropped", "failed")
            out_from, x = (at, at) if gone else (None, at)
        if x is not None:
            kind = "link" if out_from is None else "link orphan"
            self._parts.append(svg.line(kind, x, y, self._end))

    def _draw_product_track(self, life: Life, y: float) -> None:
        """A solid line while the deposit is credited."""
        since: float | None = None
        for mark in self._marks(life):
            moment, at = mark.moment, self._at(mark.moment.at_us)
            if moment.track != "product":
                continue
            if moment.kind == "credited" and since is None:
                since = at
            elif moment.kind in ("reversed", "deleted") and since is not None:
                self._parts.append(svg.line("rail", since, y, at))
                since = None
        if since is not None:
            self._parts.append(svg.line("rail", since, y, self._end))

    def _draw_marks(self, marks: list[_Mark], y: float, product_y: float) -> None:
        """The marks of one instant on one track, beside one another, under one text."""
        centre = self._at(marks[0].moment.at_us)
        on_chain = marks[0].moment.track == "chain"
        track_y = y if on_chain else product_y
        for i, mark in enumerate(marks):
            x = centre + _SYMBOL * (i - (len(marks) - 1) / 2)
            self._draw_mark(mark, x, track_y, y)
        kind = "wrongt" if any(mark.moment.wrong for mark in marks) else ""
        below = track_y - 14 if on_chain else track_y + 24
        self._parts.append(svg.label(centre, below, _joined(marks), kind, "middle"))

    def _draw_mark(self, mark: _Mark, x: float, y: float, chain_y: float) -> None:
        moment, parts = mark.moment, self._parts
        if moment.track == "product":
            tie = "tie wrong" if moment.wrong else "tie"
            parts.append(svg.upright(tie, x, chain_y + 8, y - 9))
        match moment.kind:
            case "sent":
                parts.append(svg.ring("sent", x, y, 5))
            case "mined" | "again":
                parts.append(svg.diamond("dep", x, y, 6.5))
            case "final":
                parts.append(svg.upright("bar", x, y - 7, y + 7))
            case "orphaned":
                parts.append(svg.box("block orphan", x - 6, y - 6, 12, 12))
            case "failed" | "dropped":
                cross = f"M{svg.number(x - 5)} {svg.number(y - 5)}l10 10m0-10l-10 10"
                parts.append(svg.path("cross", cross))
            case "credited" if moment.wrong:
                parts.append(svg.disc_wrong(x, y))
            case "credited":
                parts.append(svg.diamond("mark credited", x, y, 6.5))
            case "reversed" | "deleted":
                parts.append(svg.diamond("mark reversed", x, y, 6.5))
            case "quarantined":
                parts.append(svg.box("held", x - 6, y - 6, 12, 12))
            case _:
                parts.append(svg.ring("moved", x, y, 4.5))

    def _draw_fault(self, fault: FaultLife, y: float) -> None:
        started, ended = self._at(fault.armed_us), self._end
        if fault.ended_us is not None:
            ended = max(self._at(fault.ended_us), started + 4)
        names, parts = self._names, self._parts
        names.append(svg.label(0, y - 1, svg.shortened(fault.name, 17), "lane warnt"))
        hits = f"fired {fault.hits}×" if fault.hits else "never fired"
        names.append(svg.label(0, y + 13, hits, "sub"))
        parts.append(svg.line("armed", started, y + 2, ended))
        places = sorted({round(self._at(at_us)) for at_us in fault.fired_us})
        for x in places[:_FIRES_MAX]:
            parts.append(svg.triangle("fired", x, y + 2))
        if not places:
            # What it did has no entry of its own: it is not known when.
            parts.append(svg.triangle("fired" if fault.hits else "unfired", started, y + 2))

    def _draw_process(self, process: Process, y: float) -> None:
        names, parts = self._names, self._parts
        names.append(svg.label(0, y - 1, svg.shortened(process.name, 17), "lane"))
        names.append(svg.label(0, y + 13, "runs", "sub"))
        for since_us, to_us in process.ran_us:
            since, to = self._at(since_us), self._end if to_us is None else self._at(to_us)
            parts.append(svg.line("rail", since, y + 2, max(to, since + 2)))
            if to_us is not None:
                parts.append(svg.upright("cursor", to, y - 5, y + 9))


def _joined(marks: list[_Mark]) -> str:
    return ", ".join(mark.words for mark in marks)


def _words(moment: Moment) -> str:
    position = moment.position
    place = f"#{position.block} log {position.log_index}" if position is not None else ""
    match moment.kind:
        case "mined":
            return place
        case "again":
            return f"again in {place}"
        case "failed":
            return f"failed in #{position.block}" if position is not None else "failed"
        case "credited" if moment.wrong:
            return f"+{moment.amount} again"
        case "credited":
            return f"credited +{moment.amount}"
        case "reversed":
            return f"reversed −{moment.amount}"
        case "moved":
            return f"moved to #{position.block}" if position is not None else "moved"
        case "quarantined":
            return "held in quarantine"
    return moment.kind
