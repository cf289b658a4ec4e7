"""A request's JSON body: from bytes to a checked model, or the one error to answer.

The models say what each field may be; the order in which errors are told is decided here. Errors
that models raise on purpose are PydanticCustomErrors whose type is a code of `api.errors`.
"""

from __future__ import annotations

import json
from typing import Annotated, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ztdx_spot.api.errors import CODES, ApiError

INTEGER_DIGITS_MAX = 18

_NUMBER = object()
"""Stands for every number that no field takes."""
_UNSTORABLE = "unstorable_text"
_FORM_ERRORS = {"missing", "string_type", "int_type", "string_too_long", _UNSTORABLE}

Body = TypeVar("Body", bound="RequestBody")


class RequestBody(BaseModel):
    """Unknown members are ignored. Texts are texts and numbers numbers: nothing is converted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


def read_body(model: type[Body], body: bytes) -> Body:
    """The form of all fields in documented order, then their meaning in the same order.

    Raises ApiError. A member that appears twice has no meaning, so the body is refused.
    """
    members = _json_object(body)
    try:
        return model.model_validate(members)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        first = min(details, key=lambda detail: detail["type"] not in _FORM_ERRORS)
        raise _api_error(first) from None


def invalid(code: str) -> PydanticCustomError:
    """What a model's validator raises so that the request is refused with this code."""
    return PydanticCustomError(code, "{code}", {"code": code})


def _storable(value: object) -> object:
    """NUL ends a text for SQLite, and a lone surrogate is no text at all."""
    if isinstance(value, str):
        surrogate = any("\ud800" <= letter <= "\udfff" for letter in value)
        if "\0" in value or surrogate:
            raise PydanticCustomError(_UNSTORABLE, "not a text that can be stored")
    return value


StorableText = Annotated[str, BeforeValidator(_storable)]
"""Free text of people."""


def _api_error(detail: ErrorDetails) -> ApiError:
    if detail["type"] in CODES:
        return ApiError(detail["type"])
    return ApiError("INVALID_FIELD", str(detail["loc"][0]))


def _json_object(body: bytes) -> dict[str, object]:
    try:
        members = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique_members,
            parse_int=_short_integer,
            parse_float=_unread_number,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise ApiError("INVALID_JSON") from error
    if not isinstance(members, dict):
        raise ApiError("INVALID_JSON")
    return members


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member appears twice")
    return members


def _short_integer(digits: str) -> object:
    """Python refuses to read integers of thousands of digits; no field takes so many."""
    return int(digits) if len(digits) <= INTEGER_DIGITS_MAX else _NUMBER


def _unread_number(digits: str) -> object:
    """No field is a fraction, so none is converted and rounded."""
    return _NUMBER


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
