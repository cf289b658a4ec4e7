"""Scenario files as pytest sees them: each is one test, which is what its verdict is."""

from __future__ import annotations

import keyword
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ztdx_devnet.report.failure import failure_lines, visible
from ztdx_devnet.report.record import RunRecord
from ztdx_devnet.runs.batch import SHRUNK_MAX, BatchSettings, play_batch
from ztdx_devnet.runs.folders import RunFolders
from ztdx_devnet.runs.jobs import unwritten
from ztdx_devnet.runs.stopping import Stopping
from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import Verdict

_WITH_ARGUMENTS = ("parametrize", "usefixtures", "filterwarnings", "devnet")
"""Markers that a bare tag can't be."""
_SHRUNK = pytest.StashKey[int]()
_SEEN = pytest.StashKey[set[str]]()
_TOLD = pytest.StashKey[set[str]]()


class DevnetFailure(Exception):
    """A scenario that is not held, or can't be played; the text is its whole report."""


class DevnetWarning(pytest.PytestWarning):
    """Something that a scenario should leave can't be written; its test is judged all the same."""


class ScenarioFile(pytest.File):
    """One file, with one test that has its name."""

    def collect(self) -> Iterable[pytest.Item]:
        found: Scenario | BadScenario
        try:
            found = loader.load(Path(os.path.relpath(self.path)))
        except BadScenario as error:
            found = error
        item = ScenarioItem.from_parent(self, name=self.path.stem)
        item.found = found
        for marker in _markers(found, self.config):
            item.add_marker(marker)
        yield item


class ScenarioItem(pytest.Item):
    """The test that plays a scenario. `found` is the scenario, or why there is none."""

    found: Scenario | BadScenario

    def runtest(self) -> None:
        if isinstance(self.found, BadScenario):
            raise DevnetFailure(str(self.found))
        record = self._played(self.found)
        if record.outcome.verdict is Verdict.INTERRUPTED:
            raise KeyboardInterrupt
        if record.outcome.verdict is not Verdict.HELD:
            outcome = record.outcome
            lines = [f"{outcome.verdict.value}: {visible(outcome.title)}", ""]
            raise DevnetFailure("\n".join([*lines, *failure_lines(record), record.trace]).rstrip())

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> str | Any:
        """The report alone: no traceback of ours helps who wrote a scenario."""
        if isinstance(excinfo.value, DevnetFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        title = "" if isinstance(self.found, BadScenario) else f": {self.found.head.title}"
        return self.path, 0, f"{self.name}{title}"

    def _played(self, scenario: Scenario) -> RunRecord:
        stash = self.config.stash
        settings = BatchSettings(
            seed=self.config.getoption("--devnet-seed"),
            root=self._root(),
            shrinks=stash.get(_SHRUNK, 0) < SHRUNK_MAX,
        )
        (record,) = play_batch([scenario], settings, Stopping(), lambda _: None, self._warn)
        if record.shrunk is not None:
            stash[_SHRUNK] = stash.get(_SHRUNK, 0) + 1
        return record

    def _root(self) -> Path | None:
        """Where the run's folder goes; nowhere if nothing can be written there."""
        given = self.config.getoption("--devnet-runs")
        if not given:
            return None
        root = Path(given)
        here = self.config.invocation_params.dir
        if Path.cwd() != here:
            root = here / root
        try:
            RunFolders(root).open()
        except OSError as error:
            told = unwritten(Path(given), error)
            self._warn(f"no run folders: {told}; --devnet-runs DIR puts them elsewhere")
            return None
        return root

    def _warn(self, told: str) -> None:
        """Once in a session: the next one would say the same."""
        seen = self.config.stash.setdefault(_TOLD, set())
        if told not in seen:
            seen.add(told)
            self.warn(DevnetWarning(told))


def _markers(found: Scenario | BadScenario, config: pytest.Config) -> Iterator[str]:
    """What tests can be chosen by: the tags, as far as Python can write them."""
    yield "devnet_scenario"
    if isinstance(found, BadScenario):
        return
    seen = config.stash.setdefault(_SEEN, set())
    for tag in found.head.tags:
        name = tag.replace("-", "_")
        is_one = name.isidentifier() and not (keyword.iskeyword(name) or name.startswith("_"))
        if is_one and name not in _WITH_ARGUMENTS:
            if name not in seen:
                seen.add(name)
                config.addinivalue_line("markers", f"{name}: a tag of scenarios")
            yield name
