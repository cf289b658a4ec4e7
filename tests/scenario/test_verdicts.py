"""Verdicts, exit codes and reports of `devnet run`, as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from ztdx_devnet.scenario import bundled

Write = Callable[[str, str], Path]

DEPOSIT = """\
title: {title}
steps:
  - deposit: {{as: d1, user: alice, amount: "1"}}
  - mine: 1
{more}
"""


def devnet(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Without what tests/scenario/commands is about."""
    quick = ["--no-runs", "--no-shrink"] if arguments[0] == "run" else []
    return subprocess.run(
        [sys.executable, "-m", "ztdx_devnet", *map(str, arguments), *quick],
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_scenario(name: str, more: str) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(DEPOSIT.format(title=name, more=more))
        return path

    return write_scenario


def test_a_failed_expectation_exits_1_and_shows_expected_and_actual(write: Write) -> None:
    path = write("wrong", 'check:\n  eventually:\n    - balance: {user: alice, available: "2"}')
    ran = devnet("run", path)
    assert ran.returncode == 1
    assert "violated" in ran.stdout
    assert "expected: alice has 2 DF available" in ran.stdout
    assert "actual:   alice has 1 DF available" in ran.stdout
    assert f"{path}:5" in ran.stdout
    assert f"again:    devnet run {path} --seed 0" in ran.stdout


def test_a_fault_that_never_fired_is_inconclusive_and_exits_2(write: Write) -> None:
    path = write(
        "idle", "  - answer_fault: {as: f, method: eth_getLogs, kind: error, first: 10000}"
    )
    ran = devnet("run", path)
    assert ran.returncode == 2
    assert "the fault 'f' never fired" in ran.stdout
    assert "f: never fired" in ran.stdout


def test_a_state_that_was_never_reached_is_inconclusive(write: Write) -> None:
    path = write("unseen", "check:\n  sometimes:\n    - orphaned: [d1]")
    ran = devnet("run", path)
    assert ran.returncode == 2
    assert "at some time: orphaned: d1" in ran.stdout


@pytest.mark.parametrize(
    ("rule", "condition"), [("always", "not_credited: [d1]"), ("never", "credited: [d1]")]
)
def test_standing_checks_fail_at_the_moment_they_stop_holding(
    write: Write, rule: str, condition: str
) -> None:
    path = write("standing", f"  - wait: 60s\ncheck:\n  {rule}:\n    - {condition}")
    ran = devnet("run", "--json", path)
    assert ran.returncode == 1
    failure = json.loads(ran.stdout)["scenarios"][0]["failure"]
    assert failure["rule"] == rule
    assert 40 < failure["at_s"] < 45


def test_bad_input_exits_3_and_runs_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("title: bad\nsteps:\n  - mien: 1\n")
    ran = devnet("run", bundled.folder() / "first_deposit.yaml", bad)
    assert ran.returncode == 3
    assert ran.stdout == ""
    assert ran.stderr == f"{bad}:3: unknown verb 'mien': did you mean 'mine'?\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--sed", "1"],
        ["run", "--seed", "-1"],
        ["run", "--seed", "x"],
        ["rum"],
        ["run", "no"],
    ],
)
def test_wrong_words_on_the_command_line_exit_3(arguments: list[str]) -> None:
    ran = devnet(*arguments)
    assert ran.returncode == 3
    assert ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--runs", ""],
        ["run", "--junit", ""],
        ["replay", "latest", "--runs", ""],
        ["sweep", "crash", "x.yaml", "--keep", ""],
    ],
)
def test_an_empty_path_is_not_the_current_folder(arguments: list[str]) -> None:
    ran = devnet(*arguments)
    assert ran.returncode == 3
    assert "the path is empty" in ran.stderr


def test_an_impossible_step_is_bad_input_with_its_line(write: Write) -> None:
    path = write("deep", "  - wait: 1h\n  - mine: 1\n  - reorg: {depth: 2805, length: 1}")
    ran = devnet("run", path)
    assert ran.returncode == 3
    assert f"\n  {path}:7: depth 2805 reaches below genesis" in ran.stdout


def test_a_listener_that_was_killed_and_not_restarted_does_not_settle(write: Write) -> None:
    ran = devnet("run", write("dead", "  - kill_listener"))
    assert ran.returncode == 1
    assert "the listener does not run" in ran.stdout


def test_json_is_one_object_with_the_documented_fields() -> None:
    ran = devnet("run", "--json", "--seed", "7", bundled.folder() / "first_deposit.yaml")
    report = json.loads(ran.stdout)
    assert ran.returncode == 0
    assert report["verdict"] == "held"
    (scenario,) = report["scenarios"]
    assert scenario["seed"] == 7
    assert len(scenario["digest"]) == 64
    assert scenario.keys() == {
        "path", "title", "verdict", "seed", "digest", "wall_s", "virtual_s", "faults", "failure",
        "run_id", "shrunk",
    }  # fmt: skip


def test_junit_tells_held_violated_and_inconclusive_apart(write: Write, tmp_path: Path) -> None:
    paths = [
        write("held", ""),
        write("violated", "  - expect: {credited: [d1]}"),
        write("inconclusive", "check:\n  sometimes:\n    - orphaned: [d1]"),
    ]
    junit = tmp_path / "results.xml"
    assert devnet("run", "--junit", junit, *paths).returncode == 1
    (suite,) = ElementTree.parse(junit).getroot()
    assert suite.attrib["tests"] == "3"
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("1", "1")
    results = [[child.tag for child in case if child.tag != "properties"] for case in suite]
    assert results == [[], ["failure"], ["error"]]
    held, violated, _ = suite
    assert held.attrib["classname"] == str(tmp_path)
    assert held.attrib["file"] == str(paths[0])
    assert violated.attrib["line"] == "5"
    text = violated.findtext("failure")
    assert text is not None
    assert text.startswith("expect: what the step expects is not so\n")
    assert "  actual:   credited d1 0 times" in text
    assert {p.attrib["name"] for p in held.iter("property")} == {"seed", "digest"}


def test_a_junit_file_that_can_not_be_written_is_said_before_anything_runs(tmp_path: Path) -> None:
    ran = devnet("run", "--junit", tmp_path / "no" / "results.xml")
    assert ran.returncode == 3
    assert ran.stdout == ""
    assert "no such directory" in ran.stderr


def test_junit_tells_files_of_one_title_apart(write: Write, tmp_path: Path) -> None:
    paths = [write(name, "") for name in ("one", "two")]
    for path in paths:
        path.write_text(path.read_text().replace(f"title: {path.stem}", "title: same"))
    junit = tmp_path / "results.xml"
    assert devnet("run", "--junit", junit, *paths).returncode == 0
    names = [case.attrib["name"] for case in ElementTree.parse(junit).iter("testcase")]
    assert names == ["one: same", "two: same"]


def test_the_list_of_scenarios_has_headings() -> None:
    ran = devnet("scenarios")
    heading, first, *_ = ran.stdout.splitlines()
    assert heading.split("  ")[0] == "scenario"
    column = heading.index("documented loop")
    assert first[column - 2 : column] == "  "
    assert first[column] != " "
    assert heading.endswith("guards")
