"""The wheel: it holds what it should, and runs where there is no checkout.

It is built once and installed into an environment that sees nothing but the run-time pins of
requirements/run.txt: they are linked from the environment of the tests, which has them already.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .source import CHECKOUT, SOURCE_ROOTS, modules_of

PACKAGES = ("ztdx_spot", "ztdx_devnet")
PINS = CHECKOUT / "requirements" / "run.txt"

IMPORT_ALL = """
import importlib, json, pkgutil, sys

# A program runs when it is imported; who loads the plug-in has pytest, who loads the provider has
# the extra `web3`.
left_out = ["__main__", "pytest_plugin", "provider"]

def fail(name):
    if name.split(".")[1] not in left_out:
        raise

places = {}
for package_name in sys.argv[1:]:
    package = importlib.import_module(package_name)
    places[package_name] = package.__file__
    for found in pkgutil.walk_packages(package.__path__, f"{package_name}.", onerror=fail):
        if found.name.split(".")[1] not in left_out:
            places[found.name] = importlib.import_module(found.name).__file__
print(json.dumps(places))
"""


@dataclass(frozen=True)
class Installed:
    """The wheel in its environment, and a folder of a user's to run it in."""

    environment: Path
    users_folder: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, which sees none of our variables."""
        return subprocess.run(
            [str(self.environment / "bin" / program), *arguments],
            cwd=self.users_folder,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
            text=True,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(CHECKOUT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def names_in_wheel(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    environment = tmp_path_factory.mktemp("installed") / "environment"
    run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    python = str(environment / "bin" / "python")
    pip("--python", python, "install", "--no-deps", "--no-index", "--no-compile", str(wheel))

    pins = tmp_path_factory.mktemp("pins")
    link_pins(PINS.read_text("utf-8"), pins)
    site_packages = sysconfig.get_path("purelib", vars={"base": str(environment)})
    Path(site_packages, "pins.pth").write_text(f"{pins}\n")

    return Installed(environment, users_folder(tmp_path_factory.mktemp("user")))


def run(command: Sequence[str]) -> None:
    process = subprocess.run(command, capture_output=True, check=False, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


def pip(*arguments: str) -> None:
    run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments])


def link_pins(pins: str, folder: Path) -> None:
    """Link each pinned distribution into a folder. Whatever else is installed is not seen there."""
    for line in pins.splitlines():
        if not line or line.startswith("#"):
            continue
        pin = Requirement(line)
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        dist = distribution(pin.name)
        assert pin.specifier.contains(dist.version), f"{line}: {dist.version} is installed"
        for top in {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(str(dist.locate_file(top)))


def users_folder(folder: Path) -> Path:
    """A folder whose own `app`, `contracts` and `scenarios` must not be taken for ours."""
    for name in ("app", "harness", "contracts"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('the package of the user')\n")
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "of_the_user.yaml").write_text("this: is no scenario of ours\n")
    return folder


def misplaced(names: Iterable[str]) -> list[str]:
    """What has no place in the wheel: all but the two packages and the wheel's own records."""
    place = re.compile(r"(ztdx_spot|ztdx_devnet|ztdx_devnet-[^/]+\.dist-info)/")
    left_over = re.compile(r"\.pyc$|(^|/)(__pycache__|tests?|test_[^/]*\.py|conftest\.py)(/|$)")
    return [name for name in names if not place.match(name) or left_over.search(name)]


