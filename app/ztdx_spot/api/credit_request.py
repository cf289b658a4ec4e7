"""The body of an admin credit: whom, which token, how much, and why."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from ztdx_spot.addresses import checked_address
from ztdx_spot.api.request_body import RequestBody, StorableText, invalid, read_body
from ztdx_spot.errors import AddressError, AmountError, ChecksumError
from ztdx_spot.ledger.admin_credits import AdminCredit
from ztdx_spot.ledger.amounts import TEXT_LENGTH_MAX, UINT256_MAX, Amount, parse_amount

TOKEN_DECIMALS_MAX = 18
REASON_LENGTH_MAX = 1000

_SYMBOL = "[A-Z0-9]{1,16}"


def _address(text: str) -> str:
    try:
        return checked_address(text)
    except ChecksumError as error:
        raise invalid("INVALID_ADDRESS") from error
    except AddressError as error:
        raise ValueError from error


def _token(text: str) -> str:
    if re.fullmatch(_SYMBOL, text) is None:
        raise ValueError
    return text


def _amount(text: str) -> str:
    """Positive, and no finer and no larger than a token with 18 decimals can pay."""
    try:
        amount = parse_amount(text, signed=True)
    except AmountError as error:
        raise ValueError from error
    if amount.units <= 0:
        raise invalid("AMOUNT_NON_POSITIVE")
    if amount.places > TOKEN_DECIMALS_MAX or _base_units(amount) > UINT256_MAX:
        raise ValueError
    return str(amount)


def _base_units(amount: Amount) -> int:
    scale: int = 10 ** (TOKEN_DECIMALS_MAX - amount.places)
    return amount.units * scale


class CreditRequest(RequestBody):
    """A credit of an amount of one token to one user."""

    user_address: Annotated[
        str,
        AfterValidator(_address),
        Field(
            description="The recipient's address. Stored and matched in lower case; mixed case"
            " must be its EIP-55 checksum.",
            examples=["0xabc123def456abc123def456abc123def456abc1"],
            json_schema_extra={"pattern": "^0[xX][0-9a-fA-F]{40}$"},
        ),
    ]
    token: Annotated[
        str,
        AfterValidator(_token),
        Field(
            description="The token's symbol.",
            examples=["DF"],
            json_schema_extra={"pattern": f"^{_SYMBOL}$"},
        ),
    ]
    amount: Annotated[
        str,
        AfterValidator(_amount),
        Field(
            description="How much, as a decimal text: more than zero, at most 18 decimals.",
            examples=["1000"],
            json_schema_extra={
                "pattern": "^[0-9]+(\\.[0-9]+)?$",
                "maxLength": TEXT_LENGTH_MAX,
            },
        ),
    ]
    reason: Annotated[
        Annotated[StorableText, Field(max_length=REASON_LENGTH_MAX)] | None,
        Field(description="Why, for the audit log.", examples=["testnet faucet grant"]),
    ] = None


def parse_credit(body: bytes) -> AdminCredit:
    """The credit that is asked for, with a lower-case address and a canonical amount."""
    wanted = read_body(CreditRequest, body)
    return AdminCredit(wanted.user_address, wanted.token, wanted.amount, wanted.reason)
