"""The loader: YAML files into scenarios, or every problem with its file and line."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ztdx_devnet.scenario import yaml_lines
from ztdx_devnet.scenario.cross_check import CrossCheck
from ztdx_devnet.scenario.errors import BadScenario, Problem, unknown
from ztdx_devnet.scenario.files import search, why_not_read
from ztdx_devnet.scenario.model import Checks, Head, Scenario
from ztdx_devnet.scenario.verbs import VERBS, Step, Verb
from ztdx_devnet.scenario.yaml_lines import Lines
from ztdx_devnet.scenario.yaml_text import shown

_LENGTHS = {"too_short": "min_length", "too_long": "max_length"}
_NONE_HERE = "the directory holds no .yaml scenario; what runs leave is not searched: name the file"
_PARTS = ("given", "settle", "check")
_Model = TypeVar("_Model", bound=BaseModel)


def find(paths: Sequence[Path]) -> list[Path]:
    """The scenario files that these files and directories name, directories searched through.

    What is hidden in a directory, by a name that begins with a dot, is left out, and so is what
    runs have left there. Raises BadScenario for a directory without scenarios, and for what does
    not exist or can't be read.
    """
    found: list[Path] = []
    problems: list[Problem] = []

    def unreadable(error: OSError) -> None:
        message = f"can't be read: {error.strerror or error}"
        problems.append(Problem(str(Path(error.filename)), 0, message))

    for path in paths:
        files, before = [path], len(problems)
        if os.path.isdir(path):  # where Path.is_dir raises, this is False
            files = search(path, unreadable)
            if not files and len(problems) == before:
                problems.append(Problem(str(path), 0, _NONE_HERE))
        for file in files:
            reason = why_not_read(file)
            if reason is not None:
                problems.append(Problem(str(file), 0, reason))
        found += files
    if problems:
        raise BadScenario(problems)
    return list(dict.fromkeys(found))


def load_all(paths: Iterable[Path]) -> list[Scenario]:
    """Load every file; nothing is returned unless all are good. Raises BadScenario."""
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            scenarios.append(load(path))
        except BadScenario as error:
            problems += error.problems
    if problems:
        raise BadScenario(problems)
    return scenarios


def load(path: Path) -> Scenario:
    """Load one file. Raises BadScenario."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadScenario([Problem(str(path), 0, f"can't be read: {reason}")]) from error
    return parse(text, str(path))


def parse(text: str, path: str) -> Scenario:
    """Parse one scenario. `path` is what problems name. Raises BadScenario."""
    value, lines = yaml_lines.read(text, path)
    return build(value, lines, text, path)


def build(value: Any, lines: Lines, text: str, path: str) -> Scenario:
    """A scenario from the value of its YAML `text`. Raises BadScenario."""
    if not isinstance(value, dict):
        message = f"expected a mapping with title and steps, got {shown(value)}"
        raise BadScenario([Problem(path, lines.of(()), message)])
    problems: list[Problem] = []
    head = _validated(Head, value, (), lines, path, problems)
    raw_steps = value.get("steps")
    steps = _steps(
        raw_steps if isinstance(raw_steps, list) else [], ("steps",), lines, path, problems
    )
    if head is not None and not problems:
        problems += _cross_check(head, steps, lines, path)
    if head is None or problems:
        raise BadScenario(sorted(problems, key=lambda problem: problem.line))
    return Scenario(path, text, head, tuple(steps), *(lines.of((part,)) for part in _PARTS))


def read_step(raw: Any, path: str) -> Verb:
    """One step that came as a value, not in a file. Raises BadScenario."""
    problems: list[Problem] = []
    verb = _verb(raw, (), Lines(), path, problems)
    if verb is None:
        raise BadScenario(problems)
    return verb


def _steps(
    raw_steps: list[Any],
    place: yaml_lines.Path,
    lines: Lines,
    path: str,
    problems: list[Problem],
    around: type[Verb] | None = None,
) -> list[Step]:
    """The steps that are good, of a scenario or `around` them another step."""
    steps = []
    for i, raw in enumerate(raw_steps):
        verb = _verb(raw, (*place, i), lines, path, problems, around)
        if verb is not None:
            steps.append(Step(verb, lines.of((*place, i))))
    return steps


