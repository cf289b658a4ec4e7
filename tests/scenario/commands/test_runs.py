"""`devnet run`: run folders, batches, reports."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from ztdx_devnet.report.console import ConsoleReport
from ztdx_devnet.runs.batch import SHRUNK_MAX, BatchSettings, play_batch
from ztdx_devnet.runs.folders import DEFAULT_ROOT
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario import bundled, loader
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_spot.config import ListenerSettings
from ztdx_spot.ledger.database import Database
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.ports import Clock, Entropy, Transport

from .invocation import FIRST_DEPOSIT, ID, WRONG, contents, devnet, impatient, play


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
        assert verdict["listener"] == f"{impatient.__module__}:impatient"
        replayed = devnet("replay", "latest")
        assert replayed.returncode == 3
        assert f"the listener {impatient.__module__}:impatient" in replayed.stderr

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
