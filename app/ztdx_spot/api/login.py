"""Login by wallet: the nonce to sign, and the token for the signature."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import Field

from ztdx_spot.api import answers
from ztdx_spot.api.answers import json_answer
from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.operation import BASE_PATH, Operation, Parameter
from ztdx_spot.api.request_body import RequestBody, read_body
from ztdx_spot.auth.login import LoginDomain, issue_nonce, log_in, typed_data
from ztdx_spot.auth.tokens import issue_token

_ADDRESS_EXAMPLE = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"


class LoginRequest(RequestBody):
    """A signature over the typed data of the nonce endpoint."""

    address: Annotated[str, Field(description="The wallet.", examples=[_ADDRESS_EXAMPLE])]
    signature: Annotated[
        str,
        Field(
            description="0x and 130 hex digits: r, s, v.",
            json_schema_extra={"pattern": "^0x[0-9a-fA-F]{130}$"},
        ),
    ]
    timestamp: Annotated[
        int,
        Field(
            description="`message.timestamp` of what was signed: Unix seconds, at most 300 away"
            " from now.",
            examples=[1778315530],
        ),
    ]


OPERATIONS = (
    Operation(
        name="getLoginNonce",
        method="get",
        path=f"{BASE_PATH}/auth/nonce/{{address}}",
        room="auth",
        summary="What a wallet signs to log in",
        description="Makes the address a user. The nonce stays the same until a login spends it.",
        parameters=(
            Parameter(
                "address",
                "path",
                "The wallet; mixed case must be its EIP-55 checksum.",
                _ADDRESS_EXAMPLE,
            ),
        ),
        answers={200: answers.Nonce},
        codes=("INVALID_ADDRESS", "NOT_FOUND", "internal"),
    ),
    Operation(
        name="logIn",
        method="post",
        path=f"{BASE_PATH}/auth/login",
        room="auth",
        summary="A token for a signature",
        description="Spends the nonce: a signature logs in once.",
        body=LoginRequest,
        answers={200: answers.Login},
        codes=(
            "BODY_TOO_LARGE",
            "INVALID_JSON",
            "INVALID_FIELD",
            "INVALID_ADDRESS",
            "TIMESTAMP_EXPIRED",
            "USER_NOT_FOUND",
            "INVALID_SIGNATURE_FORMAT",
            "SIGNATURE_INVALID",
            "internal",
        ),
    ),
)


def login_routes(context: ApiContext) -> Blueprint:
    routes = Blueprint("login", __name__, url_prefix=BASE_PATH)
    settings = context.settings
    domain = LoginDomain(settings.login_chain_id, settings.login_vault_address)

    @routes.get("/auth/nonce/<address>")
    def nonce(address: str) -> Response:
        user_address, nonce = issue_nonce(context.database, context.clock, address)
        data = typed_data(domain, user_address, nonce, context.now_s())
        answer = answers.Nonce.model_validate({"nonce": nonce, "typed_data": data})
        return json_answer(answer, leave_out_unset=True)

    @routes.post("/auth/login")
    def login() -> Response:
        given = read_body(LoginRequest, request.get_data())
        user_address = log_in(
            context.database,
            context.clock,
            domain,
            given.address,
            given.signature,
            given.timestamp,
        )
        now_s = context.now_s()
        token = issue_token(user_address, settings.jwt_secret, now_s, settings.jwt_expiry_s)
        return json_answer(answers.Login(token=token, expires_at=now_s + settings.jwt_expiry_s))

    return routes
