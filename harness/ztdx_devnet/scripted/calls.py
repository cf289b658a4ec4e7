"""Calls: a Python call of a verb as the step that YAML would write, or a line of what is wrong.

A keyword that Python can't take has an underscore behind it: `as_` is `as`. What is left at its
default is not in the step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

from ztdx_devnet.scenario.errors import unknown
from ztdx_devnet.scenario.verbs import VERBS
from ztdx_devnet.scripted.errors import BadStep

_Arguments = ParamSpec("_Arguments")


def verb(method: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
    """Let the method play the step of its own name; its body is its docstring alone."""
    signature = inspect.signature(method)

    @wraps(method)
    def play(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        __tracebackhide__ = True
        world: Any = args[0]
        world.step(method.__name__, _fields(method.__name__, signature, args, kwargs))

    return play


def plain(value: Any) -> Any:
    """The value as YAML has it: any sequence is a list, any mapping a dict."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(each) for each in value]
    return value


def shortened(word: str, value: Any) -> Any:
    """The step as people write it: the bare word, or the main field's bare value."""
    main = VERBS[word].SHORTHAND
    if value is None or value == {}:
        return word
    if isinstance(value, dict) and list(value) == [main] and not isinstance(value[main], dict):
        return {word: value[main]}
    return {word: value}


def _fields(
    word: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise BadStep(_told(word, signature, args, kwargs)) from error
    given = {}
    for name, value in bound.arguments.items():
        default = signature.parameters[name].default
        if name != "self" and not (type(value) is type(default) and value == default):
            given[_key(name)] = value
    return given


def _told(
    word: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str:
    """What is wrong with such a call, in the words of the loader."""
    parameters = [each for name, each in signature.parameters.items() if name != "self"]
    known = [each.name for each in parameters]
    in_a_row = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    problems = [unknown("field", name, known) for name in kwargs if name not in known]
    given = in_a_row[: len(args) - 1]
    if len(args) - 1 > len(in_a_row):
        problems.append(f"only {', '.join(in_a_row) or 'nothing'} may come without its name")
    problems += [f"{name} is given twice" for name in given if name in kwargs]
    problems += [
        f"missing field {each.name!r}"
        for each in parameters
        if each.default is each.empty and each.name not in (*given, *kwargs)
    ]
    return "\n".join(f"{word}: {problem}" for problem in problems)


def _key(name: str) -> str:
    return name.removesuffix("_")
