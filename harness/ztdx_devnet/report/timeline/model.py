"""The facts of a run, read from its journal and its outcome alone.

Branches and what is canonical, the life of each deposit on the chain and in the product, the
ledger's rows, the cursor, faults and processes. How any of it is shown is not decided here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ztdx_devnet.journal.journal import Entry
from ztdx_devnet.scenario.verdict import Outcome, Verdict
from ztdx_devnet.virtual_time import MICROSECONDS

Track = Literal["chain", "product"]
Identity = tuple[str, int]
"""A deposit: its transaction's hash and its ordinal among the deposits in it."""

_WEI_PLACES = 18
_Status = Literal["credited", "reversed", "deleted"]
_STATUS: dict[str, _Status] = {
    "credited": "credited",
    "reversed": "reversed",
    "deleted": "deleted",
}


@dataclass(slots=True)
class Branch:
    """A branch of the chain: its own blocks are `first` to `tip`, the rest is its parent's."""

    name: str
    parent: str | None
    first: int
    tip: int
    canonical_us: list[tuple[int, int | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a deposit stands, or stood."""

    branch: str
    block: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to one deposit, on the chain or in the product."""

    at_us: int
    track: Track
    kind: str
    position: Position | None = None
    amount: str = ""
    wrong: bool = False


@dataclass(slots=True)
class Life:
    """One deposit that a user sent, by its name."""

    name: str
    user: str
    amount: str
    identity: Identity
    moments: list[Moment] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    standing: Position | None = None
    final: bool = False

    @property
    def wrong(self) -> bool:
        return any(moment.wrong for moment in self.moments)


@dataclass(slots=True)
class Row:
    """A row of the ledger as it is at the end. `name` is empty for nobody's named deposit."""

    row: int
    name: str
    identity: Identity | None
    user: str
    amount: str
    block: int
    log_index: int
    status: _Status = "credited"
    again: bool = False
    misplaced: bool = False

    @property
    def wrong(self) -> bool:
        return self.again or self.misplaced


@dataclass(slots=True)
class FaultLife:
    """A fault: when it was armed and lifted, and when it made a difference."""

    name: str
    details: str
    armed_us: int
    ended_us: int | None = None
    fired_us: list[int] = field(default_factory=list)
    hits: int | None = None


@dataclass(slots=True)
class Process:
    """A process of the product: the spans in which it ran."""

    name: str
    ran_us: list[tuple[int, int | None]] = field(default_factory=list)


@dataclass(slots=True)
class Facts:
    """What a journal says. Times are virtual Unix time in microseconds."""

    entries: list[Entry]
    started_us: int
    ended_us: int
    first_false_us: int | None = None
    first_false_tick: int | None = None
    start_height: int = 0
    depth_blocks: int = 0
    block_us: int = 2 * MICROSECONDS
    df_token: str = ""
    head: int = 0
    current: str = "main"
    branches: dict[str, Branch] = field(default_factory=dict)
    lives: dict[Identity, Life] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    cursor: int | None = None
    cursor_us: int | None = None
    cursor_before: dict[int, int | None] = field(default_factory=dict)
    reorg_depths: dict[int, int] = field(default_factory=dict)
    again_ticks: set[int] = field(default_factory=set)
    names: dict[str, list[str]] = field(default_factory=dict)
    faults: list[FaultLife] = field(default_factory=list)
    processes: dict[str, Process] = field(default_factory=dict)
    kills: set[tuple[str, int]] = field(default_factory=set)

    @property
    def final_height(self) -> int:
        """The highest block that may be credited."""
        return self.head - self.depth_blocks

    def path(self) -> list[tuple[str, int, int]]:
        """The canonical branch from the bottom: (name of the owner, its first, its last block)."""
        found: list[tuple[str, int, int]] = []
        name: str | None = self.current
        last = self.head
        while name is not None and name in self.branches:
            branch = self.branches[name]
            if branch.first <= last:
                found.append((name, branch.first, last))
                last = branch.first - 1
            name = branch.parent
        found.reverse()
        return found

    def owner(self, number: int) -> str:
        """The branch whose block is canonical at that height."""
        for name, first, last in reversed(self.path()):
            if first <= number <= last:
                return name
        return self.current

    def orphans(self) -> list[tuple[Branch, int, int]]:
        """(branch, first, last) of the blocks that were canonical and are not; oldest first."""
        held = {name: last for name, _, last in self.path()}
        found = []
        for branch in self.branches.values():
            first = held[branch.name] + 1 if branch.name in held else branch.first
            if first <= branch.tip:
                found.append((branch, first, branch.tip))
        return found

    def called(self, transaction: str, ordinal: int | None) -> str:
        """The deposit's name, or the beginning of its transaction's hash."""
        life = self.lives.get((transaction, ordinal if ordinal is not None else -1))
        return life.name if life is not None else short_hash(transaction)


def read(entries: Iterable[Entry], outcome: Outcome) -> Facts:
    """The facts of one run. Entries that say nothing of these are kept for the events."""
    kept = list(entries)
    started_us = kept[0].at_us if kept else 0
    facts = Facts(kept, started_us, kept[-1].at_us if kept else 0)
    reader = _Reader(facts, outcome)
    for entry in kept:
        reader.take(entry)
    reader.finish()
    return facts


def short_hash(text: str) -> str:
    return text if len(text) <= 14 else f"{text[:6]}…{text[-4:]}"


def decimal_of(wei: str) -> str:
    """Wei as a decimal: '1', '0.5'."""
    digits = wei.rjust(_WEI_PLACES + 1, "0")
    whole, fraction = digits[:-_WEI_PLACES], digits[-_WEI_PLACES:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


class _Reader:
    """Takes entries in their order."""

    def __init__(self, facts: Facts, outcome: Outcome) -> None:
        self._facts = facts
        self._outcome = outcome
        self._unfinished: list[Life] = []  # on the canonical branch and not final yet
        self._active: dict[Identity, set[int]] = {}
        self._ended_already: Counter[str] = Counter()
        self._fault_by_name: dict[str, FaultLife] = {}

    def take(self, entry: Entry) -> None:
        match entry.actor, entry.kind:
            case "chain", "blocks" | "reorg":
                self._head_changed(entry)
            case "chain", "dropped":
                for name in self._facts.names.get(entry.payload["transaction"], ()):
                    self._of_name(name).moments.append(Moment(entry.at_us, "chain", "dropped"))
            case "chain", "reset":
                self._begun_anew(entry)
            case "chain", "block time":
                self._facts.block_us = entry.payload["us"]
            case "node", _:
                self._fired(entry, entry.payload.get("faults", ()))
            case "ledger", _:
                self._ledger_changed(entry)
            case "faults", "armed":
                self._armed(entry)
            case "faults", "fired":
                self._fired(entry, (entry.payload.get("name", ""),))
            case "faults", "lifted":
                for fault in self._facts.faults:
                    if fault.ended_us is None:
                        fault.ended_us = entry.at_us
            case "oracle", "violated":
                self._first_false(entry)
            case "world", "start":
                self._started(entry.payload)
            case _, "deposit":
                self._sent(entry)
            case _, "commit":
                if "cursor" in entry.payload:
                    facts = self._facts
                    facts.cursor_before[entry.tick] = facts.cursor
                    facts.cursor, facts.cursor_us = entry.payload["cursor"], entry.at_us
            case _, "kill":
                self._facts.kills.add((entry.actor, entry.at_us))
            case _, "start" | "exit":
                self._process(entry)

    def finish(self) -> None:
        facts, failure = self._facts, self._outcome.failure
        wrong = self._outcome.verdict is Verdict.VIOLATED
        if failure is not None and wrong and facts.first_false_us is None:
            facts.first_false_us = facts.started_us + failure.at_us
            for entry in facts.entries:
                if entry.at_us > facts.first_false_us:
                    break
                if (entry.actor, entry.kind) != ("scenario", "verdict"):
                    facts.first_false_tick = entry.tick
        counts = list(self._outcome.faults)
        for fault in facts.faults:
            for count in counts:
                if count.name == fault.name:
                    fault.hits = count.hits
                    counts.remove(count)
                    break
        if self._outcome.verdict is Verdict.VIOLATED:
            for row in facts.rows.values():
                row.misplaced = row.status == "credited" and not self._stands(row)

    def _stands(self, row: Row) -> bool:
        """Whether the row's deposit is on the canonical branch, in that block."""
        if row.identity is None:
            return False
        life = self._facts.lives.get(row.identity)
        if life is None:
            return True  # nobody's named deposit: nothing is known of it
        return life.standing is not None and life.standing.block == row.block

    # --- chain ---------------------------------------------------------------------------------

    def _started(self, payload: dict[str, Any]) -> None:
        facts = self._facts
        facts.head = facts.start_height = payload["height"]
        facts.depth_blocks = payload["confirmation_depth_blocks"]
        facts.block_us = payload["block_time_s"] * MICROSECONDS
        facts.df_token = payload["df_token"]
        facts.branches["main"] = Branch("main", None, 0, facts.head, [(facts.started_us, None)])

    def _sent(self, entry: Entry) -> None:
        payload, facts = entry.payload, self._facts
        token = "DF" if payload["token"] == facts.df_token else "of another token"
        identity = (payload["transaction"], payload["ordinal"])
        amount = f"{decimal_of(payload['wei'])} {token}"
        life = Life(payload["name"], entry.actor, amount, identity)
        life.moments.append(Moment(entry.at_us, "chain", "sent"))
        facts.lives[identity] = life
        facts.names.setdefault(identity[0], []).append(life.name)

    def _of_name(self, name: str) -> Life:
        return next(life for life in self._facts.lives.values() if life.name == name)

    def _head_changed(self, entry: Entry) -> None:
        facts, payload = self._facts, entry.payload
        first, head, name = payload["first"], payload["head"], payload["branch"]
        if entry.kind == "reorg":
            self._reorganised(entry, first, name)
        elif name not in facts.branches:  # a journal without a beginning
            facts.branches[name] = Branch(name, None, 0, head)
        branch = facts.branches[name]
        branch.tip = max(branch.tip, head)
        facts.current, facts.head = name, head
        if entry.kind == "reorg":
            self._leave_orphans(entry)
        path = facts.path() if payload["deposits"] else []
        for transaction, ordinal, number, log_index in payload["deposits"]:
            life = facts.lives.get((transaction, ordinal))
            if life is not None:
                owner = next(n for n, low, high in path if low <= number <= high)
                at_us = self._block_us(entry, number)
                self._mined(life, Position(owner, number, log_index), at_us)
        for transaction, number in zip(payload["transactions"], payload["numbers"], strict=True):
            if payload["failed"] and transaction in payload["failed"]:
                for called in facts.names.get(transaction, ()):
                    position = Position(name, number, 0)
                    moment = Moment(self._block_us(entry, number), "chain", "failed", position)
                    self._of_name(called).moments.append(moment)
        if self._unfinished:
            self._finalise(entry)

    def _block_us(self, entry: Entry, number: int) -> int:
        """When that block came: a run of blocks is one entry, at the time of its first."""
        if entry.kind == "reorg":
            return entry.at_us
        return entry.at_us + (number - int(entry.payload["first"])) * self._facts.block_us

    def _reorganised(self, entry: Entry, first: int, name: str) -> None:
        facts = self._facts
        facts.reorg_depths[entry.tick] = facts.head - first + 1
        if name not in facts.branches:
            facts.branches[name] = Branch(name, facts.owner(first - 1), first, first - 1)
        if name != facts.current:
            left = facts.branches[facts.current]
            since_us = left.canonical_us[-1][0] if left.canonical_us else facts.started_us
            left.canonical_us[-1:] = [(since_us, entry.at_us)]
            facts.branches[name].canonical_us.append((entry.at_us, None))

    def _begun_anew(self, entry: Entry) -> None:
        """All blocks and branches are gone, and what stood in them."""
        facts = self._facts
        for life in facts.lives.values():
            if life.standing is not None:
                life.moments.append(Moment(entry.at_us, "chain", "orphaned", life.standing))
            life.standing, life.final, life.positions = None, False, []
        self._unfinished = []
        facts.start_height = facts.head = 0
        facts.current = "main"
        facts.branches = {"main": Branch("main", None, 0, 0, [(entry.at_us, None)])}

    def _leave_orphans(self, entry: Entry) -> None:
        owners = self._facts.path()
        for life in self._facts.lives.values():
            standing = life.standing
            if standing is None:
                continue
            canonical = any(
                name == standing.branch and low <= standing.block <= high
                for name, low, high in owners
            )
            if not canonical:
                life.moments.append(Moment(entry.at_us, "chain", "orphaned", standing))
                life.standing, life.final = None, False
        self._unfinished = [life for life in self._unfinished if life.standing is not None]

    def _mined(self, life: Life, position: Position, at_us: int) -> None:
        if life.standing == position:
            return
        kind = "again" if life.positions else "mined"
        life.moments.append(Moment(at_us, "chain", kind, position))
        life.standing, life.final = position, False
        if position not in life.positions:
            life.positions.append(position)
        if life not in self._unfinished:
            self._unfinished.append(life)

    def _finalise(self, entry: Entry) -> None:
        facts = self._facts
        left = []
        for life in self._unfinished:
            assert life.standing is not None
            deep_at = life.standing.block + facts.depth_blocks
            if deep_at <= facts.head:
                at_us = entry.at_us
                if deep_at >= entry.payload["first"]:
                    at_us = self._block_us(entry, deep_at)
                life.final = True
                life.moments.append(Moment(at_us, "chain", "final", life.standing))
            else:
                left.append(life)
        self._unfinished = left

    # --- product -------------------------------------------------------------------------------

    def _ledger_changed(self, entry: Entry) -> None:
        payload, facts, kind = entry.payload, self._facts, entry.kind
        if kind == "balance":
            return
        ordinal = payload["ordinal"]
        identity = None if ordinal is None else (payload["transaction"], ordinal)
        life = None if identity is None else facts.lives.get(identity)
        again = False
        if "row" in payload:
            again = self._row_changed(kind, payload, identity)
        if again:
            facts.again_ticks.add(entry.tick)
        if life is not None:
            position = Position("", payload["block"], payload.get("log_index", 0))
            amount = payload.get("amount", "")
            life.moments.append(Moment(entry.at_us, "product", kind, position, amount, again))

    def _row_changed(self, kind: str, payload: dict[str, Any], identity: Identity | None) -> bool:
        """Keep the row as it is now; whether it credits a deposit that is credited already."""
        facts, number = self._facts, payload["row"]
        again = False
        if identity is not None:
            active = self._active.setdefault(identity, set())
            if kind == "credited":
                again = bool(active - {number})
                active.add(number)
            elif kind in ("reversed", "deleted"):
                active.discard(number)
        name = facts.lives[identity].name if identity in facts.lives and identity else ""
        known = facts.rows.get(number)
        status = _STATUS.get(kind, known.status if known is not None else "credited")
        row = Row(number, name, identity, payload["user"], payload["amount"], payload["block"],
                  payload["log_index"], status, again)  # fmt: skip
        facts.rows[number] = row
        return again

    def _process(self, entry: Entry) -> None:
        process = self._facts.processes.setdefault(entry.actor, Process(entry.actor))
        runs = bool(process.ran_us) and process.ran_us[-1][1] is None
        if entry.kind == "start":
            if runs:  # killed and started at once: it has its exit after its start
                process.ran_us[-1] = (process.ran_us[-1][0], entry.at_us)
                self._ended_already[entry.actor] += 1
            process.ran_us.append((entry.at_us, None))
        elif entry.kind == "exit" and self._ended_already[entry.actor]:
            self._ended_already[entry.actor] -= 1
        elif entry.kind == "exit" and runs and entry.at_us < self._facts.ended_us:
            process.ran_us[-1] = (process.ran_us[-1][0], entry.at_us)

    # --- faults and verdict --------------------------------------------------------------------

    def _armed(self, entry: Entry) -> None:
        details = ", ".join(
            f"{key.replace('_', ' ')} {value}"
            for key, value in entry.payload.items()
            if key != "name" and value is not None
        )
        fault = FaultLife(str(entry.payload["name"]), details, entry.at_us)
        self._facts.faults.append(fault)
        self._fault_by_name[fault.name] = fault

    def _fired(self, entry: Entry, names: Iterable[str]) -> None:
        for name in names:
            fault = self._fault_by_name.get(name)
            if fault is not None:
                fault.fired_us.append(entry.at_us)

    def _first_false(self, entry: Entry) -> None:
        if self._facts.first_false_us is None:
            self._facts.first_false_us = entry.at_us
            self._facts.first_false_tick = entry.tick


def in_order(lives: Iterable[Life]) -> Iterator[Life]:
    """Those with something wrong first, then those with the most to tell, then as sent."""
    return iter(sorted(lives, key=lambda life: (not life.wrong, -len(life.moments))))
