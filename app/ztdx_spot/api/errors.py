"""Error answers: `{"error": CODE}` for every path, and a 401 without a body."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

logger = logging.getLogger(__name__)

CODES_OF_HTTP = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}


class ApiError(Exception):
    """An answer with this status and code; `field` names the wrong part of the request."""

    def __init__(self, status: int, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.field = field


class UnauthorizedError(Exception):
    """No valid credential. The answer says nothing about what was wrong with it."""


def register_errors(app: Flask) -> None:
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(UnauthorizedError, _unauthorized)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal_error)


def _api_error(error: ApiError) -> Response:
    members = {"error": error.code}
    if error.field is not None:
        members["field"] = error.field
    return _answer(error.status, members)


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
    logger.error("%s %r failed: %s", request.method, request.path, error, exc_info=error)
    return _answer(500, {"error": "internal"})


def _answer(status: int, members: dict[str, str]) -> Response:
    answer = jsonify(members)
    answer.status_code = status
    return answer
