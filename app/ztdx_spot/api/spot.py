"""What users read: their deposits and their balances."""

from __future__ import annotations

import re
from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import BaseModel, BeforeValidator, Field

from ztdx_spot.api import answers
from ztdx_spot.api.answers import json_answer
from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.credentials import user_reads
from ztdx_spot.api.errors import ApiError
from ztdx_spot.api.operation import BASE_PATH, USER_CODES, Operation
from ztdx_spot.ledger.balances import balances_of
from ztdx_spot.ledger.deposits import confirmed_deposits_of

LIMIT_DEFAULT = 50
LIMIT_MAX = 200

_INTEGER = re.compile(r"(-?)([0-9]+)")


def _clamped(given: list[str]) -> int:
    """An integer of any size, clamped to 1 … 200; said twice it is not an integer."""
    match = _INTEGER.fullmatch(given[0])
    if len(given) > 1 or match is None:
        raise ApiError("INVALID_LIMIT")
    sign, digits = match.groups()
    if sign:
        return 1
    # Python refuses to read integers of thousands of digits; four say enough here.
    return max(1, min(int("0" + digits.lstrip("0")[:4]), LIMIT_MAX))


class DepositsQuery(BaseModel):
    """The query of a list of deposits. Other members are ignored."""

    limit: Annotated[
        int,
        BeforeValidator(_clamped),
        Field(description=f"How many at most; clamped to 1 … {LIMIT_MAX}.", examples=[20]),
    ] = LIMIT_DEFAULT


OPERATIONS = (
    Operation(
        name="listDeposits",
        method="get",
        path=f"{BASE_PATH}/spot/deposits",
        room="spot",
        summary="The user's deposits",
        description="Confirmed ones only, newest first: by created_at, block_number, log index"
        " and id, so that the order is the same every time.",
        who="user",
        query=DepositsQuery,
        answers={200: answers.Deposits},
        codes=("INVALID_LIMIT", *USER_CODES),
    ),
    Operation(
        name="listBalances",
        method="get",
        path=f"{BASE_PATH}/spot/balances",
        room="spot",
        summary="The user's balances",
        description="One entry for every token that the user ever held.",
        who="user",
        answers={200: answers.Balances},
        codes=USER_CODES,
    ),
)


def spot_routes(context: ApiContext) -> Blueprint:
    routes = Blueprint("spot", __name__, url_prefix=BASE_PATH)

    @routes.get("/spot/deposits")
    def list_deposits() -> Response:
        with user_reads(context) as (transaction, user_address):
            query = DepositsQuery.model_validate(dict(request.args.lists()))
            found = confirmed_deposits_of(transaction, user_address, query.limit)
        return json_answer(answers.Deposits.model_validate(found, from_attributes=True))

    @routes.get("/spot/balances")
    def list_balances() -> Response:
        with user_reads(context) as (transaction, user_address):
            found = balances_of(transaction, user_address)
        return json_answer(answers.Balances.model_validate({"balances": found}))

    return routes
