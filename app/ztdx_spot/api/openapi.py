"""The OpenAPI 3.1 document, made from the operations and the models that serve them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ztdx_spot.api.errors import CODES
from ztdx_spot.api.operation import Operation, Parameter, Text

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/components/schemas/{model}"
DISTRIBUTION = "ztdx-devnet"

Json: TypeAlias = dict[str, Any]

SECURITY_SCHEMES: Json = {
    "jwt": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of POST /api/v1/auth/login. HS256, valid until its `exp`.",
    },
    "hmac": {
        "type": "apiKey",
        "in": "header",
        "name": "X-MBX-APIKEY",
        "description": "The api_key of a key pair; then the query carries `timestamp` and"
        " `signature` too. `X-API-Key` is accepted as another name. Decides alone when it is"
        " there, whatever else is.",
    },
    "admin": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The server's ADMIN_API_KEY.",
    },
}
SECURITY: Mapping[str, list[Json]] = {
    "anybody": [],
    "user": [{"jwt": []}, {"hmac": []}],
    "admin": [{"admin": []}],
}
SIGNED_QUERY: list[Json] = [
    {
        "name": "timestamp",
        "in": "query",
        "description": "With X-MBX-APIKEY: Unix milliseconds, at most 5 s away from now.",
        "schema": {"type": "integer"},
    },
    {
        "name": "signature",
        "in": "query",
        "description": "With X-MBX-APIKEY: hex of HMAC-SHA256, keyed with the secret's text, over"
        " the query string as sent without this pair, followed by the body.",
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
    },
]
FALLBACKS = ("NOT_FOUND", "METHOD_NOT_ALLOWED", "BAD_REQUEST", "REQUEST_TIMEOUT", "UNAVAILABLE")
"""What is answered where there is no operation: another path, another method, no HTTP."""


def document(operations: Sequence[Operation]) -> Json:
    """The whole document, as JSON-ready values."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ZTDX spot deposits",
            "version": _version(),
            "description": "Times are Unix seconds, amounts decimal texts, addresses lower case."
            ' Errors are {"error": CODE}; a missing or wrong credential is 401 without a body.',
        },
        "jsonSchemaDialect": JSON_SCHEMA,
        "servers": [{"url": "/"}],
        "paths": _paths(operations),
        "components": {
            "schemas": {**_schemas(operations), "Error": _error_schema()},
            "responses": {code: _error_answer([code]) for code in FALLBACKS},
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"


def _paths(operations: Sequence[Operation]) -> Json:
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return paths


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.room],
        "summary": operation.summary,
        "description": operation.description,
        "security": SECURITY[operation.who],
        "parameters": [*map(_parameter, operation.parameters), *_query_parameters(operation)],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        schema = {"$ref": REFERENCE.format(model=operation.body.__name__)}
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _parameter(parameter: Parameter) -> Json:
    schema: Json = {"type": "string", "minLength": 1}
    if parameter.max_length is not None:
        schema["maxLength"] = parameter.max_length
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": schema,
        "example": parameter.example,
    }


def _query_parameters(operation: Operation) -> Iterator[Json]:
    if operation.query is not None:
        schema = operation.query.model_json_schema()
        for name, member in schema["properties"].items():
            described = {key: value for key, value in member.items() if key != "title"}
            description = described.pop("description", "")
            yield {"name": name, "in": "query", "description": description, "schema": described}
    if operation.who == "user":
        yield from SIGNED_QUERY


def _responses(operation: Operation) -> Json:
    responses: Json = {}
    for status, answer in operation.answers.items():
        responses[str(status)] = _answer(answer)
    if operation.who != "anybody":
        responses["401"] = {"description": "No valid credential. The body is empty."}
    by_status = sorted(operation.codes, key=lambda code: CODES[code].status)
    for status, codes in groupby(by_status, key=lambda code: CODES[code].status):
        responses[str(status)] = _error_answer(list(codes))
    return dict(sorted(responses.items()))


def _answer(answer: type[BaseModel] | Text) -> Json:
    if isinstance(answer, Text):
        kind = "object" if answer.media_type == "application/json" else "string"
        content = {answer.media_type: {"schema": {"type": kind}}}
        return {"description": answer.description, "content": content}
    schema = {"$ref": REFERENCE.format(model=answer.__name__)}
    description = (answer.__doc__ or "").strip()
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _error_answer(codes: Sequence[str]) -> Json:
    meanings = "\n".join(f"- `{code}`: {CODES[code].meaning}" for code in codes)
    schema: Json = {
        "$ref": REFERENCE.format(model="Error"),
        "properties": {"error": {"enum": list(codes)}},
    }
    example = {"error": codes[0]}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": meanings, "content": content}


def _error_schema() -> Json:
    return {
        "type": "object",
        "description": "Why the request was refused.",
        "properties": {
            "error": {"type": "string", "description": "A stable code.", "enum": list(CODES)},
            "field": {
                "type": "string",
                "description": "With INVALID_FIELD: the member or header that is wrong.",
            },
        },
        "required": ["error"],
        "additionalProperties": False,
    }


def _schemas(operations: Sequence[Operation]) -> Json:
    """One schema per model; requests in the shape that is taken, answers in the one given."""
    modes: dict[type[BaseModel], JsonSchemaMode] = {}
    for operation in operations:
        if operation.body is not None:
            modes[operation.body] = "validation"
        for answer in operation.answers.values():
            if not isinstance(answer, Text):
                modes[answer] = "serialization"
    _, definitions = models_json_schema(list(modes.items()), ref_template=REFERENCE)
    schemas: Json = definitions["$defs"]
    return dict(sorted(schemas.items()))
