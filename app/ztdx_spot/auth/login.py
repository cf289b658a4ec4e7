"""Login: a wallet proves its address by an EIP-712 signature over its nonce, once.

The nonce is `users.login_nonce`, counted up by every login that succeeds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ztdx_spot.addresses import checked_address
from ztdx_spot.errors import AddressError, SpotError
from ztdx_spot.ledger import users
from ztdx_spot.ledger.database import Database
from ztdx_spot.ports import Clock

DOMAIN_NAME = "ZTDX Vault"
DOMAIN_VERSION = "1"
TIMESTAMP_WINDOW_S = 300

LoginCode: TypeAlias = Literal[
    "INVALID_ADDRESS",
    "TIMESTAMP_EXPIRED",
    "USER_NOT_FOUND",
    "INVALID_SIGNATURE_FORMAT",
    "SIGNATURE_INVALID",
]

_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_PARITIES = {0: 0, 1: 1, 27: 0, 28: 1}
"""What the last byte says of the curve point, as wallets write it and as libraries do."""


@dataclass(frozen=True, slots=True)
class LoginDomain:
    """What a login is signed for; the vault is part of it only where one is configured."""

    chain_id: int
    verifying_contract: str | None = None


class LoginRefused(SpotError):
    """A login that proves nothing; `code` is the documented one and says why."""

    def __init__(self, code: LoginCode, message: str) -> None:
        super().__init__(message)
        self.code: LoginCode = code


def typed_data(domain: LoginDomain, address: str, nonce: int, timestamp_s: int) -> dict[str, Any]:
    """What the wallet signs, complete, as `eth_signTypedData_v4` takes it."""
    domain_fields = [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
    ]
    domain_values: dict[str, str | int] = {
        "name": DOMAIN_NAME,
        "version": DOMAIN_VERSION,
        "chainId": domain.chain_id,
    }
    if domain.verifying_contract is not None:
        domain_fields.append({"name": "verifyingContract", "type": "address"})
        domain_values["verifyingContract"] = domain.verifying_contract
    return {
        "types": {
            "EIP712Domain": domain_fields,
            "Login": [
                {"name": "wallet", "type": "address"},
                {"name": "nonce", "type": "uint256"},
                {"name": "timestamp", "type": "uint256"},
            ],
        },
        "primaryType": "Login",
        "domain": domain_values,
        "message": {"wallet": address, "nonce": nonce, "timestamp": timestamp_s},
    }


def issue_nonce(database: Database, clock: Clock, address: str) -> tuple[str, int]:
    """The lower-case address and the nonce that its next login signs; makes it a user.

    Raises LoginRefused with INVALID_ADDRESS.
    """
    user_address = _checked(address)
    with database.read() as transaction:
        nonce = users.login_nonce(transaction, user_address)
    if nonce is None:
        with database.write() as transaction:
            users.ensure(transaction, user_address, int(clock.now_s()))
            nonce = users.login_nonce(transaction, user_address) or 0
    return user_address, nonce


def log_in(
    database: Database,
    clock: Clock,
    domain: LoginDomain,
    address: str,
    signature: str,
    timestamp_s: int,
) -> str:
    """The lower-case address that the signature proves; spends its nonce. Raises LoginRefused."""
    user_address = _checked(address)
    now_s = int(clock.now_s())
    if timestamp_s < 0 or abs(now_s - timestamp_s) > TIMESTAMP_WINDOW_S:
        raise LoginRefused(
            "TIMESTAMP_EXPIRED",
            f"the timestamp is more than {TIMESTAMP_WINDOW_S} s away from the server's {now_s}:"
            " ask for a new nonce and sign again",
        )
    with database.read() as transaction:
        nonce = users.login_nonce(transaction, user_address)
    if nonce is None:
        raise LoginRefused("USER_NOT_FOUND", f"{user_address} has not asked for a nonce yet")
    signature_bytes = _signature_bytes(signature)
    # Verified outside the write lock, which is for the one statement that spends the nonce.
    signer = _signer(typed_data(domain, user_address, nonce, timestamp_s), signature_bytes)
    if signer != user_address:
        raise _not_signed_by(user_address)
    with database.write() as transaction:
        if not users.spend_login_nonce(transaction, user_address, nonce):
            raise _not_signed_by(user_address)
    return user_address


def _checked(address: str) -> str:
    try:
        return checked_address(address)
    except AddressError as error:
        raise LoginRefused("INVALID_ADDRESS", str(error)) from error


def _not_signed_by(user_address: str) -> LoginRefused:
    return LoginRefused(
        "SIGNATURE_INVALID",
        f"the signature is not {user_address}'s over its current nonce, this timestamp and this"
        " domain: ask for a new nonce and sign its typed data",
    )


def _signature_bytes(signature: str) -> bytes:
    """65 bytes with a last byte of 0 or 1. One form per signature: the mirrored s is refused."""
    if _SIGNATURE.fullmatch(signature) is not None:
        given = bytes.fromhex(signature[2:])
        r, s = int.from_bytes(given[:32], "big"), int.from_bytes(given[32:64], "big")
        parity = _PARITIES.get(given[64])
        if parity is not None and 0 < r < _CURVE_ORDER and 0 < s <= _CURVE_ORDER // 2:
            return given[:64] + bytes([parity])
    raise LoginRefused(
        "INVALID_SIGNATURE_FORMAT",
        "the signature is not 0x and 130 hex digits of r, a low s, and v (0, 1, 27 or 28)",
    )


def _signer(data: dict[str, Any], signature: bytes) -> str | None:
    """The lower-case address whose key signed the typed data; None when no key can have."""
    # Imported at the first login: it takes longer to load than the rest of the API together.
    from eth_account import Account
    from eth_account.messages import encode_typed_data
    from eth_keys.exceptions import BadSignature

    try:
        signer = Account.recover_message(encode_typed_data(full_message=data), signature=signature)
    except BadSignature:
        return None
    return str(signer).lower()
