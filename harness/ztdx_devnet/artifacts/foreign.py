"""Compiled contracts of other people: the artifact files of Foundry, Hardhat and ape."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ztdx_devnet.artifacts import Artifact

_HEX = re.compile(r"(0x)?([0-9a-fA-F]{2})+\Z")
_PLACEHOLDER = re.compile(r"__\$?[^_]{1,40}")  # of a library that is still to be linked
_BYTECODES = "bytecode.object (Foundry), bytecode (Hardhat) or deploymentBytecode.bytecode (ape)"


class BadArtifact(ValueError):
    """The file is no artifact that can be deployed: the message says what is missing in it."""


def read(path: Path, contract_name: str | None = None) -> Artifact:
    """The artifact in that file. Raises BadArtifact.

    `contract_name` chooses one of a file with several contracts (ape's manifest).
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadArtifact(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise BadArtifact(f"{path}: not JSON: {error}") from error
    if not isinstance(content, Mapping):
        raise BadArtifact(f"{path}: expected an object with abi and bytecode")
    if "contractTypes" in content:
        content = _chosen(path, content["contractTypes"], contract_name)
    abi = content.get("abi")
    if not isinstance(abi, list) or not all(
        isinstance(entry, Mapping) and _are_parameters(entry.get("inputs", [])) for entry in abi
    ):
        raise BadArtifact(f"{path}: no abi in it: expected an array of objects with their inputs")
    return Artifact(
        name=str(content.get("contractName") or path.stem),
        abi=tuple(dict(entry) for entry in abi),
        creation=_creation(path, content),
        runtime=b"",
        compiler_version="",
    )


def _are_parameters(inputs: Any) -> bool:
    return isinstance(inputs, list) and all(
        isinstance(entry, Mapping)
        and isinstance(entry.get("type"), str)
        and _are_parameters(entry.get("components", []))
        for entry in inputs
    )


def _chosen(path: Path, types: Any, contract_name: str | None) -> Mapping[str, Any]:
    if not isinstance(types, Mapping) or not types:
        raise BadArtifact(f"{path}: contractTypes holds no contract")
    names = ", ".join(sorted(types))
    if contract_name is None and len(types) > 1:
        raise BadArtifact(f"{path}: holds several contracts ({names}); name one as FILE:NAME")
    chosen = types.get(contract_name) if contract_name else next(iter(types.values()))
    if not isinstance(chosen, Mapping):
        raise BadArtifact(f"{path}: no contract {contract_name!r} in it; there are {names}")
    return chosen


def _creation(path: Path, content: Mapping[str, Any]) -> bytes:
    found: Any = content.get("bytecode")
    if isinstance(found, Mapping):
        found = found.get("object")
    deployment = content.get("deploymentBytecode")
    if found is None and isinstance(deployment, Mapping):
        found = deployment.get("bytecode")
    if not isinstance(found, str) or found in ("", "0x"):
        raise BadArtifact(
            f"{path}: no creation bytecode in it: expected {_BYTECODES}; an interface or an "
            "abstract contract has none"
        )
    if not _HEX.match(found):
        placeholder = _PLACEHOLDER.search(found)
        if placeholder:
            raise BadArtifact(
                f"{path}: its bytecode waits for a library ({placeholder[0]}…): link it first"
            )
        raise BadArtifact(f"{path}: its bytecode is not hex: {found[:40]!r}…")
    return bytes.fromhex(found.removeprefix("0x"))
