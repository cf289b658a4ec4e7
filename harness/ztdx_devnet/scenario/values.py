"""The values of the language: users, tokens, amounts, durations, names.

Each is a type that pydantic validates; what the YAML says comes out in the unit of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.scenario.yaml_text import shown
from ztdx_devnet.sim.cast import FALSE_TOKEN, FEE_TOKEN, HOLDERS, NATIVE, OTHER_TOKEN
from ztdx_devnet.virtual_time import MICROSECONDS

WEI = 10**18
MAX_UINT256 = 2**256 - 1
TOKENS = {
    "DF": contracts.DF_TOKEN,
    "LOOKALIKE": contracts.LOOKALIKE_TOKEN,
    "OTHER": OTHER_TOKEN,
    "FEE": FEE_TOKEN,
    "FALSE": FALSE_TOKEN,
}
CURRENCIES = {**TOKENS, "BNB": NATIVE}
LEDGER_TOKENS = (*CURRENCIES, "USDT")
"""What balances are asked for: what the vault knows, and what the product's wallet lists besides.
An admin's credit can bring another one."""

DURATION_MAX_DAYS = 3650
CLOCK_OFF_MAX_DAYS = 36525  # a hundred years: clocks that stand at 1970 are among them
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]{1,18})?\Z")
_POSITIVE_AMOUNT = re.compile(r"(?!0+(\.0*)?\Z)" + _AMOUNT.pattern)
_SIGNED_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]{1,18})?\Z")
_DURATION = re.compile(r"([0-9]+)(us|ms|s|m|h|d)\Z")
_POSITIVE_DURATION = re.compile(r"(?!0+[a-z])" + _DURATION.pattern)
_SIGNED_DURATION = re.compile(r"-?" + _DURATION.pattern)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_PRINTABLE = re.compile(r"[ -~]*\Z")
_REQUEST_PATH = re.compile(r"/[!-~]*\Z")
_UNITS_US = {
    "us": 1,
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


def _holder(value: Any) -> Any:
    if isinstance(value, str) and value not in HOLDERS:
        raise ValueError(unknown("user", value, HOLDERS))
    return value


def _currency(value: Any) -> Any:
    if isinstance(value, str) and value not in CURRENCIES:
        raise ValueError(unknown("token", value, CURRENCIES))
    return value


def _token(value: Any) -> Any:
    if isinstance(value, str) and value not in TOKENS:
        raise ValueError(unknown("token", value, TOKENS))
    return value


def _amount_wei(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f'an amount is a decimal in quotes such as "1.5", not {shown(value)}')
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


def _positive_amount_wei(value: Any) -> Any:
    wei = _amount_wei(value)
    if wei == 0:
        raise ValueError(f"expected more than 0, got {shown(value)}")
    return wei


def _signed_amount_wei(value: Any) -> Any:
    if isinstance(value, str):
        if not _SIGNED_AMOUNT.match(value):
            raise ValueError(
                f'an amount is a decimal of at most 18 places, here also below 0, such as "1.5" '
                f'or "-5", not {value!r}'
            )
        if value.startswith("-"):
            return -_amount_wei(value[1:])
    return _amount_wei(value)


def _duration_us(value: Any, *, max_days: int = DURATION_MAX_DAYS) -> Any:
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"a duration is a whole number and a unit (us, ms, s, m, h, d) such as 40s, "
            f"not {shown(value)}"
        )
    duration_us = int(match[1]) * _UNITS_US[match[2]]
    if duration_us > max_days * _UNITS_US["d"]:
        raise ValueError(f"{shown(value)} is longer than {max_days}d, which is the longest")
    return duration_us


def _positive_duration_us(value: Any) -> Any:
    duration_us = _duration_us(value)
    if duration_us == 0:
        raise ValueError(f"expected more than 0, got {shown(value)}")
    return duration_us


def _signed_duration_us(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("-") and _DURATION.match(value[1:]):
        return -_duration_us(value[1:], max_days=CLOCK_OFF_MAX_DAYS)
    return _duration_us(value, max_days=CLOCK_OFF_MAX_DAYS)


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


def _name(value: Any) -> Any:
    if isinstance(value, str) and not _NAME.match(value):
        raise ValueError(f"a name is a letter, then letters, digits, _ and -, not {shown(value)}")
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


def one_of(words: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words)})


def _text_like(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": _whole(pattern)})


def _amount_like(pattern: re.Pattern[str]) -> WithJsonSchema:
    """In quotes; a whole number is understood without."""
    minimum = int(pattern is _POSITIVE_AMOUNT)
    shape = {"type": ["string", "integer"], "pattern": _whole(pattern), "minimum": minimum}
    return WithJsonSchema(shape)


def _whole(pattern: re.Pattern[str]) -> str:
    return "^" + pattern.pattern.replace(r"\Z", "$")


ProductVariable = Annotated[str, BeforeValidator(_product_variable), one_of(PRODUCT_VARIABLES)]
LiveVariable = Annotated[str, BeforeValidator(_live_variable), one_of(["TESTNET_ONLY"])]
Printable = Annotated[str, BeforeValidator(_printable), _text_like(_PRINTABLE)]
RequestPath = Annotated[str, BeforeValidator(_request_path), _text_like(_REQUEST_PATH)]
User = Annotated[str, BeforeValidator(_user), one_of(USERS)]
Holder = Annotated[str, BeforeValidator(_holder), one_of(HOLDERS)]
Currency = Annotated[str, BeforeValidator(_currency), one_of(CURRENCIES)]
Token = Annotated[str, BeforeValidator(_token), one_of(TOKENS)]
AmountWei = Annotated[int, BeforeValidator(_amount_wei), _amount_like(_AMOUNT)]
PositiveAmountWei = Annotated[
    int, BeforeValidator(_positive_amount_wei), _amount_like(_POSITIVE_AMOUNT)
]
SignedAmountWei = Annotated[int, BeforeValidator(_signed_amount_wei), _amount_like(_SIGNED_AMOUNT)]
DurationUs = Annotated[int, BeforeValidator(_duration_us), _text_like(_DURATION)]
PositiveDurationUs = Annotated[
    int, BeforeValidator(_positive_duration_us), _text_like(_POSITIVE_DURATION)
]
SignedDurationUs = Annotated[
    int, BeforeValidator(_signed_duration_us), _text_like(_SIGNED_DURATION)
]
Name = Annotated[str, BeforeValidator(_name), _text_like(_NAME)]
Blocks = Annotated[int, Field(ge=1, le=10_000_000)]
