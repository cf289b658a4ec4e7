"""Cross-origin access: which web pages may read answers. Credentials are headers, not cookies."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, request

ALLOWED_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
ALLOWED_HEADERS = "Authorization, Content-Type, X-MBX-APIKEY, X-API-Key, Idempotency-Key"
PREFLIGHT_MAX_AGE_S = 600


def allow_cross_origin(app: Flask, origins: Sequence[str]) -> None:
    """Answer preflights and mark every answer. Without `origins`, any origin is allowed."""

    @app.before_request
    def answer_preflight() -> Response | None:
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or asked is None:
            return None
        answer = Response(status=204)
        del answer.headers["Content-Type"]
        answer.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        answer.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_MAX_AGE_S)
        return answer

    @app.after_request
    def mark_answer(answer: Response) -> Response:
        if not origins:
            answer.headers["Access-Control-Allow-Origin"] = "*"
            return answer
        answer.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
        return answer
