"""What one operation of the API is: who may ask, what the request holds, every answer it gives.

Each module of routes lists its own; the OpenAPI document is made of nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pydantic import BaseModel

BASE_PATH = "/api/v1"

Who: TypeAlias = Literal["anybody", "user", "admin"]

USER_CODES = ("BODY_TOO_LARGE", "internal")
"""A signature covers the body, so even a GET may have one that is too large."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path, or a header; both are texts."""

    name: str
    place: Literal["path", "header"]
    description: str
    example: str
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """An answer of another kind than the API's own JSON."""

    media_type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`path` is from the root, in OpenAPI's spelling. `answers` are those that are no error.

    `codes` are the errors that it answers; 401 without a body belongs to every operation that is
    not for anybody.
    """

    name: str
    method: Literal["get", "post", "put", "delete"]
    path: str
    room: str
    summary: str
    description: str = ""
    who: Who = "anybody"
    parameters: Sequence[Parameter] = ()
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answers: Mapping[int, type[BaseModel] | Text] = field(default_factory=dict)
    codes: Sequence[str] = ()
