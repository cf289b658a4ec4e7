"""The JSON Schema of scenario files says what the loader says, as far as shapes go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ztdx_devnet.scenario import bundled, loader, schema, yaml_lines
from ztdx_devnet.scenario.conditions import CONDITIONS
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.verbs import VERBS

SCHEMA = schema.document()
VALIDATOR = Draft202012Validator(SCHEMA)
BAD = Path(__file__).with_name("bad")
ONLY_CROSS_CHECKS_SEE = {"armed", "contradictory", "names", "nodes", "sockets", "tokens"}
"""Files in which each single field is right: names, depths, fields that exclude each other."""


def value_of(text: str) -> Any:
    value, _ = yaml_lines.read(text, "t.yaml")
    return value


def readable(path: Path) -> bool:
    """Whether it is YAML at all."""
    try:
        value_of(path.read_text("utf-8"))
    except BadScenario:
        return False
    return True


def steps_are_right(steps: str) -> bool:
    return VALIDATOR.is_valid(value_of(f"title: t\nsteps:\n{steps}"))


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", loader.find([bundled.folder()]), ids=lambda path: path.stem)
def test_every_bundled_scenario_is_right_by_the_schema(path: Path) -> None:
    assert not [
        f"{list(error.absolute_path)}: {error.message}"
        for error in VALIDATOR.iter_errors(value_of(path.read_text("utf-8")))
    ]


@pytest.mark.parametrize(
    "path", [path for path in sorted(BAD.glob("*.yaml")) if readable(path)], ids=lambda p: p.stem
)
def test_every_bad_file_is_wrong_by_the_schema_unless_only_a_cross_check_sees_it(
    path: Path,
) -> None:
    right = VALIDATOR.is_valid(value_of(path.read_text("utf-8")))
    assert right is (path.stem in ONLY_CROSS_CHECKS_SEE)


@pytest.mark.parametrize("word", [*VERBS, *CONDITIONS])
def test_every_verb_and_condition_is_described(word: str) -> None:
    step, *bare = SCHEMA["$defs"]["step"]["anyOf"]
    conditions = SCHEMA["$defs"]["Conditions"]["properties"]
    plain = {form["const"]: form for form in bare if "const" in form}
    (found,) = [known[word] for known in (step["properties"], plain, conditions) if word in known]
    assert len(found["description"]) > 10
    fields = {
        field.alias or name for name, field in {**VERBS, **CONDITIONS}[word].model_fields.items()
    }
    if word not in plain:
        definition = SCHEMA["$defs"][found["anyOf"][0]["$ref"].rpartition("/")[2]]
        assert set(definition["properties"]) == fields
    else:
        assert not fields


@pytest.mark.parametrize(
    "step",
    [
        "mine: 10",
        "mine: {blocks: 10}",
        "halt_chain",
        "halt_chain:",
        "halt_chain: {}",
        "set_environment: {TESTNET_ONLY: null}",
        "set_environment: {variables: {TESTNET_ONLY: 'false'}}",
        "expect: {credited: [d1], height: 5}",
        "expect: {credited: {names: [d1]}}",
        "wait_until: {height: 5, within: 40s}",
        'deposit: {as: d1, user: alice, amount: "1.5"}',
        "deposit: {as: d1, user: alice, amount: 1}",
        "at_once: [{mine: 1}, restart_listener]",
        "at_once: {steps: [start_listener], times: 2}",
        "ws: {as: c1}",
        "api: {path: /health, expect: {status: 200, body: [1, {a: null}]}}",
    ],
)
def test_every_form_that_the_loader_takes_is_right(step: str) -> None:
    assert loader.read_step(value_of(step), "t.yaml")
    assert steps_are_right(f"  - {step}\n")


@pytest.mark.parametrize(
    "step",
    [
        "mine",
        "mine: ten",
        "mine: 0",
        "minee: 10",
        "halt_chain: 3",
        "{mine: 1, halt_chain: {}}",
        "set_environment: {JWT_SECRET: x}",
        "expect: {}",
        "expect: {credited: d1}",
        "wait_until: {within: 40s}",
        "wait: 40",
        "wait: 4 0s",
        'deposit: {as: d1, user: alcie, amount: "1.5"}',
        'deposit: {as: d1, user: alice, amount: "-1"}',
        'deposit: {as: d1, user: alice, amount: "x1"}',
        'deposit: {as: 1d, user: alice, amount: "1"}',
        'deposit: {as: d1, user: alice, amount: "1", memo: x}',
        "at_once: [{mine: 1}, {wait: 1s}]",
        "ws: {socket: c1, close: false}",
        "api: {path: no, expect: {status: 200}}",
    ],
)
def test_what_the_loader_refuses_for_its_shape_is_wrong(step: str) -> None:
    with pytest.raises(BadScenario):
        loader.read_step(value_of(step), "t.yaml")
    assert not steps_are_right(f"  - {step}\n")


def test_defaults_are_in_the_words_of_the_language() -> None:
    within = SCHEMA["$defs"]["Ws"]["properties"]["within"]
    assert set(within) == {"type", "pattern"}
    assert SCHEMA["$defs"]["Given"]["properties"]["start_height"]["default"] == 1000
    assert SCHEMA["$defs"]["Given"]["properties"]["listener"]["enum"] == ["running", "stopped"]


def test_the_command_writes_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    written = []
    for hash_seed in ("1", "2"):
        path = tmp_path / f"{hash_seed}.json"
        subprocess.run(
            [sys.executable, "-m", "ztdx_devnet", "schema", "--output", str(path)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
        )
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert json.loads(written[0]) == SCHEMA


def test_a_file_that_cannot_be_written_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ztdx_devnet",
        "schema",
        "--output",
        str(tmp_path / "no" / "s"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
