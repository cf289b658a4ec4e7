"""Strict JSON: what clients send, read so that it can mean one thing only.

Stricter than Python's own reader: a member is there once, NaN and Infinity are none, and no number
is rounded.
"""

from __future__ import annotations

import json
from typing import NoReturn

INTEGER_DIGITS_MAX = 18

OTHER_NUMBER = object()
"""Stands for every number that nobody takes: fractions, and integers of too many digits."""


def read_json(text: str) -> object:
    """The value of a JSON text. Raises ValueError when it is none or could mean two things."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique_members,
            parse_int=_short_integer,
            parse_float=_unread_number,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_whole_text(text: str) -> bool:
    """Whether no character is half of a pair: JSON can spell those, and no database takes them."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member appears twice")
    return members


def _short_integer(digits: str) -> object:
    """Python refuses to read integers of thousands of digits; nobody takes so many."""
    return int(digits) if len(digits) <= INTEGER_DIGITS_MAX else OTHER_NUMBER


def _unread_number(digits: str) -> object:
    """Nobody takes a fraction, so none is converted and rounded."""
    return OTHER_NUMBER


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
