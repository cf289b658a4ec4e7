"""docs/faults: every kind, field and profile has its row, as the code has it; the examples run."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest

from ztdx_devnet.chain.log_limits import PROVIDERS
from ztdx_devnet.faults.answers import KINDS, LOG_FIELDS, AnswerFaultKind
from ztdx_devnet.faults.api import ApiFaultKind
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.profiles import PROFILES
from ztdx_devnet.faults.storage import StatementFaultKind
from ztdx_devnet.faults.transport import TransportFaultKind
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.verbs.node import AnswerFault, NodeView, Pool
from ztdx_devnet.scenario.verbs.verb import Verb
from ztdx_devnet.scenario.verdict import Verdict

FOLDER = Path(__file__).parents[2] / "docs" / "faults"
PAGES = ["views.md", "answers.md", "profiles.md"]


def page(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def rows(name: str) -> list[str]:
    return [line for line in page(name).splitlines() if line.startswith("| `")]


def words(verb: type[Verb]) -> list[str]:
    """The verb's fields as a scenario spells them."""
    return [field.alias or name for name, field in verb.model_fields.items()]


def test_every_kind_has_the_row_that_the_code_says() -> None:
    assert set(KINDS) == set(typing.get_args(AnswerFaultKind))
    told = rows("answers.md")
    for kind in KINDS.values():
        methods = "any"
        if kind.methods is not None:
            methods = ", ".join(f"`{method}`" for method in kind.methods)
        assert f"| `{kind.name}` | {methods} | {kind.says} |" in told


def test_every_field_of_a_kind_is_a_field_of_the_verb_and_named_by_the_kind() -> None:
    of_kinds = {field for kind in KINDS.values() for field in (*kind.needs, *kind.takes)}
    scope = {"as", "method", "kind", "first", "last", "percent", "for", "node", "blocks"}
    assert of_kinds == set(words(AnswerFault)) - scope
    for kind in KINDS.values():
        for field in (*kind.needs, *kind.takes):
            assert field == "deposit" or f"`{field}`" in kind.says, kind.name
    assert all(f"`{field}`" in page("answers.md") for field in (*scope - {"as"}, *LOG_FIELDS))


def test_every_profile_has_the_row_that_the_code_says() -> None:
    assert rows("profiles.md") == [
        f"| `{profile.name}` | {profile.says} | {', '.join(profile.sources)} |"
        for profile in PROFILES.values()
    ]


@pytest.mark.parametrize("verb", [NodeView, Pool])
def test_every_field_of_views_and_pools_has_a_row(verb: type[Verb]) -> None:
    elsewhere = {"as", "first", "last", "percent", "for"}
    first_words = [line.split("|")[1].strip() for line in rows("views.md")]
    for field in set(words(verb)) - elsewhere:
        assert first_words.count(f"`{field}`") == 1, field


def test_the_providers_whose_limits_can_be_had_are_listed() -> None:
    (row,) = [line for line in rows("views.md") if line.startswith("| `limits` |")]
    assert set(re.findall(r"`([a-z-]+)`", row)) - {"limits"} == set(PROVIDERS)


@pytest.mark.parametrize("name", PAGES)
def test_the_example_of_each_page_holds_and_its_faults_fire(name: str) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    outcome = runner.run(loader.parse(example, name))
    assert outcome.verdict is Verdict.HELD, outcome.failure
    assert outcome.faults


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page(name)):
        assert (FOLDER / target).exists(), target


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("transport.md", typing.get_args(TransportFaultKind)),
        ("storage.md", ("busy", *typing.get_args(StatementFaultKind))),
        ("api.md", typing.get_args(ApiFaultKind)),
    ],
)
def test_every_kind_of_the_other_families_has_its_row(name: str, kinds: tuple[str, ...]) -> None:
    told = {word for row in rows(name) for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert told >= set(kinds)


def test_every_family_of_faults_has_its_page() -> None:
    """A module of a family holds a class of faults; nothing else does."""
    families = {kind.__module__.rpartition(".")[2] for kind in _subclasses(Fault)}
    pages = {path.stem for path in FOLDER.glob("*.md")} - {"profiles"}
    assert families - {"pools"} == pages  # a pool stands on the page of its views


def _subclasses(kind: type[Fault]) -> list[type[Fault]]:
    return [each for child in kind.__subclasses__() for each in (child, *_subclasses(child))]
