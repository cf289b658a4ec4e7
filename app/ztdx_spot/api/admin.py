"""The testnet faucet: an admin credits a user's balance directly."""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3

from flask import Blueprint, Response, request

from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.credentials import require_admin
from ztdx_spot.api.credit_request import parse_credit
from ztdx_spot.api.errors import ApiError
from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ledger import admin_credits
from ztdx_spot.ledger.admin_credits import AdminCredit, KeyedAnswer
from ztdx_spot.ledger.row_ids import new_row_id

logger = logging.getLogger(__name__)

IDEMPOTENCY_HEADER = "Idempotency-Key"
CREDITED = '{"ok":true}\n'

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")


def admin_routes(context: ApiContext) -> Blueprint:
    routes = Blueprint("admin", __name__)

    @routes.post("/admin/spot/balances/credit")
    def credit_balance() -> Response:
        # Read on every request, so that the switch works without a restart.
        if context.environment.get("TESTNET_ONLY") != "true":
            raise ApiError(404, "DISABLED")
        require_admin(context)
        body = request.get_data()
        wanted = parse_credit(body)
        key = _idempotency_key()
        try:
            answer = _credit_once(context, wanted, key, hashlib.sha256(body).hexdigest())
        except (sqlite3.Error, DatabaseBusyError) as error:
            logger.error("admin credit failed, nothing was written: %s", error)
            raise ApiError(500, "DB_ERROR") from error
        return Response(answer, mimetype="application/json")

    return routes


def _idempotency_key() -> str | None:
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise ApiError(400, "INVALID_FIELD", IDEMPOTENCY_HEADER)
    return key


def _credit_once(
    context: ApiContext, wanted: AdminCredit, key: str | None, body_sha256: str
) -> str:
    """Credit and say so; under a key that was used, say what was said then.

    The key is looked up and kept in the credit's own transaction: of two requests at once, the
    second finds the first's.
    """
    now_s = context.now_s()
    with context.database.write() as transaction:
        earlier = None if key is None else admin_credits.find_answer(transaction, key)
        if earlier is not None:
            if earlier.body_sha256 != body_sha256:
                raise ApiError(409, "IDEMPOTENCY_KEY_REUSED")
            return earlier.answer
        credit_id = new_row_id(context.entropy, "admin-credit-id")
        admin_credits.credit(transaction, wanted, credit_id, now_s)
        if key is not None:
            kept = KeyedAnswer(body_sha256, CREDITED)
            admin_credits.keep_answer(transaction, key, kept, credit_id, now_s)
    return CREDITED
