"""The body of an admin credit: from bytes to a checked `AdminCredit`, or the error to answer."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from ztdx_spot.addresses import checked_address
from ztdx_spot.api.errors import ApiError
from ztdx_spot.errors import AddressError, AmountError, ChecksumError
from ztdx_spot.ledger.admin_credits import AdminCredit
from ztdx_spot.ledger.amounts import UINT256_MAX, Amount, parse_amount

TOKEN_DECIMALS_MAX = 18
REASON_LENGTH_MAX = 1000

_SYMBOL = re.compile(r"[A-Z0-9]{1,16}")
_NUMBER = object()
"""Stands for every JSON number."""


def parse_credit(body: bytes) -> AdminCredit:
    """Fields in documented order, then their meaning; raises ApiError at the first that is wrong.

    Unknown members are ignored. A member that appears twice has no meaning, so the body is refused.
    """
    members = _json_object(body)
    address_text = _text(members, "user_address")
    token = _text(members, "token")
    amount_text = _text(members, "amount")
    reason = _reason(members)
    address = _address(address_text)
    if _SYMBOL.fullmatch(token) is None:
        raise ApiError(400, "INVALID_FIELD", "token")
    return AdminCredit(address, token, _amount(amount_text), reason)


def _json_object(body: bytes) -> dict[str, object]:
    try:
        members = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique_members,
            parse_int=_unread_number,
            parse_float=_unread_number,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "INVALID_JSON") from error
    if not isinstance(members, dict):
        raise ApiError(400, "INVALID_JSON")
    return members


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member appears twice")
    return members


def _unread_number(digits: str) -> object:
    """No field is a number, so none is converted: neither rounded nor refused for its length."""
    return _NUMBER


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _text(members: dict[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise ApiError(400, "INVALID_FIELD", name)
    return value


def _reason(members: dict[str, object]) -> str | None:
    if members.get("reason") is None:
        return None
    reason = _text(members, "reason")
    storable = "\0" not in reason and not any("\ud800" <= letter <= "\udfff" for letter in reason)
    if not storable or len(reason) > REASON_LENGTH_MAX:
        raise ApiError(400, "INVALID_FIELD", "reason")
    return reason


def _address(text: str) -> str:
    try:
        return checked_address(text)
    except ChecksumError as error:
        raise ApiError(400, "INVALID_ADDRESS") from error
    except AddressError as error:
        raise ApiError(400, "INVALID_FIELD", "user_address") from error


def _amount(text: str) -> str:
    """Positive, and no finer and no larger than a token with 18 decimals can pay."""
    try:
        amount = parse_amount(text, signed=True)
    except AmountError as error:
        raise ApiError(400, "INVALID_FIELD", "amount") from error
    if amount.units <= 0:
        raise ApiError(400, "AMOUNT_NON_POSITIVE")
    if amount.places > TOKEN_DECIMALS_MAX or _base_units(amount) > UINT256_MAX:
        raise ApiError(400, "INVALID_FIELD", "amount")
    return str(amount)


def _base_units(amount: Amount) -> int:
    scale: int = 10 ** (TOKEN_DECIMALS_MAX - amount.places)
    return amount.units * scale