class TestContents:
    def test_there_is_nothing_but_the_two_packages(self, names_in_wheel: list[str]) -> None:
        assert misplaced(names_in_wheel) == []
        assert len(names_in_wheel) == len(set(names_in_wheel))

    @pytest.mark.parametrize("package", PACKAGES)
    def test_every_module_is_there(self, package: str, names_in_wheel: list[str]) -> None:
        assert {m.path for m in modules_of(package)} <= set(names_in_wheel)

    def test_every_artifact_is_there(self, names_in_wheel: list[str]) -> None:
        root = SOURCE_ROOTS["ztdx_devnet"]
        paths = (root / "ztdx_devnet" / "artifacts").glob("*.json")
        expected = {path.relative_to(root).as_posix() for path in paths}
        assert expected
        assert {name for name in names_in_wheel if name.endswith(".json")} >= expected

    def test_every_scenario_is_there(self, names_in_wheel: list[str]) -> None:
        paths = (CHECKOUT / "scenarios").rglob("*.yaml")
        expected = {f"ztdx_devnet/{path.relative_to(CHECKOUT).as_posix()}" for path in paths}
        assert expected
        assert {name for name in names_in_wheel if name.endswith(".yaml")} == expected

    def test_the_licence_is_there(self, wheel: Path, names_in_wheel: list[str]) -> None:
        (name,) = [name for name in names_in_wheel if name.endswith(".dist-info/licenses/LICENSE")]
        text = zipfile.ZipFile(wheel).read(name)
        assert text == (CHECKOUT / "LICENSE").read_bytes()

    def test_every_requirement_is_pinned(self, wheel: Path, names_in_wheel: list[str]) -> None:
        (name,) = [name for name in names_in_wheel if name.endswith(".dist-info/METADATA")]
        metadata = zipfile.ZipFile(wheel).read(name).decode()
        required = re.findall(
            r"^Requires-Dist: ([A-Za-z0-9._-]+)(?!.*; extra == 'web3')", metadata, re.MULTILINE
        )
        assert "py-evm" in required
        assert {_normal(n) for n in required} - {_normal(n) for n in _pinned()} == set()

    @pytest.mark.parametrize(
        "name",
        [
            "tests/unit/test_x.py",
            "app/ztdx_spot/ports.py",
            "scenarios/first_deposit.yaml",
            "LICENSE",
            "ztdx_devnet/tests/test_x.py",
            "ztdx_devnet/test_x.py",
            "ztdx_devnet/conftest.py",
            "ztdx_spot/ports.pyc",
            "ztdx_spot/__pycache__/rpc.cpython-311.pyc",
            "ztdx_spots/rpc.py",
        ],
    )
    def test_a_misplaced_file_would_be_seen(self, name: str) -> None:
        assert misplaced(["ztdx_spot/ports.py", name]) == [name]


class TestInstalled:
    def test_every_module_loads_from_the_environment_with_the_run_time_pins_alone(
        self, installed: Installed
    ) -> None:
        process = installed.run("python", "-c", IMPORT_ALL, *PACKAGES)
        assert process.returncode == 0, process.stderr
        places = json.loads(process.stdout)
        assert set(places) > set(PACKAGES)
        strangers = [
            p for p in places.values() if not Path(p).is_relative_to(installed.environment)
        ]
        assert strangers == []

    @pytest.mark.parametrize("name", ["pytest", "mypy", "packaging"])
    def test_what_is_not_pinned_for_run_time_cannot_be_imported(
        self, name: str, installed: Installed
    ) -> None:
        process = installed.run("python", "-c", f"import {name}")
        assert f"ModuleNotFoundError: No module named '{name}'" in process.stderr

    def test_the_bundled_scenarios_are_played_and_hold(
        self, installed: Installed, names_in_wheel: list[str]
    ) -> None:
        process = installed.run("devnet", "run")
        assert process.returncode == 0, process.stdout + process.stderr
        count = sum(name.endswith(".yaml") for name in names_in_wheel)
        assert f"\n{count} scenarios: {count} held;" in process.stdout
        assert process.stderr == ""

    def test_the_scenarios_of_the_user_are_played_when_named(self, installed: Installed) -> None:
        process = installed.run("devnet", "run", "scenarios")
        assert process.returncode == 3
        assert process.stderr.startswith("scenarios/of_the_user.yaml:1: ")

    def test_the_backend_runs_as_a_program(self, installed: Installed) -> None:
        process = installed.run("python", "-m", "ztdx_spot", "--help")
        assert process.returncode == 0, process.stderr
        assert process.stdout.startswith("Usage: python -m ztdx_spot ")

    def test_the_command_knows_its_version(self, wheel: Path, installed: Installed) -> None:
        process = installed.run("devnet", "--version")
        assert process.stdout == f"devnet, version {wheel.name.split('-')[1]}\n"


def _pinned() -> list[str]:
    lines = PINS.read_text("utf-8").splitlines()
    return [Requirement(line).name for line in lines if line and not line.startswith("#")]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
