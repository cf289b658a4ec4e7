"""User tokens: JWTs with HS256 and nothing else, judged by the time they are given."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jwt
from jwt.types import Options
from jwt.warnings import InsecureKeyLengthWarning

from ztdx_spot.addresses import is_stored_address

ALGORITHM = "HS256"
CLOCK_SKEW_S = 300
"""How far the clocks of who issues and who checks a token may be apart."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SIGNATURE_ONLY: Options = {
    # PyJWT reads the wall clock for these; the claims are checked below, by the caller's time.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


def issue_token(user_address: str, secret: str, now_s: int, expiry_s: int) -> str:
    """A token of this user, valid until `now_s + expiry_s`."""
    claims = {"sub": user_address, "iat": now_s, "exp": now_s + expiry_s}
    with _pyjwt_silent_about_short_secrets():
        return jwt.encode(claims, secret, algorithm=ALGORITHM)


@dataclass(frozen=True, slots=True)
class Proof:
    """Whom a token proves, and until, not at, which Unix second."""

    user_address: str
    expires_at_s: int


def user_of_token(token: str, secret: str, now_s: float) -> str | None:
    """The user that the token proves now, or None."""
    proof = proof_of_token(token, secret, now_s)
    return None if proof is None else proof.user_address


def proof_of_token(token: str, secret: str, now_s: float) -> Proof | None:
    """What the token proves now, or None. It is valid up to, not at, its `exp` second."""
    if _TOKEN.fullmatch(token) is None:
        return None
    try:
        with _pyjwt_silent_about_short_secrets():
            claims = jwt.decode(token, secret, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)
    except jwt.InvalidTokenError:
        return None
    user_address, issued_at_s, expires_at_s = (claims.get(name) for name in ("sub", "iat", "exp"))
    if type(issued_at_s) is not int or type(expires_at_s) is not int or now_s >= expires_at_s:
        return None
    not_before_s = claims.get("nbf", issued_at_s)
    if type(not_before_s) is not int or now_s < not_before_s - CLOCK_SKEW_S:
        return None
    if not isinstance(user_address, str) or not is_stored_address(user_address):
        return None
    return Proof(user_address, expires_at_s)


@contextmanager
def _pyjwt_silent_about_short_secrets() -> Iterator[None]:
    """PyJWT warns on every use of a secret under 32 bytes; the length is the operator's choice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        yield
