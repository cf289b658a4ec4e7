"""Who is asking: reads the credential of the current request, or refuses it.

What can be judged without the database is judged before a transaction is begun; the rest is read
in the transaction that answers the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import request

from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.errors import UnauthorizedError
from ztdx_spot.auth import signatures, tokens
from ztdx_spot.auth.signatures import SignedRequest
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.database import ReadTransaction, WriteTransaction

API_KEY_HEADERS = ("X-MBX-APIKEY", "X-API-Key")
"""The documented header, then the name that the oldest documents give it."""

_NOBODYS_SECRET = 64 * "0"
"""Signs in place of an unknown key's secret, so that the time does not tell the keys there are."""


@dataclass(frozen=True, slots=True)
class _ProvenUser:
    """A user whose token was valid."""

    user_address: str

    def user(self, transaction: ReadTransaction) -> str:
        return self.user_address


@dataclass(frozen=True, slots=True)
class _SignedByKey:
    """A signed request; the ledger knows whose key it is, and its secret."""

    api_key: str
    signed: SignedRequest
    now_ms: int

    def user(self, transaction: ReadTransaction) -> str:
        key = api_keys.find_active(transaction, self.api_key)
        secret_key = _NOBODYS_SECRET if key is None else key.secret_key
        authentic = signatures.is_authentic(self.signed, secret_key, self.now_ms)
        if key is None or not authentic:
            raise UnauthorizedError
        return key.user_address


@contextmanager
def user_reads(context: ApiContext) -> Iterator[tuple[ReadTransaction, str]]:
    """One snapshot, and the user who asks by it. Raises UnauthorizedError."""
    credential = _presented(context)
    with context.database.read() as transaction:
        yield transaction, credential.user(transaction)


@contextmanager
def user_writes(context: ApiContext) -> Iterator[tuple[WriteTransaction, str]]:
    """One write transaction, and the user who asks by it. Raises UnauthorizedError.

    Whoever is nobody does not wait for the write lock: a key is looked up before it is taken, and
    again under it, because it may have been switched off in between.
    """
    credential = _presented(context)
    if isinstance(credential, _SignedByKey):
        with context.database.read() as reading:
            credential.user(reading)
    with context.database.write() as transaction:
        yield transaction, credential.user(transaction)


def require_admin(context: ApiContext) -> None:
    expected = context.settings.admin_api_key
    # WSGI headers are bytes spelled as Latin-1.
    given = request.headers.get("X-API-Key", "").encode("latin-1")
    if not expected or not signatures.same_secret(given, expected.encode()):
        raise UnauthorizedError


def _presented(context: ApiContext) -> _ProvenUser | _SignedByKey:
    """The credential of the request. An API-key header decides alone, even beside a token."""
    for header in API_KEY_HEADERS:
        if header in request.headers:
            signed = signatures.read_signed_request(request.query_string, request.get_data())
            if signed is None:
                raise UnauthorizedError
            now_ms = int(context.clock.now_s() * 1000)
            return _SignedByKey(request.headers[header], signed, now_ms)
    return _ProvenUser(_user_of_token(context))


def _user_of_token(context: ApiContext) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthorizedError
    user = tokens.user_of_token(token, context.settings.jwt_secret, context.clock.now_s())
    if user is None:
        raise UnauthorizedError
    return user
