"""Conversation: what one socket may hear, and what it is answered. No I/O, no clock.

A client knows from the frames alone what it is subscribed to: every subscription begins with a
`subscribed` and ends with an `unsubscribed`, whoever ends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.ledger.entries import BalanceChange
from ztdx_spot.ws import frames
from ztdx_spot.ws.frames import (
    BALANCES_CHANNEL,
    ClientFrame,
    Ping,
    Refused,
    Subscribe,
    TokenAuth,
    Unsubscribe,
    WalletAuth,
)


@dataclass(frozen=True, slots=True)
class Session:
    """A user, until not at, this Unix second."""

    user_address: str
    expires_at_s: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the ledger says about a frame.

    `session`: whom its credential proves, None without a valid one; `refusal` says why not.
    `newest_seq`: the newest entry after the frame had come. `available` is false when the ledger
    could not be asked.
    """

    session: Session | None = None
    refusal: str = ""
    newest_seq: int = 0
    available: bool = True


NO_EVIDENCE = Evidence()

_EXPIRED = "the session has expired: authenticate and subscribe again"
_UNAVAILABLE = "the server cannot check this now: try again"
_UNPROVEN = f"{BALANCES_CHANNEL} is private: send `auth` first, or a `token` with `subscribe`"


class Conversation:
    """One socket's state: who it is, and after which entry it hears of changes."""

    __slots__ = ("_after_seq", "_session")

    def __init__(self) -> None:
        self._session: Session | None = None
        self._after_seq: int | None = None

    @property
    def is_proven(self) -> bool:
        """Whether it is known who this is."""
        return self._session is not None

    @property
    def audience(self) -> str | None:
        """The user whose changes this socket is told of; None while it has no subscription."""
        if self._session is None or self._after_seq is None:
            return None
        return self._session.user_address

    def answer(self, frame: ClientFrame, evidence: Evidence, now_s: float) -> list[str]:
        """The frames that answer this one, in order."""
        answers = self.expire(now_s)
        match frame:
            case Ping():
                answers.append(frames.pong())
            case Refused(code, message):
                answers.append(frames.error(code, message))
            case Unsubscribe(channel):
                self._after_seq = None
                answers.append(frames.unsubscribed(channel))
            case Subscribe():
                answers += self._subscribe(frame, evidence, now_s)
            case TokenAuth() | WalletAuth():
                answers += self._authenticate(evidence, now_s)
        return answers

    def deliver(self, change: BalanceChange, now_s: float) -> list[str]:
        """The frames that a committed change is to this socket; none if it is not for it."""
        told = self.expire(now_s)
        if self.audience == change.user_address and change.seq > (self._after_seq or 0):
            told.append(frames.balance_push(change))
        return told

    def expire(self, now_s: float) -> list[str]:
        """End the session when its time has come; says so only where something was subscribed."""
        if self._session is None or now_s < self._session.expires_at_s:
            return []
        self._session = None
        dropped = self._drop_subscription()
        return [*dropped, frames.error("AUTH_REQUIRED", _EXPIRED)] if dropped else []

    def _authenticate(self, evidence: Evidence, now_s: float) -> list[str]:
        if not evidence.available:
            return [frames.auth_result(success=False, message=f"UNAVAILABLE: {_UNAVAILABLE}")]
        session = _current(evidence, now_s)
        if session is None:
            return [frames.auth_result(success=False, message=evidence.refusal or _EXPIRED)]
        message = f"authenticated as {session.user_address}"
        return [frames.auth_result(success=True, message=message), *self._become(session)]

    def _subscribe(self, frame: Subscribe, evidence: Evidence, now_s: float) -> list[str]:
        if not evidence.available:
            return [frames.error("UNAVAILABLE", _UNAVAILABLE)]
        answers: list[str] = []
        if frame.token is not None:
            # A token that is sent decides alone: a session from before does not rescue a bad one.
            session = _current(evidence, now_s)
            if session is None:
                return [frames.error("AUTH_REQUIRED", evidence.refusal or _EXPIRED)]
            answers += self._become(session)
        if self._session is None:
            return [frames.error("AUTH_REQUIRED", _UNPROVEN)]
        # Where one begins stays where it was: a change may be committed and not yet delivered.
        if self._after_seq is None:
            self._after_seq = evidence.newest_seq
        return [*answers, frames.subscribed(frame.channel)]

    def _become(self, session: Session) -> list[str]:
        """Take this session; another user's subscriptions are not inherited."""
        same = self._session is not None and self._session.user_address == session.user_address
        self._session = session
        return [] if same else self._drop_subscription()

    def _drop_subscription(self) -> list[str]:
        if self._after_seq is None:
            return []
        self._after_seq = None
        return [frames.unsubscribed(BALANCES_CHANNEL)]


def _current(evidence: Evidence, now_s: float) -> Session | None:
    """The session proven, unless it ended on the way from the ledger to here."""
    session = evidence.session
    return session if session is not None and now_s < session.expires_at_s else None
