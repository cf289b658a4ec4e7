"""Calls, estimates and access lists: executed on a state and thrown away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eth_abi import decode
from eth_abi.exceptions import DecodingError

from ztdx_devnet.chain.evm.context import CallResult, Message
from ztdx_devnet.chain.evm.gas import estimate_gas, gas_charged
from ztdx_devnet.chain.evm.state import AccessList, create_address
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.calls import call_request, overridden
from ztdx_devnet.chain.rpc.errors import EXECUTION_REVERTED, SERVER_ERROR, RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method

_LIST_ROUNDS = 16  # a contract could go on for ever to touch one slot more
_PRECOMPILES = 0x11  # the last of them (EIP-2537)
_ERROR = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
_PANICS = {
    0x00: "generic panic",
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}


@method("eth_call")
def call(
    node: Node, transaction: Any, block: Any = "latest", state: Any = None, header: Any = None
) -> str:
    """The output of a message on a state; state and block overrides as in geth."""
    request = call_request(transaction)
    context = overridden(params.context(node, block), state, header)
    context = context.edited(request.edits(context.execution.chain_id))
    message = request.message(context.header.base_fee_per_gas)
    return shapes.data(output_of(context.call(message)))


@method("eth_estimateGas")
def estimate(node: Node, transaction: Any, block: Any = "latest", state: Any = None) -> str:
    """The least gas limit with which a transaction succeeds."""
    request = call_request(transaction)
    context = overridden(params.context(node, block), state, None)
    context = context.edited(request.edits(context.execution.chain_id))
    message = request.message(context.header.base_fee_per_gas)
    gas, result = estimate_gas(context, message, len(request.authorizations))
    output_of(result)
    return shapes.quantity(gas)


@method("eth_createAccessList")
def create_access_list(node: Node, transaction: Any, block: Any = "latest") -> Any:
    """The accounts and slots that a transaction touches, and the gas it uses with that list."""
    request = call_request(transaction)
    context = params.context(node, block)
    context = context.edited(request.edits(context.execution.chain_id))
    message = request.message(context.header.base_fee_per_gas)
    listed: AccessList = message.access_list
    for _ in range(_LIST_ROUNDS):  # a listed slot is cheaper, so another path may be taken
        message = replace(message, access_list=listed)
        result, accessed = context.trace(message)
        sender_nonce = context.state().nonce(message.sender)
        found = _worth_listing(accessed, message, sender_nonce, context.header.coinbase)
        if found == listed:
            break
        listed = found
    answer = {
        "accessList": [
            {
                "address": shapes.data(address),
                "storageKeys": [shapes.data(slot.to_bytes(32, "big")) for slot in slots],
            }
            for address, slots in listed
        ],
        "gasUsed": shapes.quantity(gas_charged(message, result, len(request.authorizations))),
    }
    return answer if result.succeeded else {**answer, "error": result.failure}


def output_of(result: CallResult) -> bytes:
    """What a call returned. Raises RpcError when it failed, code 3 with the data of a revert."""
    if result.succeeded:
        return result.output
    if result.failure == "execution reverted":
        reason = _reason(result.output)
        message = result.failure if reason is None else f"{result.failure}: {reason}"
        raise RpcError(EXECUTION_REVERTED, message, shapes.data(result.output))
    raise RpcError(SERVER_ERROR, result.failure or "execution failed")


def _reason(output: bytes) -> str | None:
    """What Error(string) or Panic(uint256) says, in the words of geth; None for other reverts."""
    selector, arguments = output[:4], output[4:]
    try:
        if selector == _ERROR:
            (text,) = decode(["string"], arguments)
            return str(text)
        if selector == _PANIC:
            (code,) = decode(["uint256"], arguments)
            return _PANICS.get(code, f"unknown panic code: {code:#x}")
    except (DecodingError, UnicodeDecodeError, OverflowError):
        pass  # the contract's own bytes after a borrowed selector
    return None


def _worth_listing(
    accessed: AccessList, message: Message, sender_nonce: int, coinbase: bytes
) -> AccessList:
    """Without the accounts that are warm anyway, unless they have slots."""
    to = message.to or create_address(message.sender, sender_nonce)
    precompiles = (n.to_bytes(20, "big") for n in range(1, _PRECOMPILES + 1))
    warm = {message.sender, to, coinbase, *precompiles}
    return tuple((address, slots) for address, slots in accessed if slots or address not in warm)
