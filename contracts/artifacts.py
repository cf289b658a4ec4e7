"""Compiles the contracts and keeps the artifacts the harness ships in step with their sources.

Runs in the contracts environment only (ape, ape-vyper, vyper) and needs no network:

    python contracts/artifacts.py write    # compile and write every artifact
    python contracts/artifacts.py check    # compile and compare byte for byte

Exit codes: 0 in step, 1 an artifact differs (one line each), 2 the contracts can't be compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import sysconfig
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ape.managers.project import LocalProject
    from ethpm_types import ContractType

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "contracts"
ARTIFACTS = ROOT / "harness" / "ztdx_devnet" / "artifacts"

# Compiled with the contracts that import them, never deployed, so they have no artifact.
MODULES = frozenset({"erc20"})

# The compiler's ABI has no error entries, because Vyper raises custom errors as raw bytes. This is
# the one list of them: (type, name) of each argument, names as in ERC-6093 and OpenZeppelin 5.0.
# Panic(uint256) belongs to the language, so no ABI lists it.
ERRORS: dict[str, tuple[tuple[str, str], ...]] = {
    "ERC20InsufficientAllowance": (
        ("address", "spender"),
        ("uint256", "allowance"),
        ("uint256", "needed"),
    ),
    "ERC20InsufficientBalance": (
        ("address", "sender"),
        ("uint256", "balance"),
        ("uint256", "needed"),
    ),
    "ERC20InvalidApprover": (("address", "approver"),),
    "ERC20InvalidReceiver": (("address", "receiver"),),
    "ERC20InvalidSender": (("address", "sender"),),
    "ERC20InvalidSpender": (("address", "spender"),),
    "EnforcedPause": (),
    "ExpectedPause": (),
    "FailedInnerCall": (),
    "InsufficientVaultBalance": (
        ("address", "token"),
        ("uint256", "requested"),
        ("uint256", "available"),
    ),
    "InvalidSignature": (),
    "NativeTransferFailed": (),
    "OwnableInvalidOwner": (("address", "owner"),),
    "OwnableUnauthorizedAccount": (("address", "account"),),
    "ReentrancyGuardReentrantCall": (),
    "SafeERC20FailedOperation": (("address", "token"),),
    "SignatureExpired": (("uint256", "deadline"), ("uint256", "currentTime")),
    "TokenNotRegistered": (("address", "token"),),
    "ZeroAddress": (),
    "ZeroAmount": (),
}

_BALANCE_AND_APPROVAL = (
    "ERC20InsufficientBalance",
    "ERC20InvalidApprover",
    "ERC20InvalidReceiver",
    "ERC20InvalidSender",
    "ERC20InvalidSpender",
)
_ERC20 = ("ERC20InsufficientAllowance", *_BALANCE_AND_APPROVAL)

# Every deployable contract, with the errors of its own code. Errors that it only hands on (a
# token's through the vault, the vault's through a batch) belong to the contract that raises them.
RAISED_BY: dict[str, tuple[str, ...]] = {
    "DFToken": (*_ERC20, "OwnableInvalidOwner", "OwnableUnauthorizedAccount"),
    "DepositBatch": (),
    "FalseReturningToken": _BALANCE_AND_APPROVAL,
    "FeeOnTransferToken": _ERC20,
    "LookalikeToken": _ERC20,
    "LyingToken": _ERC20,
    "NoReturnToken": _ERC20,
    "ReenteringReceiver": (),
    "ReenteringToken": _ERC20,
    "RevertingToken": _BALANCE_AND_APPROVAL,
    "VaultClone": (),
    "ZtdxSpotVault": (
        "EnforcedPause",
        "ExpectedPause",
        "FailedInnerCall",
        "InsufficientVaultBalance",
        "InvalidSignature",
        "NativeTransferFailed",
        "OwnableUnauthorizedAccount",
        "ReentrancyGuardReentrantCall",
        "SafeERC20FailedOperation",
        "SignatureExpired",
        "TokenNotRegistered",
        "ZeroAddress",
        "ZeroAmount",
    ),
}


class CannotCompile(Exception):
    """The environment or the sources don't allow a compilation that can be compared."""


def error_entries(contract_name: str) -> list[dict[str, Any]]:
    """ABI entries of the errors that `contract_name` raises, in alphabetical order."""
    return [
        {
            "type": "error",
            "name": name,
            "inputs": [{"name": argument, "type": kind} for kind, argument in ERRORS[name]],
        }
        for name in sorted(RAISED_BY[contract_name])
    ]


