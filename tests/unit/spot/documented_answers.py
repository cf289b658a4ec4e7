"""Judges answers by the OpenAPI document: status, headers and body must be declared there."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

from ztdx_spot.api.reference import PAGE_FILES, document_text
from ztdx_spot.api.security_headers import HEADERS

DOCUMENT: dict[str, Any] = json.loads(document_text())
NAME = "urn:openapi"
REGISTRY = Registry().with_resource(NAME, Resource(contents=DOCUMENT, specification=DRAFT202012))
TEMPLATES = {
    re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))): path for path in DOCUMENT["paths"]
}


class CheckedClient(FlaskClient):
    """Fails the test in which an answer comes that the document does not declare."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        check(answer.request.method, answer.request.path, answer)
        return answer


def check(method: str, path: str, answer: TestResponse) -> None:
    missing = set(HEADERS) - set(answer.headers.keys())
    assert not missing, f"{method} {path} is answered without {missing}"
    template = next((t for pattern, t in TEMPLATES.items() if pattern.fullmatch(path)), None)
    operations = {} if template is None else DOCUMENT["paths"][template]
    wanted = "get" if method == "HEAD" else method.lower()
    if wanted in operations:
        _check_operation(f"{method} {path}", template or "", wanted, answer)
    elif operations.keys() == {"post"} and answer.status_code == 404:
        # Disabled, it looks the same to every method.
        _check_operation(f"{method} {path}", template or "", "post", answer)
    elif method == "OPTIONS" and answer.status_code == 204:
        assert answer.data == b"", "a preflight has no body"
    elif path not in PAGE_FILES or method not in ("GET", "HEAD"):
        known = bool(operations) or path in PAGE_FILES
        _check_fallback("METHOD_NOT_ALLOWED" if known else "NOT_FOUND", answer)


def _check_operation(what: str, template: str, method: str, answer: TestResponse) -> None:
    responses = DOCUMENT["paths"][template][method]["responses"]
    status = str(answer.status_code)
    assert status in responses, f"{what} is answered by {status}, declared are {[*responses]}"
    content = responses[status].get("content")
    if content is None:
        assert answer.data == b"", f"{what}: {status} has a body, declared is none"
        assert "Content-Type" not in answer.headers
        return
    assert answer.mimetype in content, f"{what}: {status} is {answer.mimetype}"
    if answer.mimetype == "application/json" and answer.request.method != "HEAD":
        place = f"{_pointed('paths', template, method)}/responses/{status}"
        _validate(f"{place}/content/application~1json/schema", answer)


def _check_fallback(code: str, answer: TestResponse) -> None:
    if answer.request.method == "HEAD":
        assert answer.status_code in (404, 405)
        return
    _validate(f"/components/responses/{code}/content/application~1json/schema", answer)


def _pointed(*names: str) -> str:
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def _validate(pointer: str, answer: TestResponse) -> None:
    _validator(pointer).validate(answer.get_json())


@cache
def _validator(pointer: str) -> Draft202012Validator:
    # A pointer in a URL fragment: braces are not allowed there.
    fragment = pointer.replace("{", "%7B").replace("}", "%7D")
    return Draft202012Validator({"$ref": f"{NAME}#{fragment}"}, registry=REGISTRY)
