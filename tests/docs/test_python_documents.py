"""docs/python.md: every example runs as it stands, and what it lists is there; so do those of
docs/scenarios.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ztdx_devnet.scenario.verbs import VERBS
from ztdx_devnet.scripted import ScriptedWorld

from .test_documents import ROOT, blocks

DOCUMENT = (ROOT / "docs" / "python.md").read_text("utf-8")
EXAMPLES = blocks(DOCUMENT, "python")
EXAMPLES += blocks((ROOT / "docs" / "scenarios.md").read_text("utf-8"), "python")


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[number], f"example {number}", "exec"), {"__name__": "example"})


def test_each_step_is_told_in_both_languages_alike() -> None:
    pairs = re.findall(r"^\| `- (.+?)` \| `world\.(\w+)\(.*\)` \|$", DOCUMENT, re.MULTILINE)
    assert len(pairs) == 5
    for in_yaml, word in pairs:
        assert re.match(r"\w+", in_yaml)[0] == word  # type: ignore[index]
        assert word in VERBS


def test_everything_that_can_be_looked_at_is_documented() -> None:
    own = {name for name in vars(ScriptedWorld) if not name.startswith("_")}
    for name in own - {"close", "abandon"}:
        assert f"`world.{name}" in DOCUMENT, name
