"""Verbs of the API's clients: a credit by an admin, and any request with the answer it expects."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.faults.api import API_FAULT_KINDS, DEFAULT_STATUS, ApiFaultKind
from ztdx_devnet.faults.api import ApiFault as ArmedFault
from ztdx_devnet.scenario.names import Named, tokens
from ztdx_devnet.scenario.stage import ExpectationFailed, Stage
from ztdx_devnet.scenario.strict import Strict
from ztdx_devnet.scenario.values import DurationUs, LiveVariable, Printable, RequestPath, User
from ztdx_devnet.scenario.verbs.faults import FaultVerb, ScopeArguments, one_of
from ztdx_devnet.scenario.verbs.verb import Verb
from ztdx_devnet.sim.processes import ApiRequest

BASE_PATH = "/api/v1"
CREDIT_PATH = "/admin/spot/balances/credit"


class Answer(Strict):
    """The expected answer. `body` is compared as JSON; an empty text means an empty body.

    `status` is none when no answer comes, because the connection breaks, and refused when nobody
    listens.
    """

    status: int | Literal["none", "refused"]
    body: JsonValue = None

    @property
    def compares_body(self) -> bool:
        """Whether one is expected; null is one, too."""
        return "body" in self.model_fields_set


class AdminCredit(Verb):
    """An admin credits a user. Fields are sent as they are, so that bad ones can be tried.

    `key` is the admin key: right, wrong or missing.
    """

    KEY = "admin_credit"
    user: User | None = None
    address: JsonValue = None
    token: JsonValue = "DF"  # noqa: S105 - a symbol
    amount: JsonValue
    reason: JsonValue = None
    key: Literal["right", "wrong", "missing"] = "right"
    idempotency_key: Printable | None = None
    expect: Answer = Answer(status=200, body={"ok": True})

    def perform(self, stage: Stage) -> None:
        address = USERS[self.user].address_hex if self.user else self.address
        body = {"user_address": address, "token": self.token, "amount": self.amount}
        if self.reason is not None:
            body["reason"] = self.reason
        headers = {"Content-Type": "application/json"}
        if self.key != "missing":
            right = stage.world.product.environment["ADMIN_API_KEY"]
            headers["X-API-Key"] = right if self.key == "right" else f"not-{right}"
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        request = ApiRequest("POST", BASE_PATH + CREDIT_PATH, headers, _json(body))
        _request(stage, "admin_credit", request, self.expect)

    def brings(self) -> list[Named]:
        return _tokens_in(self.token, self.expect)


class Api(Verb):
    """Any request. `as` signs it for a user: with a JWT, or with an API key (`auth: hmac`).

    `path` comes after /api/v1 and is sent as it is, its query included. `json` or `text` is the
    body.
    """

    KEY = "api"
    method: Literal["GET", "POST", "PUT", "DELETE", "OPTIONS"] = "GET"
    path: RequestPath
    user: User | None = Field(default=None, alias="as")
    auth: Literal["jwt", "hmac"] = "jwt"
    headers: dict[Printable, Printable] = Field(default_factory=dict)
    body_json: JsonValue = Field(default=None, alias="json")
    text: str | None = None
    expect: Answer

    def acts(self) -> bool:
        return self.method not in ("GET", "OPTIONS")

    def perform(self, stage: Stage) -> None:
        _request(stage, "api", self.request(stage), self.expect)

    def brings(self) -> list[Named]:
        token = self.body_json.get("token") if isinstance(self.body_json, dict) else None
        return _tokens_in(token, self.expect)

    def request(self, stage: Stage) -> ApiRequest:
        """What is sent, signed now."""
        headers, path = dict(self.headers), self.path
        body = self.text.encode() if self.text is not None else b""
        if self.body_json is not None:
            body = _json(self.body_json)
            headers.setdefault("Content-Type", "application/json")
        if self.user is not None:
            operator = stage.world.product.operator
            if self.auth == "jwt":
                headers["Authorization"] = f"Bearer {operator.issue_jwt(self.user)}"
            else:
                credentials = operator.api_key(self.user)
                headers["X-MBX-APIKEY"] = credentials.api_key
                path = credentials.sign(path, body, stage.world.now_us // 1_000)
        return ApiRequest(self.method, BASE_PATH + path, headers, body)


class ApiFault(FaultVerb):
    """What stands between the API and its clients is bad, for requests whose path begins so.

    `latency` delays them by `delay`; `error` answers with `status` (default 500) in the API's
    place; `dropped_before` breaks the connection before the API hears of the request, `dropped`
    after it has done it. `path` comes after /api/v1, as in `api`.
    """

    KEY = "api_fault"
    kind: Annotated[ApiFaultKind, one_of(API_FAULT_KINDS)]
    path: RequestPath = "/"
    method: Literal["GET", "POST", "PUT", "DELETE", "OPTIONS"] | None = None
    delay: DurationUs | None = None
    status: Annotated[int, Field(ge=400, le=599)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.kind == "latency") != (self.delay is not None):
            raise ValueError("delay goes with kind: latency, and with it alone")
        if self.status is not None and self.kind != "error":
            raise ValueError("status goes with kind: error, and with it alone")
        return self

    def hides(self, later: Verb) -> bool:
        """What never reaches the API can't be lost behind it."""
        if not (self.endless and self.kind in ("error", "dropped_before")):
            return False
        if not isinstance(later, ApiFault) or self.method not in (None, later.method):
            return False
        return later.kind != "latency" and later.path.startswith(self.path)

    def fault(self, scope: ScopeArguments, base_path: str = BASE_PATH) -> ArmedFault:
        """The fault itself; `path` is taken to be below `base_path`."""
        return ArmedFault(
            self.name,
            self.kind,
            base_path + self.path,
            self.method,
            self.delay or 0,
            self.status or DEFAULT_STATUS,
            **scope,
        )

    def perform(self, stage: Stage) -> None:
        fault = self.fault(self.scope(stage))
        stage.world.arm(fault, kind_of_fault=fault.kind, path=fault.path, method=fault.method)


class SetEnvironment(Verb):
    """Change what the running API server reads from its environment; null unsets."""

    KEY = "set_environment"
    SHORTHAND = "variables"
    variables: dict[LiveVariable, str | None]

    def perform(self, stage: Stage) -> None:
        stage.world.product.set_environment(self.variables)


def _tokens_in(token: JsonValue, expected: Answer) -> list[Named]:
    """The token of a credit, unless it is to be refused."""
    refused = isinstance(expected.status, int) and 400 <= expected.status < 500
    return tokens(token) if isinstance(token, str) and not refused else []


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _request(stage: Stage, rule: str, request: ApiRequest, expected: Answer) -> None:
    try:
        answer = stage.world.product.request(request)
    except ConnectionRefusedError as error:
        if expected.status == "refused":
            return
        raise ExpectationFailed(rule, f"status {expected.status}", str(error)) from error
    if answer is None:
        if expected.status == "none":
            return
        raise ExpectationFailed(rule, f"status {expected.status}", "no answer came")
    text = answer.body.decode("utf-8", "replace").strip()
    if answer.status != expected.status:
        raise ExpectationFailed(rule, f"status {expected.status}", f"{answer.status} {text}")
    if not expected.compares_body:
        return
    try:
        seen = json.loads(text) if text else ""
    except ValueError:
        seen = text
    if seen != expected.body:
        raise ExpectationFailed(rule, json.dumps(expected.body), text or "an empty body")
