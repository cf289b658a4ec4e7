"""The values of the language: users, tokens, amounts, durations, names.

Each is a type that pydantic validates; what the YAML says comes out in the unit of the code.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.virtual_time import MICROSECONDS

WEI = 10**18
MAX_UINT256 = 2**256 - 1
TOKENS = {"DF": contracts.DF_TOKEN, "LOOKALIKE": contracts.LOOKALIKE_TOKEN}

_AMOUNT = re.compile(r"[0-9]+(\.[0-9]{1,18})?\Z")
_SIGNED_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]{1,18})?\Z")
_DURATION = re.compile(r"([0-9]+)(ms|s|m|h|d)\Z")
_PRINTABLE = re.compile(r"[ -~]*\Z")
_REQUEST_PATH = re.compile(r"/[!-~]*\Z")
_UNITS_US = {
    "ms": MICROSECONDS // 1_000,
    "s": MICROSECONDS,
    "m": 60 * MICROSECONDS,
    "h": 3_600 * MICROSECONDS,
    "d": 86_400 * MICROSECONDS,
}


def _user(value: Any) -> Any:
    if isinstance(value, str) and value not in USERS:
        raise ValueError(unknown("user", value, USERS))
    return value


def _token(value: Any) -> Any:
    if isinstance(value, str) and value not in TOKENS:
        raise ValueError(unknown("token", value, TOKENS))
    return value


def _amount_wei(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f'an amount is a decimal in quotes such as "1.5", not {value!r}')
    text = str(value)
    if not _AMOUNT.match(text):
        raise ValueError(
            f'an amount is a decimal of at most 18 places, not negative, such as "1.5", '
            f"not {text!r}"
        )
    wei = int(Fraction(text) * WEI)
    if wei > MAX_UINT256:
        raise ValueError(f"{text!r} is more than a uint256 of wei can hold")
    return wei


def _signed_amount_wei(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("-") and _SIGNED_AMOUNT.match(value):
        return -_amount_wei(value[1:])
    return _amount_wei(value)


def _duration_us(value: Any) -> Any:
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"a duration is a whole number and a unit (ms, s, m, h, d) such as 40s, not {value!r}"
        )
    return int(match[1]) * _UNITS_US[match[2]]


def decimal_text(wei: int) -> str:
    """Wei of an 18-decimal token as the product writes amounts: '1', '0.5'."""
    whole, fraction = divmod(abs(wei), WEI)
    return "-" * (wei < 0) + f"{whole}.{fraction:018d}".rstrip("0").rstrip(".")


PRODUCT_VARIABLES = (
    "ADMIN_API_KEY",
    "CORS_ALLOWED_ORIGINS",
    "JWT_EXPIRY_SECONDS",
    "JWT_SECRET",
    "SPOT_BSC_VERIFY",
    "TESTNET_ONLY",
)


def _product_variable(value: Any) -> Any:
    if isinstance(value, str) and value not in PRODUCT_VARIABLES:
        raise ValueError(unknown("variable", value, PRODUCT_VARIABLES))
    return value


def _live_variable(value: Any) -> Any:
    if value != "TESTNET_ONLY":
        raise ValueError(f"only TESTNET_ONLY is read while the API runs, not {value!r}")
    return value


def _printable(value: Any) -> Any:
    if isinstance(value, str) and not _PRINTABLE.match(value):
        raise ValueError(f"an HTTP header holds printable ASCII, not {value!r}")
    return value


def _request_path(value: Any) -> Any:
    if isinstance(value, str) and not _REQUEST_PATH.match(value):
        raise ValueError(f"a path begins with / and has no blanks, all ASCII, not {value!r}")
    return value


ProductVariable = Annotated[str, BeforeValidator(_product_variable)]
LiveVariable = Annotated[str, BeforeValidator(_live_variable)]
Printable = Annotated[str, BeforeValidator(_printable)]
RequestPath = Annotated[str, BeforeValidator(_request_path)]
User = Annotated[
    str, BeforeValidator(_user), WithJsonSchema({"type": "string", "enum": list(USERS)})
]
Token = Annotated[
    str, BeforeValidator(_token), WithJsonSchema({"type": "string", "enum": list(TOKENS)})
]
AmountWei = Annotated[
    int,
    BeforeValidator(_amount_wei),
    WithJsonSchema({"type": "string", "pattern": _AMOUNT.pattern.replace(r"\Z", "$")}),
]
SignedAmountWei = Annotated[
    int,
    BeforeValidator(_signed_amount_wei),
    WithJsonSchema({"type": "string", "pattern": _SIGNED_AMOUNT.pattern.replace(r"\Z", "$")}),
]
DurationUs = Annotated[
    int,
    BeforeValidator(_duration_us),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern.replace(r"\Z", "$")}),
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Blocks = Annotated[int, Field(ge=1, le=10_000_000)]
