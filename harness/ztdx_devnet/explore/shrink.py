"""Shrinking: the smallest scenario found that fails as another one does, by delta debugging.

It works on the value of the YAML: steps, checks and fields are left out, users made one, numbers
made small. Each candidate is loaded as a file would be, so one that names what is no longer there
is no candidate, and then played. A candidate fails alike if the same rule is violated; where a
step or a check failed, with the same values.

The search is bounded by the runs and the journal entries that it takes, never by time: it gives the
same on every machine.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.report.record import Shrunk
from ztdx_devnet.scenario import loader, runner, yaml_lines
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verbs import VERBS
from ztdx_devnet.scenario.verdict import Failure, Outcome, Verdict
from ztdx_devnet.scenario.yaml_text import text_of
from ztdx_devnet.sim.processes import ListenerProgram

Value = dict[str, Any]
Place = tuple[str | int, ...]

RUNS_MAX = 150
_FOR_OTHER_VALUES = 5
"""One run in so many is kept for the question what does not matter."""
ENTRIES_MAX = 150_000
"""Journal entries of all runs together: about ten seconds."""
_WORDS_ALONE = ("why", "guards", "tags")
"""Fields of a scenario that are for its reader only."""
_DURATION = re.compile(r"([0-9]+)(us|ms|s|m|h|d)\Z")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?\Z")


_LOOKS = ("expect", "wait_until", "note")
"""Steps whose values are what somebody wanted to see: they are left out or left alone."""
_ANOTHER_AMOUNT = ("7", "12345.5")


class _Over(Exception):
    """No more runs."""


def shrink(
    scenario: Scenario,
    outcome: Outcome,
    listener: ListenerProgram | None = None,
    *,
    runs_max: int = RUNS_MAX,
    stoppable: AbstractContextManager[object] | None = None,
) -> Shrunk | None:
    """A smaller scenario that fails as `outcome` of `scenario` does, with that listener.

    None if the outcome is not a violation, does not come again, or the search was interrupted,
    which it can be only inside of `stoppable`.
    """
    if outcome.verdict is not Verdict.VIOLATED or outcome.failure is None:
        return None
    value: Value = dict(yaml_lines.read(scenario.text, scenario.path)[0])
    for field in (*_WORDS_ALONE, "seed"):
        value.pop(field, None)
    if outcome.seed:
        value = {"title": value["title"], "seed": outcome.seed, **value}
    search = _Search(_Candidate(value), outcome.failure, listener, runs_max, stoppable)
    try:
        if not search.begins():
            return None
        _smallest(search, _failing_step(scenario, outcome.failure))
        notes = _what_does_not_matter(search)
    except KeyboardInterrupt:
        return None
    first, last = _Candidate(value), search.best
    return Shrunk(
        text=text_of(last.value, notes),
        steps_before=len(first.steps),
        steps=len(last.steps),
        runs=search.runs,
        removed=tuple(_removed(first, last)),
        reduced=tuple(_changed(first, last)),
    )


class _Candidate:
    """A scenario's value; `origins` says which of the first one's steps each of its steps was."""

    def __init__(self, value: Value, origins: tuple[int, ...] | None = None) -> None:
        self.value = value
        self.origins = tuple(range(len(self.steps))) if origins is None else origins

    @property
    def steps(self) -> list[Any]:
        steps: list[Any] = self.value["steps"]
        return steps

    def keeping(self, numbers: Sequence[int]) -> _Candidate:
        """Only the steps with these numbers."""
        steps = [self.steps[i] for i in numbers]
        return _Candidate({**self.value, "steps": steps}, tuple(self.origins[i] for i in numbers))

    def putting(self, place: Place, scalar: object) -> _Candidate:
        return self._edited(place, lambda parent, key: parent.__setitem__(key, scalar))

    def without(self, place: Place) -> _Candidate:
        return self._edited(place, lambda parent, key: parent.__delitem__(key))

    def _edited(self, place: Place, edit: Callable[[Any, Any], None]) -> _Candidate:
        value = copy.deepcopy(self.value)
        parent: Any = value
        for key in place[:-1]:
            parent = parent[key]
        edit(parent, place[-1])
        return _Candidate(value, self.origins)


class _Search:
    """Plays candidates and keeps the smallest that fails alike."""

    def __init__(
        self,
        first: _Candidate,
        failure: Failure,
        listener: ListenerProgram | None,
        runs_max: int,
        stoppable: AbstractContextManager[object] | None,
    ) -> None:
        self.best = first
        self.runs = 0
        self.runs_left = runs_max
        self._failure = failure
        self._listener = listener
        self._stoppable = stoppable
        self._entries_left = ENTRIES_MAX
        self._known: dict[str, bool] = {}
        # A step that fails with any listener shows nothing about this one.
        self._needs_reference = listener is not None and failure.part != "invariant"

    def begins(self) -> bool:
        """Whether the first one fails again."""
        if self._needs_reference and not self._holds_with_the_product(self.best):
            self._needs_reference = False
        return self.fails_alike(self.best)

    def take(self, candidate: _Candidate) -> bool:
        """Go on from the candidate if it fails alike. Raises _Over."""
        if not self.fails_alike(candidate):
            return False
        self.best = candidate
        return True

    def fails_alike(self, candidate: _Candidate) -> bool:
        """Raises _Over, and KeyboardInterrupt."""
        text = text_of(candidate.value)
        if text not in self._known:
            self._known[text] = self._plays_alike(text) and (
                not self._needs_reference or self._holds_with_the_product(candidate)
            )
        return self._known[text]

    def _plays_alike(self, text: str) -> bool:
        outcome = self._play(text, self._listener)
        return outcome is not None and self._is_alike(outcome.failure)

    def _holds_with_the_product(self, candidate: _Candidate) -> bool:
        outcome = self._play(text_of(candidate.value), None)
        return outcome is not None and outcome.verdict is not Verdict.VIOLATED

    def _play(self, text: str, listener: ListenerProgram | None) -> Outcome | None:
        """None: it is no scenario, or an impossible one."""
        try:
            scenario = loader.parse(text, "shrunk.yaml")
            if self.runs_left <= 0 or self._entries_left <= 0:
                raise _Over
            run = runner.play(scenario, listener=listener, stoppable=self._stoppable)
        except BadScenario:
            return None
        if run.outcome.verdict is Verdict.INTERRUPTED:
            raise KeyboardInterrupt
        self.runs += 1
        self.runs_left -= 1
        self._entries_left -= len(run.journal)
        return run.outcome

    def _is_alike(self, failure: Failure | None) -> bool:
        wanted = self._failure
        if failure is None or (failure.part, failure.rule) != (wanted.part, wanted.rule):
            return False
        match wanted.part:
            case "invariant":
                return True
            case "settling":  # heights may differ, but not what is said of the listener
                return failure.actual.partition(";")[2] == wanted.actual.partition(";")[2]
            case _:
                return (failure.expected, failure.actual) == (wanted.expected, wanted.actual)


# --- smaller ------------------------------------------------------------------------------------


def _failing_step(scenario: Scenario, failure: Failure) -> int | None:
    lines = [step.line for step in scenario.steps]
    return lines.index(failure.line) if failure.line in lines else None


def _smallest(search: _Search, failing: int | None) -> None:
    """Every way of making it smaller, until none does or the runs are spent."""
    kept = search.runs_left // _FOR_OTHER_VALUES
    search.runs_left -= kept
    try:
        if failing is not None:
            search.take(search.best.keeping(range(failing + 1)))
        before = None
        while before is not search.best:
            before = search.best
            _fewer_parts(search)
            _fewer_names(search)
            _fewer_steps(search)
            _fewer_fields(search)
            _fewer_users(search)
            _smaller_numbers(search)
    except _Over:
        pass
    search.runs_left += kept


def _fewer_parts(search: _Search) -> None:
    """Without checks, settings and ways to settle."""
    for part in ("check", "settle", "given"):
        if part not in search.best.value or search.take(search.best.without((part,))):
            continue
        for name in list(search.best.value[part] or ()):
            if search.take(search.best.without((part, name))):
                continue
            inner = search.best.value[part][name]
            for i in reversed(range(len(inner) if isinstance(inner, list) else 0)):
                search.take(search.best.without((part, name, i)))


def _fewer_names(search: _Search) -> None:
    """Without a deposit or a fault, and without all that speaks of it."""
    names = (
        value
        for place, value in _scalars(search.best.steps)
        if place[-1] == "as" and value not in USERS
    )
    for name in dict.fromkeys(names):
        value = {key: _without_name(part, name) for key, part in search.best.value.items()}
        steps = [_without_name(step, name) for step in search.best.steps]
        kept = [i for i, step in enumerate(steps) if step is not _GONE]
        value = {key: part for key, part in value.items() if part is not _GONE}
        value["steps"] = [steps[i] for i in kept]
        search.take(_Candidate(value, tuple(search.best.origins[i] for i in kept)))


def _fewer_steps(search: _Search) -> None:
    """Delta debugging: without ever smaller stretches of steps, the last ones first."""
    length = len(search.best.steps)
    while length:
        end = len(search.best.steps)
        while end > 0:
            begin = max(end - length, 0)
            count = len(search.best.steps)
            search.take(search.best.keeping([*range(begin), *range(end, count)]))
            end = begin
        length //= 2


def _fewer_fields(search: _Search) -> None:
    """Without fields that have a default, and without members of lists."""
    for i in range(len(search.best.steps)):
        if _word(search.best.steps[i]) in _LOOKS:
            continue
        for place in reversed(list(_places(search.best.steps[i], ("steps", i)))):
            if len(place) > 3:
                search.take(search.best.without(place))


def _fewer_users(search: _Search) -> None:
    """One user in the place of another, everywhere."""
    users = [str(v) for _, v in _scalars(search.best.value) if isinstance(v, str) and v in USERS]
    first, *others = dict.fromkeys(users) or [""]
    for other in others:
        renamed = copy.deepcopy(search.best)
        for place, value in list(_scalars(renamed.value)):
            if value == other:
                renamed = renamed.putting(place, first)
        search.take(renamed)


def _smaller_numbers(search: _Search) -> None:
    for place, value in _numbers(search.best.steps):
        number, again = _number(value)
        failing, holding = number, 0
        if number > 1 and search.take(search.best.putting(place, again(1))):
            continue
        while failing - holding > max(1, number // 16):
            middle = (failing + holding) // 2
            if middle and search.take(search.best.putting(place, again(middle))):
                failing = middle
            else:
                holding = middle


# --- what does not matter -----------------------------------------------------------------------


def _what_does_not_matter(search: _Search) -> dict[Place, str]:
    """For each step the fields whose value may be another one, tried with two others."""
    other: dict[Place, list[str]] = {}
    more: dict[Place, list[str]] = {}
    try:
        for place, value in [*_numbers(search.best.steps), *_users(search.best.steps)]:
            others = (search.best.putting(place, other) for other in _others(value))
            if all(search.fails_alike(other) for other in others):
                # Of a number that is still large, less has been tried: it does not fail.
                is_least = isinstance(value, str) and not _DURATION.match(value)
                found = other if is_least or _number(value)[0] <= 1 else more
                fields = found.setdefault(place[:2], [])
                name = _field(place)
                fields += [] if name in fields else [name]
    except _Over:
        pass
    return {
        place: "; ".join(
            f"any {how} {', '.join(names)} will do"
            for how, names in (("other", other.get(place)), ("larger", more.get(place)))
            if names
        )
        for place in sorted({**other, **more})
    }


def _others(value: Any) -> tuple[Any, Any]:
    if isinstance(value, str) and value in USERS:
        first, second = [user for user in USERS if user != value][:2]
        return first, second
    if isinstance(value, str) and _AMOUNT.match(value):
        return _ANOTHER_AMOUNT
    number, again = _number(value)
    return again(number + 1), again(2 * number + 3)


# --- values -------------------------------------------------------------------------------------

_GONE: Any = object()


def _without_name(node: Any, name: str) -> Any:
    """What is left of a part of the scenario when nothing may speak of the name."""
    if isinstance(node, dict):
        if node.get("as") == name:
            return _GONE
        left = {key: _without_name(value, name) for key, value in node.items()}
        if node and all(value is _GONE for value in left.values()):
            return _GONE
        return {key: value for key, value in left.items() if value is not _GONE}
    if isinstance(node, list):
        rest = [each for each in (_without_name(each, name) for each in node) if each is not _GONE]
        return _GONE if node and not rest else rest
    return _GONE if node == name else node


def _places(node: Any, place: Place) -> Iterator[Place]:
    """Everything inside, from outside in."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    for key, inner in items:
        yield (*place, key)
        yield from _places(inner, (*place, key))


