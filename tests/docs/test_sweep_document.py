"""docs/sweeps.md lists the classes of faults as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ztdx_devnet.explore.sweep.fault_classes import CLASSES

PAGE = Path(__file__).parents[2] / "docs" / "sweeps.md"
_UNTOLD = ("kind", "method", "process")


def told(fields: Mapping[str, Any]) -> str:
    others = [f"`{name}: {value}`" for name, value in fields.items() if name not in _UNTOLD]
    return f"`{fields['kind']}`" + (f" ({', '.join(others)})" if others else "")


def rows() -> list[str]:
    found: dict[str, list[str]] = {}
    for fault_class in CLASSES:
        ((verb, fields),) = fault_class.items()
        found.setdefault(verb, []).append(told(fields))
    return [f"| `{verb}` | {', '.join(classes)} |" for verb, classes in found.items()]


def test_the_classes_of_faults_are_those_that_a_sweep_tries() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `") and "_fault`" in line[:20]] == rows()
