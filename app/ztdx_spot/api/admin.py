"""The testnet faucet: an admin credits a user's balance directly."""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3

from flask import Blueprint, Response, request

from ztdx_spot.api import answers
from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.credentials import require_admin
from ztdx_spot.api.credit_request import CreditRequest, parse_credit
from ztdx_spot.api.errors import ApiError
from ztdx_spot.api.operation import BASE_PATH, Operation, Parameter
from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ledger import admin_credits
from ztdx_spot.ledger.admin_credits import AdminCredit, KeyedAnswer
from ztdx_spot.ledger.row_ids import new_row_id

logger = logging.getLogger(__name__)

CREDIT_PATH = "/admin/spot/balances/credit"

IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY_LENGTH_MAX = 128
CREDITED = answers.Ok().model_dump_json() + "\n"

_IDEMPOTENCY_KEY = re.compile(rf"[\x21-\x7e]{{1,{IDEMPOTENCY_KEY_LENGTH_MAX}}}")

OPERATIONS = (
    Operation(
        name="creditBalance",
        method="post",
        path=f"{BASE_PATH}/admin/spot/balances/credit",
        room="admin",
        summary="Credit a user's balance",
        description="On testnets only: unless TESTNET_ONLY is exactly `true`, every request is 404"
        " `DISABLED`, whatever its key or body. Balance and audit row are written together; the"
        " user's WebSocket is told.",
        who="admin",
        parameters=(
            Parameter(
                IDEMPOTENCY_HEADER,
                "header",
                "Visible ASCII. The same key with the same body credits once and is answered as"
                " the first time.",
                "faucet-grant-4711",
                IDEMPOTENCY_KEY_LENGTH_MAX,
            ),
        ),
        body=CreditRequest,
        answers={200: answers.Ok},
        codes=(
            "DISABLED",
            "BODY_TOO_LARGE",
            "INVALID_JSON",
            "INVALID_FIELD",
            "INVALID_ADDRESS",
            "AMOUNT_NON_POSITIVE",
            "IDEMPOTENCY_KEY_REUSED",
            "DB_ERROR",
            "internal",
        ),
    ),
)


def admin_routes(context: ApiContext) -> Blueprint:
    routes = Blueprint("admin", __name__, url_prefix=BASE_PATH)

    @routes.before_app_request
    def hide_unless_enabled() -> None:
        """While it is disabled, no method of it may tell that there is something here."""
        if request.path != BASE_PATH + CREDIT_PATH or request.method == "OPTIONS":
            return
        # Read on every request, so that the switch works without a restart.
        if context.environment.get("TESTNET_ONLY") != "true":
            raise ApiError("DISABLED")

    @routes.post(CREDIT_PATH)
    def credit_balance() -> Response:
        require_admin(context)
        body = request.get_data()
        wanted = parse_credit(body)
        key = _idempotency_key()
        try:
            answer = _credit_once(context, wanted, key, hashlib.sha256(body).hexdigest())
        except (sqlite3.Error, DatabaseBusyError) as error:
            logger.error("admin credit failed, nothing was written: %s", error)
            raise ApiError("DB_ERROR") from error
        return Response(answer, mimetype="application/json")

    return routes


def _idempotency_key() -> str | None:
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise ApiError("INVALID_FIELD", IDEMPOTENCY_HEADER)
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
                raise ApiError("IDEMPOTENCY_KEY_REUSED")
            return earlier.answer
        credit_id = new_row_id(context.entropy, "admin-credit-id")
        admin_credits.credit(transaction, wanted, credit_id, now_s)
        if key is not None:
            kept = KeyedAnswer(body_sha256, CREDITED)
            admin_credits.keep_answer(transaction, key, kept, credit_id, now_s)
    return CREDITED
