"""The endpoint: a JSON-RPC body in, a JSON-RPC body out, as bytes, batches included.

An `Answerer` answers a single request: a node, or faults around one.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, Protocol

import orjson

from ztdx_devnet.chain.rpc.errors import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    RESPONSE_TOO_LARGE,
    RpcError,
)

MAX_BATCH = 1_000
MAX_BATCH_ANSWER_BYTES = 25_000_000  # geth's


class Answerer(Protocol):
    """Answers one request with a JSON value, or raises RpcError."""

    def call(self, method: str, arguments: list[Any]) -> Any: ...


def answer(node: Answerer, body: bytes) -> bytes:
    """The answer to one HTTP body. Empty when it holds nothing but notifications."""
    try:
        request = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _dump(_error(None, RpcError(PARSE_ERROR, "parse error")))
    if not isinstance(request, list):
        single = _answer_one(node, request)
        return b"" if single is None else _dump(single)
    if not request:
        return _dump(_error(None, RpcError(INVALID_REQUEST, "empty batch")))
    if len(request) > MAX_BATCH:
        message = f"batch too large: {len(request)} requests, at most {MAX_BATCH}"
        return _dump(_error(None, RpcError(INVALID_REQUEST, message)))
    return _answer_batch(node, request)


def _answer_batch(node: Answerer, requests: list[Any]) -> bytes:
    """The answers in order; those that would make the whole too large are errors, as in geth."""
    parts: list[bytes] = []
    size_bytes = 0
    for request in requests:
        if size_bytes > MAX_BATCH_ANSWER_BYTES:
            if isinstance(request, dict) and "id" in request:
                too_large = RpcError(RESPONSE_TOO_LARGE, "response too large")
                parts.append(_dump(_error(request["id"], too_large)))
            continue
        one = _answer_one(node, request)
        if one is not None:
            parts.append(_dump(one))
            size_bytes += len(parts[-1])
    return b"[" + b",".join(parts) + b"]" if parts else b""


def refusal(code: int, message: str) -> bytes:
    """The answer to a body that is not even looked at."""
    return _dump(_error(None, RpcError(code, message)))


def summary(body: bytes) -> str:
    """The methods that a body asks for, in a line for people."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return f"{len(body)} bytes that are no JSON"
    requests = request if isinstance(request, list) else [request]
    names = [str(r.get("method"))[:60] if isinstance(r, dict) else "?" for r in requests[:10]]
    shown = [json.dumps(name)[1:-1] for name in names]  # no escapes for the terminal
    return ", ".join(shown) + (f" and {len(requests) - 10} more" if len(requests) > 10 else "")


def _answer_one(node: Answerer, request: Any) -> dict[str, Any] | None:
    if not isinstance(request, dict):
        return _error(None, RpcError(INVALID_REQUEST, "invalid request"))
    request_id = request.get("id")
    infinite = isinstance(request_id, float) and not isfinite(request_id)
    if isinstance(request_id, dict | list | bool) or infinite:
        return _error(None, RpcError(INVALID_REQUEST, "invalid request id"))
    if request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        return _error(request_id, RpcError(INVALID_REQUEST, "invalid request"))
    arguments = request.get("params")
    if arguments is None:
        arguments = []
    try:
        if not isinstance(arguments, list):
            raise RpcError(INVALID_PARAMS, "params: expected an array")
        result = node.call(request["method"], arguments)
    except RpcError as error:
        return _error(request_id, error) if "id" in request else None
    except RecursionError:
        return _error(request_id, RpcError(INVALID_PARAMS, "params: nested too deeply"))
    if "id" not in request:
        return None
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _error(request_id: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": error.as_json()}


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # an id beyond 64 bits, which the client gets back as it sent it
        return json.dumps(value, separators=(",", ":")).encode()
