"""The chain as it was when the run ended: its blocks, branches that it left, the final line, the
cursor, and the ledger's rows under the blocks that they name.

Drawn are blocks with deposits, both sides of each fork, the ends, the cursor. All others are
folded, so that the size depends on what happened and not on the height.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ztdx_devnet.report.timeline import svg
from ztdx_devnet.report.timeline.clock import at_text
from ztdx_devnet.report.timeline.model import Branch, Facts, Position, Row

_GAP = 18
_BLOCK_WIDTH_MIN = 76
_FOLD_WIDTH_MIN = 92
_LINE = 18
_FOLD_HEIGHT = 34
_LANE_GAP = 26
_TOP = 26
_DEPOSIT_BLOCKS_MAX = 10
_SHOWN_PER_BLOCK = 4
_LANES_MAX = 4
_NAME_MAX = 14
_BRANCHES_MAX = 17
_ZONE = "can still change"
_PRIME = "\u2032"  # marks the number of a block that is not on the chain


@dataclass(slots=True)
class _Column:
    """A height, or a fold of several."""

    first: int
    last: int
    x: float = 0
    width: float = 0

    @property
    def folded(self) -> bool:
        return self.first != self.last

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def end(self) -> float:
        return self.x + self.width


@dataclass(slots=True)
class _Lane:
    """A row of the figure: the canonical chain, or blocks that it left."""

    branch: str
    first: int
    last: int
    fork: int
    orphaned: bool
    deposits: dict[int, list[str]] = field(default_factory=dict)
    hidden: int = 0
    y: float = 0
    height: float = 0


def chain_figure(facts: Facts) -> str:
    """The figure as an SVG element."""
    return _Drawing(facts).drawn()


def chain_notes(facts: Facts) -> list[str]:
    """What the figure leaves out, in words."""
    earlier = facts.orphans()[:-_LANES_MAX]
    if not earlier:
        return []
    names = svg.listed([branch.name for branch, _, _ in earlier])
    told = svg.not_drawn(len(earlier), "branch left earlier", "branches left earlier")
    return [f"{told}: {names}"]


class _Drawing:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._names: list[str] = []
        self._parts: list[str] = []
        self._path = facts.path()
        orphans = facts.orphans()
        shown = orphans[-_LANES_MAX:]
        self._chain = _Lane("", 0, facts.head, 0, orphaned=False)
        self._lanes = [self._orphan_lane(*one) for one in shown]
        self._rows: dict[int, list[Row]] = {}
        for row in facts.rows.values():
            if row.status != "deleted":
                self._rows.setdefault(row.block, []).append(row)
        self._place_deposits()
        self._columns = self._choose_columns()

    def drawn(self) -> str:
        self._lay_out()
        self._draw_zone()
        for lane in self._lanes:
            self._draw_orphans(lane)
        self._draw_chain()
        bottom = self._draw_ledger()
        facts = self._facts
        forks = ", ".join(f"{lane.branch} from block {lane.fork}" for lane in self._lanes)
        words = f"The chain up to block {facts.head}. " + (f"Left: {forks}. " if forks else "")
        words += f"The ledger has {svg.counted(len(facts.rows), 'row')}; cursor {facts.cursor}."
        return svg.figure(self._columns[-1].end + 16, bottom + 8, words, self._names, self._parts)

    # --- what is shown -------------------------------------------------------------------------

    def _orphan_lane(self, branch: Branch, first: int, last: int) -> _Lane:
        return _Lane(branch.name, first, last, first - 1, orphaned=True)

    def _lane_of(self, position: Position) -> _Lane | None:
        for name, first, last in self._path:
            if name == position.branch and first <= position.block <= last:
                return self._chain
        for lane in self._lanes:
            if lane.branch == position.branch and lane.first <= position.block <= lane.last:
                return lane
        return None

    def _place_deposits(self) -> None:
        found: list[tuple[int, int, str, _Lane]] = []
        for life in self._facts.lives.values():
            for position in life.positions:
                lane = self._lane_of(position)
                if lane is not None:
                    words = f"{svg.shortened(life.name, _NAME_MAX)} log {position.log_index}"
                    found.append((position.block, position.log_index, words, lane))
        for block, _, words, lane in sorted(found, key=lambda one: one[:3]):
            lane.deposits.setdefault(block, []).append(words)

    def _choose_columns(self) -> list[_Column]:
        """Single heights where something is, folds between them."""
        facts = self._facts
        wanted = {facts.head}
        for lane in self._lanes:
            wanted |= {lane.fork, *_ends(sorted(lane.deposits))}
        wrong = {row.block for rows in self._rows.values() for row in rows if row.wrong}
        plain = sorted((self._chain.deposits.keys() | self._rows.keys()) - wanted - wrong)
        wanted |= {*_ends(plain), *_ends(sorted(wrong))}
        wanted |= {lane.last for lane in self._lanes if lane.last >= facts.head}
        lowest = min(wanted)
        start = facts.start_height if facts.start_height < lowest - 1 else lowest
        cuts = {facts.final_height, *(lane.last for lane in self._lanes)}
        if facts.cursor is not None:
            cuts.add(facts.cursor)
        columns: list[_Column] = []
        at = start
        for number in sorted(wanted):
            while at < number:
                last = min((cut for cut in cuts if at <= cut < number), default=number - 1)
                columns.append(_Column(at, last))
                at = last + 1
            columns.append(_Column(number, number))
            at = number + 1
        return columns

    # --- where it is shown ---------------------------------------------------------------------

    def _lay_out(self) -> None:
        x: float = svg.GUTTER + svg.MARGIN
        for column in self._columns:
            column.x, column.width = x, self._width(column)
            x = column.end + _GAP
        below = self._final_columns()
        if below and self._facts.final_height < self._facts.head:
            needed = svg.GUTTER + svg.width_of(self._final_text()) + 16
            missing = max(0, needed - below[-1].end)
            for column in self._columns:
                column.x += missing
        y: float = _TOP
        for lane in [*self._lanes, self._chain]:
            most = max(
                (len(self._lines(lane, c)) for c in self._columns if not c.folded), default=0
            )
            lane.y, lane.height = y, 28 + _LINE * most + (6 if most else 4)
            y += lane.height + _LANE_GAP

    def _width(self, column: _Column) -> float:
        if column.folded:
            return max(_FOLD_WIDTH_MIN, svg.width_of(self._fold_text(column)) + 44)
        lines = [
            words for lane in [*self._lanes, self._chain] for words in self._lines(lane, column)
        ]
        rows = [self._row_text(row) for row in self._rows_at(column)]
        widest = max((svg.width_of(words) + 38 for words in [*lines, *rows]), default=0)
        title = svg.width_of(f"#{column.first}  {self._role(column.first)}") + 28
        # The words above it, which are as wide as its part of the zone, belong to the head.
        least = svg.width_of(_ZONE) - 8 if column.first == self._facts.head else _BLOCK_WIDTH_MIN
        return max(least, widest, title)

    def _lines(self, lane: _Lane, column: _Column) -> list[str]:
        return _at_most(lane.deposits.get(column.first, []), _SHOWN_PER_BLOCK)

    def _rows_at(self, column: _Column) -> list[Row]:
        if column.folded:
            return []
        return self._rows.get(column.first, [])[: _SHOWN_PER_BLOCK * 2]

    def _role(self, block: int) -> str:
        if block == self._facts.head:
            return "head"
        return "fork point" if any(lane.fork == block for lane in self._lanes) else ""

    def _fold_text(self, column: _Column) -> str:
        blocks = column.last - column.first + 1
        held = sum(
            len(words)
            for block, words in self._chain.deposits.items()
            if column.first <= block <= column.last
        )
        if held:
            return f"{blocks:,} blocks, {held} deposits"
        return f"{blocks:,} blocks"

    def _final_columns(self) -> list[_Column]:
        return [c for c in self._columns if c.last <= self._facts.final_height]

    def _final_text(self) -> str:
        return f"final up to #{self._facts.final_height}"

    # --- drawing -------------------------------------------------------------------------------

    def _draw_zone(self) -> None:
        """What can still change: everything above the final line."""
        facts, chain = self._facts, self._chain
        right, bottom = self._columns[-1].end + 16, chain.y + chain.height + 10
        below = self._final_columns()
        x = below[-1].end + _GAP / 2 if below else svg.GUTTER
        if facts.final_height >= facts.head:
            return
        zone = svg.box("zone", x, 0, right - x, bottom)
        self._parts.append(zone)
        if below:
            self._parts.append(svg.upright("finalline", x, 2, bottom))
            self._parts.append(svg.label(x - 8, 14, self._final_text(), "strong", "end"))
        self._parts.append(svg.label(right - 8, 14, _ZONE, "sub", "end"))

    def _draw_orphans(self, lane: _Lane) -> None:
        middle = lane.y + lane.height / 2
        self._name(middle, f"Left {svg.shortened(lane.branch, 10)}", self._when(lane))
        mine = [c for c in self._columns if c.last >= lane.first and c.first <= lane.last]
        fork = next((c for c in self._columns if c.first == lane.fork), None)
        if not mine:
            return
        if fork is not None:
            chain_top = self._chain.y + 2
            to = svg.number(mine[-1].x)
            x, turn = svg.number(fork.middle), svg.number(middle + 12)
            riser = f"M{x} {svg.number(chain_top)}V{turn}q0-12 12-12H{to}"
            self._parts.append(svg.path("link orphan", riser))
        run: list[_Column] = []
        for column in mine:
            if not column.folded and lane.deposits.get(column.first):
                self._draw_orphan_fold(lane, run)
                run = []
                self._draw_block(lane, column, "orphan", f"#{column.first}{_PRIME}")
            else:
                run.append(column)
        self._draw_orphan_fold(lane, run)
        place = f"#{lane.first}{_PRIME}"
        if lane.last != lane.first:
            place += f" to #{lane.last}{_PRIME}"
        self._point_left(mine[-1].end, middle + 4, place)

    def _point_left(self, end: float, y: float, words: str) -> None:
        """What stands further left than the screen shows, which would see an empty row."""
        right = self._columns[-1].end
        if end < right - svg.IN_SIGHT:
            kind = "sub" if end < right - svg.IN_SIGHT_WIDE else "sub narrow"
            self._parts.append(svg.label(right, y, f"← {words}", kind, "end"))

    def _draw_orphan_fold(self, lane: _Lane, run: Sequence[_Column]) -> None:
        if not run:
            return
        first, last = max(lane.first, run[0].first), min(lane.last, run[-1].last)
        y = lane.y + (lane.height - _FOLD_HEIGHT) / 2
        x, width = run[0].x, run[-1].end - run[0].x
        self._parts.append(svg.box("block orphan", x, y, width, _FOLD_HEIGHT))
        held = sum(len(words) for at, words in lane.deposits.items() if first <= at <= last)
        content = f"blocks, {held} deposits" if held else "empty"
        words = f"#{first}{_PRIME}"
        if first != last:
            words = f"{last - first + 1:,} {content}, to #{last}{_PRIME}"
            if svg.width_of(words) > width - 8:
                words = f"{last - first + 1:,} {content}"
        self._parts.append(svg.label(x + width / 2, y + 21, words, "off", "middle"))

    def _draw_chain(self) -> None:
        chain, facts = self._chain, self._facts
        middle = chain.y + chain.height / 2
        branches = " ← ".join(name for name, _, _ in reversed(self._path))
        if len(branches) > _BRANCHES_MAX:
            others = f", on {len(self._path) - 1:,} more"
            branches = svg.shortened(self._path[-1][0], _BRANCHES_MAX - len(others)) + others
        self._name(middle, "Chain", branches)
        shown = [c for c in self._columns if c.first <= facts.head]
        self._parts.append(svg.line("link", shown[0].x, middle, shown[-1].x))
        for column in shown:
            if column.folded:
                self._draw_fold(column)
            else:
                kind = "final" if column.first <= facts.final_height else "open"
                kind += " head" if column.first == facts.head else ""
                self._draw_block(chain, column, kind, f"#{column.first}", self._role(column.first))

    def _draw_fold(self, column: _Column) -> None:
        y = self._chain.y + (self._chain.height - _FOLD_HEIGHT) / 2
        self._parts.append(svg.box("fold", column.x, y, column.width, _FOLD_HEIGHT))
        presses = "".join(
            f"M{svg.number(x)} {svg.number(y + 8)}v18"
            for i in range(4)
            for x in (column.x + 8 + 4 * i, column.end - 8 - 4 * i)
        )
        self._parts.append(svg.path("press", presses))
        words = self._fold_text(column)
        self._parts.append(svg.label(column.middle, y + 21, words, "", "middle"))

    def _draw_block(
        self, lane: _Lane, column: _Column, kind: str, title: str, role: str = ""
    ) -> None:
        inverse = " inv" if kind == "final" else (" off" if kind == "orphan" else "")
        parts = self._parts
        parts.append(svg.box(f"block {kind}", column.x, lane.y, column.width, lane.height))
        lines = self._lines(lane, column)
        # An empty block has its number in the middle of the lane's height.
        y = lane.y + (21 if lines else lane.height / 2 + 5)
        parts.append(svg.label(column.x + 12, y, title, f"strong{inverse}"))
        if role:
            x = column.x + 12 + svg.width_of(f"{title} ") + 4
            parts.append(svg.label(x, y, role, inverse.strip()))
        for i, words in enumerate(lines):
            at = lane.y + 21 + _LINE * (i + 1)
            if not words.startswith("+"):
                parts.append(svg.diamond(f"dep{inverse}", column.x + 18, at - 4, 5))
            parts.append(svg.label(column.x + 29, at, words, inverse.strip()))

    def _draw_ledger(self) -> float:
        """Rail, cursor and rows; returns where the figure ends."""
        facts, chain = self._facts, self._chain
        rail_y = chain.y + chain.height + 32
        top = rail_y + 30
        self._name(
            rail_y + 4, "Ledger", svg.counted(len(facts.rows), "row") if facts.rows else "no row"
        )
        self._draw_rail(rail_y)
        bottom = top
        ends = [column.end for column in self._columns if self._rows_at(column)]
        if ends:
            drawn = sum(len(self._rows_at(column)) for column in self._columns)
            self._point_left(ends[-1], top, svg.counted(drawn, "row"))
        for column in self._columns:
            rows = self._rows_at(column)
            hidden = len(self._rows.get(column.first, ())) - len(rows)
            if not rows:
                continue
            wrong = any(row.wrong for row in rows)
            tie = "tie wrong" if wrong else "tie"
            if any(row.status == "credited" for row in rows):
                at = chain.y + chain.height + 3
                self._parts.append(svg.upright(tie, column.middle, at, rail_y))
            for i, row in enumerate(rows):
                y = top + 24 * i
                self._draw_row(column.x, y, row)
                bottom = max(bottom, y)
            if hidden > 0 and not column.folded:
                bottom += 20
                self._parts.append(svg.label(column.x + 28, bottom, f"{hidden} more", "sub"))
        return bottom + 8

    def _draw_rail(self, y: float) -> None:
        facts = self._facts
        left = self._columns[0].x
        cursor = facts.cursor
        reached = [c for c in self._columns if cursor is not None and c.last <= cursor]
        if cursor is None:
            self._parts.append(svg.label(left, y + 4, "no cursor", "sub"))
            return
        end = reached[-1].end if reached else left
        right = self._columns[-1].end
        too_far = cursor > facts.final_height
        self._parts.append(svg.line("rail", left, y, end))
        if end < right:
            self._parts.append(svg.line("rail todo", end, y, right))
        kind = "cursor wrong" if too_far else "cursor"
        self._parts.append(svg.upright(kind, end, y - 9, y + 9))
        words = f"cursor #{cursor}"
        if not too_far and facts.final_height > cursor:
            words += f", {facts.final_height - cursor:,} behind"
        room = right - end > svg.width_of(words) + 16
        x, anchor = (end + 8, "") if room else (end - 8, "end")
        edge = right + 20 - svg.IN_SIGHT
        if room and x < edge < x + svg.width_of(words):
            # A narrow screen would cut it: there it is a bit further right.
            self._parts.append(svg.label(x, y - 7, words, "acc wide", anchor))
            self._parts.append(svg.label(edge, y - 7, words, "acc narrow", anchor))
            return
        self._parts.append(svg.label(x, y - 7, words, "acc", anchor))

    def _draw_row(self, x: float, y: float, row: Row) -> None:
        if row.wrong:
            self._parts.append(svg.disc_wrong(x + 12, y - 4))
        else:
            self._parts.append(svg.diamond(f"mark {row.status}", x + 12, y - 4, 6.5))
        words, kind = self._row_text(row), "strong"
        if row.wrong:
            kind = "wrongt"
        elif row.status == "reversed":
            kind = "off"
        self._parts.append(svg.label(x + 28, y, words, kind))

    def _row_text(self, row: Row) -> str:
        name = svg.shortened(row.name or row.user, _NAME_MAX)
        words = f"{name} +{row.amount}" if row.status == "credited" else f"{name} reversed"
        if row.again:
            words += " again"
        elif row.misplaced:
            return f"{words} off the chain"
        return f"{words}, log {row.log_index}"

    def _name(self, y: float, words: str, below: str) -> None:
        self._names.append(svg.label(0, y - 1, words, "lane"))
        self._names.append(svg.label(0, y + 14, below, "sub"))

    def _when(self, lane: _Lane) -> str:
        spans = self._facts.branches[lane.branch].canonical_us
        ended_us = next((to for _, to in reversed(spans) if to is not None), None)
        return "" if ended_us is None else f"to {at_text(ended_us - self._facts.started_us)}"


def _ends(blocks: list[int]) -> list[int]:
    """The first and the last ones, if there are too many to draw."""
    half = _DEPOSIT_BLOCKS_MAX // 2
    return blocks if len(blocks) <= 2 * half else blocks[:half] + blocks[-half:]


def _at_most(words: list[str], most: int) -> list[str]:
    if len(words) <= most:
        return words
    return [*words[: most - 1], f"+ {len(words) - most + 1} more"]
