"""The documents say what is there, and every example in them runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.conditions import CONDITIONS
from ztdx_devnet.scenario.model import Checks, Given
from ztdx_devnet.scenario.verbs import VERBS
from ztdx_devnet.scenario.verdict import Verdict

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCENARIOS_DOCUMENT = (ROOT / "docs" / "scenarios.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def rows(word: str) -> list[str]:
    """The table rows that begin with that word."""
    return [line for line in SCENARIOS_DOCUMENT.splitlines() if line.startswith(f"| `{word}` |")]


@pytest.mark.parametrize("word", [*VERBS, *CONDITIONS])
def test_every_verb_and_condition_has_a_row_that_names_its_fields(word: str) -> None:
    (row,) = rows(word)
    model: type[BaseModel] = {**VERBS, **CONDITIONS}[word]
    names = [field.alias or name for name, field in model.model_fields.items()]
    for name in set(names) - set(CONDITIONS):
        assert f"`{name}" in row, name


@pytest.mark.parametrize("field", Given.model_fields)
def test_every_field_of_given_is_documented_with_its_default(field: str) -> None:
    (row,) = rows(field)
    default: Any = Given.model_fields[field].default
    if isinstance(default, int | str):
        assert f"| {default} |" in row


def test_every_check_is_documented() -> None:
    for group in Checks.model_fields:
        assert f"`{group}`" in SCENARIOS_DOCUMENT


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_scenario_in_the_documents_holds(path: Path) -> None:
    for text in blocks(path.read_text("utf-8"), "yaml"):
        assert runner.run(loader.parse(text, path.name)).verdict is Verdict.HELD


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_the_readme_begins_with_the_two_commands() -> None:
    first = blocks((ROOT / "README.md").read_text("utf-8"), "sh")[0]
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make run", "make test"]


def test_the_readme_shows_bundled_scenarios_and_counts_them() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    titles = {s.head.title for s in loader.load_all(loader.find([bundled.folder()]))}
    shown = re.findall(r"^held +(\S.*?) {2,}", readme, re.MULTILINE)
    assert len(shown) > 5
    assert set(shown) <= titles
    assert f"\n{len(titles)} scenarios: {len(titles)} held; " in readme


def test_every_environment_variable_that_the_product_reads_is_documented() -> None:
    document = (ROOT / "docs" / "backend.md").read_text("utf-8")
    source = "".join(p.read_text("utf-8") for p in (ROOT / "app").rglob("*.py"))
    variables = set(re.findall(r'"((?:SPOT|JWT|ADMIN|CORS|DATABASE|TESTNET)_[A-Z_]+)"', source))
    assert len(variables) > 10
    variables |= {"HOST", "PORT", "CHAIN_ID", "VAULT_ADDRESS"}
    for variable in variables - {"SPOT_ERROR", "DATABASE_BUSY"}:
        assert f"`{variable}`" in document, variable


def test_every_dependency_is_justified_and_none_is_left_over() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[<>=]", entry)[0] for entry in project["dependencies"]}
    table = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    listed = set(re.findall(r"^\| ([A-Za-z][A-Za-z0-9-]*) \|", table, re.MULTILINE)) - {"package"}
    assert listed == wanted


def test_every_direct_dependency_is_pinned_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lock = (ROOT / "requirements" / "run.txt").read_text("utf-8").lower().replace("_", "-")
    for entry in project["dependencies"]:
        name = re.split(r"[<>=]", entry)[0].lower()
        assert re.search(rf"^{re.escape(name)}==", lock, re.MULTILINE), name


def test_glossary_words_are_in_order_and_said_once() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    words = re.findall(r"^\| ([a-z -]+?) \|", text, re.MULTILINE)
    assert words[0] == "word"
    assert words[1:] == sorted(set(words[1:]))


@pytest.mark.parametrize("command", [[], ["run"]])
def test_help_is_there_for_every_command(command: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ztdx_devnet", *command, "--help"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert ran.stdout.startswith("Usage: devnet")
