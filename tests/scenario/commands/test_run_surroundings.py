"""`devnet run` among signals, full disks, and pipes that nobody reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ztdx_devnet.explore import library
from ztdx_devnet.report.machine import as_json
from ztdx_devnet.runs.folders import DEFAULT_ROOT
from ztdx_devnet.scenario import bundled, loader

from .invocation import FIRST_DEPOSIT, IMPOSSIBLE, WRONG, contents, devnet


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
        assert (suites.attrib["tests"], suites.attrib["errors"]) == ("3", "2")
        (unplayed,) = suites.iterfind(".//testcase[@file='wrong.yaml']/error")
        assert unplayed.attrib["message"] == "interrupted before it was played"

    def test_a_batch_that_was_stopped_is_never_held_for_machines(self) -> None:
        ran = self.interrupted("--json", "first_deposit.yaml", "long.yaml", "wrong.yaml")
        told = json.loads(ran.stdout)
        assert told["verdict"] == "interrupted"
        assert [each["verdict"] for each in told["scenarios"]] == ["held", "interrupted"]
        assert as_json([], was_stopped=True) == {"verdict": "interrupted", "scenarios": []}

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
