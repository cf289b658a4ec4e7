"""Which files of a folder are scenarios. It loads nothing: pytest asks it of every file it sees.

What runs leave is none: their folders hold scenarios too, and would be played again and again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

SCENARIO, VERDICT = "scenario.yaml", "verdict.json"
"""What every run folder holds."""
GITIGNORE = ".gitignore"
LEFT_BY_RUNS = "# What devnet leaves here is no scenario to play.\n*\n"
"""The .gitignore of a folder that is made for what runs leave."""
_SUFFIXES = (".yaml", ".yml")


def is_yaml(path: Path) -> bool:
    """Whether a file is YAML, by its name."""
    return path.suffix.lower() in _SUFFIXES


def is_run(folder: Path) -> bool:
    """Whether a folder is what one run has left; one that can't be looked into is none."""
    return os.path.isfile(folder / VERDICT) and os.path.isfile(folder / SCENARIO)


def is_scenario(path: Path, folder: Path) -> bool:
    """Whether a file below a folder that is searched is a scenario, by its name and its place.

    What is hidden below the folder, by a name that begins with a dot, is none; nor is what runs
    have left there.
    """
    within = path.relative_to(folder).parents
    return _is_named_so(path.name) and not any(_is_passed(folder / p) for p in [*within][:-1])


def search(folder: Path, on_error: Callable[[OSError], None]) -> list[Path]:
    """What `is_scenario` in a folder and those below, in order; links to folders are not followed.

    `on_error` hears of each folder that can't be read.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=on_error):
        folders[:] = [name for name in folders if not _is_passed(Path(place, name))]
        found += [Path(place, name) for name in names if _is_named_so(name)]
    return sorted(found)


def why_not_read(path: Path) -> str | None:
    """Why the path is no file that can be read, or None. A folder is none, too."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return "is a symbolic link to nothing" if path.is_symlink() else "no such file or directory"
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    return None if stat.S_ISREG(kind) else "is no regular file"


def _is_named_so(name: str) -> bool:
    return is_yaml(Path(name)) and not name.startswith(".")


def _is_passed(folder: Path) -> bool:
    """Whether a folder that is met on the way is not looked into."""
    return folder.name.startswith(".") or is_run(folder) or _is_left_by_runs(folder)


def _is_left_by_runs(folder: Path) -> bool:
    try:
        return (folder / GITIGNORE).read_bytes() == LEFT_BY_RUNS.encode()
    except OSError:
        return False
