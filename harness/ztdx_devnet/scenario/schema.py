"""The JSON Schema of scenario files, for editors: made of the models that the loader validates by.

It says what a file is made of. What only the whole of a step or of a file shows (fields that
exclude each other, names that nobody gave) stays the loader's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from ztdx_devnet.scenario.conditions import CONDITIONS, Condition, Conditions
from ztdx_devnet.scenario.model import Head
from ztdx_devnet.scenario.verbs import VERBS, Verb

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DESCRIPTION = "A scenario of ztdx-devnet: what happens, step by step, and what must hold."
_NULL = {"type": "null"}
_NO_FIELDS = {"type": ["object", "null"], "maxProperties": 0}
_REFERENCE = "#/$defs/{model}"
_WRAPPED = re.compile(r"(?<!\n)\n(?!\n)")


def document() -> dict[str, Any]:
    """The schema, the same for the same version of the language."""
    models: list[type[BaseModel]] = [Head, *VERBS.values()]
    _, found = models_json_schema(
        [(model, "validation") for model in models],
        ref_template=_REFERENCE,
        schema_generator=_Generator,
    )
    definitions: dict[str, Any] = found["$defs"]
    for definition in definitions.values():
        definition.pop("title", None)  # the name of a class
        if "description" in definition:
            definition["description"] = _WRAPPED.sub(" ", definition["description"])
    holders = [Conditions.__name__]
    holders += [verb.__name__ for verb in VERBS.values() if issubclass(verb, Conditions)]
    for name in holders:
        _spread_conditions(definitions[name], definitions)
    for verb in VERBS.values():
        if verb.TAKES:
            inner = f"step_of_{verb.KEY}"
            definitions[verb.__name__]["properties"]["steps"]["items"] = _reference(inner)
            definitions[inner] = _step([v for v in VERBS.values() if v in verb.TAKES], definitions)
    definitions["step"] = _step(VERBS.values(), definitions)
    head = definitions.pop("Head")
    head["properties"]["steps"]["items"] = _reference("step")
    root = {"$schema": DIALECT, **head, "description": _DESCRIPTION}
    return {**root, "$defs": _reachable(root, definitions)}


class _Generator(GenerateJsonSchema):
    """Without what helps no reader: made-up titles, and defaults in the units of the code. And
    without the null that nobody can write, see `Strict`."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_field_schema(self, schema: core_schema.ModelField) -> JsonSchemaValue:
        made = super().model_field_schema(schema)
        forms = [form for form in made.get("anyOf", ()) if form != _NULL]
        if len(forms) == len(made.get("anyOf", ())):
            return made
        if len(forms) > 1:
            return {**made, "anyOf": forms}
        rest = {key: part for key, part in made.items() if key != "anyOf"}
        return {**forms[0], **rest}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        default = made.get("default")
        is_duration = made.get("type") == "string" and not isinstance(default, str)
        if is_duration or not isinstance(default, str | int):
            made.pop("default", None)
        return made


def _step(verbs: Iterable[type[Verb]], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """One verb by its word, or the bare word of one that needs no fields.

    Editors offer what stands in `properties` and as `const`, and nothing twice: so the second way
    to write the same is a pattern.
    """
    known = list(verbs)
    plain = [verb for verb in known if not verb.model_fields]
    bare = [verb.KEY for verb in known if verb.model_fields and _needs_nothing(verb)]
    forms = [
        {
            "type": "object",
            "properties": {v.KEY: _forms(v, definitions) for v in known if v.model_fields},
            "patternProperties": {_any_of(v.KEY for v in plain): _NO_FIELDS},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
        *({"const": v.KEY, "description": _description(v, definitions)} for v in plain),
        {"type": "string", "pattern": _any_of(bare)},
    ]
    return {"anyOf": forms}


def _any_of(words: Iterable[str]) -> str:
    return f"^({'|'.join(words)})$"


def _spread_conditions(holder: dict[str, Any], definitions: Mapping[str, Any]) -> None:
    """Let conditions be written short, and demand one."""
    for key, condition in CONDITIONS.items():
        holder["properties"][key] = _forms(condition, definitions)
    holder["minProperties"] = len(holder.get("required", ())) + 1


def _forms(model: type[Verb] | type[Condition], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """All that may stand behind the word: the fields, the bare value of the main one, nothing."""
    forms = [_reference(model.__name__)]
    if model.SHORTHAND is not None:
        field = model.model_fields[model.SHORTHAND]
        fields = definitions[model.__name__]["properties"]
        main = fields[field.alias or model.SHORTHAND]
        forms += main.get("anyOf", [main])
    if issubclass(model, Verb) and _needs_nothing(model):
        forms.append(_NULL)
    return {"description": _description(model, definitions), "anyOf": forms}


def _needs_nothing(model: type[BaseModel]) -> bool:
    try:
        model.model_validate({})
    except ValidationError:
        return False
    return True


def _description(model: type[BaseModel], definitions: Mapping[str, Any]) -> str:
    return str(definitions[model.__name__].get("description", ""))


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=name)}


def _reachable(root: Any, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The definitions that something refers to, by name."""
    reached: set[str] = set()
    waiting = list(_names_in(root))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _names_in(definitions[name])
    return {name: definitions[name] for name in sorted(reached)}


def _names_in(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference.rpartition("/")[2]
        for value in node.values():
            yield from _names_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names_in(value)
