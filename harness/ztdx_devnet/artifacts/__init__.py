"""The compiled contracts, as checked in: ABI, creation and runtime bytecode, compiler version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract. `creation` takes ABI-encoded constructor arguments behind it."""

    name: str
    abi: tuple[dict[str, Any], ...]
    creation: bytes
    runtime: bytes
    compiler_version: str


@cache
def load(name: str) -> Artifact:
    """The artifact of that contract name. Raises FileNotFoundError when there is none."""
    data = json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    return Artifact(
        name=data["contractName"],
        abi=tuple(data["abi"]),
        creation=bytes.fromhex(data["bytecode"][2:]),
        runtime=bytes.fromhex(data["deployedBytecode"][2:]),
        compiler_version=data["compiler"]["version"],
    )
