"""The scenarios that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def folder() -> Path:
    """The folder of the bundled scenarios: package data, or the checkout's own when editable."""
    installed = Path(str(files("ztdx_devnet"))) / "scenarios"
    if installed.is_dir():
        return installed
    return Path(__file__).resolve().parents[3] / "scenarios"
