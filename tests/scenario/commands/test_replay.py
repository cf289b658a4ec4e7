"""`devnet replay`: the same run again, and what a folder lacks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.runs.folders import DEFAULT_ROOT

from .invocation import WRONG, devnet, play


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

    def test_a_journal_that_is_no_file_is_not_waited_for(self) -> None:
        devnet("run", "first_deposit.yaml")
        journal = DEFAULT_ROOT / "latest" / "journal.jsonl"
        journal.unlink()
        os.mkfifo(journal)
        ran = devnet("replay", "latest")
        told = "the same run by its digest, but journal.jsonl is no regular file: held\n"
        assert ran.stdout.startswith(told)

    @pytest.mark.parametrize("damage", ["", "{}", '{"path": 1}', "[]"])
    def test_a_folder_that_is_damaged_is_bad_input_in_one_line(self, damage: str) -> None:
        devnet("run", "first_deposit.yaml")
        (DEFAULT_ROOT / "latest" / "verdict.json").write_text(damage)
        ran = devnet("replay", "latest")
        assert (ran.returncode, ran.stdout) == (3, "")
        assert "verdict.json: " in ran.stderr
        assert len(ran.stderr.splitlines()) == 1
