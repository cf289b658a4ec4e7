"""Refusals: the answers that the server makes itself, in the form of the application's errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from ztdx_spot.api.errors import CODES
from ztdx_spot.api.security_headers import HEADERS

_JSON = "application/json"


def refusal(code: str) -> web.Response:
    """The answer with a code of `api.errors`; the connection ends with it."""
    return refusal_of(CODES[code].status, code)


def refusal_of(status: int, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    # What the client sends next may be frames or half a body, and no request.
    with_these = {**HEADERS, "Connection": "close", **(headers or {})}
    answer = web.Response(status=status, body=_body(code), content_type=_JSON, headers=with_these)
    answer.force_close()
    return answer


def refusal_bytes(code: str) -> bytes:
    """The same, where there is no request to answer: what goes over the wire."""
    body, status = _body(code), HTTPStatus(CODES[code].status)
    headers = {
        "Content-Type": _JSON,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **HEADERS,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _body(code: str) -> bytes:
    return json.dumps({"error": code}, separators=(",", ":")).encode() + b"\n"
