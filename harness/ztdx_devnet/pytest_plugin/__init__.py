"""The pytest plugin: scenario files as tests, and devnets as fixtures.

It is loaded by every pytest run of whoever has installed the package, so what it needs is loaded
where it is used. What users read about it is docs/pytest.md.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ztdx_devnet.pytest_plugin.scenario_files import ScenarioFile
    from ztdx_devnet.pytest_plugin.server import DevnetServer
    from ztdx_devnet.scripted import ScriptedWorld

_FOLDERS = "devnet_scenarios"
_NOT_PASSED = pytest.StashKey[bool]()


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**64:
        raise ValueError(text)
    return seed


_seed.__name__ = "seed (0 to 2^64 - 1)"  # what a bad one is told to be


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("devnet", "scenarios of ztdx-devnet")
    group.addoption(
        "--devnet-seed",
        type=_seed,
        metavar="N",
        help="Play scenarios, and worlds of the fixture devnet, with this seed.",
    )
    group.addoption(
        "--devnet-runs",
        default="runs",
        metavar="DIR",
        help="Where run folders of scenarios go; an empty text: nowhere.  [default: runs]",
    )
    parser.addini(
        _FOLDERS,
        "Folders whose YAML files are scenarios, by their names or paths.",
        type="args",
        default=["scenarios"],
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        "devnet(seed=0, **given): what the world of the fixture devnet starts from",
        "devnet_scenario: a scenario file, collected as a test",
    ):
        config.addinivalue_line("markers", marker)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    is_named = parent.session.isinitpath(file_path)
    folders = [] if is_named else _searched(file_path, parent)
    if not (is_named or folders):
        return None
    from ztdx_devnet.scenario.files import is_scenario, is_yaml

    found = any(is_scenario(file_path, folder) for folder in folders)
    if not (found or (is_named and is_yaml(file_path))):
        return None
    from ztdx_devnet.pytest_plugin.scenario_files import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


def _searched(path: Path, parent: pytest.Collector) -> list[Path]:
    """The folders that are searched for scenarios and hold this file, if it is in any."""
    session, config = parent.session, parent.config
    if not any(_is_of_scenarios(folder, config) for folder in path.parents):
        return []
    return [f for f in path.parents if session.isinitpath(f) or _is_of_scenarios(f, config)]


def _is_of_scenarios(folder: Path, config: pytest.Config) -> bool:
    root = config.rootpath
    where = folder.relative_to(root) if folder.is_relative_to(root) else folder
    place = f"/{where.as_posix().strip('/')}/"
    return any(place.endswith(f"/{name.strip('/')}/") for name in config.getini(_FOLDERS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed is shown with what its world has played."""
    report = yield
    if report.when == "call" and not report.passed:
        item.stash[_NOT_PASSED] = True
        if report.failed:
            report.sections += _played(item)
    return report


def _played(item: pytest.Item) -> list[tuple[str, str]]:
    world = getattr(item, "funcargs", {}).get("devnet")
    scripted = sys.modules.get("ztdx_devnet.scripted")
    if scripted is None or not isinstance(world, scripted.ScriptedWorld):
        return []
    with suppress(scripted.BadStep):
        return [("devnet: the steps so far", world.scenario(item.name))]
    return []


@pytest.fixture
def devnet(request: pytest.FixtureRequest) -> Generator[ScriptedWorld]:
    """A fresh ScriptedWorld. A fault that never fired fails the test in its teardown."""
    from ztdx_devnet.scripted import BadStep, Inconclusive, ScriptedWorld

    given: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("devnet"))):
        given |= marker.kwargs
    seed = request.config.getoption("--devnet-seed")
    if seed is not None:
        given["seed"] = seed
    try:
        world = ScriptedWorld(**given)
    except (BadStep, TypeError) as error:
        pytest.fail(f"the marker devnet: {error}", pytrace=False)
    yield world
    if request.node.stash.get(_NOT_PASSED, False):
        world.abandon()
        return
    try:
        world.close()
    except Inconclusive as error:
        pytest.fail(f"inconclusive: {error}", pytrace=False)


@pytest.fixture
def devnet_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[DevnetServer]:
    """The whole system in a process of its own, as `devnet up` starts it, on free ports."""
    from ztdx_devnet.pytest_plugin.server import serving

    with serving(tmp_path_factory.mktemp("devnet_server")) as server:
        yield server


@pytest.fixture(scope="session")
def devnet_server_session(tmp_path_factory: pytest.TempPathFactory) -> Generator[DevnetServer]:
    """As devnet_server, one for all tests of the session: they see each other's deposits."""
    from ztdx_devnet.pytest_plugin.server import serving

    with serving(tmp_path_factory.mktemp("devnet_server")) as server:
        yield server
