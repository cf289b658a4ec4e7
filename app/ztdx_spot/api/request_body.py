"""A request's JSON body: from bytes to a checked model, or the one error to answer.

The models say what each field may be; the order in which errors are told is decided here. Errors
that models raise on purpose are PydanticCustomErrors whose type is a code of `api.errors`.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ztdx_spot.api.errors import CODES, ApiError
from ztdx_spot.strict_json import is_whole_text, read_json

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
    if isinstance(value, str) and ("\0" in value or not is_whole_text(value)):
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
        members = read_json(body.decode("utf-8"))
    except ValueError as error:
        raise ApiError("INVALID_JSON") from error
    if not isinstance(members, dict):
        raise ApiError("INVALID_JSON")
    return members
