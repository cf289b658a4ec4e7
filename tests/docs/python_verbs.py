"""The verbs as Python methods: harness/ztdx_devnet/scripted/verbs.py, written by `make docs`."""

from __future__ import annotations

import inspect
import keyword
import subprocess
import sys
import textwrap
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from ztdx_devnet.scenario.conditions import CONDITIONS
from ztdx_devnet.scenario.verbs import VERBS, Verb

SOURCE = Path(__file__).parents[2] / "harness" / "ztdx_devnet" / "scripted" / "verbs.py"

HEAD = '''"""The verbs as methods. Written by `make docs` from the verbs themselves."""

# ruff: noqa: A002, S107 - the fields' own words, and symbols of tokens
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ztdx_devnet.scripted.calls import verb


class Verbs:
    """What can be done in a world: each verb with its fields, values as in a scenario file."""
'''

_INDENTED = textwrap.TextWrapper(
    width=97, initial_indent=8 * " ", subsequent_indent=8 * " ", break_on_hyphens=False
)
_TYPES = {"string": "str", "integer": "int", "boolean": "bool", "null": "None"}


def made() -> str:
    """The whole module, formatted."""
    text = HEAD + "".join(_method(verb) for verb in VERBS.values())
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "-", "--stdin-filename", str(SOURCE)],
        input=text,
        capture_output=True,
        check=True,
        text=True,
    )
    return formatted.stdout


def _method(verb: type[Verb]) -> str:
    parameters = ", ".join(["self", *_parameters(verb)])
    paragraphs = inspect.cleandoc(verb.__doc__ or "").split("\n\n")
    words = "\n\n".join(_INDENTED.fill(" ".join(each.split())) for each in paragraphs).strip()
    end = "\n        " if "\n" in words else ""
    prefix = "r" if "\\" in words else ""
    return (
        f"\n    @verb\n    def {verb.KEY}({parameters}) -> None:\n"
        f'        {prefix}"""{words}{end}"""\n'
    )


def _parameters(verb: type[Verb]) -> Iterable[str]:
    """The main field first, then required ones without an alias; the others by name only."""
    fields = {field.alias or name: field for name, field in verb.model_fields.items()}
    main = [verb.SHORTHAND] if verb.SHORTHAND else []
    in_a_row = main + [
        key
        for key, field in fields.items()
        if field.is_required() and field.alias is None and key not in main
    ]
    by_name = [key for key in fields if key not in in_a_row]
    by_name.sort(key=lambda key: not fields[key].is_required())
    yield from (_parameter(key, fields[key]) for key in in_a_row)
    if by_name:
        yield "*"
        yield from (_parameter(key, fields[key]) for key in by_name)


def _parameter(key: str, field: FieldInfo) -> str:
    name = f"{key}_" if keyword.iskeyword(key) else key
    kind = _condition_type(key) if key in CONDITIONS and not field.is_required() else _type(field)
    if field.is_required():
        return f"{name}: {kind}"
    shown = _default(field)
    optional = kind if shown != "None" or kind == "Any" or "None" in kind else f"{kind} | None"
    return f"{name}: {optional} = {shown}"


def _default(field: FieldInfo) -> str:
    """As it is written; None where YAML has no word for it, or another unit."""
    default = field.default
    is_duration = type(default) is int and "int" not in _type(field)
    if isinstance(default, str | int | bool) and not is_duration and field.default_factory is None:
        return '"' + default + '"' if isinstance(default, str) else repr(default)
    return "None"


def _type(field: FieldInfo) -> str:
    annotated: Any = field.annotation
    for each in reversed(field.metadata):
        annotated = typing.Annotated[annotated, each]
    schema = TypeAdapter(annotated).json_schema()
    return _type_of(schema, _is_literal(field.annotation))


def _is_literal(annotation: Any) -> bool:
    """Whether the code itself names the values; those of users and tokens are plain words."""
    if typing.get_origin(annotation) is typing.Literal:
        return True
    return any(_is_literal(each) for each in typing.get_args(annotation))


def _type_of(schema: dict[str, Any], literal: bool) -> str:
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type_of(each, literal) for each in schema["anyOf"]))
    if literal and ("enum" in schema or "const" in schema):
        values = schema.get("enum", [schema.get("const")])
        shown = [f'"{value}"' if isinstance(value, str) else repr(value) for value in values]
        return f"Literal[{', '.join(shown)}]"
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_TYPES[each] for each in kind)
    if kind == "array":
        return f"Sequence[{_type_of(schema['items'], literal)}]"
    if kind == "object" or "$ref" in schema:
        return "Mapping[str, Any]"
    return _TYPES.get(kind, "Any") if isinstance(kind, str) else "Any"


def _condition_type(key: str) -> str:
    """The fields, or the main one's bare value."""
    condition = CONDITIONS[key]
    if condition.SHORTHAND is None:
        return "Mapping[str, Any]"
    short = _type(condition.model_fields[condition.SHORTHAND]).removesuffix(" | None")
    return f"{short} | Mapping[str, Any]"


if __name__ == "__main__":
    SOURCE.write_text(made(), "utf-8")
