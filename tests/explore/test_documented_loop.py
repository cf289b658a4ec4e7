"""The baseline is sound: without faults beyond its means, the documented loop credits rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from ztdx_devnet.explore import documented_loop
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.verdict import Verdict


@pytest.mark.parametrize("path", sorted(bundled.folder().glob("*.yaml")), ids=lambda p: p.stem)
def test_it_holds_in_the_plain_scenarios(path: Path) -> None:
    outcome = runner.run(loader.load(path), listener=documented_loop.run_listener)
    assert outcome.verdict is Verdict.HELD, outcome.failure
