"""Every bundled scenario holds, and is the same to the byte when it is played again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.verdict import Verdict

SCENARIOS = loader.find([bundled.folder()])
NAMES = [path.stem for path in SCENARIOS]


@pytest.mark.parametrize("path", SCENARIOS, ids=NAMES)
def test_it_holds_and_its_second_run_is_the_same_to_the_byte(path: Path) -> None:
    scenario = loader.load(path)
    first, second = runner.run(scenario), runner.run(scenario)
    assert first.failure is None
    assert first.verdict is Verdict.HELD
    assert second.digest == first.digest
    assert second.virtual_us == first.virtual_us


@pytest.mark.parametrize("name", ["first_deposit", "reorg_moves_and_reorders"])
@pytest.mark.parametrize("seed", [1, 2, 3, 2**64 - 1])
def test_it_holds_with_other_seeds_and_each_seed_is_another_run(name: str, seed: int) -> None:
    scenario = loader.load(bundled.folder() / f"{name}.yaml")
    outcome = runner.run(scenario, seed)
    assert outcome.verdict is Verdict.HELD
    assert outcome.seed == seed
    assert outcome.digest != runner.run(scenario, seed - 1).digest


@pytest.mark.parametrize("hash_backend", ["pycryptodome", "auto"])
def test_hash_seed_and_keccak_backend_change_nothing(hash_backend: str) -> None:
    names = ["duplicate_logs_in_a_page", "two_deposits_in_one_transaction"]
    paths = [bundled.folder() / f"{name}.yaml" for name in names]
    environment = {"PYTHONHASHSEED": "12345"}
    if hash_backend != "auto":
        environment["ETH_HASH_BACKEND"] = hash_backend
    printed = subprocess.run(
        [sys.executable, "-m", "ztdx_devnet", "run", "--json", *map(str, paths)],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    digests = [entry["digest"] for entry in json.loads(printed)["scenarios"]]
    assert digests == [runner.run(loader.load(path)).digest for path in paths]
