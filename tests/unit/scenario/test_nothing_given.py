"""A word with nothing behind it is refused, by the loader and by the schema for editors alike."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ztdx_devnet.scenario import bundled, loader, schema, yaml_lines
from ztdx_devnet.scenario.conditions import CONDITIONS
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.model import Checks, Given, Head, Settle
from ztdx_devnet.scenario.verbs import VERBS
from ztdx_devnet.scenario.yaml_lines import Lines

VALIDATOR = Draft202012Validator(schema.document())
MEANT = {
    "admin_credit": ("address", "amount", "reason", "token", "body"),
    "api": ("json", "body"),
    "set_environment": ("TESTNET_ONLY",),
    "ws": ("send", "expect"),
}
"""Where null is a value: in what is sent as it is and in JSON, and what unsets a variable."""
BARE = ("start_listener", "stop_listener", "kill_listener", "restart_listener", "reset_chain")
"""Verbs that need no field."""


def value_of(text: str) -> Any:
    return yaml_lines.read(text, "t.yaml")[0]


@cache
def steps() -> dict[str, list[Any]]:
    """The steps of the bundled scenarios, by their verbs."""
    found: dict[str, list[Any]] = {}
    for path in loader.find([bundled.folder()]):
        for step in value_of(path.read_text("utf-8"))["steps"]:
            if isinstance(step, dict):
                ((word, fields),) = step.items()
                found.setdefault(word, []).append(fields)
    return found


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member of the value, by the way to it."""
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, member in members:
        yield (*place, key)
        yield from places(member, (*place, key))


def without(value: Any, place: tuple[Any, ...]) -> Any:
    """The value with nothing at that place."""
    value = copy.deepcopy(value)
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = None
    return value


def is_taken(scenario: Any) -> bool:
    """Names are not looked at: who speaks of a deposit has not made it here."""
    try:
        for step in scenario["steps"]:
            loader.read_step(step, "t.yaml")
        loader.build({**scenario, "steps": [{"mine": 1}]}, Lines(), "", "t.yaml")
    except BadScenario as error:
        return all("before this line" in problem.message for problem in error.problems)
    return True


def scenario_of(word: str, fields: Any) -> Any:
    return {"title": "t", "steps": [{word: fields}]}


@pytest.mark.parametrize("word", [word for word, verb in VERBS.items() if verb.model_fields])
def test_null_in_a_step_is_taken_by_both_or_refused_by_both(word: str) -> None:
    known = {field.alias or name for name, field in VERBS[word].model_fields.items()}
    cases: dict[tuple[Any, ...], Any] = {}
    for fields in [*steps().get(word, ()), {}]:
        given = known - fields.keys() if isinstance(fields, dict) else set()
        for place in [*places(fields), *((field,) for field in sorted(given))]:
            told = tuple("#" if isinstance(key, int) else key for key in place)
            cases.setdefault(told, scenario_of(word, without(fields, place)))
    cases[()] = scenario_of(word, None)
    verdicts = {
        place: (is_taken(value), VALIDATOR.is_valid(value)) for place, value in cases.items()
    }
    assert [place for place, (loads, fits) in verdicts.items() if loads is not fits] == []
    taken = [place for place, (loads, _) in verdicts.items() if loads]
    inner = [verb.KEY for verb in VERBS[word].TAKES]
    meant = {key for at in (word, *inner) for key in MEANT.get(at, ())}
    assert [place for place in taken if place and not meant & {*place}] == []
    assert (() in taken) is (word in BARE)


@pytest.mark.parametrize("within", ["", "within: 1s, "], ids=["expect", "wait_until"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_with_nothing_behind_it_is_refused_by_both(condition: str, within: str) -> None:
    word = "wait_until" if within else "expect"
    other = "vault_paused: false" if condition != "vault_paused" else "height: 1"
    scenario = {"title": "t", "steps": [value_of(f"{word}: {{{other}, {within}{condition}: }}")]}
    assert not is_taken(scenario)
    assert not VALIDATOR.is_valid(scenario)


@pytest.mark.parametrize("group", Checks.model_fields)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_check_with_nothing_behind_it_is_refused_by_both(condition: str, group: str) -> None:
    other = {"vault_paused": False} if condition != "vault_paused" else {"height": 1}
    scenario = {
        "title": "t",
        "steps": [{"mine": 1}],
        "check": {group: [{**other, condition: None}]},
    }
    assert not is_taken(scenario)
    assert not VALIDATOR.is_valid(scenario)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_field_of_a_condition_with_nothing_behind_it_is_refused_by_both(condition: str) -> None:
    right = {
        "admin_credits": {"user": "alice", "count": 1},
        "balance": {"user": "alice", "available": "1"},
        "confirmations": {"deposit": "d1", "at_least": 1},
        "cursor": {"at_least": 1},
        "cursor_lag": {"at_most": 1},
        "deposited": {"deposit": "d1", "amount": "1"},
        "health": {"ready": True},
        "height": {"at_least": 1},
        "listener_exited": {"error": "ListenerHalted"},
        "listener_runs": {"value": True},
        "on_branch": {"branch": "main"},
        "quarantined": {"logs": 1},
        "rows": {"count": 1},
        "sightings": {"deposit": "d1", "act": "moved", "count": 1},
        "total": {"available": "1"},
        "vault_balance": {"amount": "1"},
        "vault_paused": {"value": True},
        "vault_solvent": {"value": True},
    }.get(condition, {"names": ["d1"]})
    model = CONDITIONS[condition]
    whole = scenario_of("expect", {condition: right})
    assert is_taken(whole)
    assert VALIDATOR.is_valid(whole)
    for name, field in model.model_fields.items():
        scenario = scenario_of("expect", {condition: {**right, field.alias or name: None}})
        assert not is_taken(scenario), name
        assert not VALIDATOR.is_valid(scenario), name


@pytest.mark.parametrize(
    ("part", "field"),
    [
        *((None, field) for field in Head.model_fields),
        *(("given", field) for field in Given.model_fields),
        *(("settle", field) for field in Settle.model_fields),
        *(("check", field) for field in Checks.model_fields),
    ],
)
def test_a_part_of_the_head_with_nothing_behind_it_is_refused_by_both(
    part: str | None, field: str
) -> None:
    scenario: Any = {"title": "t", "steps": [{"mine": 1}]}
    if part is None:
        scenario[field] = None
    else:
        scenario[part] = {field: None}
    with pytest.raises(BadScenario):
        loader.build(scenario, Lines(), "", "t.yaml")
    assert not VALIDATOR.is_valid(scenario)


def test_an_expected_body_of_null_is_compared_as_any_other() -> None:
    """A body that was forgotten is then at least not a body that nobody looks at."""
    step = value_of("api: {path: /health, expect: {status: 200, body: }}")
    verb: Any = loader.read_step(step, "t.yaml")
    assert verb.expect.compares_body
    step = value_of("api: {path: /health, expect: {status: 200}}")
    verb = loader.read_step(step, "t.yaml")
    assert not verb.expect.compares_body