def compile_contracts() -> dict[str, ContractType]:
    """Every deployable contract, freshly compiled by ape with the pins of ape-config.yaml.

    ape's own cache is left aside: it compares a source with itself only, so a change of an
    imported module would go unnoticed.
    """
    from ape.exceptions import CompilerError
    from ape.utils import ManagerAccessMixin

    project = _project()
    _require_pinned_compiler(_pins(project))
    _put_own_vyper_first()
    sources = sorted(SOURCES.rglob("*.vy"))
    try:
        compiled = {
            contract.name: contract
            for contract in ManagerAccessMixin.compiler_manager.compile(sources, project=project)
        }
    except CompilerError as error:
        raise CannotCompile(str(error)) from error
    names = set(compiled) - MODULES
    if names != set(RAISED_BY):
        raise CannotCompile(
            f"contracts and RAISED_BY differ: {', '.join(sorted(names ^ set(RAISED_BY)))} "
            f"is only in one of them; add it to RAISED_BY or MODULES in {_relative(__file__)}"
        )
    return {name: compiled[name] for name in sorted(names)}


def artifact_files() -> dict[Path, bytes]:
    """What the folder of artifacts has to hold."""
    compiler = _pins(_project())
    return {
        ARTIFACTS / f"{name}.json": _artifact(contract, compiler)
        for name, contract in compile_contracts().items()
    }


def write() -> int:
    files = artifact_files()
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for path in set(ARTIFACTS.glob("*.json")) - set(files):
        path.unlink()
    for path, content in files.items():
        path.write_bytes(content)
        print(f"{_relative(path)}: {len(content)} bytes")
    return 0


def check() -> int:
    files = artifact_files()
    differences = [
        f"{_relative(path)} {'differs from its source' if path.is_file() else 'is missing'}"
        for path, content in files.items()
        if not path.is_file() or path.read_bytes() != content
    ]
    differences += [
        f"{_relative(path)} belongs to no contract"
        for path in sorted(set(ARTIFACTS.glob("*.json")) - set(files))
    ]
    for difference in differences:
        print(f"{difference}; run `python contracts/artifacts.py write`")
    return 1 if differences else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("write", "check"))
    command = parser.parse_args(arguments).command
    from ape.logging import LogLevel, logger

    try:
        with logger.at_level(LogLevel.WARNING):
            return write() if command == "write" else check()
    except CannotCompile as error:
        print(f"contracts/artifacts.py: {error}", file=sys.stderr)
        return 2


def _artifact(contract: ContractType, compiler: dict[str, str]) -> bytes:
    abi = [
        entry.model_dump(mode="json", by_alias=True, exclude_none=True) for entry in contract.abi
    ]
    content = {
        "contractName": contract.name,
        "sourcePath": contract.source_id,
        "compiler": compiler,
        "abi": abi + error_entries(contract.name),
        "bytecode": str(contract.deployment_bytecode.bytecode),
        "deployedBytecode": str(contract.runtime_bytecode.bytecode),
    }
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def _project() -> LocalProject:
    # ape-vyper 0.8.12 names a class in its settings before it defines it; pydantic-settings warns,
    # and nothing here uses that field.
    warnings.filterwarnings("ignore", message="Field 'import_remapping'")
    import ape

    return ape.Project(ROOT)


def _pins(project: LocalProject) -> dict[str, str]:
    config = project.config.vyper
    if not (config.version and config.evm_version):
        raise CannotCompile("ape-config.yaml must pin vyper.version and vyper.evm_version")
    return {
        "name": "vyper",
        "version": str(config.version).removeprefix("=="),
        "evmVersion": config.evm_version,
    }


def _require_pinned_compiler(pins: dict[str, str]) -> None:
    """Refuses here, because ape-vyper would fetch another compiler from the network."""
    try:
        installed = version("vyper")
    except PackageNotFoundError:
        installed = "none"
    if installed != pins["version"]:
        raise CannotCompile(
            f"vyper {pins['version']} is pinned in ape-config.yaml, installed is {installed}; "
            "run `pip install -r requirements/contracts.txt`"
        )


def _put_own_vyper_first() -> None:
    """ape-vyper runs whichever `vyper` stands first on PATH, and an environment that is called by
    its path (`.venv-contracts/bin/python`) isn't on it."""
    scripts = sysconfig.get_path("scripts")
    entries = os.environ.get("PATH", "").split(os.pathsep)
    if entries[0] != scripts:
        os.environ["PATH"] = os.pathsep.join([scripts, *entries])


def _relative(path: str | Path) -> str:
    return Path(path).resolve().relative_to(ROOT).as_posix()


if __name__ == "__main__":
    sys.exit(main())
