"""The loader: every problem of a file in one go, each with its line, the value and the repair.

`bad/NAME.yaml` is the input and `bad/NAME.expected` the whole text that users see.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ztdx_devnet.scenario import bundled, loader
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.verbs import VERBS

BAD = Path(__file__).with_name("bad")


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_problem_is_one_line_with_file_line_value_and_repair(path: Path) -> None:
    with pytest.raises(BadScenario) as caught:
        loader.parse(path.read_text("utf-8"), path.name)
    assert str(caught.value) + "\n" == path.with_suffix(".expected").read_text("utf-8")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"title: \xff\xfe")
    with pytest.raises(BadScenario, match=r"latin\.yaml: can't be read: not UTF-8 text"):
        loader.load(path)


def test_missing_paths_and_directories_without_scenarios_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadScenario) as caught:
        loader.find([tmp_path / "empty", tmp_path / "missing.yaml"])
    first, second = caught.value.problems
    assert "holds no .yaml scenario" in first.message
    assert second.message == "no such file or directory"


def test_one_bad_file_among_good_ones_lets_none_run(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("title: x\nsteps: [{min: 1}]\n")
    with pytest.raises(BadScenario, match="did you mean 'mine'"):
        loader.load_all([bundled.folder() / "first_deposit.yaml", bad])


def test_a_file_named_twice_is_played_once() -> None:
    folder = bundled.folder()
    found = loader.find([folder / "first_deposit.yaml", folder])
    assert len(found) == len(set(found)) == len(list(folder.glob("*.yaml")))


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", "yes"), ("no", "no"), ("on", "on"), ("1:30", "1:30"), ("2026-01-01", "2026-01-01")],
)
def test_words_that_older_yaml_would_turn_into_something_else_stay_words(
    text: str, value: str
) -> None:
    scenario = loader.parse(f"title: t\nsteps:\n  - note: {text}\n", "t.yaml")
    assert scenario.steps[0].verb.model_dump() == {"text": value}


@pytest.mark.parametrize(
    ("text", "wei"), [('"1"', 10**18), ('"0.000000000000000001"', 1), ("7", 7 * 10**18)]
)
def test_amounts_are_exact(text: str, wei: int) -> None:
    step = f"{{deposit: {{as: d, user: bob, amount: {text}}}}}"
    scenario = loader.parse(f"title: t\nsteps: [{step}]\n", "t.yaml")
    assert scenario.steps[0].verb.model_dump()["amount"] == wei


def test_folders_give_scenarios_of_either_case_and_nothing_hidden(tmp_path: Path) -> None:
    for name in ("a.yaml", "B.YAML", "c.Yml", ".d.yaml", "e.txt", ".git/f.yaml", "sub/g.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("title: t\nsteps: [{mine: 1}]\n")
    found = {path.relative_to(tmp_path).as_posix() for path in loader.find([tmp_path])}
    assert found == {"a.yaml", "B.YAML", "c.Yml", "sub/g.yml"}
    assert loader.find([tmp_path / ".d.yaml"]) == [tmp_path / ".d.yaml"]


def test_a_folder_that_is_hidden_itself_is_searched_when_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ".hidden"
    folder.mkdir()
    (folder / "a.yaml").write_text("title: t\nsteps: [{mine: 1}]\n")
    assert loader.find([folder]) == [folder / "a.yaml"]


@pytest.mark.parametrize(
    ("canary", "problem"),
    [
        ("I17", "I17 has no canary: it is judged by sweeps, not by one run"),
        ("I44", "unknown invariant 'I44': did you mean"),
    ],
)
def test_a_canary_dies_of_an_invariant_that_a_run_can_violate(canary: str, problem: str) -> None:
    with pytest.raises(BadScenario, match=problem):
        loader.parse(f"title: t\ncanary: {canary}\nsteps:\n  - mine: 1\n", "t.yaml")


def test_quoted_or_as_a_value_the_signs_of_a_merge_key_are_text() -> None:
    scenario = loader.parse('title: t\nsteps:\n  - note: "<<"\n', "t.yaml")
    assert scenario.steps[0].verb.model_dump() == {"text": "<<"}


def test_every_verb_says_what_it_does() -> None:
    for word, verb in VERBS.items():
        assert verb.__doc__, word
        assert word == verb.KEY
