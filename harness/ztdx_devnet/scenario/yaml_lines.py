"""YAML as plain values, with the line of each one.

Scalars follow YAML 1.2: `no`, `on`, `1:30` and dates are texts. Duplicate keys are errors.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ztdx_devnet.scenario.errors import BadScenario, Problem

Path = tuple[str | int, ...]
NODES_MAX = 100_000
DEPTH_MAX = 50
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")
_MERGE = "<<"
_FOREIGN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What can't stand in YAML."""
_QUOTED = ("'", '"', "|", ">")
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Lines:
    """Line numbers (from 1) by path; a path that was never seen has its parent's line."""

    def __init__(self) -> None:
        self._lines: dict[Path, int] = {}

    def note(self, path: Path, line: int) -> None:
        self._lines.setdefault(path, line)

    def of(self, path: Path) -> int:
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def read(text: str, path: str) -> tuple[Any, Lines]:
    """The document's value and its lines. Raises BadScenario."""
    foreign = _FOREIGN.search(text)
    if foreign is not None:
        line = text.count("\n", 0, foreign.start()) + 1
        message = f"the character U+{ord(foreign[0]):04X} can't stand in YAML: leave it out"
        raise BadScenario([Problem(path, line, message)])
    try:
        _refuse_depth(text, path)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "not YAML"
        raise BadScenario([Problem(path, mark.line + 1 if mark else 0, problem)]) from error
    except yaml.YAMLError as error:
        raise BadScenario([Problem(path, 0, " ".join(str(error).split()))]) from error
    if root is None:
        raise BadScenario([Problem(path, 0, "the file is empty: a scenario has title and steps")])
    reader = _Reader(path)
    value = reader.value(root, ())
    if reader.problems:
        raise BadScenario(reader.problems)
    return value, reader.lines


def _refuse_depth(text: str, path: str) -> None:
    """Composing recurses, in C: beyond some depth it would end the process. Parsing does not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise BadScenario([Problem(path, line, f"nested deeper than {DEPTH_MAX} levels")])


class _Reader:
    def __init__(self, path: str) -> None:
        self.lines = Lines()
        self.problems: list[Problem] = []
        self._path = path
        self._open: set[int] = set()
        self._nodes = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.note(path, line)
        self._nodes += 1
        if id(node) in self._open or self._nodes > NODES_MAX:
            reason = "refers to itself" if id(node) in self._open else "is too large"
            raise BadScenario([Problem(self._path, line, f"the document {reason}")])
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(self._path, line, "a key must be a plain word"))
                continue
            key = key_node.value
            if key == _MERGE and key_node.style not in _QUOTED:
                message = "merge keys (<<) are not supported: write the fields out"
                self.problems.append(Problem(self._path, line, message))
                continue
            if key in found:
                self.problems.append(Problem(self._path, line, f"duplicate key {key!r}"))
            self.lines.note((*path, key), line)
            found[key] = self.value(value_node, (*path, key))
        return found


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style in _QUOTED:
        return text
    if text.lower() in _CONSTANTS and (text.islower() or not text.isalpha()):
        return _CONSTANTS[text.lower()]
    if _INTEGER.match(text):
        return int(text) if len(text) < 100 else text
    if _FLOAT.match(text):
        return float(text)
    return text
