"""A suite is worth what it kills: each broken listener makes a named scenario or test go red."""

from __future__ import annotations

import pytest

from tests.explore.broken_listeners import BROKEN, BROKEN_BUT_SOLVENT
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.verdict import Verdict


@pytest.mark.parametrize("name", BROKEN)
def test_its_scenario_goes_red(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it, scenario = BROKEN[name]
    break_it(monkeypatch)
    outcome = runner.run(loader.load(bundled.folder() / f"{scenario}.yaml"))
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.failure is not None
    print(f"{name}: {outcome.failure}")


@pytest.mark.parametrize("name", BROKEN_BUT_SOLVENT)
def test_its_test_goes_red(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it, test = BROKEN_BUT_SOLVENT[name]
    quiet = [test, "-q", "-p", "no:cacheprovider"]
    assert pytest.main(quiet) is pytest.ExitCode.OK
    break_it(monkeypatch)
    assert pytest.main(quiet) is pytest.ExitCode.TESTS_FAILED
