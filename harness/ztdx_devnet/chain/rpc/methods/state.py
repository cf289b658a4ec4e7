"""Accounts, code and storage after any block."""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import invalid_params
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method

MAX_PROOF_KEYS = 1_024


def _state(node: Node, block: Any) -> State:
    return params.context(node, block).state()


@method("eth_getBalance")
def balance(node: Node, address: Any, block: Any = "latest") -> str:
    """Wei of an account."""
    account = params.address(address)
    return shapes.quantity(_state(node, block).balance_wei(account))


@method("eth_getTransactionCount")
def transaction_count(node: Node, address: Any, block: Any = "latest") -> str:
    """The nonce of an account; at `pending`, the first that no waiting transaction uses."""
    account = params.address(address)
    if block == "pending":
        return shapes.quantity(node.view.chain.next_nonce(account))
    return shapes.quantity(_state(node, block).nonce(account))


@method("eth_getCode")
def code(node: Node, address: Any, block: Any = "latest") -> str:
    """The code of an account."""
    account = params.address(address)
    return shapes.data(_state(node, block).code(account))


@method("eth_getStorageAt")
def storage(node: Node, address: Any, slot: Any, block: Any = "latest") -> str:
    """One storage slot, 32 bytes."""
    account, position = params.address(address), params.word(slot, "slot")
    return shapes.data(_state(node, block).storage(account, position).to_bytes(32, "big"))


@method("eth_getProof")
def proof(node: Node, address: Any, slots: Any, block: Any = "latest") -> Any:
    """Merkle proofs of an account and of storage slots."""
    account = params.address(address)
    if not isinstance(slots, list) or len(slots) > MAX_PROOF_KEYS:
        raise invalid_params(f"slots: expected an array of at most {MAX_PROOF_KEYS} slots")
    positions = [params.word(slot, "slot") for slot in slots]
    context = params.context(node, block)
    state, execution = context.state(), context.execution
    storage_root = state.storage_root(account)
    return {
        "address": shapes.data(account),
        "accountProof": [
            shapes.data(entry) for entry in execution.proof(context.header.state_root, account)
        ],
        "balance": shapes.quantity(state.balance_wei(account)),
        "codeHash": shapes.data(keccak256(state.code(account))),
        "nonce": shapes.quantity(state.nonce(account)),
        "storageHash": shapes.data(storage_root),
        "storageProof": [
            {
                "key": slot,
                "value": shapes.quantity(state.storage(account, position)),
                "proof": [
                    shapes.data(entry)
                    for entry in execution.proof(storage_root, position.to_bytes(32, "big"))
                ],
            }
            for slot, position in zip(slots, positions, strict=True)
        ],
    }
