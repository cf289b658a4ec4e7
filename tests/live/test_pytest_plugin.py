"""The pytest plugin where users have it: a project outside of the checkout, with the wheel."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from ztdx_devnet.pytest_plugin.server import DevnetServer
from ztdx_devnet.scenario.loader import find

from ..architecture.source import CHECKOUT
from ..architecture.test_wheel import PINS, link_pins, pip, run

PYTEST_PINS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-xdist", "execnet")

HELD = """\
title: A first deposit
tags: [reorg, smoke-test, parametrize, "not a word"]
steps:
  - deposit: {as: d1, user: alice, amount: "100"}
  - mine: 25
  - wait_until: {credited: [d1], within: 60s}
"""
VIOLATED = """\
title: A balance that is none
steps:
  - deposit: {as: d1, user: alice, amount: "100"}
  - mine: 25
check:
  eventually:
    - balance: {user: alice, available: "99"}
"""
INCONCLUSIVE = """\
title: A fault that nobody meets
steps:
  - answer_fault: {as: f1, method: eth_getBalance, kind: error, code: -32000}
  - mine: 5
"""
BAD = """\
title: Words that are none
steps:
  - mien: 5
  - deposit: {as: d1, user: alcie, amount: "1"}
"""


class Project:
    """A user's project with an `app` and `scenarios` of its own."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.folder = folder
        self._environment = environment
        (folder / "app").mkdir()
        (folder / "app" / "__init__.py").write_text("TOTAL = 1\n")
        self.write("pytest.ini", "[pytest]\naddopts = --strict-markers --strict-config\n")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def pytest(self, *arguments: str) -> tuple[int, str]:
        """The exit code, and what it prints."""
        done = subprocess.run(
            [str(self._environment / "bin" / "python"), "-m", "pytest", *arguments],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(CHECKOUT))
    (wheel,) = folder.glob("*.whl")
    made = folder / "environment"
    run([sys.executable, "-m", "venv", "--without-pip", str(made)])
    pip("--python", str(made / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
    pins = folder / "pins"
    pins.mkdir()
    link_pins(PINS.read_text("utf-8") + "\n".join(PYTEST_PINS), pins)
    site_packages = sysconfig.get_path("purelib", vars={"base": str(made)})
    Path(site_packages, "pins.pth").write_text(f"{pins}\n")
    return made


@pytest.fixture
def project(environment: Path, tmp_path: Path) -> Project:
    return Project(environment, tmp_path)


@pytest.fixture(scope="module")
def of_four(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A project with a scenario of each kind, and what pytest printed of it."""
    project = Project(environment, tmp_path_factory.mktemp("four"))
    for name, text in (("held", HELD), ("wrong", VIOLATED), ("idle", INCONCLUSIVE), ("bad", BAD)):
        project.write(f"scenarios/{name}.yaml", text)
    project.write("other/foreign.yaml", "services: {}\n")
    code, printed = project.pytest("-v")
    assert code == 1, printed
    return project, printed


class TestScenarioFiles:
    def test_each_file_is_one_test_and_other_folders_are_left_alone(
        self, of_four: tuple[Project, str]
    ) -> None:
        _, printed = of_four
        assert re.findall(r"^(\S+::\S+) ([A-Z]+)", printed, re.MULTILINE) == [
            ("scenarios/bad.yaml::bad", "FAILED"),
            ("scenarios/held.yaml::held", "PASSED"),
            ("scenarios/idle.yaml::idle", "FAILED"),
            ("scenarios/wrong.yaml::wrong", "FAILED"),
        ]

    def test_a_violated_one_shows_the_report_and_no_traceback(
        self, of_four: tuple[Project, str]
    ) -> None:
        project, printed = of_four
        assert "violated: A balance that is none" in printed
        assert "scenarios/wrong.yaml:5, seed 0" in printed
        assert "  expected: alice has 99 DF available" in printed
        assert "  actual:   alice has 100 DF available" in printed
        assert "Traceback" not in printed
        assert ".py" not in printed.partition("FAILURES")[2].partition("short test summary")[0]
        (again,) = set(re.findall(r"again: +devnet replay (wrong-\S+)", printed))
        assert (project.folder / "runs" / again / "timeline.html").is_file()
        assert (project.folder / "runs" / again / "shrunk.yaml").is_file()

    def test_an_inconclusive_one_names_the_fault(self, of_four: tuple[Project, str]) -> None:
        assert "inconclusive: A fault that nobody meets" in of_four[1]
        assert "the fault 'f1' never fired" in of_four[1]

    def test_a_file_that_can_not_be_loaded_shows_every_problem_with_its_line(
        self, of_four: tuple[Project, str]
    ) -> None:
        assert "scenarios/bad.yaml:3: unknown verb 'mien': did you mean 'mine'?" in of_four[1]
        assert "scenarios/bad.yaml:4: user: unknown user 'alcie'" in of_four[1]

    def test_one_that_can_not_be_played_to_its_end_fails_alone(self, project: Project) -> None:
        project.write("scenarios/held.yaml", HELD)
        steps = '  - mine: 1\n  - tamper: {user: alice, available: "1"}\n'
        project.write("scenarios/early.yaml", f"title: Too early\nsteps:\n{steps}")
        code, printed = project.pytest()
        assert (code, "1 failed, 1 passed" in printed) == (1, True), printed
        assert "refused: Too early\n" in printed
        assert "scenarios/early.yaml:4: alice has no balance of DF to tamper with yet\n" in printed

    def test_the_last_failed_ones_are_chosen_by_lf(self, of_four: tuple[Project, str]) -> None:
        _, printed = of_four[0].pytest("--lf", "--collect-only", "-q")
        assert re.findall(r"^scenarios/\S+::(\S+)$", printed, re.MULTILINE) == [
            "bad",
            "idle",
            "wrong",
        ]

    def test_two_processes_of_pytest_xdist_tell_the_same(
        self, of_four: tuple[Project, str]
    ) -> None:
        project, printed = of_four
        code, by_two = project.pytest("-v", "-n", "2")
        assert code == 1, by_two
        assert sorted(re.findall(r"^\[gw\d\].* (PASSED|FAILED) (\S+)", by_two, re.MULTILINE)) == [
            ("FAILED", "scenarios/bad.yaml::bad"),
            ("FAILED", "scenarios/idle.yaml::idle"),
            ("FAILED", "scenarios/wrong.yaml::wrong"),
            ("PASSED", "scenarios/held.yaml::held"),
        ]

        def told(text: str) -> list[str]:
            """The lines of reports; their run folders and wall times are others."""
            return sorted(re.findall(r"^  (?:expected|actual|at|since): .*$", text, re.MULTILINE))

        assert told(by_two) == told(printed) != []
        (again,) = set(re.findall(r"again: +devnet replay (wrong-\S+)", by_two))
        assert (project.folder / "runs" / again / "timeline.html").is_file()

    @pytest.mark.parametrize(
        "choice",
        [
            ["-k", "held"],
            ["-k", "smoke_test"],
            ["-m", "reorg"],
            ["scenarios/held.yaml"],
            ["scenarios/held.yaml::held"],
        ],
    )
    def test_they_are_chosen_by_name_tag_and_path(
        self, of_four: tuple[Project, str], choice: list[str]
    ) -> None:
        code, printed = of_four[0].pytest("--collect-only", "-q", *choice)
        assert code == 0, printed
        assert re.findall(r"^\S+::(\S+)$", printed, re.MULTILINE) == ["held"]

    def test_a_file_named_on_the_command_line_is_one_wherever_it_is(self, project: Project) -> None:
        project.write("elsewhere/one.yml", HELD)
        assert project.pytest("elsewhere")[0] == pytest.ExitCode.NO_TESTS_COLLECTED
        code, printed = project.pytest("elsewhere/one.yml", "--devnet-seed", "9")
        assert (code, "1 passed" in printed) == (0, True), printed
        (folder,) = (project.folder / "runs").glob("one-*")
        assert '"seed": 9' in (folder / "verdict.json").read_text()

    def test_folders_are_those_of_the_ini(self, project: Project) -> None:
        project.write("pytest.ini", "[pytest]\ndevnet_scenarios = played more/of_them\n")
        for folder in ("played", "scenarios"):
            project.write(f"{folder}/one.yaml", HELD)
        project.write("more/of_them/two.yaml", HELD)
        _, printed = project.pytest("--collect-only", "-q")
        assert re.findall(r"^\S+::\S+$", printed, re.MULTILINE) == [
            "more/of_them/two.yaml::two",
            "played/one.yaml::one",
        ]

    @pytest.mark.parametrize("folder", [".", "scenarios", "scenarios/.drafts"])
    def test_a_folder_holds_the_same_scenarios_as_for_devnet_run(
        self, project: Project, folder: str
    ) -> None:
        names = ("upper.YAML", "short.Yml", "in/deep.yaml", ".hidden.yaml", ".drafts/draft.yaml")
        for name in (*names, ".drafts/.hidden.yml", "in/.drafts/deep.yaml", "notes.yaml.md"):
            project.write(f"scenarios/{name}", HELD)
        project.write("pytest.ini", "[pytest]\nnorecursedirs =\n")
        code, printed = project.pytest("--collect-only", "-q", folder)
        assert code == 0, printed
        collected = re.findall(r"^(\S+)::\S+$", printed, re.MULTILINE)
        played = find([project.folder / ("scenarios" if folder == "." else folder)])
        assert sorted(collected) == [p.relative_to(project.folder).as_posix() for p in played]
        expected = {"scenarios/.drafts": 1}.get(folder, 3)
        assert len(collected) == expected

    def test_a_hidden_file_is_one_if_it_is_named(self, project: Project) -> None:
        project.write("scenarios/.drafts/.one.YAML", HELD)
        code, printed = project.pytest("--collect-only", "-q", "scenarios/.drafts/.one.YAML")
        assert (code, "scenarios/.drafts/.one.YAML::" in printed) == (0, True), printed

    def test_a_yaml_file_among_them_that_is_no_scenario_fails_as_it_does_for_devnet_run(
        self, project: Project
    ) -> None:
        project.write("scenarios/compose.yml", "services: {}\n")
        project.write("scenarios/list.yaml", "- 1\n")
        code, printed = project.pytest()
        assert (code, "2 failed" in printed) == (1, True), printed
        assert "scenarios/compose.yml:1: unknown field 'services'" in printed
        assert "scenarios/list.yaml:1: expected a mapping with title and steps" in printed

    @pytest.mark.parametrize("seed", ["-1", "x", str(2**64)])
    def test_a_seed_that_is_none_is_refused(self, project: Project, seed: str) -> None:
        code, printed = project.pytest("--devnet-seed", seed)
        assert code == pytest.ExitCode.USAGE_ERROR
        assert "seed (0 to 2^64 - 1)" in printed

    def test_no_run_folders_are_left_where_none_are_wanted(self, project: Project) -> None:
        project.write("scenarios/one.yaml", INCONCLUSIVE)
        code, printed = project.pytest("--devnet-runs", "")
        assert code == 1
        assert "again:    devnet run scenarios/one.yaml --seed 0" in printed
        assert not (project.folder / "runs").exists()

    @pytest.mark.parametrize("taken", ["runs", "elsewhere"])
    def test_run_folders_that_can_not_be_written_are_a_warning(
        self, project: Project, taken: str
    ) -> None:
        for name in ("one", "two"):
            project.write(f"scenarios/{name}.yaml", HELD)
        project.write(taken, "a file of that name")
        code, printed = project.pytest("--devnet-runs", taken)
        assert code == 0
        assert re.search(r"=+ 2 passed, 1 warning in ", printed), printed
        told = f"no run folders: can't write {taken}: File exists; --devnet-runs DIR puts them"
        assert told in printed


class TestTheFixtureDevnet:
    def test_each_test_has_a_world_of_its_own(self, project: Project) -> None:
        project.write(
            "test_it.py",
            """\
import pytest
from app import TOTAL
from ztdx_devnet import ScriptedWorld


@pytest.mark.parametrize("turn", [1, 2])
def test_a_deposit(devnet: ScriptedWorld, turn: int) -> None:
    assert TOTAL == 1
    assert devnet.deposits == {}
    devnet.deposit("alice", "100", as_="d1")
    devnet.mine(25)
    devnet.wait_until("60s", credited=["d1"])
    assert devnet.balance("alice") == "100"


@pytest.mark.devnet(confirmation_depth=3, seed=4)
def test_what_it_starts_from(devnet: ScriptedWorld) -> None:
    devnet.deposit("bob", "1", as_="d1")
    devnet.mine(10)
    assert devnet.deposits["d1"].credited
    assert "seed: 4" in devnet.scenario("it")
""",
        )
        code, printed = project.pytest()
        assert (code, "3 passed" in printed) == (0, True), printed

    def test_a_failed_step_is_shown_with_the_steps_so_far(self, project: Project) -> None:
        project.write(
            "test_it.py",
            """\
def test_a_balance(devnet):
    devnet.mine(3)
    devnet.expect(balance={"user": "alice", "available": "1"})
""",
        )
        code, printed = project.pytest()
        assert code == 1
        assert "expected: alice has 1 DF available" in printed
        assert "actual:   alice has 0 DF available" in printed
        assert "test_it.py:3: StepFailed" in printed
        assert "scripted/world.py" not in printed
        assert "devnet: the steps so far" in printed
        assert '  - expect: {balance: {user: alice, available: "1"}}' in printed

    def test_a_fault_that_never_fired_fails_it_at_its_end(self, project: Project) -> None:
        arm = 'devnet.answer_fault("eth_getBalance", "error", as_="f1", code=-32000)'
        project.write(
            "test_it.py",
            f"""\
import pytest
from ztdx_devnet import Inconclusive


def test_idle(devnet):
    {arm}
    devnet.mine(3)


def test_known_to_be_idle(devnet):
    {arm}
    with pytest.raises(Inconclusive):
        devnet.settle()


def test_broken_before_it_could_fire(devnet):
    {arm}
    assert not devnet


def test_skipped_before_it_could_fire(devnet):
    {arm}
    pytest.skip("not today")
""",
        )
        code, printed = project.pytest("-q")
        assert code == 1
        assert "1 failed, 2 passed, 1 skipped, 1 error" in printed
        assert re.findall(r"^(FAILED|ERROR) \S+::(\w+)", printed, re.MULTILINE) == [
            ("FAILED", "test_broken_before_it_could_fire"),
            ("ERROR", "test_idle"),
        ]
        assert "inconclusive: the fault 'f1' never fired" in printed

    def test_a_marker_that_can_not_be_is_told(self, project: Project) -> None:
        project.write(
            "test_it.py",
            """\
import pytest

@pytest.mark.devnet(confirmation_depth=-3)
def test_it(devnet):
    pass
""",
        )
        _, printed = project.pytest()
        assert "the marker devnet: given.confirmation_depth: should be greater" in printed


def test_the_server_is_a_real_one_and_gone_afterwards(project: Project) -> None:
    project.write(
        "test_it.py",
        """\
import json
import os
import urllib.request

import pytest

seen = []


def get(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_it_answers(devnet_server):
    assert devnet_server.rpc("eth_chainId") == hex(devnet_server.chain_id)
    balances = get(f"{devnet_server.api_url}/spot/balances", devnet_server.token("alice"))
    assert balances == {"balances": []}
    assert devnet_server.ws_url.startswith("ws://")
    assert devnet_server.admin_key == "devnet-admin-key"
    with pytest.raises(KeyError, match="the users are alice, "):
        devnet_server.token("zoe")
    seen.append(devnet_server.ready["pid"])


def test_that_one_is_gone():
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)


def test_one_for_all(devnet_server_session):
    seen.append(devnet_server_session)


def test_the_same(devnet_server_session):
    assert seen[-1] is devnet_server_session
    assert devnet_server_session.user("bob").address.startswith("0x")
""",
    )
    code, printed = project.pytest("-q")
    assert (code, "4 passed" in printed) == (0, True), printed


class TestItsDocument:
    TEXT = (CHECKOUT / "docs" / "pytest.md").read_text("utf-8")

    def test_every_example_passes(self, project: Project) -> None:
        examples = re.findall(r"^```python\n(.*?)^```$", self.TEXT, re.MULTILINE | re.DOTALL)
        for number, example in enumerate(examples):
            project.write(f"test_{number}.py", example)
        code, printed = project.pytest("-q")
        assert (code, len(examples)) == (0, 3), printed

    def test_names_every_option_and_attribute(self, project: Project) -> None:
        _, printed = project.pytest("--help")
        options = set(re.findall(r"--devnet-[a-z]+", printed))
        assert options == {"--devnet-seed", "--devnet-runs"}
        attributes = {name for name in vars(DevnetServer) if not name.startswith("_")}
        attributes |= set(re.findall(r"self\.([a-z]\w*)", inspect.getsource(DevnetServer)))
        for name in options | attributes:
            assert re.search(rf"`{name}\W", self.TEXT), name


def test_a_start_of_pytest_loads_nothing_of_ours_but_the_plugin(project: Project) -> None:
    project.write(
        "test_it.py",
        """\
import sys

def test_it():
    ours = {name for name in sys.modules if name.startswith(("ztdx_", "eth", "pydantic"))}
    assert ours == {"ztdx_devnet", "ztdx_devnet.pytest_plugin"}
""",
    )
    code, printed = project.pytest()
    assert code == 0, printed
