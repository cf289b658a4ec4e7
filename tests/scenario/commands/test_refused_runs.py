"""Scenarios that turn out to be impossible while they are played: refused, and alone."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ztdx_devnet.runs.folders import DEFAULT_ROOT
from ztdx_devnet.scenario.stage import Stage, StepImpossible
from ztdx_devnet.scenario.verbs.storage import Tamper
from ztdx_devnet.scenario.verdict import Verdict

from .invocation import IMPOSSIBLE, REFUSAL, contents, devnet, play


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
