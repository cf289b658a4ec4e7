"""The verb of the WebSocket's clients: they connect, authenticate, subscribe, send and expect."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from ztdx_devnet.scenario.names import Named
from ztdx_devnet.scenario.stage import ExpectationFailed, RunBroken, Stage
from ztdx_devnet.scenario.values import DurationUs, Name, User
from ztdx_devnet.scenario.verbs.verb import Verb
from ztdx_devnet.sim.socket_clients import SocketClient
from ztdx_devnet.virtual_time import MICROSECONDS

_ACTS = (
    "as",
    "auth",
    "subscribe",
    "send",
    "text",
    "expect",
    "expect_none",
    "expect_closed",
    "close",
)
_ACTS_WITH = {
    "user": ("subscribe",),
    "times": ("send", "text"),
    "within": ("expect", "expect_closed", "close"),
}


class Ws(Verb):
    """One act of a client of the WebSocket: `as` connects a new one, `socket` names the one that
    acts.

    `auth` proves a user by a JWT; `subscribe` names a channel and may carry the JWT of a `user`;
    `send` is any other frame and `text` any message, sent so many `times`. `expect` is part of the
    next frame that nobody has expected yet, `expect_none` how long none comes, `expect_closed` the
    code of the connection's end; `close` ends it.
    """

    KEY = "ws"
    name: Name | None = Field(default=None, alias="as")
    socket: Name | None = None
    auth: User | None = None
    subscribe: str | None = None
    user: User | None = None
    send: dict[str, JsonValue] | None = None
    text: str | None = None
    times: Annotated[int, Field(ge=1, le=100_000)] = 1
    expect: dict[str, JsonValue] | None = None
    expect_none: DurationUs | None = None
    expect_closed: Annotated[int, Field(ge=1000, le=4999)] | None = None
    close: Literal[True] | None = None
    within: DurationUs = 10 * MICROSECONDS

    @model_validator(mode="after")
    def _is_one_act(self) -> Self:
        given = [self._act_of(field) for field in type(self).model_fields if self._is_given(field)]
        acts = [word for word in given if word in _ACTS]
        if len(acts) != 1:
            seen = " and ".join(acts) or "none"
            raise ValueError(f"a step is one act of {', '.join(_ACTS)}; got {seen}")
        (act,) = acts
        if (act == "as") == ("socket" in given):
            raise ValueError("`as` connects a new client, every other act needs its `socket`")
        for word, fitting in _ACTS_WITH.items():
            if word in given and act not in fitting:
                raise ValueError(f"{word} goes with {' or '.join(fitting)}, not with {act}")
        return self

    def _is_given(self, field: str) -> bool:
        return field in self.model_fields_set and getattr(self, field) is not None

    @staticmethod
    def _act_of(field: str) -> str:
        return "as" if field == "name" else field

    def defines(self) -> list[Named]:
        return [] if self.name is None else [Named("socket", self.name)]

    def uses(self) -> list[Named]:
        return [] if self.socket is None else [Named("socket", self.socket)]

    def blocks_at_most(self, block_time_us: int) -> int:
        return max(self.within, self.expect_none or 0) // block_time_us + 1

    def perform(self, stage: Stage) -> None:
        if self.name is not None:
            return self._connect(stage, self.name)
        assert self.socket is not None, "the model demands it"
        client = stage.world.sockets[self.socket]
        if self.expect is not None:
            self._expect(stage, client, self.expect)
        elif self.expect_none is not None:
            self._expect_none(stage, client, self.expect_none)
        elif self.expect_closed is not None:
            self._expect_closed(stage, client, self.expect_closed)
        else:
            self._send(stage, client)
        return None

    def _connect(self, stage: Stage, name: str) -> None:
        try:
            stage.world.sockets.connect(name)
        except ConnectionRefusedError as error:
            raise ExpectationFailed(f"ws {name}", "a connection", str(error)) from error

    def _send(self, stage: Stage, client: SocketClient) -> None:
        if client.closed is not None:
            raise ExpectationFailed(f"ws {client.name}", "an open socket", _end(client))
        if self.close:
            client.close()
            self._expect_closed(stage, client, 1000)
        else:
            client.send(self._message(stage), self.times)

    def _message(self, stage: Stage) -> str:
        if self.text is not None:
            return self.text
        issue_jwt = stage.world.product.operator.issue_jwt
        frame: dict[str, JsonValue] = dict(self.send or {})
        if self.auth is not None:
            frame = {"type": "auth", "token": issue_jwt(self.auth)}
        elif self.subscribe is not None:
            frame = {"type": "subscribe", "channel": self.subscribe}
            if self.user is not None:
                frame["token"] = issue_jwt(self.user)
        return json.dumps(frame)

    def _expect(self, stage: Stage, client: SocketClient, expected: dict[str, JsonValue]) -> None:
        _wait(stage, client, self.within)
        if not client.unread:
            raise ExpectationFailed(f"ws {client.name}", _text(expected), _end(client))
        frame = client.unread.popleft()
        if not _is_part_of(expected, frame):
            raise ExpectationFailed(f"ws {client.name}", _text(expected), _text(frame))

    def _expect_none(self, stage: Stage, client: SocketClient, for_us: int) -> None:
        _wait(stage, client, for_us)
        if client.unread or client.closed is not None:
            expected = f"no frame for {for_us / MICROSECONDS:g} s"
            seen = _text(client.unread[0]) if client.unread else _end(client)
            raise ExpectationFailed(f"ws {client.name}", expected, seen)

    def _expect_closed(self, stage: Stage, client: SocketClient, code: int) -> None:
        """What came before the end may stay unread."""
        stage.world.wait_until(lambda: stage.broken or client.closed is not None, self.within)
        if stage.broken:
            raise RunBroken
        if client.closed != code:
            raise ExpectationFailed(f"ws {client.name}", f"the end with {code}", _end(client))


def _wait(stage: Stage, client: SocketClient, within_us: int) -> None:
    """Until the client has something to read, or never will. Raises RunBroken."""

    def reached() -> bool:
        return stage.broken or bool(client.unread) or client.closed is not None

    stage.world.wait_until(reached, within_us)
    if stage.broken:
        raise RunBroken


def _is_part_of(expected: Any, seen: Any) -> bool:
    """Whether all that is expected is so; members that nobody asked for don't matter."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        return all(key in seen and _is_part_of(expected[key], seen[key]) for key in expected)
    return bool(expected == seen)


def _text(frame: Any) -> str:
    return json.dumps(frame, ensure_ascii=False)


def _end(client: SocketClient) -> str:
    if client.closed is None:
        return "nothing came; the socket is open"
    return f"the socket was closed with {client.closed}"
