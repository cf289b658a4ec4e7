"""How the listeners of a run ended, as its journal says: the reason why nobody listens any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ztdx_devnet.journal.journal import Entry
from ztdx_devnet.scenario.verdict import Outcome
from ztdx_devnet.virtual_time import duration_text

_REASON_MAX = 600
_OTHERS = ("api", "world")
_HOW = {"kill": "killed", "stop": "stopped"}


@dataclass(slots=True)
class _Ending:
    """The last exit of a process, and its start after that, if there was one."""

    at_us: int
    how: str
    error: str | None
    again_us: int | None = None


class _Listener:
    """A listener's lives. One that is killed and started at once has its exit after its start."""

    def __init__(self) -> None:
        self.ending: _Ending | None = None
        self.how = ""
        self._running = 0
        self._since_us = 0

    def start(self, at_us: int) -> None:
        if not self._running:
            self.how = ""
        self._running, self._since_us = self._running + 1, at_us
        self._forget_or_note()

    def exit(self, entry: Entry) -> None:
        self._running -= 1
        self.ending = _Ending(entry.at_us, self.how or "died", entry.payload.get("error"))
        self.how = ""
        if self._running:
            self._forget_or_note()

    def _forget_or_note(self) -> None:
        """It runs again: only an error is worth telling still."""
        if self.ending is not None and self.ending.error is None:
            self.ending = None
        elif self.ending is not None and self.ending.again_us is None:
            self.ending.again_us = self._since_us


def endings(entries: Iterable[Entry], outcome: Outcome) -> list[str]:
    """A line for each listener that an error ended, or that does not run at the failure.

    'listener: ended at 14.0 s: ListenerHalted(…)'. One that was killed or stopped and runs again
    is not told; none is told of a run without a failure.
    """
    if outcome.failure is None:
        return []
    listeners: dict[str, _Listener] = {}
    last: list[_Listener] = []  # whose exit only other exits have followed: the end of the run
    started_us: int | None = None
    for entry in entries:
        started_us = entry.at_us if started_us is None else started_us
        late = entry.at_us - started_us > outcome.failure.at_us
        if late or (entry.actor, entry.kind) == ("oracle", "violated"):
            break
        if entry.kind not in ("exit", "verdict"):
            last = []
        if entry.kind == "start" and entry.actor not in _OTHERS:
            listeners.setdefault(entry.actor, _Listener()).start(entry.at_us)
        elif entry.actor in listeners:
            listener = listeners[entry.actor]
            if entry.kind in _HOW:
                listener.how = _HOW[entry.kind]
            elif entry.kind == "exit":
                if entry.payload.get("error") is None and not listener.how:
                    last.append(listener)
                listener.exit(entry)
    return [
        _told(name, one.ending, started_us or 0)
        for name, one in listeners.items()
        if one.ending is not None and one not in last
    ]


def _told(name: str, ending: _Ending, started_us: int) -> str:
    how = "ended" if ending.error is not None else ending.how
    words = f"{name}: {how} at {duration_text(ending.at_us - started_us)}"
    if ending.error is not None:
        words += f": {ending.error[:_REASON_MAX]}"
    if ending.again_us is not None:
        words += f"; it was started again at {duration_text(ending.again_us - started_us)}"
    return words
