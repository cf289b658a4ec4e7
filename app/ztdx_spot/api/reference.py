"""The API's own reference: the OpenAPI document, and a page that shows it and sends requests.

The page is three files of this package. It loads nothing from anywhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from flask import Blueprint, Response

from ztdx_spot.api import admin, health, keys, login, spot, wallet
from ztdx_spot.api.openapi import document
from ztdx_spot.api.operation import Operation, Text

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE_FILES = {
    "/docs": ("page.html", "text/html"),
    "/docs/page.css": ("page.css", "text/css"),
    "/docs/page.js": ("page.js", "text/javascript"),
}

OPERATIONS = (
    Operation(
        name="getOpenApiDocument",
        method="get",
        path="/openapi.json",
        room="reference",
        summary="This document",
        answers={200: Text("application/json", "OpenAPI 3.1.")},
        codes=("internal",),
    ),
    Operation(
        name="getReferencePage",
        method="get",
        path="/docs",
        room="reference",
        summary="This document as a page",
        answers={200: Text("text/html", "A page that needs no network.")},
        codes=("internal",),
    ),
)

ALL_OPERATIONS = (
    *login.OPERATIONS,
    *keys.OPERATIONS,
    *spot.OPERATIONS,
    *admin.OPERATIONS,
    *wallet.OPERATIONS,
    *health.OPERATIONS,
    *OPERATIONS,
)


@cache
def document_text() -> str:
    """The OpenAPI document as JSON; the same for every server, so it is made once."""
    return json.dumps(document(ALL_OPERATIONS), ensure_ascii=False, separators=(",", ":")) + "\n"


def reference_routes() -> Blueprint:
    routes = Blueprint("reference", __name__)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(document_text(), mimetype="application/json")

    for path, (name, media_type) in PAGE_FILES.items():
        routes.add_url_rule(path, name.replace(".", "_"), _page_file(name, media_type))
    return routes


def _page_file(name: str, media_type: str) -> Callable[[], Response]:
    def send() -> Response:
        text = files("ztdx_spot.api").joinpath("page", name).read_text("utf-8")
        answer = Response(text, mimetype=media_type)
        answer.headers["Content-Security-Policy"] = PAGE_POLICY
        return answer

    return send
