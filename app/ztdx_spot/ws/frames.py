"""Frames: the JSON texts that clients and server exchange, read strictly and written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ztdx_spot.ledger.entries import BalanceChange
from ztdx_spot.strict_json import is_whole_text, read_json

BALANCES_CHANNEL = "spot:user:balances"
CHANNELS = (BALANCES_CHANNEL,)
CLIENT_TYPES = ("auth", "auth_token", "subscribe", "unsubscribe", "ping")
FRAME_BYTES_MAX = 16 * 1024
TIMESTAMP_MAX_S = 2**53 - 1

FrameErrorCode: TypeAlias = Literal[
    "INVALID_MESSAGE", "INVALID_CHANNEL", "AUTH_REQUIRED", "UNAVAILABLE"
]


@dataclass(frozen=True, slots=True)
class TokenAuth:
    """`auth` with a token, or `auth_token`."""

    token: str


@dataclass(frozen=True, slots=True)
class WalletAuth:
    """`auth` with what a wallet signed at the login's nonce."""

    address: str
    signature: str
    timestamp_s: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The channel is a known one; the token, if any, authenticates on the way."""

    channel: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The channel is a known one."""

    channel: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a `pong`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What came is no frame of a client; the answer is this error."""

    code: FrameErrorCode
    message: str


ClientFrame: TypeAlias = TokenAuth | WalletAuth | Subscribe | Unsubscribe | Ping | Refused


def read_frame(data: str | bytes) -> ClientFrame:
    """The frame that a text message holds. Bytes are a binary message, which none is."""
    try:
        return _read(data)
    except _Malformed as malformed:
        return Refused(malformed.code, str(malformed))


def auth_result(*, success: bool, message: str) -> str:
    return _text("auth_result", success=success, message=message)


def subscribed(channel: str) -> str:
    return _text("subscribed", channel=channel)


def unsubscribed(channel: str) -> str:
    return _text("unsubscribed", channel=channel)


def pong() -> str:
    return _text("pong")


def error(code: FrameErrorCode, message: str) -> str:
    return _text("error", code=code, message=message)


def balance_push(change: BalanceChange) -> str:
    data = {
        "token": change.token,
        "available": change.available,
        "frozen": change.frozen,
        "ts": change.created_at,
    }
    return _text("spot_user_balance", channel=BALANCES_CHANNEL, data=data)


class _Malformed(Exception):
    def __init__(self, message: str, code: FrameErrorCode = "INVALID_MESSAGE") -> None:
        super().__init__(message)
        self.code: FrameErrorCode = code


def _read(data: str | bytes) -> ClientFrame:
    if isinstance(data, bytes):
        raise _Malformed("binary frames are not read: send JSON as text")
    # A character is at least one byte: most oversized texts need no encoding to be seen.
    if len(data) > FRAME_BYTES_MAX or len(data.encode("utf-8", "replace")) > FRAME_BYTES_MAX:
        raise _Malformed(f"the frame is larger than {FRAME_BYTES_MAX} bytes")
    try:
        members = read_json(data)
    except ValueError as problem:
        raise _Malformed("the frame is not JSON, or says a member twice") from problem
    if not isinstance(members, dict):
        raise _Malformed('the frame is not a JSON object like {"type":"ping"}')
    kind = members.get("type")
    if kind not in CLIENT_TYPES:
        raise _Malformed(f"`type` is {_shown(kind)}: expected one of {', '.join(CLIENT_TYPES)}")
    if kind == "auth":
        return _read_auth(members)
    if kind == "auth_token":
        return TokenAuth(_required(members, "token"))
    if kind == "subscribe":
        return Subscribe(_channel(members), _optional(members, "token"))
    if kind == "unsubscribe":
        return Unsubscribe(_channel(members))
    return Ping()


def _read_auth(members: dict[str, object]) -> TokenAuth | WalletAuth:
    token = _optional(members, "token")
    wallet = [n for n in ("address", "signature", "timestamp") if members.get(n) is not None]
    if token is not None:
        if wallet:
            raise _Malformed(f"`token` beside `{wallet[0]}`: send the one proof or the other")
        return TokenAuth(token)
    if not wallet:
        raise _Malformed("`auth` needs `token`, or `address`, `signature` and `timestamp`")
    address, signature = _required(members, "address"), _required(members, "signature")
    timestamp_s = members.get("timestamp")
    if type(timestamp_s) is not int or not 0 <= timestamp_s <= TIMESTAMP_MAX_S:
        raise _Malformed(f"`timestamp` is {_shown(timestamp_s)}: expected Unix seconds, an integer")
    return WalletAuth(address, signature, timestamp_s)


def _channel(members: dict[str, object]) -> str:
    channel = _required(members, "channel")
    if channel not in CHANNELS:
        raise _Malformed(
            f"no channel {_shown(channel)}: expected {', '.join(CHANNELS)}", "INVALID_CHANNEL"
        )
    return channel


def _required(members: dict[str, object], name: str) -> str:
    value = _optional(members, name)
    if value is None:
        raise _Malformed(f"`{name}` is missing: expected text")
    return value


def _optional(members: dict[str, object], name: str) -> str | None:
    """The member's text; None when it is missing or null. What it holds is in no message."""
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _Malformed(f"`{name}` is not text")
    if not is_whole_text(value):
        raise _Malformed(f"`{name}` holds half a character (a lone surrogate)")
    return value


def _shown(value: object) -> str:
    """A value of the client in a message: short, and whole only if it is short."""
    if value is None:
        return "missing"
    if not isinstance(value, str | int):
        return f"of JSON type {'object' if isinstance(value, dict) else 'array or number'}"
    return repr(value if isinstance(value, int) and abs(value) < 10**20 else str(value)[:40])


def _text(kind: str, **members: object) -> str:
    """Only ASCII, so a character is a byte."""
    return json.dumps({"type": kind, **members}, separators=(",", ":"))
