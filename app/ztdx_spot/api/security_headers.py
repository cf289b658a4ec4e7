"""Headers that tell browsers what not to do with an answer: guess, keep, pass on, execute."""

from __future__ import annotations

from flask import Flask, Response

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def secure_answers(app: Flask) -> None:
    """Put them on every answer that has none of its own."""

    @app.after_request
    def mark_answer(answer: Response) -> Response:
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer
