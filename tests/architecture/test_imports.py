"""The direction of imports: contracts ← app ← harness, and the rooms of the harness in order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from .source import UNWRITTEN, Module, imports_of, is_inside, modules_of, parsed

OURS = ("ztdx_spot", "ztdx_devnet")

PRODUCT_NEVER = ("ztdx_devnet", "eth", "eth_tester", "web3", "ape")

MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "__init__": (  # on demand only
        "ztdx_devnet.chain.devnet",
        "ztdx_devnet.provider",
        "ztdx_devnet.scripted",
    ),
    "artifacts": (),
    "chain": ("ztdx_devnet.artifacts",),
    "faults": ("ztdx_devnet.chain",),
    "journal": (),
    "virtual_time": (),
    "sim": (
        "ztdx_devnet.artifacts",
        "ztdx_devnet.chain",
        "ztdx_devnet.faults",
        "ztdx_devnet.journal",
        "ztdx_devnet.virtual_time",
        "ztdx_spot",
    ),
    "scenario": (
        "ztdx_devnet.artifacts",
        "ztdx_devnet.chain",
        "ztdx_devnet.faults",
        "ztdx_devnet.journal",
        "ztdx_devnet.sim",
        "ztdx_devnet.virtual_time",
        "ztdx_spot",
    ),
    "runs": (
        "ztdx_devnet.explore.shrink",  # on demand only, where a run failed
        "ztdx_devnet.report",
        "ztdx_devnet.scenario",
        "ztdx_devnet.sim.processes",
        "ztdx_devnet.virtual_time",
    ),
    "scripted": (
        "ztdx_devnet.chain",
        "ztdx_devnet.faults",
        "ztdx_devnet.journal",
        "ztdx_devnet.scenario",
        "ztdx_devnet.sim",
        "ztdx_devnet.virtual_time",
        "ztdx_spot",
    ),
    "report": (
        "ztdx_devnet.journal",
        "ztdx_devnet.scenario.verdict",
        "ztdx_devnet.virtual_time",
    ),
}
"""Room of the harness → what of ours it may import besides itself."""

TOP_ROOMS = ("__main__", "cli", "explore", "live", "provider", "pytest_plugin")
"""Rooms that use all others; of those, none but these may use them."""

EVM = ("eth", "rlp")
"""py-evm and its encoding stay in the chain room."""


def room_of(module: Module) -> str:
    """The room of a harness module: the first name below `ztdx_devnet`."""
    return Path(module.path).with_suffix("").parts[1]


def imports_inside(module: Module, forbidden: Iterable[str]) -> list[str]:
    """Its imports of any of the forbidden packages."""
    return [
        f"{module.path}:{entry.line}: {entry.name}"
        for entry in imports_of(module)
        if any(is_inside(entry.name, package) for package in forbidden)
    ]


def imports_out_of_order(module: Module) -> list[str]:
    """The imports of a harness module that its room may not make."""
    room = room_of(module)
    if room in TOP_ROOMS:
        return []
    assert room in MAY_IMPORT, f"{room} is a new room: say in MAY_IMPORT what it may import"
    allowed = (f"ztdx_devnet.{room}", *MAY_IMPORT[room])
    return [
        f"{module.path}:{entry.line}: {entry.name}"
        for entry in imports_of(module)
        if any(is_inside(entry.name, package) for package in OURS)
        and not any(is_inside(entry.name, package) for package in allowed)
    ]


IMPORT_ALL = """
import importlib, pkgutil, sys

package_name, *forbidden = sys.argv[1:]

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if any(name == refused or name.startswith(refused + ".") for refused in forbidden):
            raise AssertionError(f"{name} was imported")

def fail(name):
    raise

sys.meta_path.insert(0, Refusal())
package = importlib.import_module(package_name)
print(package_name)
for found in pkgutil.walk_packages(package.__path__, f"{package_name}.", onerror=fail):
    importlib.import_module(found.name)
    print(found.name)
"""


def import_all(
    package: str, forbidden: Iterable[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Import every module of a package in a fresh process where the forbidden names raise."""
    return subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, package, *forbidden],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
    )


class TestDirection:
    def test_the_product_knows_neither_the_harness_nor_an_evm(self) -> None:
        modules = modules_of("ztdx_spot")
        assert len(modules) > 20
        assert [found for m in modules for found in imports_inside(m, PRODUCT_NEVER)] == []

    def test_only_the_program_knows_the_live_edges(self) -> None:
        edges = ("ztdx_spot.edges", "ztdx_spot.service", "ztdx_spot.serving")
        outside = (m for m in modules_of("ztdx_spot") if "/serving/" not in m.path)
        assert {m.path for m in outside if imports_inside(m, edges)} == {
            "ztdx_spot/__main__.py",
            "ztdx_spot/operator_commands.py",
            "ztdx_spot/service.py",
        }

    def test_every_room_of_the_harness_imports_only_what_it_may(self) -> None:
        modules = modules_of("ztdx_devnet")
        assert {room_of(m) for m in modules} >= set(MAY_IMPORT)
        assert [found for m in modules for found in imports_out_of_order(m)] == []

    def test_py_evm_stays_in_the_chain_room(self) -> None:
        modules = modules_of("ztdx_devnet")
        assert {room_of(m) for m in modules if imports_inside(m, EVM)} == {"chain"}
        found = {Path(m.path).name for m in modules if imports_inside(m, ("eth",))}
        assert found == {"py_evm.py"}

    @pytest.mark.parametrize("package", OURS)
    def test_every_import_writes_its_name_out(self, package: str) -> None:
        found = [f for m in modules_of(package) for f in imports_inside(m, (UNWRITTEN,))]
        assert found == []


class TestAFreshProcess:
    @pytest.mark.parametrize(
        ("package", "forbidden"),
        [
            ("ztdx_spot", PRODUCT_NEVER),
            # It reads verdicts: neither the world nor what executes is loaded on the way.
            (
                "ztdx_devnet.report",
                (*EVM, "ztdx_spot", "ztdx_devnet.sim", "ztdx_devnet.chain"),
            ),
        ],
    )
    def test_every_module_loads_where_the_forbidden_names_raise(
        self, package: str, forbidden: tuple[str, ...], tmp_path: Path
    ) -> None:
        process = import_all(package, forbidden, tmp_path)
        assert process.returncode == 0, process.stderr
        modules = modules_of(package.partition(".")[0])
        expected = {m.name for m in modules if is_inside(m.name, package)}
        assert set(process.stdout.split()) == expected
        assert package != "ztdx_spot" or "ztdx_spot.__main__" in expected

    @pytest.mark.parametrize(
        "source",
        ["import eth.abc", "try:\n    import eth\nexcept ImportError:\n    pass"],
        ids=["plain", "behind a net"],
    )
    @pytest.mark.parametrize("path", ["__init__.py", "inner/__init__.py", "inner/deep.py"])
    def test_a_forbidden_import_at_any_depth_is_caught(
        self, source: str, path: str, tmp_path: Path
    ) -> None:
        inner = tmp_path / "crooked" / "inner"
        inner.mkdir(parents=True)
        for name in ("__init__.py", "inner/__init__.py", path):
            (tmp_path / "crooked" / name).write_text("")
        (tmp_path / "crooked" / path).write_text(source)
        process = import_all("crooked", ["eth"], tmp_path)
        assert process.returncode != 0
        assert "was imported" in process.stderr


ETH_FORMS = {
    "import": "import eth",
    "import of a submodule": "import eth.vm.forks",
    "import under another name": "import re, eth.vm as machine",
    "from": "from eth import constants",
    "from a submodule": "from eth.vm.forks.prague import PragueVM as Machine",
    "star": "from eth import *",
    "in a function": "def f():\n    def g():\n        from eth import abc",
    "for the type checker": "if TYPE_CHECKING:\n    from eth.abc import BlockAPI",
    "in try": "try:\n    import eth\nexcept ImportError:\n    eth = None",
    "import_module": "import importlib\nimportlib.import_module('eth.vm')",
    "import_module by keyword": "importlib.import_module(name='eth')",
    "import_module alone": "from importlib import import_module\nimport_module('eth')",
    "import_module renamed": "from importlib import import_module as load\nload('eth')",
    "__import__": "vm = __import__('eth.vm').vm",
    "builtins.__import__": "import builtins\nbuiltins.__import__('eth')",
    "run_module": "import runpy\nrunpy.run_module('eth')",
}


class TestTheCheckItself:
    @pytest.mark.parametrize("form", ETH_FORMS)
    def test_it_sees_each_form_of_import(self, form: str) -> None:
        assert imports_inside(parsed(ETH_FORMS[form], "ztdx_spot/x.py"), ["eth"])

    @pytest.mark.parametrize(
        "source",
        [
            "import eth_abi",
            "from eth_utils import eth",
            "from ztdx_spot import eth",
            "from .eth import x",
            "'import eth'",
            "import_module('ethereum')",
        ],
    )
    def test_it_takes_no_other_name_for_the_forbidden_one(self, source: str) -> None:
        module = parsed(source, "ztdx_spot/x.py")
        assert imports_of(module) or source.startswith("'")
        assert imports_inside(module, ["eth"]) == []

    @pytest.mark.parametrize(
        ("source", "path", "name"),
        [
            ("from . import b", "p/q/a.py", "p.q.b"),
            ("from .b import c", "p/q/a.py", "p.q.b.c"),
            ("from .. import b", "p/q/a.py", "p.b"),
            ("from ..b import c", "p/q/a.py", "p.b.c"),
            ("from . import b", "p/q/__init__.py", "p.q.b"),
            ("from ..b import c", "p/q/__init__.py", "p.b.c"),
            ("import_module('.b', 'p.q')", "p/x.py", "p.q.b"),
            ("import_module('..b', package='p.q')", "p/x.py", "p.b"),
            ("import_module('.b', __package__)", "p/q/a.py", "p.q.b"),
        ],
    )
    def test_it_resolves_relative_imports(self, source: str, path: str, name: str) -> None:
        assert [entry.name for entry in imports_of(parsed(source, path))] == [name]

    @pytest.mark.parametrize(
        "source",
        [
            "import_module(name)",
            "import_module(f'eth.{name}')",
            "__import__('e' + 'th')",
            "load = importlib.import_module\nload('eth')",
            "import_module('.b', where)",
            "__import__()",
        ],
    )
    def test_it_reports_a_name_that_only_a_run_can_tell(self, source: str) -> None:
        assert imports_inside(parsed(source, "ztdx_spot/x.py"), [UNWRITTEN])

    @pytest.mark.parametrize(
        ("path", "source"),
        [
            ("__init__.py", "from ztdx_devnet import chain"),
            ("artifacts/__init__.py", "from ztdx_devnet.chain import keccak"),
            ("chain/rpc/methods.py", "from ztdx_devnet.sim import kernel"),
            ("chain/blocktree/tree.py", "from ...journal.journal import Journal"),
            ("chain/blocktree/tree.py", "from ztdx_devnet import sim"),
            ("chain/blocktree/tree.py", "import ztdx_devnet"),
            ("chain/blocktree/tree.py", "def f():\n    from ztdx_spot.node.shapes import RawLog"),
            ("faults/answers.py", "from ztdx_devnet.sim.seed import stream"),
            ("faults/answers.py", "import ztdx_spot"),
            ("journal/journal.py", "from ztdx_devnet.chain.blocktree.blocks import Place"),
            ("sim/world.py", "from ztdx_devnet.scenario.model import Scenario"),
            ("sim/world.py", "from ztdx_devnet import report"),
            ("sim/world.py", "if TYPE_CHECKING:\n    from ztdx_devnet.cli import main"),
            ("scenario/runner.py", "from ztdx_devnet.report.console import ConsoleReport"),
            ("scenario/runner.py", "from ztdx_devnet.live import server"),
            ("scenario/runner.py", "import ztdx_devnet.explore.sweeps"),
            ("scenario/verbs/api.py", "from ...cli import main"),
            ("report/console.py", "from ztdx_devnet.sim.world import World"),
            ("report/console.py", "from ztdx_devnet.chain import contracts"),
            ("report/console.py", "from ztdx_devnet.scenario import runner"),
            ("report/console.py", "from ztdx_devnet.scenario import *"),
            ("report/console.py", "import ztdx_devnet.scenario"),
        ],
    )
    def test_it_refuses_an_import_against_the_order(self, path: str, source: str) -> None:
        assert imports_out_of_order(parsed(source, f"ztdx_devnet/{path}"))

    @pytest.mark.parametrize(
        ("path", "source"),
        [
            ("chain/rpc/methods.py", "from ztdx_devnet.chain.keccak import keccak256"),
            ("chain/origin/contracts.py", "from ztdx_devnet.artifacts import load"),
            ("sim/world.py", "from ztdx_spot.config import read_settings"),
            ("report/machine.py", "from ztdx_devnet.scenario.verdict import Outcome"),
            ("report/machine.py", "from ztdx_devnet.scenario import verdict"),
            ("cli.py", "from ztdx_devnet.report import machine"),
            ("live/server.py", "from ztdx_devnet.sim.world import World"),
        ],
    )
    def test_it_lets_an_import_along_the_order_pass(self, path: str, source: str) -> None:
        module = parsed(source, f"ztdx_devnet/{path}")
        assert imports_of(module)
        assert imports_out_of_order(module) == []

    def test_a_room_without_a_rule_is_an_error(self) -> None:
        with pytest.raises(AssertionError, match="attic is a new room"):
            imports_out_of_order(parsed("", "ztdx_devnet/attic/x.py"))