def _verb(
    raw: Any,
    place: yaml_lines.Path,
    lines: Lines,
    path: str,
    problems: list[Problem],
    around: type[Verb] | None = None,
) -> Verb | None:
    if isinstance(raw, str):  # a verb without fields: `- halt_chain`
        raw = {raw: None}
    if not isinstance(raw, dict) or len(raw) != 1:
        seen = f"{len(raw)} keys" if isinstance(raw, dict) else shown(raw)
        message = f"a step is one verb with its fields, such as '- mine: 10'; got {seen}"
        problems.append(Problem(path, lines.of(place), message))
        return None
    ((word, fields),) = raw.items()
    model = VERBS.get(word)
    if model is None:
        problems.append(Problem(path, lines.of((*place, word)), unknown("verb", word, VERBS)))
        return None
    if around is not None and model not in around.TAKES:
        taken = ", ".join(sorted(verb.KEY for verb in around.TAKES))
        message = f"{word!r} can't be a step of {around.KEY}: it takes {taken}"
        problems.append(Problem(path, lines.of((*place, word)), message))
        return None
    shorthand, inside = model.SHORTHAND, (*place, word)
    is_short = shorthand is not None and not _is_field_mapping(model, fields)
    if fields is None:
        fields = {}
    if model.TAKES:
        raw_inner = fields if is_short else fields.get("steps")
        if isinstance(raw_inner, list):
            there = inside if is_short else (*inside, "steps")
            inner = _steps(raw_inner, there, lines, path, problems, model)
            if len(inner) < len(raw_inner):
                return None
            fields = inner if is_short else {**fields, "steps": inner}
    if is_short:
        fields = {shorthand: fields}
    return _validated(model, fields, inside, lines, path, problems)


def _is_field_mapping(model: type[Verb], fields: Any) -> bool:
    """Whether the value spells the verb's fields; else it is the short form's bare value."""
    if not isinstance(fields, dict):
        return fields is None
    field = model.model_fields[model.SHORTHAND or ""]
    takes_mapping = typing.get_origin(field.annotation) is dict
    return not takes_mapping or model.SHORTHAND in fields


def _validated(
    model: type[_Model],
    value: Any,
    place: yaml_lines.Path,
    lines: Lines,
    path: str,
    problems: list[Problem],
) -> _Model | None:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            location = tuple(part for part in detail["loc"])
            message = _message(model, dict(detail), location)
            problems.append(Problem(path, lines.of((*place, *location)), message))
        return None


def _message(model: type[BaseModel], detail: dict[str, Any], location: yaml_lines.Path) -> str:
    field = ".".join(str(part) for part in location if part != "[key]")
    kind, text = detail["type"], detail["msg"]
    if kind == "missing":
        return f"missing field {field!r}"
    if kind == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return unknown("field", str(location[-1]), known)
    if kind == "value_error":
        text = str(detail["ctx"]["error"])
        return f"{field}: {text}" if field else text
    seen = shown(detail["input"])
    if kind in ("model_type", "dict_type"):
        text = "expected a mapping"
        if kind == "model_type":
            fields = ", ".join(_fields_at(model, location))
            text = f"{text} with {fields}" if fields else "expected no fields"
    elif kind in ("too_short", "too_long"):
        bound = "at least" if kind == "too_short" else "at most"
        text = f"expected {bound} {detail['ctx'][_LENGTHS[kind]]}"
        seen = str(detail["ctx"]["actual_length"])
    elif kind == "string_too_short":
        text = "expected words"
    else:
        text = text.removeprefix("Input ")
    return f"{field + ': ' if field else ''}{text}, got {seen}"


def _fields_at(model: type[BaseModel], location: yaml_lines.Path) -> list[str]:
    """The field names that are allowed at a place inside the model."""
    for part in location:
        if isinstance(part, int):
            continue
        by_key = {field.alias or name: field for name, field in model.model_fields.items()}
        inner = _model_in(by_key[part].annotation) if part in by_key else None
        if inner is None:
            break
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    for argument in typing.get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _cross_check(head: Head, steps: list[Step], lines: Lines, path: str) -> Iterable[Problem]:
    """What no single step can see, and no single check."""
    check = CrossCheck(head.given, path)
    for step in steps:
        yield from check.of_step(step)
    for group in Checks.model_fields:
        for i, conditions in enumerate(getattr(head.check, group)):
            yield from check.of_uses(conditions.uses(), lines.of(("check", group, i)))