def _scalars(node: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    for inner in _places(node, ()):
        value = node
        for key in inner:
            value = value[key]
        if not isinstance(value, dict | list):
            yield (*place, *inner), value


def _numbers(steps: Sequence[Any]) -> Iterator[tuple[Place, Any]]:
    """Numbers, durations and amounts of the steps that do something."""
    for place, value in list(_scalars(list(steps), ("steps",))):
        if _word(steps[int(place[1])]) in _LOOKS or isinstance(value, bool):
            continue
        if isinstance(value, int) or (len(place) > 2 and _is_quantity(value, place[-1])):
            yield place, value


def _is_quantity(value: Any, field: object) -> bool:
    if not isinstance(value, str):
        return False
    return bool(_DURATION.match(value) or (field == "amount" and _AMOUNT.match(value)))


def _users(steps: Sequence[Any]) -> Iterator[tuple[Place, Any]]:
    for place, value in list(_scalars(list(steps), ("steps",))):
        if _word(steps[int(place[1])]) not in _LOOKS and value in USERS and len(place) > 2:
            yield place, value


def _number(value: Any) -> tuple[int, Callable[[int], Any]]:
    """The whole number in a value, and the value that has another one."""
    if isinstance(value, int):
        return value, lambda number: number
    match = _DURATION.match(value)
    if match is not None:
        unit = match[2]
        return int(match[1]), lambda number: f"{number}{unit}"
    return int(Fraction(value)), str


def _word(step: Any) -> str:
    return str(next(iter(step))) if isinstance(step, dict) and step else str(step)


def _field(place: Place) -> str:
    """The name of the field at that place; a bare value stands for its verb's main field."""
    named = [key for key in place[3:] if isinstance(key, str)]
    if named:
        return named[-1]
    return VERBS[str(place[2])].SHORTHAND or str(place[2])


# --- words --------------------------------------------------------------------------------------


def _removed(first: _Candidate, last: _Candidate) -> Iterator[str]:
    gone = [_word(first.steps[i]) for i in range(len(first.steps)) if i not in last.origins]
    for word, count in Counter(gone).items():
        yield word if count == 1 else f"{word} ×{count}"
    for step, origin in zip(last.steps, last.origins, strict=True):
        if _word(step) in _LOOKS:
            continue
        left = set(_places(step, ()))
        for place in _places(first.steps[origin], ()):
            if place not in left and place[:-1] in left | {()}:
                yield _dotted(place)
    for part in ("given", "settle", "check"):
        if part in first.value and part not in last.value:
            yield part
            continue
        left = set(_places(last.value.get(part), ()))
        for place in _places(first.value.get(part), ()):
            if place not in left and len(place) <= 2:
                yield _dotted((part, *place))


def _changed(first: _Candidate, last: _Candidate) -> Iterator[str]:
    for step, origin in zip(last.steps, last.origins, strict=True):
        if _word(step) in _LOOKS:
            continue
        before = dict(_scalars(first.steps[origin]))
        for place, value in _scalars(step):
            if place in before and before[place] != value:
                yield f"{_dotted(place)} {before[place]} → {value}"


def _dotted(place: Place) -> str:
    return ".".join(str(key + 1 if isinstance(key, int) else key) for key in place)
