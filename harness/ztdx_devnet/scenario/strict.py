"""What every part of a scenario is validated as: only known fields, each with its own kind of
value, and none with nothing behind its word."""

from __future__ import annotations

import typing
from types import NoneType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Strict(BaseModel):
    """In the code, None stands for a field that is not given; nobody can write that.

    A value that was forgotten would else be one that nobody looks at.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_not_nothing(cls, value: Any, info: ValidationInfo) -> Any:
        """Other fields know by their kind what to say of None."""
        if value is None and info.field_name is not None:
            annotation = cls.model_fields[info.field_name].annotation
            if NoneType in typing.get_args(annotation):
                raise ValueError("expected a value, got null: write one or leave the field out")
        return value
