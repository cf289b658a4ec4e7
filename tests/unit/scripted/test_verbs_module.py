"""The verbs as methods: written from the verbs themselves, and none of them is hidden."""

from __future__ import annotations

import inspect

import pytest

from tests.docs import python_verbs
from ztdx_devnet.scenario.verbs import VERBS
from ztdx_devnet.scripted import ScriptedWorld
from ztdx_devnet.scripted.verbs import Verbs


def test_the_module_is_what_make_docs_would_write() -> None:
    written = python_verbs.SOURCE.read_text("utf-8")
    assert written == python_verbs.made(), "run `make docs`"


@pytest.mark.parametrize("word", VERBS)
def test_every_verb_is_a_method_of_its_word_with_its_fields(word: str) -> None:
    method = getattr(ScriptedWorld, word)
    assert method is getattr(Verbs, word)
    _, *parameters = inspect.signature(method).parameters.values()
    fields = {field.alias or name: field for name, field in VERBS[word].model_fields.items()}
    assert {each.name.removesuffix("_") for each in parameters} == set(fields)
    for each in parameters:
        required = fields[each.name.removesuffix("_")].is_required()
        assert required == (each.default is each.empty), each.name
    assert inspect.getdoc(method)


@pytest.mark.parametrize(
    ("word", "in_a_row"),
    [
        ("deposit", ["user", "amount"]),
        ("mine", ["blocks"]),
        ("wait", ["duration"]),
        ("crash_at", ["nth"]),
        ("answer_fault", ["method", "kind"]),
        ("wait_until", ["within"]),
        ("ws", []),
    ],
)
def test_the_main_field_and_required_ones_may_come_without_names(
    word: str, in_a_row: list[str]
) -> None:
    _, *parameters = inspect.signature(getattr(Verbs, word)).parameters.values()
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == in_a_row


def test_words_that_python_keeps_for_itself_have_an_underscore() -> None:
    names = inspect.signature(Verbs.answer_fault).parameters
    assert {"as_", "for_"} <= set(names)


def test_methods_are_typed_for_editors() -> None:
    names = inspect.signature(Verbs.deposit).parameters
    assert names["amount"].annotation == "str | int"
    assert names["token"].default == "DF"
    picks = inspect.signature(Verbs.pool).parameters["pick"].annotation
    assert picks == "Literal['in_turn', 'random', 'sticky']"
