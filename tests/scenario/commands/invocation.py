"""Commands as a user gives them, and scenarios that hold, fail and are refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.runs.batch import BatchSettings, play_batch
from ztdx_devnet.runs.folders import DEFAULT_ROOT
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario import bundled, loader
from ztdx_devnet.sim.processes import ListenerProgram
from ztdx_spot.config import ListenerSettings
from ztdx_spot.ledger.database import Database
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.ports import Clock, Entropy, Transport

FIRST_DEPOSIT = (bundled.folder() / "first_deposit.yaml").read_text("utf-8")
WRONG = """\
title: A balance that nobody has
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 1
  - note: an aside
check:
  eventually:
    - balance: {user: alice, available: "2"}
"""
IMPOSSIBLE = """\
title: A balance that is not there yet
steps:
  - mine: 3
  - tamper: {user: alice, available: "1"}
"""
REFUSAL = "alice has no balance of DF to tamper with yet"
ID = re.compile(r"-[0-9a-f]{8}\b")


def impatient(
    settings: ListenerSettings,
    transport: Transport,
    clock: Clock,
    entropy: Entropy,
    database: Database,
) -> NoReturn:
    """A listener that credits one confirmation too early."""
    depth = settings.confirmation_depth_blocks - 1
    early = replace(settings, confirmation_depth_blocks=depth)
    run_listener(early, transport, clock, entropy, database)


def play(
    path: Path, listener: ListenerProgram | None = None, root: Path | None = DEFAULT_ROOT
) -> RunRecord:
    settings = BatchSettings(root=root, listener=listener)
    (record,) = play_batch([loader.load(path)], settings, Stopping(), lambda _: None)
    return record


def devnet(
    *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    return subprocess.run(
        [sys.executable, "-m", "ztdx_devnet", *map(str, arguments)],
        env={**outside, **(environment or {})},
        capture_output=True,
        check=False,
        text=True,
    )


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}
