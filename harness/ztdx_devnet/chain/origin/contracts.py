"""The contracts of the devnet: where each one stands, and how to call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi import decode, encode

from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.keccak import keccak256, selector

# The documented addresses of the BSC testnet deployment, so that a frontend changes only its URLs.
VAULT = bytes.fromhex("4Fe0b354c5865ee9deb979a99030d757ae47664a")
DF_TOKEN = bytes.fromhex("8063a43ed88397c1B10DA23dcC60ba1E7A0Bf555")
# Ours: helpers and adversaries that only a devnet has.
LOOKALIKE_TOKEN = bytes.fromhex("00000000000000000000000000000000000d0f01")
DEPOSIT_BATCH = bytes.fromhex("00000000000000000000000000000000000d0f02")

SPOT_DEPOSIT_TOPIC = keccak256(b"SpotDeposit(address,address,uint256)")


@dataclass(frozen=True, slots=True)
class Call:
    """ABI-encoded call data for one function."""

    signature: str
    arguments: tuple[Any, ...]

    @property
    def data(self) -> bytes:
        types = self.signature[self.signature.index("(") + 1 : -1]
        return selector(self.signature) + encode(_split(types), self.arguments)


def _split(types: str) -> list[str]:
    return types.split(",") if types else []


def approve(spender: bytes, amount_wei: int) -> bytes:
    return Call("approve(address,uint256)", (spender, amount_wei)).data


def transfer(to: bytes, amount_wei: int) -> bytes:
    return Call("transfer(address,uint256)", (to, amount_wei)).data


def mint(to: bytes, amount_wei: int) -> bytes:
    return Call("mint(address,uint256)", (to, amount_wei)).data


def deposit(token: bytes, amount_wei: int) -> bytes:
    return Call("deposit(address,uint256)", (token, amount_wei)).data


def set_token_registered(token: bytes, registered: bool) -> bytes:
    return Call("setTokenRegistered(address,bool)", (token, registered)).data


def deposit_many(vault: bytes, token: bytes, amounts_wei: list[int]) -> bytes:
    """Several deposits of one account in one transaction (contract DepositBatch)."""
    return Call("depositMany(address,address,uint256[])", (vault, token, amounts_wei)).data


def relay(vault: bytes, token: bytes, accounts: list[bytes], amounts_wei: list[int]) -> bytes:
    """One deposit of each of several accounts in one transaction (contract DepositBatch)."""
    signature = "relay(address,address,address[],uint256[])"
    return Call(signature, (vault, token, accounts, amounts_wei)).data


def balance_of(account: bytes) -> bytes:
    return Call("balanceOf(address)", (account,)).data


def decode_revert(contract_name: str, output: bytes) -> str | None:
    """'TokenNotRegistered(0x…)' for revert data that names one of the contract's own errors."""
    for entry in load(contract_name).abi:
        if entry["type"] != "error":
            continue
        types = [argument["type"] for argument in entry["inputs"]]
        signature = f"{entry['name']}({','.join(types)})"
        if output[:4] == selector(signature):
            values = decode(types, output[4:])
            return f"{entry['name']}({', '.join(str(value) for value in values)})"
    return None
