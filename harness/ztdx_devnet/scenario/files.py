"""Which files of a folder are scenarios. It loads nothing: pytest asks it of every file it sees."""

from __future__ import annotations

from pathlib import Path

_SUFFIXES = (".yaml", ".yml")


def is_yaml(path: Path) -> bool:
    """Whether a file is YAML, by its name."""
    return path.suffix.lower() in _SUFFIXES


def is_scenario(path: Path, folder: Path) -> bool:
    """Whether a file below a folder that is searched is a scenario, by its name.

    What is hidden below the folder, by a name that begins with a dot, is none.
    """
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return is_yaml(path) and not hidden
