"""Commands that print: a full disk and a pipe that nobody reads are one line and exit code 3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRINTING = (["scenarios"], ["scenarios", "--json"], ["schema"])


def devnet(stdout: int, *arguments: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "ztdx_devnet", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )
    return ran.returncode, ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", [*PRINTING, ["--help"], ["run", "--help"]], ids=" ".join)
def test_what_a_full_disk_does_not_take_is_told(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        told = devnet(full.fileno(), *command)
    assert told == (3, "devnet: can't write: No space left on device\n")


@pytest.mark.parametrize("command", PRINTING, ids=" ".join)
def test_what_nobody_reads_is_told(command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        told = devnet(writer, *command)
    finally:
        os.close(writer)
    assert told == (3, "devnet: can't write: Broken pipe\n")


def test_a_schema_that_can_not_be_written_names_the_file(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "schema.json"
    told = devnet(subprocess.DEVNULL, "schema", "--output", str(missing))
    assert told == (3, f"devnet: can't write {missing}: No such file or directory\n")
