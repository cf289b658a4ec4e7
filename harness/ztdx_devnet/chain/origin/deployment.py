"""What stands on the chain at the beginning: token and vault, ours or other people's, and where."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eth_abi import encode
from eth_abi.exceptions import EncodingError, ParseError

from ztdx_devnet.artifacts import Artifact, load
from ztdx_devnet.chain.evm.state import create_address
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import OWNER

Addresses = Literal["testnet", "deployed"]


class DeploymentImpossible(ValueError):
    """The contracts can't be deployed as asked: the message names the contract and the repair."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where token and vault stand, 20 bytes each."""

    vault: bytes
    df_token: bytes


TESTNET = Deployment(contracts.VAULT, contracts.DF_TOKEN)
# The owner's first two contracts.
DEPLOYED = Deployment(create_address(OWNER.address, 1), create_address(OWNER.address, 0))


@dataclass(frozen=True, slots=True)
class ContractPlan:
    """A contract and the arguments of its constructor, as text.

    An argument is a literal or one of the names `owner`, `withdraw_signer`, `vault`, `df_token`,
    `alice` and so on. `flag` is what messages call it by.
    """

    artifact: Artifact
    arguments: tuple[str, ...]
    flag: str

    def creation(self, names: Mapping[str, bytes]) -> bytes:
        """Creation bytecode with its arguments. Raises DeploymentImpossible."""
        inputs = self._constructor_inputs()
        if len(inputs) != len(self.arguments):
            wanted = ", ".join(f"{i['type']} {i.get('name', '')}".strip() for i in inputs)
            raise DeploymentImpossible(
                f"{self.artifact.name}: its constructor({wanted}) takes {len(inputs)} arguments, "
                f"got {len(self.arguments)}: give {self.flag} once for each, in order"
            )
        values = [
            self._value(given, entry, names)
            for given, entry in zip(self.arguments, inputs, strict=True)
        ]
        try:
            return self.artifact.creation + encode([_type_of(i) for i in inputs], values)
        except (EncodingError, ParseError, TypeError, ValueError) as error:
            raise DeploymentImpossible(f"{self.artifact.name}: {self.flag}: {error}") from error

    def has(self, signature: str) -> bool:
        """Whether its ABI has that function, such as 'mint(address,uint256)'."""
        return any(
            entry.get("type") == "function" and _signature(entry) == signature
            for entry in self.artifact.abi
        )

    def require(self, signatures: Sequence[str]) -> None:
        """Raise DeploymentImpossible unless its ABI has all these functions."""
        missing = [signature for signature in signatures if not self.has(signature)]
        if missing:
            raise DeploymentImpossible(
                f"{self.artifact.name}: no function {', '.join(missing)} in its ABI"
            )

    def _constructor_inputs(self) -> list[Mapping[str, Any]]:
        for entry in self.artifact.abi:
            if entry.get("type") == "constructor":
                return list(entry.get("inputs", ()))
        return []

    def _value(self, given: str, entry: Mapping[str, Any], names: Mapping[str, bytes]) -> Any:
        kind = _type_of(entry)
        try:
            return _read(given, entry, names)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            known = f" or one of {', '.join(names)}" if "address" in kind else ""
            raise DeploymentImpossible(
                f"{self.artifact.name}: {self.flag} {given!r:.100}: expected {kind}{known}"
            ) from error


def _read(given: Any, entry: Mapping[str, Any], names: Mapping[str, bytes]) -> Any:
    """A value as eth_abi takes it, from text or from what was inside of JSON."""
    kind = entry["type"]
    if kind.endswith("]") or kind == "tuple":
        items = json.loads(given) if isinstance(given, str) else given
        if not isinstance(items, list):
            raise TypeError("expected a JSON array")
        if kind == "tuple":
            parts = zip(items, entry.get("components", ()), strict=True)
            return tuple(_read(item, component, names) for item, component in parts)
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return [_read(item, inner, names) for item in items]
    if not isinstance(given, str):
        return given  # a number or a boolean of JSON: the encoder knows whether it fits
    if kind == "address" and given in names:
        return names[given]
    if kind.startswith(("uint", "int")):
        return int(given, 0)
    if kind == "bool":
        return {"true": True, "false": False}[given]
    if kind == "address" or kind.startswith("bytes"):
        return bytes.fromhex(given.removeprefix("0x"))
    return given


def own_token() -> ContractPlan:
    return ContractPlan(load("DFToken"), ("owner",), "--token-arg")


def own_vault() -> ContractPlan:
    return ContractPlan(load("ZtdxSpotVault"), ("owner", "withdraw_signer"), "--vault-arg")


def _signature(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('name')}({','.join(_type_of(i) for i in entry.get('inputs', ()))})"


def _type_of(entry: Mapping[str, Any]) -> str:
    kind = str(entry["type"])
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_type_of(component) for component in entry.get("components", ()))
    return f"({inner}){kind.removeprefix('tuple')}"
