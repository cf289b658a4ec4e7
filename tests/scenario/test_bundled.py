"""Every bundled scenario holds, and is the same to the byte when it is played elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.verdict import Verdict

NAMES = [path.stem for path in loader.find([bundled.folder()])]
# Whatever may differ between two machines and must make no difference.
ELSEWHERE = (
    {"PYTHONHASHSEED": "1"},
    {"PYTHONHASHSEED": "12345", "ETH_HASH_BACKEND": "pycryptodome", "TZ": "Asia/Kathmandu"},
)
Played = Mapping[str, Any]


@pytest.fixture(scope="module")
def played() -> tuple[list[Played], ...]:
    """All of them, in two processes with different environments."""
    command = [sys.executable, "-m", "ztdx_devnet", "run", "--json", "--no-runs", "--no-shrink"]
    processes = [
        subprocess.Popen([*command, str(bundled.folder())], env=environment, stdout=subprocess.PIPE)
        for environment in ELSEWHERE
    ]
    found = [json.loads(process.communicate()[0])["scenarios"] for process in processes]
    return tuple(found)


@pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES)
def test_it_holds_and_is_the_same_to_the_byte_elsewhere(
    index: int, played: tuple[list[Played], ...]
) -> None:
    here, there = (scenarios[index] for scenarios in played)
    assert here["path"].endswith(f"{NAMES[index]}.yaml")
    assert (here["verdict"], here["failure"]) == ("held", None)
    assert there["digest"] == here["digest"]
    assert there["virtual_s"] == here["virtual_s"]


@pytest.mark.parametrize("name", ["first_deposit", "reorg_moves_and_reorders"])
@pytest.mark.parametrize("seed", [1, 2, 3, 2**64 - 1])
def test_it_holds_with_other_seeds_and_each_seed_is_another_run(name: str, seed: int) -> None:
    scenario = loader.load(bundled.folder() / f"{name}.yaml")
    outcome = runner.run(scenario, seed)
    assert outcome.verdict is Verdict.HELD
    assert outcome.seed == seed
    assert outcome.digest != runner.run(scenario, seed - 1).digest


def test_a_run_in_this_process_is_the_same_too(played: tuple[list[Played], ...]) -> None:
    """After whatever other tests have left in it."""
    for name in ("duplicate_logs_in_a_page", "two_deposits_in_one_transaction"):
        scenario = loader.load(bundled.folder() / f"{name}.yaml")
        assert runner.run(scenario).digest == played[0][NAMES.index(name)]["digest"]
