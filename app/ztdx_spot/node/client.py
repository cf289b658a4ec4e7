"""Batches of JSON-RPC calls: one HTTP body, answered by one node.

A client cannot choose the node behind a balancer, so whatever must be told by the same node is
asked in the same batch. Only a complete, matching answer is one; everything else is a NodeError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import orjson

from ztdx_spot.errors import NodeBusyError, NodeError, NodeOverloadedError
from ztdx_spot.node.shapes import seen
from ztdx_spot.ports import AnswerTooLarge, HttpAnswer, Transport, TransportError, TransportTimeout

REQUEST_TIMEOUT_S = 10.0

NO_SUCH_METHOD_CODES = frozenset((-32601, -32004))
"""JSON-RPC's own, and \"method not supported\" of EIP-1474."""
BUSY_CODES = frozenset((429, -32005, -32007, -32012, -32016))
"""What providers answer above a rate: 429 in the body, -32005 (Infura and others, also for ranges),
-32007 (QuickNode), -32012 and -32016 (others). The words beside them are never read."""

BUSY_STATUSES = frozenset((429, 503))
OVERLOAD_STATUSES = frozenset((413, 500, 502, 504))
"""What a balancer answers when one request was too much for the node behind it."""

RETRY_AFTER_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    parameters: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that the node answered with an error object."""

    method: str
    code: int | None
    text: str

    @property
    def is_busy(self) -> bool:
        return self.code in BUSY_CODES


Answer: TypeAlias = object
"""A `result`, not checked yet, or a Refusal."""


class NodeClient:
    """Asks one URL."""

    def __init__(self, transport: Transport, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._request_ids = count(1)

    def ask(self, calls: Sequence[Call]) -> list[Answer]:
        """One answer for each call, in their order.

        Raises NodeOverloadedError when the batch was too much for the node, NodeBusyError when it
        wants to be left alone for a while, and NodeError for any other answer that is none.
        """
        ids = [next(self._request_ids) for _ in calls]
        body = orjson.dumps(
            [
                {"jsonrpc": "2.0", "id": number, "method": call.method, "params": call.parameters}
                for number, call in zip(ids, calls, strict=True)
            ]
        )
        answer = self._post(body)
        _check_status(answer)
        return _in_order(calls, ids, answer.body)

    def _post(self, body: bytes) -> HttpAnswer:
        try:
            return self._transport.post(body, self._timeout_s)
        except (AnswerTooLarge, TransportTimeout) as error:
            raise NodeOverloadedError(f"the node gave no complete answer: {error}") from error
        except TransportError as error:
            raise NodeError(f"the node gave no complete answer: {error}") from error


def result_of(answer: Answer) -> object:
    """The result; raises NodeBusyError or NodeError when the node refused the call."""
    if isinstance(answer, Refusal):
        text = f"{answer.method}: the node answered with error {answer.text}"
        raise NodeBusyError(text) if answer.is_busy else NodeError(text)
    return answer


def _check_status(answer: HttpAnswer) -> None:
    if answer.status == 200:
        return
    text = f"the node answered with HTTP status {answer.status}, expected 200"
    if answer.status in BUSY_STATUSES:
        raise NodeBusyError(text, _retry_after_s(answer))
    raise NodeOverloadedError(text) if answer.status in OVERLOAD_STATUSES else NodeError(text)


def _retry_after_s(answer: HttpAnswer) -> float | None:
    """What the node asks for in seconds, within bounds; dates are not read."""
    value = answer.headers.get("retry-after", "").strip()
    if not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:6]), RETRY_AFTER_MAX_S)


def _in_order(calls: Sequence[Call], ids: Sequence[int], body: bytes) -> list[Answer]:
    try:
        entries = orjson.loads(body)
    except ValueError as error:
        raise NodeError(f"the node's answer is not JSON ({len(body)} bytes)") from error
    if isinstance(entries, dict) and isinstance(entries.get("error"), dict):
        refusal = _refusal("the batch", entries["error"])
        text = f"the node refused the batch: error {refusal.text}"
        raise NodeBusyError(text) if refusal.is_busy else NodeOverloadedError(text)
    if not isinstance(entries, list):
        raise NodeError(f"the node's answer to a batch is {seen(entries)}, expected a list")
    wanted = dict(zip(ids, calls, strict=True))
    found: dict[int, Answer] = {}
    for entry in entries:
        number, answer = _one(wanted, entry)
        if number in found:
            raise NodeError(f"the node answered request {number} twice")
        found[number] = answer
    if len(found) != len(ids):
        raise NodeError(f"the node answered {len(found)} of the {len(ids)} calls of a batch")
    return [found[number] for number in ids]


def _one(wanted: dict[int, Call], entry: object) -> tuple[int, Answer]:
    if not isinstance(entry, dict) or entry.get("jsonrpc") != "2.0":
        raise NodeError(f"an entry of the answer is {seen(entry)}, expected a JSON-RPC 2.0 object")
    number = entry.get("id")
    # bool is an int and 1.0 == 1: only the very number that was sent is an answer to it.
    if type(number) is not int or number not in wanted:
        raise NodeError(f"the node answered a request {seen(number)} that was not sent")
    error = entry.get("error")
    if error is not None:
        return number, _refusal(wanted[number].method, error)
    if "result" not in entry:
        raise NodeError(f"{wanted[number].method}: the answer has no result")
    return number, entry["result"]


def _refusal(method: str, error: object) -> Refusal:
    if not isinstance(error, dict):
        return Refusal(method, None, seen(error))
    code = error.get("code")
    text = f"{seen(code)}: {seen(error.get('message'))}"
    return Refusal(method, code if type(code) is int else None, text)
