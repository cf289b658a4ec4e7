"""What a run leaves behind, its replay, its failure report, batches, and Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from ztdx_devnet.explore import documented_loop, library
from ztdx_devnet.report.console import ConsoleReport
from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.runs.batch import SHRUNK_MAX, BatchSettings, play_batch
from ztdx_devnet.runs.folders import DEFAULT_ROOT
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario import bundled, loader
from ztdx_devnet.scenario.stage import Stage, StepImpossible
from ztdx_devnet.scenario.verbs.storage import Tamper
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_spot.config import ListenerSettings
from ztdx_spot.ledger.database import Database
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.ports import Clock, Entropy, Transport

FIRST_DEPOSIT = (bundled.folder() / "first_deposit.yaml").read_text("utf-8")
WRONG = """\
title: A balance that nobody has
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 1
  - note: an aside
check:
  eventually:
    - balance: {user: alice, available: "2"}
"""
IMPOSSIBLE = """\
title: A balance that is not there yet
steps:
  - mine: 3
  - tamper: {user: alice, available: "1"}
"""
REFUSAL = "alice has no balance of DF to tamper with yet"
ID = re.compile(r"-[0-9a-f]{8}\b")


def impatient(
    settings: ListenerSettings,
    transport: Transport,
    clock: Clock,
    entropy: Entropy,
    database: Database,
) -> NoReturn:
    """A listener that credits one confirmation too early."""
    depth = settings.confirmation_depth_blocks - 1
    early = replace(settings, confirmation_depth_blocks=depth)
    run_listener(early, transport, clock, entropy, database)


def play(
    path: Path, listener: ListenerProgram | None = None, root: Path | None = DEFAULT_ROOT
) -> RunRecord:
    settings = BatchSettings(root=root, listener=listener)
    (record,) = play_batch([loader.load(path)], settings, Stopping(), lambda _: None)
    return record


def devnet(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    return subprocess.run(
        [sys.executable, "-m", "ztdx_devnet", *map(str, arguments)],
        env={**outside, **(environment or {})},
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first_deposit.yaml").write_text(FIRST_DEPOSIT)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    DEFAULT_ROOT.mkdir()
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


class TestFolders:
    def test_a_run_leaves_its_scenario_journal_verdict_and_timeline(self) -> None:
        ran = devnet("run", "first_deposit.yaml")
        assert ran.returncode == 0, ran.stderr
        latest = DEFAULT_ROOT / "latest"
        verdict = json.loads((latest / "verdict.json").read_text())
        assert verdict["run"] == latest.resolve().name
        assert verdict["run"] == f"first_deposit-{verdict['digest'][:8]}"
        assert "listener" not in verdict
        assert (latest / "scenario.yaml").read_text() == FIRST_DEPOSIT
        lines = (latest / "journal.jsonl").read_text().splitlines()
        assert [json.loads(line)[0] for line in lines] == list(range(len(lines)))
        assert (latest / "timeline.html").read_text().startswith("<!doctype html>")

    def test_the_same_run_leaves_the_same_bytes_whoever_played_it(self) -> None:
        for options in (["--runs", "a"], ["--runs", "b", "-n", "2", "--twice"]):
            assert devnet("run", *options, "first_deposit.yaml").returncode == 0
        found = contents(Path("a"))
        assert len(found) == 5  # with the .gitignore
        assert contents(Path("b")) == found

    def test_another_seed_is_in_the_scenario_so_that_it_can_be_replayed(self) -> None:
        devnet("run", "--seed", "7", "first_deposit.yaml")
        assert (DEFAULT_ROOT / "latest" / "scenario.yaml").read_text().endswith("\nseed: 7\n")
        replayed = devnet("replay", "latest")
        assert replayed.returncode == 0
        assert replayed.stdout.startswith("the same run to the byte: held\n")

    def test_latest_is_the_last_run_that_did_not_hold(self) -> None:
        devnet("run", "wrong.yaml", "first_deposit.yaml", "--no-shrink")
        assert (DEFAULT_ROOT / "latest").resolve().name.startswith("wrong-")

    def test_another_listener_is_recorded(self) -> None:
        record = play(Path("first_deposit.yaml"), impatient)
        assert record.folder is not None
        verdict = json.loads((Path(record.folder) / "verdict.json").read_text())
        assert verdict["listener"] == f"{__name__}:impatient"
        replayed = devnet("replay", "latest")
        assert replayed.returncode == 3
        assert f"the listener {__name__}:impatient" in replayed.stderr

    def test_none_is_left_when_none_is_wanted(self, folder: Path) -> None:
        DEFAULT_ROOT.rmdir()
        before = contents(folder)
        assert devnet("run", "--no-runs", "first_deposit.yaml").returncode == 0
        assert contents(folder) == before

    def test_a_place_that_can_not_be_written_is_said_and_the_scenarios_are_played(self) -> None:
        DEFAULT_ROOT.rmdir()
        DEFAULT_ROOT.write_text("mine")
        ran = devnet("run", "first_deposit.yaml")
        assert ran.returncode == 0
        assert "no run folders" in ran.stderr

    def test_a_wanted_place_that_can_not_be_is_bad_input(self) -> None:
        ran = devnet("run", "--runs", "wrong.yaml/runs", "first_deposit.yaml")
        assert (ran.returncode, ran.stdout) == (3, "")
        assert len(ran.stderr.splitlines()) == 1


class TestReplay:
    def test_a_failure_that_is_still_there_is_the_same_to_the_byte(self) -> None:
        record = play(Path("first_deposit.yaml"), documented_loop.run_listener)
        assert record.run_id is not None
        assert devnet("run", "wrong.yaml", "--no-shrink").returncode == 1
        ran = devnet("replay", "wrong-")
        assert ran.returncode == 1
        assert ran.stdout.startswith("the same run to the byte: violated: eventually\n")
        assert "devnet replay wrong-" in ran.stdout
        assert devnet("replay", record.run_id).returncode == 0

    def test_a_run_that_holds_now_is_fixed_and_leaves_a_folder(self) -> None:
        devnet("run", "wrong.yaml", "--no-shrink")
        recorded = (DEFAULT_ROOT / "latest").resolve()
        scenario = recorded / "scenario.yaml"
        scenario.write_text(WRONG.replace('available: "2"', 'available: "1"'))
        ran = devnet("replay", recorded)
        assert ran.returncode == 0
        assert ran.stdout.startswith("fixed: held now; it was violated: eventually\n")
        assert len(list(DEFAULT_ROOT.glob("wrong-*"))) == 2

    @pytest.mark.parametrize(
        "arguments", [["nothing"], ["latest"], ["/"], ["latest", "--runs", "x"]]
    )
    def test_an_unknown_run_is_bad_input_in_one_line(self, arguments: list[str]) -> None:
        ran = devnet("replay", *arguments)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert len(ran.stderr.splitlines()) == 1

    def test_a_folder_that_holds_no_run_says_what_is_missing(self) -> None:
        devnet("run", "first_deposit.yaml")
        (DEFAULT_ROOT / "latest" / "scenario.yaml").unlink()
        folder = (DEFAULT_ROOT / "latest").resolve()
        for given in (folder, folder.name, "latest"):
            ran = devnet("replay", given)
            assert (ran.returncode, ran.stdout) == (3, "")
            assert ran.stderr.endswith(
                f"{folder.name}: holds no scenario.yaml: it is no whole run\n"
            )
        Path("empty").mkdir()
        ran = devnet("replay", "empty")
        told = "devnet: empty: holds no scenario.yaml and no verdict.json: it is no whole run\n"
        assert (ran.returncode, ran.stderr) == (3, told)

    @pytest.mark.parametrize("seed", ["-1", str(2**64), "1.5"])
    def test_a_seed_that_no_run_has_is_refused(self, seed: str) -> None:
        devnet("run", "first_deposit.yaml")
        verdict = DEFAULT_ROOT / "latest" / "verdict.json"
        verdict.write_text(verdict.read_text().replace('"seed": 0', f'"seed": {seed}'))
        ran = devnet("replay", "latest")
        assert (ran.returncode, ran.stdout) == (3, "")
        assert "verdict.json: seed: " in ran.stderr

    @pytest.mark.parametrize(
        ("damage", "told"),
        [
            (None, "the folder has no journal.jsonl to compare with"),
            (b"", "journal.jsonl is another from line 1 on"),
            (b"garbage \xff\n", "journal.jsonl is another from line 1 on"),
            (b"more\n", "journal.jsonl is another from line {after} on"),
        ],
    )
    def test_the_same_run_to_the_byte_is_one_whose_journal_is_there(
        self, damage: bytes | None, told: str
    ) -> None:
        devnet("run", "first_deposit.yaml")
        journal = DEFAULT_ROOT / "latest" / "journal.jsonl"
        entries = journal.read_bytes()
        if damage is None:
            journal.unlink()
        else:
            journal.write_bytes(entries + damage if damage == b"more\n" else damage)
        ran = devnet("replay", "latest")
        told = told.format(after=len(entries.splitlines()) + 1)
        assert ran.stdout.startswith(f"the same run by its digest, but {told}: held\n")
        assert ran.returncode == 0

    @pytest.mark.parametrize("damage", ["", "{}", '{"path": 1}', "[]"])
    def test_a_folder_that_is_damaged_is_bad_input_in_one_line(self, damage: str) -> None:
        devnet("run", "first_deposit.yaml")
        (DEFAULT_ROOT / "latest" / "verdict.json").write_text(damage)
        ran = devnet("replay", "latest")
        assert (ran.returncode, ran.stdout) == (3, "")
        assert "verdict.json: " in ran.stderr
        assert len(ran.stderr.splitlines()) == 1


class TestBatch:
    def test_the_order_is_that_of_the_files_however_many_play(self) -> None:
        names = ["fork_and_back", "first_deposit", "admin_credit", "truncated_page"]
        paths = [bundled.folder() / f"{name}.yaml" for name in names]
        ran = devnet("run", "-n", "2", "--json", *paths)
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout)["scenarios"]
        assert [Path(scenario["path"]).stem for scenario in told] == names

    @pytest.mark.parametrize("count", ["0", "-1", "x", "257", "1.5", "²"])
    def test_a_number_of_processes_that_can_not_be_is_bad_input(self, count: str) -> None:
        ran = devnet("run", "-n", count, "first_deposit.yaml")
        assert (ran.returncode, ran.stdout) == (3, "")
        assert len(ran.stderr.splitlines()) == 1

    def test_a_run_that_is_not_repeatable_is_violated(self) -> None:
        played: list[int] = []

        def forgetful(
            settings: ListenerSettings,
            transport: Transport,
            clock: Clock,
            entropy: Entropy,
            database: Database,
        ) -> NoReturn:
            played.append(1)
            clock.sleep_s(len(played))
            run_listener(settings, transport, clock, entropy, database)

        settings = BatchSettings(twice=True, listener=forgetful)
        scenario = loader.load(Path("first_deposit.yaml"))
        (record,) = play_batch([scenario], settings, Stopping(), lambda _: None)
        assert record.outcome.verdict is Verdict.VIOLATED
        assert record.outcome.failure is not None
        assert record.outcome.failure.rule == "the run is not deterministic"
        assert record.outcome.failure.expected.startswith("journal line ")
        assert record.outcome.failure.actual != record.outcome.failure.expected

    def test_only_the_first_failures_are_shrunk(self) -> None:
        scenario = loader.load(Path("wrong.yaml"))
        scenarios = [replace(scenario, path=f"{i}.yaml") for i in range(SHRUNK_MAX + 1)]
        records = play_batch(scenarios, BatchSettings(), Stopping(), lambda _: None)
        assert [record.shrunk is not None for record in records] == [True] * SHRUNK_MAX + [False]
        assert records[-1].unshrunk


class TestRefused:
    """What can't be done, and is found only while it is played, ends no other scenario."""

    FILES = ("impossible.yaml", "first_deposit.yaml", "wrong.yaml")
    LINE = f"impossible.yaml:4: {REFUSAL}"

    @pytest.fixture(autouse=True)
    def impossible(self) -> None:
        Path("impossible.yaml").write_text(IMPOSSIBLE)

    def test_the_others_are_played_and_all_are_told(self, folder: Path) -> None:
        ran = devnet(
            "run",
            "--no-shrink",
            "--junit",
            "results.xml",
            "--annotations",
            "github",
            *self.FILES,
            environment={"GITHUB_WORKSPACE": str(folder)},
        )
        assert (ran.returncode, ran.stderr) == (1, "")
        lines = ran.stdout.splitlines()
        assert lines[0].startswith("refused      A balance that is not there yet")
        assert lines[1:3] == [f"  {self.LINE}", "  refused at 6.0 s, seed 0"]
        assert "3 scenarios: 1 held, 1 violated, 1 refused;" in lines[-1]
        title = "title=refused%3A A balance that is not there yet"
        annotation = f"::error file=impossible.yaml,line=4,{title}::{self.LINE}%0A"
        assert any(line.startswith(annotation) for line in lines)
        suites = ElementTree.parse("results.xml").getroot()
        counts = [suites.attrib[name] for name in ("tests", "failures", "errors")]
        assert counts == ["3", "1", "1"]
        case = suites.find(".//testcase[error]")
        assert case is not None
        assert (case.attrib["file"], case.attrib["line"]) == ("impossible.yaml", "4")
        error = case.find("error")
        assert error is not None
        assert error.attrib == {"message": self.LINE, "type": "refused"}
        assert (error.text or "").startswith(f"{self.LINE}\nrefused at 6.0 s, seed 0\n")

    def test_alone_it_is_bad_input_for_people_and_machines(self) -> None:
        ran = devnet("run", "--json", "--no-runs", "impossible.yaml", "first_deposit.yaml")
        assert (ran.returncode, ran.stderr) == (3, "")
        told = json.loads(ran.stdout)
        assert told["verdict"] == "refused"
        assert [each["verdict"] for each in told["scenarios"]] == ["refused", "held"]
        assert told["scenarios"][0]["failure"] == {
            "rule": "impossible",
            "line": 4,
            "at_s": 6.001,
            "expected": "what can be done",
            "actual": REFUSAL,
        }

    def test_all_that_is_wrong_with_its_settings_is_one_line(self) -> None:
        given = 'given:\n  environment: {JWT_EXPIRY_SECONDS: "-5", JWT_SECRET: ""}\n'
        Path("two.yaml").write_text(f"title: t\n{given}steps: [{{mine: 1}}]\n")
        ran = devnet("run", "two.yaml")
        line = ran.stdout.splitlines()[1]
        assert line.startswith("  two.yaml:2: environment: JWT_SECRET is not set")
        assert "; JWT_EXPIRY_SECONDS is '-5': " in line

    def test_its_folder_is_replayed_to_the_same_refusal(self) -> None:
        assert devnet("run", "impossible.yaml", "first_deposit.yaml").returncode == 3
        latest = DEFAULT_ROOT / "latest"
        assert json.loads((latest / "verdict.json").read_text())["verdict"] == "refused"
        assert f"The scenario can&#x27;t be played: {REFUSAL}." in (
            latest / "timeline.html"
        ).read_text("utf-8")
        ran = devnet("replay", "latest")
        assert (ran.returncode, ran.stderr) == (3, "")
        assert ran.stdout.startswith("the same run to the byte: refused: impossible\n")
        assert f"\n  {self.LINE}\n" in ran.stdout

    def test_it_is_the_same_in_several_processes_and_twice(self) -> None:
        for options in (["--runs", "a"], ["--runs", "b", "-n", "2", "--twice"]):
            assert devnet("run", "--no-shrink", *options, *self.FILES).returncode == 1
        assert contents(Path("a")) == contents(Path("b"))

    def test_settings_that_the_product_refuses_are_told_like_that_too(self) -> None:
        given = "given:\n  environment: {JWT_EXPIRY_SECONDS: x}\n"
        Path("settings.yaml").write_text(f"title: t\n{given}steps:\n  - mine: 1\n")
        ran = devnet("run", "settings.yaml", "first_deposit.yaml")
        assert ran.returncode == 3
        assert ran.stdout.splitlines()[1].startswith(
            "  settings.yaml:2: environment: JWT_EXPIRY_SECONDS is 'x': expected "
        )
        assert "2 scenarios: 1 held, 1 refused;" in ran.stdout
        replayed = devnet("replay", "latest")
        assert replayed.returncode == 3
        assert replayed.stdout.startswith("the same run to the byte: refused: impossible\n")

    def test_what_is_found_before_it_is_played_ends_all_of_them(self) -> None:
        Path("bad.yaml").write_text("title: t\nsteps:\n  - mien: 1\n")
        ran = devnet("run", "bad.yaml", *self.FILES)
        assert (ran.returncode, ran.stdout) == (3, "")
        assert ran.stderr == "bad.yaml:3: unknown verb 'mien': did you mean 'mine'?\n"

    def test_an_invariant_that_was_broken_before_is_the_verdict(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tamper = Tamper.perform

        def tamper_and_fail(self: Tamper, stage: Stage) -> None:
            tamper(self, stage)
            raise StepImpossible("nor anything else")

        monkeypatch.setattr(Tamper, "perform", tamper_and_fail)
        Path("both.yaml").write_text(
            'title: t\nsteps:\n  - deposit: {as: d1, user: alice, amount: "1"}\n  - mine: 1\n'
            "  - wait_until: {credited: [d1], within: 90s}\n"
            '  - tamper: {user: alice, available: "2"}\n'
        )
        record = play(Path("both.yaml"), root=None)
        assert record.outcome.verdict is Verdict.VIOLATED

    def test_a_canary_that_is_refused_has_not_died_of_anything(self) -> None:
        Path("canary.yaml").write_text(f"{IMPOSSIBLE}canary: I1\n")
        record = play(Path("canary.yaml"), root=None)
        assert record.outcome.verdict is Verdict.REFUSED


class TestReport:
    def test_the_whole_report_of_a_listener_that_credits_too_early(self) -> None:
        out = io.StringIO()
        record = play(Path("first_deposit.yaml"), impatient)
        outcome = replace(record.outcome, wall_s=0.02)
        report = ConsoleReport(Console(file=out, width=200))
        report.line(replace(record, outcome=outcome))
        report.summary([record], 1.5)
        told = ID.sub("-XXXXXXXX", out.getvalue())
        assert told == (Path(__file__).parent / "failure_report.expected").read_text("utf-8")

    def test_the_shrunk_scenario_is_in_the_folder_and_fails_alike(self) -> None:
        ran = devnet("run", "wrong.yaml", "--junit", "results.xml")
        shrunk = DEFAULT_ROOT / "latest" / "shrunk.yaml"
        assert "shrunk: 1 of 3 steps fail alike" in ran.stdout
        again = devnet("run", "--no-runs", "--no-shrink", shrunk)
        assert again.returncode == 1
        assert "actual:   alice has 1 DF available" in again.stdout
        failure = ElementTree.parse("results.xml").getroot().find(".//failure")
        assert failure is not None
        assert failure.text is not None
        report = [line.removeprefix("  ") for line in ran.stdout.splitlines()[1:-2]]
        assert failure.text.splitlines() == report
        assert "\x1b" not in failure.text

    def test_what_a_terminal_would_obey_is_written_out(self) -> None:
        Path("odd.yaml").write_text('title: "\\e[31m red"\n' + WRONG.split("\n", 1)[1])
        ran = devnet("run", "odd.yaml", "--no-shrink")
        assert "\x1b" not in ran.stdout
        assert "\\x1b[31m red" in ran.stdout

    @pytest.mark.parametrize(
        ("options", "environment", "count"),
        [
            ([], {}, 0),
            ([], {"GITHUB_ACTIONS": "true"}, 1),
            (["--annotations", "github"], {}, 1),
            (["--annotations", "never"], {"GITHUB_ACTIONS": "true"}, 0),
        ],
    )
    def test_annotations_come_where_they_are_read(
        self, folder: Path, options: list[str], environment: dict[str, str], count: int
    ) -> None:
        there = {**environment, "GITHUB_WORKSPACE": str(folder)}
        ran = devnet("run", folder / "wrong.yaml", "--no-shrink", *options, environment=there)
        lines = [line for line in ran.stdout.splitlines() if line.startswith("::")]
        assert len(lines) == count
        assert all(line.startswith("::error file=wrong.yaml,line=6,title=") for line in lines)

    def test_an_object_on_standard_output_stays_alone_there(self) -> None:
        ran = devnet("run", "wrong.yaml", "--no-shrink", "--json", "--annotations", "github")
        assert json.loads(ran.stdout)["verdict"] == "violated"
        assert ran.stderr.startswith("::error ")


class TestInterruption:
    """By a signal, at a step of the scenario that is known."""

    PROGRAM = """
import os, signal, sys
from ztdx_devnet.scenario.verbs.flow import Note
perform = Note.perform
def interrupt(self, stage):
    perform(self, stage)
    if self.text == "now":
        os.kill(os.getpid(), signal.SIGINT)
Note.perform = interrupt
from ztdx_devnet.cli import main
sys.argv = ["devnet", *sys.argv[1:]]
main()
"""

    @pytest.fixture(autouse=True)
    def long(self) -> None:
        text = "title: long\nsteps:\n  - wait: 30s\n  - note: now\n  - wait: 1h\n"
        Path("long.yaml").write_text(text)

    def interrupted(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", self.PROGRAM, "run", *arguments]
        return subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)

    def test_the_run_in_progress_leaves_a_whole_folder_and_a_summary_is_printed(self) -> None:
        files = ["first_deposit.yaml", "long.yaml", "wrong.yaml"]
        ran = self.interrupted("--junit", "results.xml", *files)
        assert ran.returncode == 130, ran.stderr
        assert ran.stderr == ""
        assert "2 of 3 scenarios: 1 held, 1 interrupted" in ran.stdout
        assert "long.yaml:4, seed 0" in ran.stdout
        latest = DEFAULT_ROOT / "latest"
        assert json.loads((latest / "verdict.json").read_text())["verdict"] == "interrupted"
        assert {path.name for path in latest.iterdir()} == {
            "scenario.yaml", "journal.jsonl", "verdict.json", "timeline.html",
        }  # fmt: skip
        last = json.loads((latest / "journal.jsonl").read_text().splitlines()[-1])
        assert last[2:4] == ["scenario", "verdict"]
        assert not list(DEFAULT_ROOT.glob(".partial*"))
        suites = ElementTree.parse("results.xml").getroot()
        assert (suites.attrib["tests"], suites.attrib["errors"]) == ("2", "1")

    def test_its_replay_goes_on_to_the_end(self) -> None:
        self.interrupted("long.yaml")
        ran = devnet("replay", "latest")
        assert ran.returncode == 0
        assert ran.stdout.startswith("the recorded run was interrupted; this one was not: held\n")

    def test_several_processes_all_end_with_their_folders(self) -> None:
        Path("week.yaml").write_text("title: week\nsteps:\n  - wait: 30d\n")
        Path("other.yaml").write_text("title: other\nsteps:\n  - wait: 30d\n")
        command = [sys.executable, "-m", "ztdx_devnet", "run", "-n", "3", "first_deposit.yaml"]
        process = subprocess.Popen(
            [*command, "week.yaml", "other.yaml"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline()  # the short one is told: the long ones are played
        assert first.startswith("held")
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to all of them
        try:
            told, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        assert (process.returncode, errors) == (130, "")
        assert "scenarios: 1 held, " in told
        for folder in DEFAULT_ROOT.glob("[ow]*-*"):
            assert json.loads((folder / "verdict.json").read_text())["verdict"] == "interrupted"
        assert not list(DEFAULT_ROOT.glob(".partial*"))

    def test_a_replay_that_is_interrupted_says_nothing_and_leaves_nothing(self) -> None:
        devnet("run", "long.yaml")
        self.replay_is_interrupted()
        self.interrupted("long.yaml")
        self.replay_is_interrupted()

    def replay_is_interrupted(self) -> None:
        before = contents(DEFAULT_ROOT)
        command = [sys.executable, "-c", self.PROGRAM, "replay", "latest"]
        ran = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
        assert ran.returncode == 130
        assert ran.stdout.startswith("interrupted before its end: nothing can be said\n")
        assert contents(DEFAULT_ROOT) == before

    def test_the_list_of_scenarios_says_how_far_it_played(self) -> None:
        program = """
import os, signal, sys
from ztdx_devnet.scenario import runner
play, played = runner.play, []
def interrupt(*arguments, **named):
    played.append(1)
    if len(played) == 3:
        os.kill(os.getpid(), signal.SIGINT)
    return play(*arguments, **named)
runner.play = interrupt
from ztdx_devnet.cli import main
sys.argv = ["devnet", "scenarios", "--play"]
main()
"""
        command = [sys.executable, "-c", program]
        ran = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
        assert (ran.returncode, ran.stdout) == (130, "")
        of = len(loader.find([bundled.folder()]))
        assert ran.stderr == f"devnet: interrupted after 2 of {of} scenarios\n"

    def test_the_list_of_scenarios_tells_of_one_that_turns_out_to_be_impossible(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "bundled"
        folder.mkdir()
        (folder / "impossible.yaml").write_text(IMPOSSIBLE)
        monkeypatch.setattr(bundled, "folder", lambda: folder)
        (found,) = library.listed(play=True)
        assert found.product == "refused"


class TestSurroundings:
    """A verdict survives what fails around it."""

    FULL_DISK = """
import errno, sys
from pathlib import Path
write = Path.write_bytes
def full(self, content):
    if self.name == "journal.jsonl" and not self.parent.name.startswith("idle-"):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))
    return write(self, content)
Path.write_bytes = full
from ztdx_devnet.cli import main
sys.argv = ["devnet", *sys.argv[1:]]
main()
"""
    BUG = """
import sys
from ztdx_devnet.scenario.verbs.flow import Note
perform = Note.perform
def fail(self, stage):
    if self.text == "an aside":
        raise ZeroDivisionError("by accident")
    perform(self, stage)
Note.perform = fail
from ztdx_devnet.cli import main
sys.argv = ["devnet", *sys.argv[1:]]
main()
"""

    def ran(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)

    def test_a_full_disk_costs_the_folder_and_a_line(self) -> None:
        Path("idle.yaml").write_text("title: idle\nsteps:\n  - wait: 1s\n")
        files = ["first_deposit.yaml", "idle.yaml", "--junit", "results.xml"]
        ran = self.ran(self.FULL_DISK, "run", *files)
        assert ran.returncode == 0
        assert "2 scenarios: 2 held" in ran.stdout
        (line,) = ran.stderr.splitlines()
        assert line.startswith("devnet: can't write runs/first_deposit-")
        assert line.endswith(": No space left on device")
        assert ElementTree.parse("results.xml").getroot().attrib["tests"] == "2"
        assert [path.name.partition("-")[0] for path in DEFAULT_ROOT.glob("*-*")] == ["idle"]
        assert (DEFAULT_ROOT / "latest").resolve().name.startswith("idle-")

    def test_where_a_folder_was_asked_for_it_costs_the_exit_code_too(self) -> None:
        ran = self.ran(self.FULL_DISK, "run", "first_deposit.yaml", "--runs", "here")
        assert ran.returncode == 3
        assert "1 scenario: 1 held" in ran.stdout
        ran = self.ran(self.FULL_DISK, "run", "wrong.yaml", "--runs", "here")
        assert ran.returncode == 1
        assert "shrunk: " in ran.stdout
        assert "again:    devnet run wrong.yaml --seed 0" in ran.stdout

    def test_a_replay_is_told_where_its_folder_can_not_be_written(self) -> None:
        devnet("run", "wrong.yaml", "--no-shrink")
        scenario = (DEFAULT_ROOT / "latest").resolve() / "scenario.yaml"
        scenario.write_text(WRONG.replace('available: "2"', 'available: "1"'))
        ran = self.ran(self.FULL_DISK, "replay", "latest")
        assert ran.returncode == 0
        assert ran.stdout.startswith("fixed: held now; it was violated: eventually\n")
        assert ran.stderr.startswith("devnet: can't write runs/wrong-")

    def test_a_junit_file_that_can_not_be_written_costs_a_line_and_the_exit_code(self) -> None:
        ran = devnet("run", "first_deposit.yaml", "--json", "--junit", "/dev/full")
        assert ran.returncode == 3
        assert ran.stderr == "devnet: can't write /dev/full: No space left on device\n"
        assert json.loads(ran.stdout)["verdict"] == "held"
        ran = devnet("run", "wrong.yaml", "--no-shrink", "--junit", "/dev/full")
        assert ran.returncode == 1
        assert "1 scenario: 0 held, 1 violated" in ran.stdout

    def test_no_half_of_a_junit_file_is_left(self) -> None:
        program = """
import errno, io, sys
from ztdx_devnet.report import junit
class Full(io.BytesIO):
    def write(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")
junit.opened = lambda path: (path.touch(), Full())[1]
from ztdx_devnet.cli import main
sys.argv = ["devnet", *sys.argv[1:]]
main()
"""
        ran = self.ran(program, "run", "first_deposit.yaml", "--junit", "results.xml")
        assert ran.returncode == 3
        assert ran.stderr == "devnet: can't write results.xml: No space left on device\n"
        assert not Path("results.xml").exists()

    def test_a_reader_that_goes_away_ends_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "one.yaml").write_text(FIRST_DEPOSIT, "utf-8")
        (tmp_path / "two.yaml").write_text(FIRST_DEPOSIT, "utf-8")
        reader, writer = os.pipe()
        os.close(reader)
        ran = subprocess.run(
            [sys.executable, "-m", "ztdx_devnet", "run", "one.yaml", "two.yaml"],
            cwd=tmp_path,
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
            timeout=60,
        )
        os.close(writer)
        assert (ran.stderr, ran.returncode) == ("devnet: can't write: Broken pipe\n", 3)
        kept = sorted(path.name.partition("-")[0] for path in (tmp_path / "runs").iterdir())
        assert kept == ["latest", "one", "two"]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has none")
    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_where_nothing_can_be_printed_junit_is_written(self, options: list[str]) -> None:
        command = [sys.executable, "-m", "ztdx_devnet", "run", "--no-shrink"]
        command += ["--junit", "results.xml"]
        with Path("/dev/full").open("w") as full:
            ran = subprocess.run(
                [*command, "first_deposit.yaml", "wrong.yaml", *options],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
                text=True,
            )
        assert ran.returncode == 1
        assert ran.stderr == "devnet: can't write: No space left on device\n"
        assert ElementTree.parse("results.xml").getroot().attrib["tests"] == "2"

    def test_an_error_of_our_own_is_the_verdict_of_that_scenario(self) -> None:
        files = ["wrong.yaml", "first_deposit.yaml"]
        ran = self.ran(self.BUG, "run", "--json", "--junit", "results.xml", *files)
        assert ran.returncode == 4
        told = json.loads(ran.stdout)
        assert told["verdict"] == "error"
        assert [each["verdict"] for each in told["scenarios"]] == ["error", "held"]
        assert told["scenarios"][0]["failure"]["actual"] == "ZeroDivisionError('by accident')"
        suites = ElementTree.parse("results.xml").getroot()
        assert (suites.attrib["tests"], suites.attrib["errors"]) == ("2", "1")
        error = suites.find(".//error")
        assert error is not None
        assert error.attrib["type"] == "error"
        assert "ZeroDivisionError" in (error.text or "")

    def test_an_error_of_our_own_is_told_and_traced_where_that_is_wanted(self) -> None:
        files = ["wrong.yaml", "first_deposit.yaml"]
        ran = self.ran(self.BUG, "run", *files)
        assert (ran.returncode, ran.stderr) == (4, "")
        assert ran.stdout.startswith("error ")
        assert "ZeroDivisionError('by accident')" in ran.stdout
        assert "2 scenarios: 1 held, 1 error" in ran.stdout
        ran = self.ran(self.BUG, "run", "--debug", *files)
        assert "Traceback" in ran.stderr
        assert "in fail" in ran.stderr
