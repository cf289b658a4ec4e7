"""Pushes to the WebSocket's clients: each is the next entry of the one user who has subscribed.

Only the scenario's own clients are listened to, on their side. A subscription is from `subscribed`
to `unsubscribed` or the end of the connection. Where it begins is known up to what was committed
while it was on its way; from then on no entry may be left out, come twice or come late.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ztdx_devnet.scenario.invariants.problems import Problem
from ztdx_devnet.sim.ledger_reader import LedgerEntry
from ztdx_devnet.sim.processes import API_ANSWERS_WITHIN_US
from ztdx_devnet.sim.user_acts import user_of
from ztdx_devnet.sim.world import World

_PUSH = "spot_user_balance"


@dataclass(slots=True)
class _Subscriber:
    """One connection. `users` are those whom it has claimed to be, proven or not.

    `asked_seq` is the newest entry when a subscription was asked for, None if none was since the
    last one. `begun_seq` is the newest one when it was there, None if it is not there; `told` are
    the entries that the last push may have been, by their number, None before the first.
    """

    users: set[str] = field(default_factory=set)
    asked_seq: int | None = None
    begun_seq: int | None = None
    told: list[int] | None = None


class Pushes:
    """Follows what every client is told. `report` gets the invariant and the problem."""

    def __init__(self, world: World, report: Callable[[str, Problem], None]) -> None:
        self._world = world
        self._report = report
        self._subscribers: dict[str, _Subscriber] = {}
        world.sockets.on_traffic.append(self._noted)

    def wait_for_all(self) -> None:
        """Whoever is subscribed must have been told of everything, or is told soon."""
        if not self._world.wait_until(lambda: not self._lacking(), API_ANSWERS_WITHIN_US):
            client, entry = self._lacking()[0]
            self._report("I12", Problem(f"a push to {client} of {_text(entry)}", "none"))

    def _noted(self, client: str, kind: str, payload: dict[str, Any]) -> None:
        match kind:
            case "connected":
                self._subscribers[client] = _Subscriber()
            case "closed":
                self._subscribers.pop(client, None)
            case "sent":
                self._sent(self._subscribers.get(client), payload["text"])
            case "received":
                self._received(client, payload["frame"])

    def _sent(self, subscriber: _Subscriber | None, text: str) -> None:
        frame = _json_object(text)
        if subscriber is None or frame is None:
            return
        subscriber.users |= _claimed(frame)
        if frame.get("type") == "subscribe" and subscriber.asked_seq is None:
            subscriber.asked_seq = self._newest_seq()

    def _received(self, client: str, frame: Any) -> None:
        subscriber = self._subscribers.get(client)
        if subscriber is None or not isinstance(frame, dict):
            return
        match frame.get("type"):
            case "subscribed" if subscriber.begun_seq is None:
                subscriber.begun_seq, subscriber.told = self._newest_seq(), None
            case "unsubscribed":
                subscriber.begun_seq = subscriber.asked_seq = None
            case kind if kind == _PUSH:
                self._pushed(client, subscriber, frame.get("data"))

    def _pushed(self, client: str, subscriber: _Subscriber, data: Any) -> None:
        told, users = json.dumps(data), " or ".join(sorted(map(user_of, subscriber.users)))
        if subscriber.begun_seq is None:
            self._report("I12", Problem(f"no push to {client}, which has not subscribed", told))
            return
        due = self._due(subscriber)
        subscriber.told = [entry.seq for entry in due if _data(entry) == data]
        if not subscriber.told:
            del self._subscribers[client]  # where it is now nobody can say
            expected = f"a push to {client}, of {users}: " + (_text(due[0]) if due else "none")
            is_wrong = all(_data(entry) != data for entry in self._world.ledger.entries)
            only_amounts = any(_without_amounts(_data(e)) == _without_amounts(data) for e in due)
            self._report("I11" if is_wrong and only_amounts else "I12", Problem(expected, told))

    def _due(self, subscriber: _Subscriber) -> list[LedgerEntry]:
        """The entries that the next push may be, oldest first."""
        due: list[LedgerEntry] = []
        for user in sorted(subscriber.users):
            mine = [entry for entry in self._world.ledger.entries if entry.user == user]
            if subscriber.told is None:
                since = subscriber.asked_seq or 0
                late = self._after(mine, subscriber.begun_seq or 0)
                due += [e for e in self._after(mine, since) if not late or e.seq <= late[0].seq]
            else:
                due += [e for seq in subscriber.told for e in self._after(mine, seq)[:1]]
        return due

    def _lacking(self) -> list[tuple[str, LedgerEntry]]:
        """What clients of one user each were not told of, though they have subscribed."""
        lacking: list[tuple[str, LedgerEntry]] = []
        for client, subscriber in self._subscribers.items():
            if subscriber.begun_seq is None or len(subscriber.users) != 1:
                continue
            mine = [e for e in self._world.ledger.entries if e.user in subscriber.users]
            seq = max([subscriber.begun_seq, *(subscriber.told or ())])
            lacking += [(client, entry) for entry in self._after(mine, seq)[:1]]
        return lacking

    def _newest_seq(self) -> int:
        entries = self._world.ledger.entries
        return entries[-1].seq if entries else 0

    @staticmethod
    def _after(entries: Sequence[LedgerEntry], seq: int) -> list[LedgerEntry]:
        return [entry for entry in entries if entry.seq > seq]


def _data(entry: LedgerEntry) -> dict[str, object]:
    return {
        "token": entry.token,
        "available": entry.available,
        "frozen": entry.frozen,
        "ts": entry.created_at,
    }


def _without_amounts(data: Any) -> object:
    return (data.get("token"), data.get("ts")) if isinstance(data, dict) else data


def _text(entry: LedgerEntry) -> str:
    return json.dumps(_data(entry))


def _claimed(frame: dict[str, Any]) -> set[str]:
    """Whom a frame says that its sender is; whether that is proven is the server's to find out."""
    claimed = {frame.get("address"), _subject(frame.get("token"))}
    return {user.lower() for user in claimed if isinstance(user, str)}


def _subject(token: Any) -> object:
    """Of whom a JWT says that it is."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return None
    try:
        claims = _json_object(base64.urlsafe_b64decode(parts[1] + "=="))
    except ValueError:
        return None
    return None if claims is None else claims.get("sub")


def _json_object(text: str | bytes) -> dict[str, Any] | None:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
