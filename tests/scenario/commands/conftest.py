"""The folder in which the commands are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from ztdx_devnet.runs.folders import DEFAULT_ROOT

from .invocation import FIRST_DEPOSIT, WRONG


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first_deposit.yaml").write_text(FIRST_DEPOSIT)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    DEFAULT_ROOT.mkdir()
    return tmp_path
