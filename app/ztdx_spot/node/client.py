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
from ztdx_spot.node.refusal import Refusal, refusal, refuse_status
from ztdx_spot.node.shapes import seen
from ztdx_spot.ports import AnswerTooLarge, HttpAnswer, Transport, TransportError, TransportTimeout

REQUEST_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    parameters: tuple[object, ...] = ()


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
        refuse_status(answer)
        return _in_order(calls, ids, answer.body)

    def _post(self, body: bytes) -> HttpAnswer:
        try:
            return self._transport.post(body, self._timeout_s)
        except (AnswerTooLarge, TransportTimeout) as error:
            certain = isinstance(error, AnswerTooLarge)
            text = f"the node gave no complete answer: {error}"
            raise NodeOverloadedError(text, certain=certain) from error
        except TransportError as error:
            raise NodeError(f"the node gave no complete answer: {error}") from error


def result_of(answer: Answer) -> object:
    """The result. Raises NodeBusyError, NodeOverloadedError or NodeError when it was refused."""
    if isinstance(answer, Refusal):
        raise answer.error()
    return answer


def _in_order(calls: Sequence[Call], ids: Sequence[int], body: bytes) -> list[Answer]:
    try:
        entries = orjson.loads(body)
    except ValueError as error:
        raise NodeError(f"the node's answer is not JSON ({len(body)} bytes)") from error
    if isinstance(entries, list) and len(entries) == 1 < len(ids):
        (entries,) = entries if _is_of_no_call(entries[0]) else (entries,)
    if isinstance(entries, dict) and isinstance(entries.get("error"), dict):
        whole = refusal("the batch", entries["error"])
        text = f"the node refused the batch: error {whole.text}"
        raise NodeBusyError(text) if whole.is_busy else NodeOverloadedError(text)
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
        text = f"the node answered {len(found)} of the {len(ids)} calls of a batch"
        refused = [answer for answer in found.values() if isinstance(answer, Refusal)]
        if not refused:
            raise NodeError(text)
        # geth refuses a batch that is too large in an entry for its first call.
        text = f"{text}: {refused[0].text}"
        if refused[0].is_busy:
            raise NodeBusyError(text, may_mean_range=True)
        raise NodeOverloadedError(text)
    return [found[number] for number in ids]


def _is_of_no_call(entry: object) -> bool:
    """Whether it is a refusal of the whole batch, in a list for good order."""
    return isinstance(entry, dict) and "error" in entry and entry.get("id") is None


def _one(wanted: dict[int, Call], entry: object) -> tuple[int, Answer]:
    if not isinstance(entry, dict) or entry.get("jsonrpc") != "2.0":
        raise NodeError(f"an entry of the answer is {seen(entry)}, expected a JSON-RPC 2.0 object")
    number = entry.get("id")
    # bool is an int and 1.0 == 1: only the very number that was sent is an answer to it.
    if type(number) is not int or number not in wanted:
        raise NodeError(f"the node answered a request {seen(number)} that was not sent")
    error = entry.get("error")
    if error is not None:
        return number, refusal(wanted[number].method, error)
    if "result" not in entry:
        raise NodeError(f"{wanted[number].method}: the answer has no result")
    return number, entry["result"]
