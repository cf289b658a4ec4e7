"""Run folders: what a run leaves behind, under a name that the same run always has.

A folder appears whole or not at all: it is written under another name and then renamed. Nothing in
it depends on the machine or the hour, so the same run leaves the same bytes.
"""

from __future__ import annotations

import difflib
import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ztdx_devnet.scenario.files import GITIGNORE, LEFT_BY_RUNS, SCENARIO, VERDICT

DEFAULT_ROOT = Path("runs")
HELD_MAX = 200
"""So many folders of held runs are kept; the oldest go. Those of other runs stay."""
JOURNAL, PAGE, SHRUNK = "journal.jsonl", "timeline.html", "shrunk.yaml"
_LATEST = "latest"
_SHOWN = 5
_ID = re.compile(r".+-[0-9a-f]{8}\Z")
_UNFIT = re.compile(r"[^\w.-]|^[.-]")
_STEM_MAX = 60


class UnknownRun(Exception):
    """No run folder has that name; the text says what there is."""


def run_id(path: str, digest: str) -> str:
    """'first_deposit-1a2b3c4d': the scenario's file and the run's digest."""
    stem = _UNFIT.sub("_", Path(path).stem)[:_STEM_MAX] or "scenario"
    return f"{stem}-{digest[:8]}"


class RunFolders:
    """The run folders below one root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self) -> None:
        """Make the root, with a .gitignore of its own if it is new. Raises OSError."""
        if not self.root.is_dir():
            self.root.mkdir(parents=True)
            (self.root / GITIGNORE).write_text(LEFT_BY_RUNS, "utf-8")
        # Said before anything is played, not after.
        with tempfile.TemporaryDirectory(prefix=".", dir=self.root):
            pass

    def path(self, identity: str) -> Path:
        return self.root / identity

    def write(self, identity: str, files: Mapping[str, bytes]) -> Path:
        """A run's folder, in the place of one that is there already. Raises OSError."""
        folder = self.path(identity)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=self.root) as partial:
            written = Path(partial) / identity
            written.mkdir()
            for name, content in files.items():
                (written / name).write_bytes(content)
            while True:
                with suppress(FileNotFoundError):
                    folder.rename(Path(partial) / "before")
                try:
                    written.rename(folder)
                    return folder
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
                # Another process has just written the same run.
                shutil.rmtree(Path(partial) / "before", ignore_errors=True)

    def add(self, identity: str, name: str, content: bytes) -> None:
        """One more file in a run's folder. Raises OSError."""
        folder = self.path(identity)
        partial = folder / f".partial-{name}"
        try:
            partial.write_bytes(content)
            partial.replace(folder / name)
        except OSError:
            with suppress(OSError):
                partial.unlink()
            raise

    def point_latest(self, identity: str) -> None:
        """`latest` leads to that run; where there are no links, it is a file that names it."""
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=self.root) as partial:
            link = Path(partial) / _LATEST
            try:
                link.symlink_to(identity, target_is_directory=True)
            except (OSError, NotImplementedError):
                link.write_text(f"{identity}\n", "utf-8")
            link.replace(self.root / _LATEST)

    def prune(self) -> None:
        """Remove the oldest held runs beyond HELD_MAX."""
        held = [path for path in self._newest_first() if _verdict_of(path) == "held"]
        for path in held[HELD_MAX:]:
            shutil.rmtree(path, ignore_errors=True)

    def find(self, given: str) -> Path:
        """The folder of an id, of the beginning of one, of `latest`, or of a path.

        Raises UnknownRun.
        """
        _refuse_unreadable(self.root)
        if given == _LATEST:
            return _whole(self._latest())
        ids = [path.name for path in self._newest_first()]
        exact = [given] if given in ids else []
        found = exact or [identity for identity in ids if given and identity.startswith(given)]
        if len(found) == 1:
            return _whole(self.path(found[0]))
        if not found and given and os.path.isdir(given):
            return _whole(Path(given))
        if found:
            raise UnknownRun(f"{given!r} is the beginning of several runs: {_listed(found)}")
        raise UnknownRun(f"no run {given!r} in {self.root}: {_hint(given, ids)}")

    def _latest(self) -> Path:
        link = self.root / _LATEST
        folder = link
        with suppress(OSError):
            if link.is_symlink():
                folder = self.path(os.readlink(link))
            elif link.is_file():
                folder = self.path(link.read_text("utf-8").strip())
        if folder == link or not folder.is_dir():
            raise UnknownRun(f"no latest run in {self.root}: `devnet run` leaves one")
        return folder

    def _newest_first(self) -> list[Path]:
        found: list[tuple[int, str, Path]] = []
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(self.root):
                with suppress(OSError):
                    if _ID.match(entry.name) and not entry.is_symlink():
                        found.append((-_age_ns(entry.path), entry.name, self.root / entry.name))
        return [path for _, _, path in sorted(found)]


def _whole(folder: Path) -> Path:
    """The folder, if it is that of a run. Raises UnknownRun."""
    _refuse_unreadable(folder)
    missing = [name for name in (SCENARIO, VERDICT) if not os.path.isfile(folder / name)]
    if missing:
        raise UnknownRun(f"{folder}: holds no {' and no '.join(missing)}: it is no whole run")
    return folder


def _age_ns(folder: str) -> int:
    """When the run ended; of one that can't be looked into, long ago. Raises OSError for no run."""
    try:
        return os.stat(Path(folder) / VERDICT).st_mtime_ns
    except PermissionError:
        return 0


def _refuse_unreadable(folder: Path) -> None:
    """Or it would be taken for one that holds nothing. Raises UnknownRun."""
    if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
        raise UnknownRun(f"{folder} can't be read: {os.strerror(errno.EACCES)}")


def _verdict_of(folder: Path) -> str | None:
    with suppress(OSError, ValueError):
        told: Any = json.loads((folder / VERDICT).read_bytes())
        if isinstance(told, dict):
            return str(told.get("verdict"))
    return None


def _hint(given: str, ids: list[str]) -> str:
    close = difflib.get_close_matches(given, ids, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"the latest are {_listed(ids)}" if ids else "it holds none yet"


def _listed(ids: list[str]) -> str:
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more
