"""A scenario's value as YAML text, the way people write it: a step a line, fields in braces.

What is read back is the same value: texts that could be read otherwise are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ztdx_devnet.scenario.yaml_lines import Path

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/-]*\Z")
_PLAIN_TITLE = re.compile(r"[A-Za-z][A-Za-z0-9 _/,.()-]*[A-Za-z0-9)]\Z")
_DURATION = re.compile(r"[0-9]+(us|ms|s|m|h|d)\Z")
_SHOWN_MAX = 60
_CONSTANTS = ("true", "false", "null")
_BLOCKS = ("steps", "check", "given")
"""The parts that are written over several lines."""


def text_of(value: Mapping[str, Any], notes: Mapping[Path, str] | None = None) -> str:
    """The scenario's YAML. `notes` are comments by the path of a step, such as ("steps", 2)."""
    lines = [line for key, part in value.items() for line in _part(key, part, notes or {})]
    return "\n".join(lines) + "\n"


def shown(value: Any) -> str:
    """A value for a message, in the words of YAML, cut short where it is long."""
    text = _shown(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(each) for each in value) + "]"
    if value is None or isinstance(value, bool):
        return _scalar(value)
    return repr(value)


def _part(key: str, part: Any, notes: Mapping[Path, str]) -> Iterator[str]:
    if key == "steps" and isinstance(part, list) and part:
        yield "steps:"
        for i, step in enumerate(part):
            note = notes.get(("steps", i))
            yield f"  - {_step(step)}" + (f"  # {note}" if note else "")
    elif key in _BLOCKS and isinstance(part, dict) and part:
        yield f"{key}:"
        for name, inner in part.items():
            if isinstance(inner, list) and inner:
                yield f"  {_scalar(name)}:"
                yield from (f"    - {_step(each)}" for each in inner)
            else:
                yield f"  {_scalar(name)}: {_flow(inner)}"
    elif isinstance(part, str) and _PLAIN_TITLE.match(part) and part.lower() not in _CONSTANTS:
        yield f"{_scalar(key)}: {part}"
    else:
        yield f"{_scalar(key)}: {_flow(part)}"


def _step(step: Any) -> str:
    if isinstance(step, dict) and len(step) == 1:
        ((word, fields),) = step.items()
        if fields is None:
            return f"{_scalar(word)}:"
        return f"{_scalar(word)}: {_flow(fields)}"
    return _flow(step)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    plain = _PLAIN.match(value) or _DURATION.match(value)
    if plain and value.lower() not in _CONSTANTS:
        return value
    return '"' + "".join(_quoted(c) for c in value) + '"'


def _quoted(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
