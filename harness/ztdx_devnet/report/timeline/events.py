"""The events of a run in words, by who did them: chain, node, listener, ledger, API.

Entries of one instant are one row. What only goes on (blocks without transactions, polls that find
nothing) is folded into one quiet row between two others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ztdx_devnet.journal.journal import Entry
from ztdx_devnet.report.timeline.model import Facts, decimal_of
from ztdx_devnet.virtual_time import MICROSECONDS

Column = Literal["chain", "node", "listener", "ledger", "api"]
Tone = Literal["plain", "quiet", "fault", "wrong"]
COLUMNS: tuple[Column, ...] = ("chain", "node", "listener", "ledger", "api")
HEADINGS = {
    "chain": "Chain",
    "node": "Node answers",
    "listener": "Listener",
    "ledger": "Ledger",
    "api": "API",
}

_SOCKET_ACTS = ("connected", "sent", "received", "closing", "closed")
_ACTS = {"start": "started", "kill": "killed"}
_NAMES_MAX = 4
_TEXT_MAX = 160
_CLOSE_TICKS = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """Words in a column."""

    text: str
    tone: Tone = "plain"


@dataclass(slots=True)
class EventRow:
    """One instant, a step of the scenario (`banner`), or a quiet time (`quiet`)."""

    tick: int
    at_us: int
    cells: dict[Column, list[Cell]] = field(default_factory=dict)
    banner: str = ""
    quiet: bool = False
    first_false: bool = False


def event_rows(facts: Facts) -> list[EventRow]:
    """All rows of the run, in order."""
    writer = _Writer(facts)
    for entry in facts.entries:
        writer.take(entry)
    writer.end_quiet()
    rows, false_tick = writer.rows, facts.first_false_tick
    if false_tick is not None and not any(row.first_false for row in rows):
        # The entry that it fell on says nothing: then it is the row before.
        for row in reversed(rows):
            if row.tick <= false_tick:
                row.first_false = True
                break
    return rows


def around(rows: Sequence[EventRow], before: int, after: int) -> tuple[int, list[EventRow], int]:
    """The rows about the first false instant, or the last ones; how many are before and after."""
    middle = next((i for i, row in enumerate(rows) if row.first_false), len(rows) - 1)
    first, last = max(0, middle - before), min(len(rows), middle + after + 1)
    return first, list(rows[first:last]), len(rows) - last


class _Writer:
    def __init__(self, facts: Facts) -> None:
        self.rows: list[EventRow] = []
        self._facts = facts
        self._quiet = _Quiet()
        false_tick = facts.first_false_tick
        self._close = range(0)
        if false_tick is not None:
            self._close = range(false_tick - _CLOSE_TICKS, false_tick + 1)

    def take(self, entry: Entry) -> None:
        # Close to the failure answers and commits are told singly, empty blocks before it are not.
        folded = entry.tick not in self._close
        if (entry.actor, entry.kind) == ("chain", "blocks"):
            folded = entry.tick != self._facts.first_false_tick
        if folded and self._quiet.swallows(entry, self._facts):
            return
        if (entry.actor, entry.kind) == ("scenario", "verdict"):
            return
        if entry.actor == "scenario" or entry.kind == "step":
            self._banner(entry)
            return
        told = _told(entry, self._facts)
        if told is None:
            return
        self.end_quiet()
        column, cell = told
        row = self.rows[-1] if self.rows else None
        if row is None or row.banner or row.quiet or row.at_us != entry.at_us:
            row = EventRow(entry.tick, entry.at_us)
            self.rows.append(row)
        row.cells.setdefault(column, []).append(cell)
        row.first_false = row.first_false or entry.tick == self._facts.first_false_tick

    def end_quiet(self) -> None:
        row = self._quiet.taken()
        if row is None:
            return
        # The rest of the answers of a poll that has just been told of says nothing.
        soon = bool(self.rows) and row.at_us - self.rows[-1].at_us < MICROSECONDS
        if not (soon and row.cells.keys() == {"node"}):
            self.rows.append(row)

    def _banner(self, entry: Entry) -> None:
        self.end_quiet()
        payload = entry.payload
        words = entry.kind
        if entry.kind == "step":
            who = f"step {payload['number']}" if "number" in payload else entry.actor
            words = f"{who}: {payload.get('verb')}"
        elif entry.kind == "note":
            words = f"note: {_cut(str(payload.get('text')))}"
        row = EventRow(entry.tick, entry.at_us, banner=words)
        row.first_false = entry.tick == self._facts.first_false_tick
        self.rows.append(row)


class _Quiet:
    """What only goes on, counted."""

    def __init__(self) -> None:
        self._first: Entry | None = None
        self._empty()

    def _empty(self) -> None:
        self._blocks = 0
        self._last_block = 0
        self._answers = 0
        self._commits = 0
        self._from: int | None = None
        self._to: int | None = None

    def swallows(self, entry: Entry, facts: Facts) -> bool:
        """Count the entry if it is a quiet one."""
        payload = entry.payload
        match entry.actor, entry.kind:
            case "chain", "blocks":
                if payload["transactions"]:
                    return False
                self._blocks += payload["head"] - payload["first"] + 1
                self._last_block = payload["head"]
            case "node", "answer":
                finds = payload.get("method") == "eth_getLogs" and payload.get("count")
                if finds or "faults" in payload or "error" in payload:
                    return False
                self._answers += 1
            case _, "commit":
                cursor, was = payload.get("cursor"), facts.cursor_before.get(entry.tick)
                if cursor is not None and was is not None and cursor < was:
                    return False
                following = entry.tick + 1
                if following < len(facts.entries) and facts.entries[following].actor == "ledger":
                    return False
                self._commits += 1
                if cursor is not None:
                    self._from, self._to = self._from if self._to is not None else was, cursor
            case _:
                return False
        self._first = self._first or entry
        return True

    def taken(self) -> EventRow | None:
        """The row of what was counted since the last one."""
        if self._first is None:
            return None
        row = EventRow(self._first.tick, self._first.at_us, quiet=True)
        if self._blocks:
            up_to = f", up to #{self._last_block}" if self._blocks > 1 else f": #{self._last_block}"
            row.cells["chain"] = [Cell(_count(self._blocks, "empty block") + up_to, "quiet")]
        if self._answers:
            words = _count(self._answers, "answer") + ", no logs"
            row.cells["node"] = [Cell(words, "quiet")]
        if self._to is not None:
            row.cells["listener"] = [Cell(_cursor_text(self._from, self._to), "quiet")]
        elif self._commits:
            row.cells["listener"] = [Cell(_count(self._commits, "commit"), "quiet")]
        self._first = None
        self._empty()
        return row


def _told(entry: Entry, facts: Facts) -> tuple[Column, Cell] | None:
    """The entry in words, and whose they are. None for what says nothing."""
    payload, kind = entry.payload, entry.kind
    match entry.actor:
        case "chain":
            return "chain", _chain(entry, facts)
        case "node":
            return _node(payload)
        case "ledger":
            return "ledger", _ledger(entry, facts)
        case "oracle":
            return "ledger", Cell(f"{payload.get('invariant', 'a rule')} is false now", "wrong")
        case "faults" if kind == "lifted" and not facts.faults:
            return None
        case "faults":
            return "node", Cell(f"{kind} {payload.get('name', 'all faults')}".rstrip(), "fault")
        case "api" if kind == "answer":
            asked = f"{payload.get('method')} {payload.get('target')}"
            return "api", Cell(_cut(f"{asked} → {payload.get('status') or 'no answer'}"))
        case "world":
            return None
    if kind == "commit":
        return _commit(entry, facts)
    if kind == "deposit":
        life = facts.lives.get((payload["transaction"], payload["ordinal"]))
        amount = life.amount if life is not None else decimal_of(payload["wei"])
        return "chain", Cell(f"{entry.actor} sends {payload['name']}: {amount}")
    if "transaction" in payload:
        amount = f" {decimal_of(str(payload['wei']))}" if "wei" in payload else ""
        return "chain", Cell(_cut(f"{entry.actor}: {kind}{amount}"))
    if kind == "exit":
        error = payload.get("error")
        known = entry.at_us == facts.ended_us or (entry.actor, entry.at_us) in facts.kills
        return None if known and error is None else (_process_column(entry), _exit(error))
    column = "ledger" if entry.actor == "operator" else _process_column(entry)
    rest = " ".join(_shown(value) for value in payload.values())
    act = _ACTS.get(kind, kind)
    return column, Cell(_cut(f"{_process_name(entry)}{act} {rest}".rstrip()))


def _process_column(entry: Entry) -> Column:
    is_api = entry.actor.startswith("api") or entry.kind in _SOCKET_ACTS
    return "api" if is_api else "listener"


def _process_name(entry: Entry) -> str:
    return "" if entry.actor in ("api", "listener") else f"{entry.actor}: "


def _exit(error: object) -> Cell:
    return Cell("is dead" if error is None else _cut(f"ended: {error}"))


def _commit(entry: Entry, facts: Facts) -> tuple[Column, Cell] | None:
    cursor = entry.payload.get("cursor")
    if cursor is not None:
        was = facts.cursor_before.get(entry.tick)
        return _process_column(entry), Cell(_process_name(entry) + _cursor_text(was, cursor))
    if entry.actor == "operator":
        return None  # what it did has an entry of its own
    words = _count(entry.payload["writes"], "write")
    return _process_column(entry), Cell(_process_name(entry) + words, "quiet")


def _cursor_text(was: int | None, now: int) -> str:
    return f"cursor #{now}" if was is None or was == now else f"cursor #{was} → #{now}"


def _chain(entry: Entry, facts: Facts) -> Cell:
    payload, kind = entry.payload, entry.kind
    if kind == "dropped":
        names = ", ".join(facts.names.get(payload["transaction"], ())) or "a transaction"
        return Cell(_cut(f"{names}: {payload.get('reason')}"))
    if kind not in ("blocks", "reorg"):
        rest = " ".join(_shown(value) for value in payload.values())
        return Cell(_cut(f"{kind} {rest}".rstrip()))
    first, head = payload["first"], payload["head"]
    if kind == "reorg":
        depth = facts.reorg_depths.get(entry.tick, 0)
        words = f"reorg {depth} deep to {payload['branch']}, head #{head}"
    else:
        words = f"#{head} mined" if first == head else f"#{first} to #{head} mined"
    carried = _carried(payload, facts, with_blocks=kind == "reorg" or first != head)
    return Cell(f"{words}: {carried}" if carried else words)


def _carried(payload: dict[str, Any], facts: Facts, *, with_blocks: bool) -> str:
    deposits = payload["deposits"]
    words = [
        f"{facts.called(transaction, ordinal)} {f'in #{number} ' if with_blocks else ''}log {log}"
        for transaction, ordinal, number, log in deposits[:_NAMES_MAX]
    ]
    if len(deposits) > _NAMES_MAX:
        words.append(f"{len(deposits) - _NAMES_MAX} more")
    words += [f"{name} failed" for tx in payload["failed"] for name in facts.names.get(tx, ())]
    if not words and payload["transactions"]:
        words.append(_count(len(payload["transactions"]), "transaction"))
    return ", ".join(words)


def _node(payload: dict[str, Any]) -> tuple[Column, Cell] | None:
    method = str(payload.get("method", "connection reset"))
    faults = ", ".join(payload.get("faults", ()))
    if method == "eth_chainId" and not faults and "error" not in payload:
        return None
    if "error" in payload:
        words = f"{method}: {payload['error']}"
    elif method == "eth_blockNumber":
        words = f"head {_number(payload.get('result'))}"
    elif method == "eth_getLogs":
        words = (
            f"logs of {_numbers(payload)}: {payload.get('count', _shown(payload.get('result')))}"
        )
    elif method == "eth_getBlockByNumber" and "from" in payload:
        words = f"headers of {_numbers(payload)}"
    elif "count" in payload:
        words = f"{method}: {_count(payload['count'], 'entry', 'entries')}"
    else:
        words = f"{method}: {_shown(payload['result'])}" if "result" in payload else method
    if faults:
        return "node", Cell(_cut(f"{words} ({faults})"), "fault")
    if "node" in payload:
        words = f"{words}, by {payload['node']}"
    return "node", Cell(_cut(words))


def _numbers(payload: dict[str, Any]) -> str:
    first, last = _number(payload.get("from")), _number(payload.get("to"))
    return first if first == last else f"{first} to {last}"


def _number(value: object) -> str:
    """'#1072' for '0x430'; anything else as it is."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return f"#{int(value, 16)}"
        except ValueError:
            pass
    return _shown(value)


def _ledger(entry: Entry, facts: Facts) -> Cell:
    payload, kind = entry.payload, entry.kind
    if kind == "balance":
        return Cell(f"{payload['user']} has {payload['available']} {payload['token']}")
    name = facts.called(payload["transaction"], payload["ordinal"])
    if kind == "quarantined":
        return Cell(f"{name} held in quarantine")
    if "row" not in payload:
        return Cell(f"{name} {kind}")
    place = f"#{payload['block']} log {payload['log_index']}"
    match kind:
        case "credited" if entry.tick in facts.again_ticks:
            return Cell(f"{name} +{payload['amount']} again, from {place}", "wrong")
        case "credited":
            return Cell(f"{name} +{payload['amount']}, from {place}")
        case "reversed":
            return Cell(f"{name} −{payload['amount']}, reversed")
        case "moved":
            return Cell(f"{name} moved to {place}")
    return Cell(f"{name} {kind}")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"
