"""Cross-origin access: which web pages may read answers. Credentials are headers, not cookies."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, request

ALLOWED_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
ALLOWED_HEADERS = "Authorization, Content-Type, X-MBX-APIKEY, X-API-Key, Idempotency-Key"
PREFLIGHT_MAX_AGE_S = 600


def origin_headers(origins: Sequence[str], origin: str | None) -> dict[str, str]:
    """What lets a page of this origin read an answer, if it may. No `origins` means any."""
    if not origins:
        return {"Access-Control-Allow-Origin": "*"}
    allowed = {"Access-Control-Allow-Origin": origin} if origin in origins and origin else {}
    return {"Vary": "Origin", **allowed}


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
        answer.headers.update(origin_headers(origins, request.headers.get("Origin")))
        return answer
