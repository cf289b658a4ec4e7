"""The journal: the append-only, ordered record of a run. Everything that reports reads it.

Same scenario, same seed: same entries, byte for byte. Payloads hold JSON values only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `at_us` is virtual Unix time in microseconds."""

    tick: int
    at_us: int
    actor: str
    kind: str
    payload: dict[str, Any]

    def line(self) -> bytes:
        """The entry as one line of JSON, always the same bytes for the same entry."""
        entry = [self.tick, self.at_us, self.actor, self.kind, self.payload]
        return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


class Journal:
    """Entries in the order in which they happened."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __reversed__(self) -> Iterator[Entry]:
        return reversed(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def record(self, at_us: int, actor: str, kind: str, **payload: Any) -> Entry:
        entry = Entry(len(self._entries), at_us, actor, kind, payload)
        self._entries.append(entry)
        return entry

    def digest(self, schedule_digest: str) -> str:
        """sha256 over all entries and the kernel's schedule: the identity of the run."""
        sha = hashlib.sha256(schedule_digest.encode())
        for entry in self._entries:
            sha.update(entry.line())
        return sha.hexdigest()
