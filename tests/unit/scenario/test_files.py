"""Which files of a folder are played: none of what runs leave, and nothing is lost silently."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ztdx_devnet.runs.folders import RunFolders
from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.files import is_scenario

TEXT = "title: t\nsteps: [{mine: 1}]\n"


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT)
    return path


def leave_a_run(root: Path) -> Path:
    files = {"scenario.yaml": TEXT.encode(), "verdict.json": b"{}", "shrunk.yaml": TEXT.encode()}
    return RunFolders(root).write("a-00000000", files)


def problems(*paths: Path) -> list[str]:
    with pytest.raises(BadScenario) as caught:
        loader.find(paths)
    return [str(problem) for problem in caught.value.problems]


def test_what_runs_leave_is_not_played_when_a_folder_is_searched(tmp_path: Path) -> None:
    mine, other = write(tmp_path / "a.yaml"), tmp_path / "sub" / "there"
    other.mkdir(parents=True)  # a root that was there before holds no sign of ours
    for root in (tmp_path / "runs", other):
        RunFolders(root).open()
        leave_a_run(root)
    RunFolders(tmp_path / "runs" / "sweeps").open()
    write(tmp_path / "runs" / "sweeps" / "a-crash-7.yaml")
    assert loader.find([tmp_path]) == [mine]
    assert problems(tmp_path / "runs") == [
        f"{tmp_path / 'runs'}: the directory holds no .yaml scenario; what runs leave is not "
        "searched: name the file"
    ]


def test_what_a_run_left_is_played_when_it_is_named(tmp_path: Path) -> None:
    RunFolders(tmp_path / "runs").open()
    run = leave_a_run(tmp_path / "runs")
    assert loader.find([run / "scenario.yaml"]) == [run / "scenario.yaml"]
    kept = write(tmp_path / "runs" / "sweeps" / "a-crash-7.yaml")
    assert loader.find([kept]) == [kept]
    assert loader.find([kept.parent]) == [kept]


def test_pytest_takes_the_same_files_of_a_folder(tmp_path: Path) -> None:
    mine = write(tmp_path / "scenarios" / "a.yaml")
    root = tmp_path / "scenarios" / "runs"
    RunFolders(root).open()
    run = leave_a_run(root)
    kept = write(root / "sweeps" / "a-crash-7.yaml")
    found = [p for p in (mine, run / "scenario.yaml", kept) if is_scenario(p, tmp_path)]
    assert found == [mine]


def test_a_scenario_of_that_name_in_a_folder_of_ones_own_is_played(tmp_path: Path) -> None:
    mine = write(tmp_path / "sub" / "scenario.yaml")
    assert loader.find([tmp_path]) == [mine]


def test_a_folder_that_can_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.yaml")
    locked = write(tmp_path / "locked" / "b.yaml").parent
    listed = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        if os.fspath(path) == str(locked):
            raise PermissionError(13, "Permission denied", str(locked))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert problems(tmp_path) == [f"{locked}: can't be read: Permission denied"]
    assert problems(locked) == [f"{locked}: can't be read: Permission denied"]


def test_what_is_named_as_a_scenario_and_is_no_file_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    dangling, pipe, loop = (tmp_path / f"{name}.yaml" for name in ("dangling", "pipe", "loop"))
    dangling.symlink_to("nothing")
    loop.symlink_to("loop.yaml")
    os.mkfifo(pipe)
    told = [
        f"{dangling}: is a symbolic link to nothing",
        f"{loop}: can't be read: Too many levels of symbolic links",
        f"{pipe}: is no regular file",
    ]
    assert problems(tmp_path) == told
    assert problems(dangling, loop, pipe) == told


def test_links_to_files_are_played_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    mine = write(tmp_path / "a.yaml")
    linked = tmp_path / "b.yaml"
    linked.symlink_to(mine)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "c.yaml").mkdir()
    assert loader.find([tmp_path]) == [mine, linked]
