"""The OpenAPI document: it is of this application, complete, and the check by it can fail."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Response
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from ztdx_spot.api.app import create_app
from ztdx_spot.api.credit_request import CreditRequest
from ztdx_spot.api.errors import CODES
from ztdx_spot.api.openapi import FALLBACKS
from ztdx_spot.api.reference import ALL_OPERATIONS, PAGE_FILES

from .api_client import Api
from .documented_answers import DOCUMENT
from .world import ALICE

OPERATIONS = [
    (path, method, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(member) for member in value.values()))
    if isinstance(value, list):
        return set().union(*(references(member) for member in value))
    return set()


class TestDocument:
    def test_it_is_served_as_it_is_made(self, api: Api) -> None:
        answer = api.client().get("/openapi.json")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.get_json() == DOCUMENT
        assert DOCUMENT["openapi"] == "3.1.0"

    def test_its_operations_are_the_routes_of_the_application(self, api: Api) -> None:
        app = create_app(api.settings, {}, api.clock, api.entropy, api.database)
        routes = {
            (re.sub(r"<(\w+)>", "{}", rule.rule), method.lower())
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            if rule.rule == "/docs" or rule.rule not in PAGE_FILES
        }
        declared = {(re.sub(r"\{\w+\}", "{}", path), method) for path, method, _ in OPERATIONS}
        assert routes == declared

    def test_every_reference_leads_somewhere(self) -> None:
        found = references(DOCUMENT)
        assert len(found) > 20
        for reference in found:
            place: Any = DOCUMENT
            for name in reference.removeprefix("#/").split("/"):
                place = place[name]

    def test_every_schema_is_one(self) -> None:
        for schema in DOCUMENT["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)

    def test_every_operation_has_a_name_a_summary_and_its_parameters(self) -> None:
        names = [operation["operationId"] for _, _, operation in OPERATIONS]
        assert len(set(names)) == len(names) == len(ALL_OPERATIONS)
        for path, _, operation in OPERATIONS:
            assert operation["summary"]
            in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert in_path == set(re.findall(r"\{(\w+)\}", path))

    def test_whoever_needs_a_credential_can_be_refused(self) -> None:
        for _, _, operation in OPERATIONS:
            refusal = operation["responses"].get("401", {})
            if operation["security"]:
                assert "content" not in refusal

    def test_every_code_is_answered_somewhere(self) -> None:
        answered = {code for operation in ALL_OPERATIONS for code in operation.codes}
        assert answered | set(FALLBACKS) == set(CODES)

    def test_every_operation_can_fail(self) -> None:
        assert all("500" in operation["responses"] for _, _, operation in OPERATIONS)

    def test_requests_are_described_by_the_model_that_reads_them(self) -> None:
        schema = DOCUMENT["components"]["schemas"]["CreditRequest"]
        assert list(schema["properties"]) == list(CreditRequest.model_fields)
        assert schema["required"] == ["user_address", "token", "amount"]

    @pytest.mark.parametrize(
        ("change", "valid"),
        [
            ({}, True),
            ({"reason": None}, True),
            ({"amount": 1000}, False),
            ({"amount": "1e3"}, False),
            ({"token": "df"}, False),
            ({"user_address": ALICE[2:]}, False),
            ({"reason": "x" * 1001}, False),
        ],
    )
    def test_what_the_document_refuses_is_refused(
        self, api: Api, change: dict[str, Any], valid: bool
    ) -> None:
        body = {"user_address": ALICE, "token": "DF", "amount": "1000", **change}
        schema = DOCUMENT["components"]["schemas"]["CreditRequest"]
        assert Draft202012Validator(schema).is_valid(body) is valid
        assert (api.credit(json.dumps(body)).status_code == 200) is valid


class TestTheCheckItself:
    """The client of these tests must see what the document does not declare."""

    @pytest.fixture
    def lying(self, api: Api) -> Any:
        client = api.client()
        answers: list[Response] = []

        @client.application.after_request
        def lie(answer: Response) -> Response:
            replaced = answers[0] if answers else answer
            replaced.headers.extend(answer.headers)
            if "Content-Type" not in answer.headers:
                replaced.headers.pop("Content-Type", None)
            return replaced

        def ask(path: str, answer: Response) -> None:
            answers[:] = [answer]
            client.get(path, headers={"Authorization": f"Bearer {api.token()}"})

        return ask

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/api/v1/spot/balances", "{}"),
            ("/api/v1/spot/balances", '{"balances":[],"more":1}'),
            ("/api/v1/spot/balances", '{"balances":[{"token":"DF","available":1,"frozen":"0"}]}'),
            (
                "/api/v1/spot/balances",
                '{"balances":[{"token":"DF","available":"1e3","frozen":"0"}]}',
            ),
            ("/api/v1/spot/deposits", "{}"),
            ("/health", '{"status":"well"}'),
        ],
    )
    def test_a_body_of_another_shape_is_seen(self, lying: Any, path: str, body: str) -> None:
        with pytest.raises(ValidationError):
            lying(path, Response(body, mimetype="application/json"))

    def test_an_undeclared_status_is_seen(self, lying: Any) -> None:
        with pytest.raises(AssertionError, match="is answered by 418"):
            lying("/health", Response("{}", 418, mimetype="application/json"))

    def test_an_undeclared_code_is_seen(self, lying: Any) -> None:
        body = '{"error":"INVALID_JSON"}'
        with pytest.raises(ValidationError):
            lying("/api/v1/spot/deposits", Response(body, 400, mimetype="application/json"))

    def test_a_body_where_none_is_declared_is_seen(self, lying: Any) -> None:
        with pytest.raises(AssertionError, match="declared is none"):
            lying("/api/v1/spot/balances", Response("{}", 401))

    def test_an_answer_at_an_undeclared_path_is_seen(self, lying: Any) -> None:
        with pytest.raises(ValidationError):
            lying("/nothing", Response('{"ok":true}', mimetype="application/json"))
