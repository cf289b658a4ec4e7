"""The house: rooms have names and say what they own; the data that comes along can be read."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path

import pytest

from ztdx_devnet import artifacts
from ztdx_devnet.scenario import bundled, loader

from .source import CHECKOUT, Module, modules_of, parsed

PACKAGES = ("ztdx_spot", "ztdx_devnet")

ATTIC = re.compile(r"(utils?|utilities|helpers?|common|misc|managers?)")

ARTIFACTS = sorted(
    entry.name.removesuffix(".json")
    for entry in files("ztdx_devnet.artifacts").iterdir()
    if entry.name.endswith(".json")
)
MODULES_OF_CONTRACTS = {"erc20"}
"""Compiled with the contracts that import them, so they have no artifact."""
SCENARIOS = loader.find([bundled.folder()])


def attic_names(path: str) -> list[str]:
    """The words of a path that name no idea: `rpc_utils.py` has one."""
    words = re.split(r"[/_]", Path(path).with_suffix("").as_posix())
    return [word for word in words if ATTIC.fullmatch(word)]


def says_what_it_owns(module: Module) -> bool:
    """Whether its docstring begins in its first line; an empty `__init__` needs none."""
    if not module.tree.body and module.path.endswith("/__init__.py"):
        return True
    docstring = ast.get_docstring(module.tree, clean=False) or ""
    return bool(docstring.partition("\n")[0].strip())


@pytest.mark.parametrize("package", PACKAGES)
class TestModules:
    def test_none_is_an_attic(self, package: str) -> None:
        assert [m.path for m in modules_of(package) if attic_names(m.path)] == []

    def test_each_says_in_its_first_line_what_it_owns(self, package: str) -> None:
        assert [m.path for m in modules_of(package) if not says_what_it_owns(m)] == []


class TestData:
    def test_every_contract_of_the_checkout_has_its_artifact(self) -> None:
        contracts = {path.stem for path in (CHECKOUT / "contracts").rglob("*.vy")}
        assert set(ARTIFACTS) == contracts - MODULES_OF_CONTRACTS
        assert {"DFToken", "ZtdxSpotVault"} <= set(ARTIFACTS)

    @pytest.mark.parametrize("name", ARTIFACTS)
    def test_every_artifact_loads(self, name: str) -> None:
        artifact = artifacts.load(name)
        assert artifact.name == name
        assert artifact.abi
        assert artifact.runtime
        assert artifact.runtime in artifact.creation

    def test_every_scenario_of_the_checkout_is_found_in_the_bundle(self) -> None:
        expected = {p.relative_to(CHECKOUT) for p in (CHECKOUT / "scenarios").rglob("*.yaml")}
        assert expected
        folder = bundled.folder()
        assert {"scenarios" / path.relative_to(folder) for path in SCENARIOS} == expected

    @pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
    def test_every_bundled_scenario_loads(self, path: Path) -> None:
        assert loader.load(path).steps


class TestTheChecksThemselves:
    @pytest.mark.parametrize(
        "path",
        [
            "ztdx_spot/utils.py",
            "ztdx_spot/helpers/addresses.py",
            "ztdx_devnet/chain/rpc_helpers.py",
            "ztdx_devnet/common/__init__.py",
            "ztdx_devnet/sim/misc.py",
            "ztdx_devnet/sim/connection_manager.py",
            "ztdx_devnet/sim/util.py",
        ],
    )
    def test_an_attic_is_seen(self, path: str) -> None:
        assert attic_names(path)

    @pytest.mark.parametrize(
        "path", ["ztdx_spot/addresses.py", "ztdx_devnet/uncommon.py", "ztdx_devnet/utilisation.py"]
    )
    def test_a_room_with_a_name_is_none(self, path: str) -> None:
        assert attic_names(path) == []

    @pytest.mark.parametrize(
        ("path", "source"),
        [
            ("p/a.py", ""),
            ("p/a.py", "x = 1\n'''Late.'''"),
            ("p/a.py", "'''\nOn the second line.\n'''"),
            ("p/a.py", "'''   '''"),
            ("p/a.py", "# A comment.\nx = 1"),
            ("p/__init__.py", "x = 1"),
        ],
    )
    def test_a_module_that_does_not_say_what_it_owns_is_seen(self, path: str, source: str) -> None:
        assert not says_what_it_owns(parsed(source, path))

    @pytest.mark.parametrize(
        ("path", "source"),
        [("p/a.py", "'''The thing.'''\nx = 1"), ("p/__init__.py", ""), ("p/__init__.py", "# -")],
    )
    def test_a_module_that_says_it_passes(self, path: str, source: str) -> None:
        assert says_what_it_owns(parsed(source, path))
