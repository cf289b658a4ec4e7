"""Signed requests: HMAC-SHA256 over the very bytes of the query string and the body.

The query string is never parsed and rebuilt: order, spelling and percent signs are as received.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

WINDOW_MS = 5000

_TIMESTAMP = re.compile(rb"[0-9]{1,16}")
_SIGNATURE = re.compile(rb"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers, when it was made by the client's clock, and the signature."""

    payload: bytes
    timestamp_ms: int
    signature: bytes


def read_signed_request(query: bytes, body: bytes) -> SignedRequest | None:
    """Take the signature pair out of the query string; None unless both pairs are there, once."""
    pairs = query.split(b"&")
    signatures = [pair[10:] for pair in pairs if pair.startswith(b"signature=")]
    timestamps = [pair[10:] for pair in pairs if pair.startswith(b"timestamp=")]
    if len(signatures) != 1 or len(timestamps) != 1:
        return None
    if not _SIGNATURE.fullmatch(signatures[0]) or not _TIMESTAMP.fullmatch(timestamps[0]):
        return None
    signed_query = b"&".join(pair for pair in pairs if not pair.startswith(b"signature="))
    return SignedRequest(signed_query + body, int(timestamps[0]), signatures[0].lower())


def sign(secret_key: str, payload: bytes) -> str:
    """Hex of HMAC-SHA256; the key is the secret's text, not the bytes that its hex spells."""
    return hmac.new(secret_key.encode(), payload, hashlib.sha256).hexdigest()


def is_authentic(request: SignedRequest, secret_key: str, now_ms: int) -> bool:
    """Whether the holder of the secret signed this, at most 5 s away from now."""
    expected = sign(secret_key, request.payload).encode("ascii")
    genuine = hmac.compare_digest(expected, request.signature)
    return genuine and abs(now_ms - request.timestamp_ms) <= WINDOW_MS


def same_secret(given: bytes, expected: bytes) -> bool:
    """Equality in a time that does not tell how much was right."""
    return hmac.compare_digest(given, expected)
