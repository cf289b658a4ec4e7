"""Faults between a client and its node: what becomes of the bytes of one HTTP exchange.

A fault is described as data: `plan` turns the honest answer into the acts of whoever sends it.
The simulator and the live server perform the same acts, each on its own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise
from typing import Any, Literal, Protocol, TypeAlias

import orjson

from ztdx_devnet.faults.fault import Chance, Fault

TransportFaultKind = Literal[
    "delay",
    "hang",
    "trickle",
    "reset",
    "reset_mid_body",
    "cut_body",
    "rate_limited",
    "too_large",
    "gateway",
    "html",
    "wrong_id",
    "bad_gzip",
    "not_json",
    "refused",
]
_NEEDS_A_BODY = ("trickle", "reset_mid_body", "cut_body", "wrong_id", "bad_gzip", "not_json")

TRICKLE_PIECES = 60
TRICKLE_PAUSE_US = 60_000_000  # an hour in total: longer than any deadline
RATE_LIMIT_TEXT = "rate limit exceeded"
_OTHER_ID = 1_000_000  # beyond the ids of any exchange


@dataclass(slots=True)
class TransportFault(Fault):
    """Touches whole HTTP exchanges, a batch counting as one.

    With `method` those that hold a call to it, with `answer_bytes_over` those whose honest answer
    is larger. The other fields go with single kinds: `delay_us` with `delay`, `pieces` and
    `pause_us` (before each piece) with `trickle`, `status` with `gateway` and `rate_limited`,
    `retry_after_s`, `code` (None: no JSON-RPC error object) and `text` with `rate_limited`.
    """

    kind: TransportFaultKind = "hang"
    method: str | None = None
    answer_bytes_over: int | None = None
    delay_us: int = 0
    pieces: int = TRICKLE_PIECES
    pause_us: int = TRICKLE_PAUSE_US
    status: int | None = None
    retry_after_s: int | None = None
    code: int | None = None
    text: str | None = None

    def concerns(self, methods: Iterable[str]) -> bool:
        return self.method is None or self.method in methods

    @property
    def least_bytes(self) -> int:
        """How large the honest answer must be; 0: it makes no difference."""
        if self.answer_bytes_over is not None:
            return self.answer_bytes_over + 1
        return 2 if self.kind in _NEEDS_A_BODY else 0


class WholeAnswer(Protocol):
    """An HTTP answer: status, headers and whole body."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Head:
    """Send the status line and these headers, `content-length` among them, names in lower case."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes of the body."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    duration_us: int


@dataclass(frozen=True, slots=True)
class Hang:
    """Keep the connection open and send nothing more, until the client leaves."""


@dataclass(frozen=True, slots=True)
class Reset:
    """End the connection with a TCP reset."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection in good order, whatever has been promised."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody listens: there is not even a connection."""


Act: TypeAlias = Head | Send | Pause | Hang | Reset | Close | Refuse
Plan: TypeAlias = tuple[Act, ...]


def methods_of(request_body: bytes) -> frozenset[str]:
    """The methods that a JSON-RPC body calls; none when it is no JSON."""
    try:
        request = orjson.loads(request_body)
    except orjson.JSONDecodeError:
        return frozenset()
    calls = request if isinstance(request, list) else [request]
    names = (call.get("method") for call in calls if isinstance(call, dict))
    return frozenset(name for name in names if isinstance(name, str))


def taking(
    faults: Iterable[TransportFault],
    chance: Chance,
    request_body: bytes,
    ask: Callable[[], WholeAnswer],
) -> TransportFault | None:
    """The first of the faults that takes this exchange, with a hit counted; None: it is honest.

    `ask` gives the honest answer; it is called only where something depends on it.
    """
    methods = methods_of(request_body)
    for fault in faults:
        if not fault.concerns(methods):
            continue
        if fault.least_bytes and len(ask().body) < fault.least_bytes:
            continue
        if fault.takes(chance):
            return fault
    return None


def plan(fault: TransportFault, request_body: bytes, ask: Callable[[], WholeAnswer]) -> Plan:
    """What the server does instead of sending the honest answer.

    `ask` has the node answer. It is not called for kinds that some machine before the node
    answers: `rate_limited`, `gateway`, `html`, `refused`.
    """
    match fault.kind:
        case "rate_limited":
            return _rate_limited(fault, request_body)
        case "gateway":
            return _page(fault.status or HTTPStatus.BAD_GATEWAY)
        case "html":
            return _page(HTTPStatus.OK, "Sign in to continue")
        case "refused":
            return (Refuse(),)
    honest = ask()
    body = honest.body
    match fault.kind:
        case "delay":
            return (Pause(fault.delay_us), *whole(honest.status, honest.headers, body))
        case "hang":
            return (Hang(),)
        case "trickle":
            return (_head(honest), *_trickled(body, fault.pieces, fault.pause_us))
        case "reset":
            return (Reset(),)
        case "reset_mid_body":
            return (_head(honest), Send(body[: len(body) // 2]), Reset())
        case "cut_body":
            return (_head(honest), Send(body[: len(body) // 2]), Close())
        case "too_large":
            return _page(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        case "wrong_id":
            return whole(honest.status, honest.headers, _under_other_ids(body))
        case "bad_gzip":
            return whole(honest.status, {**honest.headers, "content-encoding": "gzip"}, body)
        case "not_json":
            return whole(honest.status, honest.headers, _half_of_json(body))


def whole(status: int, headers: Mapping[str, str], body: bytes) -> Plan:
    """Send all of it at once."""
    return (Head(status, _with_length(headers, len(body))), Send(body))


def _head(honest: WholeAnswer) -> Head:
    return Head(honest.status, _with_length(honest.headers, len(honest.body)))


def _with_length(headers: Mapping[str, str], length_bytes: int) -> dict[str, str]:
    return {**headers, "content-length": str(length_bytes)}


def _trickled(body: bytes, pieces: int, pause_us: int) -> list[Act]:
    pieces = min(pieces, len(body))
    ends = [len(body) * i // pieces for i in range(pieces + 1)]
    acts: list[Act] = []
    for start, end in pairwise(ends):
        acts += [Pause(pause_us), Send(body[start:end])]
    return acts


def _rate_limited(fault: TransportFault, request_body: bytes) -> Plan:
    headers: dict[str, str] = {}
    if fault.retry_after_s is not None:
        headers["retry-after"] = str(fault.retry_after_s)
    if fault.code is not None:
        error = {"code": fault.code, "message": fault.text or RATE_LIMIT_TEXT}
        refusal = {"jsonrpc": "2.0", "id": _id_of(request_body), "error": error}
        headers["content-type"] = "application/json"
        body = orjson.dumps(refusal)
    else:
        body = (fault.text or "").encode()
        headers["content-type"] = "text/plain; charset=utf-8"
    return whole(fault.status or HTTPStatus.TOO_MANY_REQUESTS, headers, body)


def _page(status: int, title: str | None = None) -> Plan:
    """A page for people, as gateways send it."""
    title = title or f"{int(status)} {HTTPStatus(status).phrase}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n"
        f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return whole(int(status), {"content-type": "text/html"}, page.encode())


def _id_of(request_body: bytes) -> Any:
    """The id of a single call; None for a batch, which is refused as a whole."""
    try:
        request = orjson.loads(request_body)
    except orjson.JSONDecodeError:
        return None
    return request.get("id") if isinstance(request, dict) else None


def _under_other_ids(body: bytes) -> bytes:
    """The answers as they are, none of them under an id that was sent."""
    answers = orjson.loads(body)
    if not isinstance(answers, list):
        return orjson.dumps({**answers, "id": _other(answers["id"])})
    return orjson.dumps([{**answer, "id": _other(answer["id"])} for answer in answers])


def _other(answer_id: Any) -> Any:
    if type(answer_id) is int and answer_id < 2**53:
        return answer_id + _OTHER_ID
    return f"not {answer_id}"


def _half_of_json(body: bytes) -> bytes:
    """The first half of the entries without the closing bracket: one byte makes it JSON again."""
    answers = orjson.loads(body)
    if not isinstance(answers, list) or len(answers) < 2:
        return body[: len(body) // 2]
    kept = orjson.dumps(answers[: len(answers) // 2])
    return kept.removesuffix(b"]")
