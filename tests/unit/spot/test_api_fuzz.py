"""Generated requests, sensible and senseless: no 5xx, and no answer that is not documented.

The requests are the same in every run. For a hunt: API_FUZZ_EXAMPLES=300 makes more, new ones.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ztdx_spot.api import admin
from ztdx_spot.api.operation import Operation
from ztdx_spot.api.reference import ALL_OPERATIONS

from .api_client import ADMIN_KEY, Api
from .world import ALICE

EXAMPLES = int(os.environ.get("API_FUZZ_EXAMPLES", "12"))

Mode: TypeAlias = Literal["positive", "negative"]

HUNT = settings(
    max_examples=EXAMPLES,
    derandomize="API_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def credentials_of(api: Api, who: str) -> dict[str, str]:
    if who == "admin":
        return {"X-API-Key": ADMIN_KEY}
    return {"Authorization": f"Bearer {api.token()}"} if who == "user" else {}


CASES: list[tuple[Operation, Mode]] = [
    *((operation, "positive") for operation in ALL_OPERATIONS),
    # Of a path, and of nothing, no senseless variant can be made.
    *(
        (operation, "negative")
        for operation in ALL_OPERATIONS
        if operation.query or operation.body or operation.who == "user"
    ),
]


def hunt(api: Api, operation: Operation, mode: Mode, ask: Callable[[Any], None]) -> None:
    """Give `ask` generated requests for the operation."""
    # Loaded by whoever hunts: it takes longer than most tests.
    import schemathesis

    schema = schemathesis.openapi.from_wsgi("/openapi.json", api.client().application)
    described = schema[operation.path][operation.method.upper()]
    cases = described.as_strategy(generation_mode=schemathesis.GenerationMode(mode))
    HUNT(given(case=cases)(lambda case: ask(case)))()


def checks() -> list[Any]:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as conformance

    return [
        not_a_server_error,
        conformance.status_code_conformance,
        conformance.content_type_conformance,
        conformance.response_headers_conformance,
        conformance.response_schema_conformance,
    ]


@pytest.mark.parametrize(("operation", "mode"), CASES, ids=[f"{o.name}-{m}" for o, m in CASES])
def test_every_answer_is_documented(
    api: Api, operation: Operation, mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "schemathesis")
    api.credit()
    api.add_deposit(1, 5, 0, "a")
    key_id = api.send("POST", "/api-keys", {"label": "one"}).get_json()["id"]
    there = {"id": key_id, "address": ALICE}
    wanted, answered = checks(), set()

    def ask(case: Any) -> None:
        answered.add(case.call_and_validate(checks=wanted).status_code)
        # Again as somebody, about something that is there.
        case.path_parameters = {name: there[name] for name in case.path_parameters}
        headers = credentials_of(api, operation.who)
        answered.add(case.call_and_validate(headers=headers, checks=wanted).status_code)

    hunt(api, operation, mode, ask)
    assert answered
    if operation.who != "anybody":
        assert 401 in answered


def test_the_hunt_reaches_what_it_is_about(api: Api) -> None:
    """Generated credits move money: a hunt that is refused at the door would find nothing."""
    answered: list[int] = []

    def ask(case: Any) -> None:
        case.body = {**case.body, "user_address": ALICE, "amount": "1"}
        answered.append(case.call(headers={"X-API-Key": ADMIN_KEY}).status_code)

    (credit,) = admin.OPERATIONS
    hunt(api, credit, "positive", ask)
    assert answered.count(200) > 0
