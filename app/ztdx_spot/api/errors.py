"""Error answers: `{"error": CODE}` for every path, and a 401 without a body.

`CODES` is the whole list. A code has one status wherever it is answered.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ztdx_spot.auth.login import LoginRefused
from ztdx_spot.errors import DatabaseBusyError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """The status that goes with a code, and what it tells the caller."""

    status: int
    meaning: str


CODES: Mapping[str, ErrorCode] = {
    "INVALID_LIMIT": ErrorCode(400, "`limit` is not an integer."),
    "INVALID_JSON": ErrorCode(400, "The body is not a JSON object, or says a member twice."),
    "INVALID_FIELD": ErrorCode(400, "A field is missing or wrong; `field` names it."),
    "INVALID_ADDRESS": ErrorCode(400, "Not an address, or its mixed case fails EIP-55."),
    "AMOUNT_NON_POSITIVE": ErrorCode(400, "The amount is zero or less."),
    "INVALID_SIGNATURE_FORMAT": ErrorCode(
        400, "The signature is not 65 bytes of hex with a low s and a v of 0, 1, 27 or 28."
    ),
    "API_KEY_LIMIT": ErrorCode(400, "The user has 30 keys already."),
    "BAD_REQUEST": ErrorCode(400, "The request is not well-formed HTTP."),
    "TIMESTAMP_EXPIRED": ErrorCode(401, "The timestamp is more than 300 s away from now."),
    "SIGNATURE_INVALID": ErrorCode(
        401, "The signature is another wallet's, or over another nonce, time or domain."
    ),
    "DISABLED": ErrorCode(404, "Admin credits are switched off on this server."),
    "NOT_FOUND": ErrorCode(404, "There is nothing at this path."),
    "USER_NOT_FOUND": ErrorCode(404, "The address has never asked for a nonce."),
    "API_KEY_NOT_FOUND": ErrorCode(404, "The user has no key with this id."),
    "METHOD_NOT_ALLOWED": ErrorCode(405, "The path takes other methods; `Allow` names them."),
    "REQUEST_TIMEOUT": ErrorCode(408, "The request did not come whole within 10 s."),
    "IDEMPOTENCY_KEY_REUSED": ErrorCode(409, "The key was used with another body."),
    "BODY_TOO_LARGE": ErrorCode(413, "The body is larger than 64 KiB."),
    "DB_ERROR": ErrorCode(500, "The database failed; nothing was written."),
    "internal": ErrorCode(500, "Something unexpected failed; the server's log says what."),
    "UNAVAILABLE": ErrorCode(
        503, "The server stops, or holds too many connections; nothing was done."
    ),
}

CODES_OF_HTTP = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}


class ApiError(Exception):
    """An answer with this code; `field` names the wrong part of the request."""

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.status = CODES[code].status
        self.code = code
        self.field = field


class UnauthorizedError(Exception):
    """No valid credential. The answer says nothing about what was wrong with it."""


def register_errors(app: Flask) -> None:
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(LoginRefused, _login_refused)
    app.register_error_handler(UnauthorizedError, _unauthorized)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal_error)


def _api_error(error: ApiError) -> Response:
    members = {"error": error.code}
    if error.field is not None:
        members["field"] = error.field
    return _answer(error.status, members)


def _login_refused(error: LoginRefused) -> Response:
    return _answer(CODES[error.code].status, {"error": error.code})


def _unauthorized(error: UnauthorizedError) -> Response:
    answer = Response(status=401)
    del answer.headers["Content-Type"]
    return answer


def _http_error(error: HTTPException) -> Response:
    """What Flask itself refuses, with Flask's headers (`Allow`) and our body."""
    status = error.code or 500
    answer = _answer(status, {"error": CODES_OF_HTTP.get(status, "BAD_REQUEST")})
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            answer.headers[name] = value
    return answer


def _internal_error(error: Exception) -> Response:
    # A database that is locked or full is the operator's to mend, not an error in this code.
    expected = isinstance(error, (sqlite3.OperationalError, DatabaseBusyError))
    trace = None if expected else error
    logger.error("%s %r failed: %s", request.method, request.path, error, exc_info=trace)
    return _answer(500, {"error": "internal"})


def _answer(status: int, members: dict[str, str]) -> Response:
    answer = jsonify(members)
    answer.status_code = status
    return answer
