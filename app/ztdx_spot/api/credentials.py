"""Who is asking: reads the credential of the current request, or refuses it."""

from __future__ import annotations

from flask import request

from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.errors import UnauthorizedError
from ztdx_spot.auth import signatures, tokens
from ztdx_spot.ledger import api_keys

API_KEY_HEADERS = ("X-MBX-APIKEY", "X-API-Key")
"""The documented header, then the name that the oldest documents give it."""


def current_user(context: ApiContext) -> str:
    """The address of the user. An API-key header decides alone, even beside a valid token."""
    for header in API_KEY_HEADERS:
        if header in request.headers:
            return _user_of_signature(context, request.headers[header])
    return _user_of_token(context)


def require_admin(context: ApiContext) -> None:
    expected = context.settings.admin_api_key
    # WSGI headers are bytes spelled as Latin-1.
    given = request.headers.get("X-API-Key", "").encode("latin-1")
    if not expected or not signatures.same_secret(given, expected.encode()):
        raise UnauthorizedError


def _user_of_signature(context: ApiContext, api_key: str) -> str:
    signed = signatures.read_signed_request(request.query_string, request.get_data())
    if signed is None:
        raise UnauthorizedError
    with context.database.read() as transaction:
        key = api_keys.find_active(transaction, api_key)
    now_ms = int(context.clock.now_s() * 1000)
    if key is None or not signatures.is_authentic(signed, key.secret_key, now_ms):
        raise UnauthorizedError
    return key.user_address


def _user_of_token(context: ApiContext) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthorizedError
    user = tokens.user_of_token(token, context.settings.jwt_secret, context.clock.now_s())
    if user is None:
        raise UnauthorizedError
    return user
