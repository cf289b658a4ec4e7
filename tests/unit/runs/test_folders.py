"""Run folders: their names, that they are whole, which are kept, and how they are found."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ztdx_devnet.runs import folders as folders_module
from ztdx_devnet.runs.folders import RunFolders, UnknownRun, run_id

DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def folders(tmp_path: Path) -> RunFolders:
    folders = RunFolders(tmp_path / "runs")
    folders.open()
    return folders


def leave(folders: RunFolders, identity: str, verdict: str = "held", age: int = 0) -> Path:
    told = json.dumps({"verdict": verdict}).encode()
    folder = folders.write(identity, {"verdict.json": told, "scenario.yaml": b""})
    os.utime(folder / "verdict.json", ns=(10**18 - age, 10**18 - age))
    return folder


def names(folders: RunFolders) -> list[str]:
    return sorted(path.name for path in folders.root.iterdir())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("scenarios/first_deposit.yaml", "first_deposit-01234567"),
        ("a b/ü ber?.yaml", "ü_ber_-01234567"),
        ("-n.yaml", "_n-01234567"),
        (".hidden.yaml", "_hidden-01234567"),
        ("x" * 300 + ".yaml", "x" * 60 + "-01234567"),
    ],
)
def test_an_id_is_the_file_and_the_digest_and_fit_for_a_folder(path: str, expected: str) -> None:
    assert run_id(path, DIGEST) == expected


def test_a_new_root_is_hidden_from_git_and_an_old_one_is_left_as_it_is(tmp_path: Path) -> None:
    RunFolders(tmp_path / "new" / "runs").open()
    assert (tmp_path / "new" / "runs" / ".gitignore").read_text().splitlines()[-1] == "*"
    (tmp_path / ".gitignore").write_text("mine")
    RunFolders(tmp_path).open()
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_the_same_run_replaces_its_folder_whole(folders: RunFolders) -> None:
    folders.write("a-00000000", {"old.txt": b"1", "both.txt": b"1"})
    folders.write("a-00000000", {"both.txt": b"2"})
    folder = folders.path("a-00000000")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"both.txt": b"2"}
    assert names(folders) == [".gitignore", "a-00000000"]


def test_writers_of_the_same_run_do_not_disturb_one_another(folders: RunFolders) -> None:
    files = {"verdict.json": b"{}", "scenario.yaml": b"x"}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: folders.write("a-00000000", files), range(200)))
    assert names(folders) == [".gitignore", "a-00000000"]
    assert sorted(path.name for path in folders.path("a-00000000").iterdir()) == sorted(files)


def test_a_folder_that_can_not_be_written_whole_is_not_there(folders: RunFolders) -> None:
    with pytest.raises(OSError, match="no/verdict"):
        folders.write("a-00000000", {"scenario.yaml": b"", "no/verdict.json": b""})
    assert names(folders) == [".gitignore"]


def test_only_so_many_held_runs_are_kept_and_all_others(
    folders: RunFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders_module, "HELD_MAX", 2)
    for age in range(5):
        leave(folders, f"held-0000000{age}", "held", age)
        leave(folders, f"bad-0000000{age}", "violated", 100 + age)
    (folders.root / "notes").mkdir()
    folders.prune()
    kept = [name for name in names(folders) if name.startswith("held")]
    assert kept == ["held-00000000", "held-00000001"]
    assert len([name for name in names(folders) if name.startswith("bad")]) == 5
    assert (folders.root / "notes").is_dir()


def test_latest_leads_to_a_run_and_is_replaced(folders: RunFolders) -> None:
    first, second = leave(folders, "a-00000000"), leave(folders, "b-00000000")
    folders.point_latest("a-00000000")
    assert folders.find("latest") == first
    folders.point_latest("b-00000000")
    assert folders.find("latest") == second
    assert (folders.root / "latest" / "verdict.json").is_file()


def test_where_there_are_no_links_latest_is_a_file_that_names_the_run(
    folders: RunFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = leave(folders, "a-00000000")
    folders.point_latest("a-00000000")
    assert (folders.root / "latest").read_text() == "a-00000000\n"
    assert folders.find("latest") == folder


def test_a_run_is_found_by_its_id_its_beginning_and_its_path(
    folders: RunFolders, tmp_path: Path
) -> None:
    folder = leave(folders, "first_deposit-00000000")
    leave(folders, "first_deposit_again-00000000")
    for given in ("first_deposit-00000000", "first_deposit-", "first_deposit-000", str(folder)):
        assert folders.find(given) == folder
    elsewhere = folder.rename(tmp_path / "kept")
    assert folders.find(str(elsewhere)) == elsewhere


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("first", "beginning of several runs: first_deposit-00000000, first_deposit-11111111"),
        ("first_depozit-00000000", "did you mean 'first_deposit-00000000'"),
        ("q", "the latest are first_deposit-00000000, first_deposit-11111111, other-00000000"),
        ("", "the latest are"),
        ("latest", "no latest run"),
        ("/", "/: holds no scenario.yaml and no verdict.json"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(folders: RunFolders, given: str, told: str) -> None:
    for age, name in enumerate(("first_deposit-00000000", "first_deposit-11111111")):
        leave(folders, name, age=age)
    leave(folders, "other-00000000", age=5)
    with pytest.raises(UnknownRun, match=told):
        folders.find(given)


def test_a_root_that_is_not_there_holds_no_run(tmp_path: Path) -> None:
    with pytest.raises(UnknownRun, match="it holds none yet"):
        RunFolders(tmp_path / "none").find("a")


class TestUnreadable:
    """As root everything can be read, so the system's answers are put in its mouth."""

    @pytest.fixture
    def closed(self, folders: RunFolders, monkeypatch: pytest.MonkeyPatch) -> set[Path]:
        """Folders that can't be read; none yet."""
        closed: set[Path] = set()
        stat = os.stat

        def refused(path: Path, *arguments: object, **named: object) -> os.stat_result:
            if Path(path).parent in closed:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return stat(path, *arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "access", lambda path, _: Path(path) not in closed)
        monkeypatch.setattr(os, "stat", refused)
        return closed

    @pytest.mark.parametrize("given", ["latest", "a", "a-00000000"])
    def test_a_root_is_not_taken_for_an_empty_one(
        self, folders: RunFolders, closed: set[Path], given: str
    ) -> None:
        leave(folders, "a-00000000")
        folders.point_latest("a-00000000")
        closed.add(folders.root)
        with pytest.raises(UnknownRun, match="runs can't be read: Permission denied"):
            folders.find(given)

    @pytest.mark.parametrize("given", ["latest", "a", "a-00000000"])
    def test_a_run_is_not_taken_for_none(
        self, folders: RunFolders, closed: set[Path], given: str
    ) -> None:
        folder = leave(folders, "a-00000000")
        folders.point_latest("a-00000000")
        closed.add(folder)
        with pytest.raises(UnknownRun, match="a-00000000 can't be read: Permission denied"):
            folders.find(given)
