"""Hub: all sockets, and which of them hear of which user. A change costs its listeners only."""

from __future__ import annotations

from typing import Protocol

from ztdx_spot.ledger.entries import BalanceChange
from ztdx_spot.ws.conversation import Conversation


class Member(Protocol):
    """A socket: its conversation, and a way to send that returns at once and never fails."""

    @property
    def conversation(self) -> Conversation: ...

    def send(self, frame: str) -> None: ...


class Hub:
    """Members in the order in which they came, so that a run can be repeated exactly."""

    def __init__(self) -> None:
        self._audiences: dict[Member, str | None] = {}
        self._listeners: dict[str, dict[Member, None]] = {}

    def __len__(self) -> int:
        return len(self._audiences)

    def place(self, member: Member) -> None:
        """Take a new member, or note what its conversation has become."""
        audience = member.conversation.audience
        before = self._audiences.get(member)
        self._audiences[member] = audience
        if audience == before:
            return
        self._unlist(member, before)
        if audience is not None:
            self._listeners.setdefault(audience, {})[member] = None

    def remove(self, member: Member) -> None:
        """Forget a member, if it is one."""
        self._unlist(member, self._audiences.pop(member, None))

    def deliver(self, change: BalanceChange, now_s: float) -> int:
        """Tell a change to those who listen for it; how many those are."""
        listeners = tuple(self._listeners.get(change.user_address, ()))
        for member in listeners:
            self._send(member, member.conversation.deliver(change, now_s))
        return len(listeners)

    def expire(self, now_s: float) -> None:
        """End the sessions whose time has come."""
        for member in tuple(self._audiences):
            self._send(member, member.conversation.expire(now_s))

    def _send(self, member: Member, texts: list[str]) -> None:
        for text in texts:
            member.send(text)
        # Sending may have removed it; a session may have ended.
        if member in self._audiences:
            self.place(member)

    def _unlist(self, member: Member, audience: str | None) -> None:
        if audience is None:
            return
        listeners = self._listeners[audience]
        del listeners[member]
        if not listeners:
            del self._listeners[audience]
