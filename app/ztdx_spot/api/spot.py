"""What users read: their deposits and their balances."""

from __future__ import annotations

import re
from dataclasses import asdict

from flask import Blueprint, Response, jsonify, request

from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.credentials import current_user
from ztdx_spot.api.errors import ApiError
from ztdx_spot.ledger.balances import balances_of
from ztdx_spot.ledger.deposits import confirmed_deposits_of

LIMIT_DEFAULT = 50
LIMIT_MAX = 200

_INTEGER = re.compile(r"(-?)0*([0-9]+)")


def spot_routes(context: ApiContext) -> Blueprint:
    routes = Blueprint("spot", __name__)

    @routes.get("/spot/deposits")
    def list_deposits() -> Response:
        user_address = current_user(context)
        limit = parse_limit(request.args.getlist("limit"))
        with context.database.read() as transaction:
            found = confirmed_deposits_of(transaction, user_address, limit)
        return jsonify([asdict(deposit) for deposit in found])

    @routes.get("/spot/balances")
    def list_balances() -> Response:
        user_address = current_user(context)
        with context.database.read() as transaction:
            found = balances_of(transaction, user_address)
        return jsonify({"balances": [asdict(balance) for balance in found]})

    return routes


def parse_limit(given: list[str]) -> int:
    """An integer of any size, clamped to 1 … 200; said twice it is not an integer."""
    if not given:
        return LIMIT_DEFAULT
    match = _INTEGER.fullmatch(given[0])
    if len(given) > 1 or match is None:
        raise ApiError(400, "INVALID_LIMIT")
    sign, digits = match.groups()
    if sign:
        return 1
    # Python refuses to read integers of thousands of digits; four say enough here.
    return max(1, min(int(digits[:4]), LIMIT_MAX))
