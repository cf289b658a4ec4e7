"""API keys: their owners make, list, rename, switch off and delete them."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Blueprint, Response, request
from pydantic import Field

from ztdx_spot.api import answers
from ztdx_spot.api.answers import json_answer
from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.credentials import user_reads, user_writes
from ztdx_spot.api.errors import ApiError
from ztdx_spot.api.operation import BASE_PATH, USER_CODES, Operation, Parameter
from ztdx_spot.api.request_body import RequestBody, StorableText, read_body
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.api_keys import KEYS_PER_USER_MAX, LABEL_LENGTH_MAX


class NewKeyRequest(RequestBody):
    """A new key."""

    label: Annotated[
        StorableText,
        Field(description="What it is for.", max_length=LABEL_LENGTH_MAX, examples=["my bot"]),
    ] = ""


class KeyChangeRequest(RequestBody):
    """What is to change of a key; a member that is not there stays as it is."""

    label: Annotated[
        Annotated[StorableText, Field(max_length=LABEL_LENGTH_MAX)] | None,
        Field(description="What it is for.", examples=["my bot"]),
    ] = None
    status: Annotated[
        Literal["active", "disabled"] | None,
        Field(description="A disabled key signs nothing.", examples=["disabled"]),
    ] = None


_KEY_ID = Parameter(
    "id", "path", "The key's `id`, not the `api_key`.", "0f8fad5b-d9cb-469f-a165-70867728950e"
)

OPERATIONS = (
    Operation(
        name="createApiKey",
        method="post",
        path=f"{BASE_PATH}/api-keys",
        room="api keys",
        summary="Make a key",
        description=f"A user has at most {KEYS_PER_USER_MAX}, disabled ones included.",
        who="user",
        body=NewKeyRequest,
        answers={200: answers.NewApiKey},
        codes=("INVALID_JSON", "INVALID_FIELD", "API_KEY_LIMIT", *USER_CODES),
    ),
    Operation(
        name="listApiKeys",
        method="get",
        path=f"{BASE_PATH}/api-keys",
        room="api keys",
        summary="The user's keys",
        who="user",
        answers={200: answers.ApiKeys},
        codes=USER_CODES,
    ),
    Operation(
        name="changeApiKey",
        method="put",
        path=f"{BASE_PATH}/api-keys/{{id}}",
        room="api keys",
        summary="Rename a key, or switch it off or on",
        description="It works, or not, from the next request on.",
        who="user",
        parameters=(_KEY_ID,),
        body=KeyChangeRequest,
        answers={200: answers.ApiKey},
        codes=("INVALID_JSON", "INVALID_FIELD", "API_KEY_NOT_FOUND", "NOT_FOUND", *USER_CODES),
    ),
    Operation(
        name="deleteApiKey",
        method="delete",
        path=f"{BASE_PATH}/api-keys/{{id}}",
        room="api keys",
        summary="Delete a key",
        description="Also the one that signs this very request.",
        who="user",
        parameters=(_KEY_ID,),
        answers={200: answers.Ok},
        codes=("API_KEY_NOT_FOUND", "NOT_FOUND", *USER_CODES),
    ),
)


def key_routes(context: ApiContext) -> Blueprint:
    routes = Blueprint("keys", __name__, url_prefix=BASE_PATH)

    @routes.post("/api-keys")
    def create_key() -> Response:
        with user_writes(context) as (transaction, user_address):
            wanted = read_body(NewKeyRequest, request.get_data())
            if api_keys.count(transaction, user_address) >= KEYS_PER_USER_MAX:
                raise ApiError("API_KEY_LIMIT")
            now_s = context.now_s()
            key = api_keys.create(transaction, user_address, wanted.label, context.entropy, now_s)
        return json_answer(
            answers.NewApiKey(
                id=key.id,
                label=wanted.label,
                api_key=key.api_key,
                status="active",
                created_at=now_s,
                secret_key=key.secret_key,
            )
        )

    @routes.get("/api-keys")
    def list_keys() -> Response:
        with user_reads(context) as (transaction, user_address):
            found = api_keys.list_of(transaction, user_address)
        return json_answer(answers.ApiKeys.model_validate({"api_keys": found}))

    @routes.put("/api-keys/<key_id>")
    def change_key(key_id: str) -> Response:
        with user_writes(context) as (transaction, user_address):
            wanted = read_body(KeyChangeRequest, request.get_data())
            changed = api_keys.change(
                transaction, user_address, key_id, label=wanted.label, status=wanted.status
            )
        if changed is None:
            raise ApiError("API_KEY_NOT_FOUND")
        return json_answer(answers.ApiKey.model_validate(changed))

    @routes.delete("/api-keys/<key_id>")
    def delete_key(key_id: str) -> Response:
        with user_writes(context) as (transaction, user_address):
            deleted = api_keys.delete(transaction, user_address, key_id)
        if not deleted:
            raise ApiError("API_KEY_NOT_FOUND")
        return json_answer(answers.Ok())

    return routes
