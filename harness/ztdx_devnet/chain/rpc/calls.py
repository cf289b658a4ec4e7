"""The transaction object of calls, estimates and sends, and the overrides of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ztdx_devnet.chain.evm.context import BlockContext, Edit, Message
from ztdx_devnet.chain.evm.gas import GAS_CAP
from ztdx_devnet.chain.evm.state import AccessList, State
from ztdx_devnet.chain.grants import Grant
from ztdx_devnet.chain.rpc import params
from ztdx_devnet.chain.rpc.errors import invalid_params

MAX_OVERRIDES = 1_000
_DELEGATION = b"\xef\x01\x00"  # EIP-7702: code that points to other code
_ACCOUNT_FIELDS = ("balance", "nonce", "code", "state", "stateDiff")
_BLOCK_FIELDS = {
    "number": "block_number",
    "time": "timestamp",
    "gasLimit": "gas_limit",
    "baseFeePerGas": "base_fee_per_gas",
}


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What the object says; None where it says nothing.

    `authorizations` are as given; a void one is only without effect.
    """

    sender: bytes
    to: bytes
    data: bytes
    value_wei: int
    gas: int | None
    nonce: int | None
    kind: int | None
    chain_id: int | None
    gas_price_wei: int | None
    max_fee_wei: int | None
    tip_wei: int | None
    access_list: AccessList | None
    authorizations: tuple[Grant, ...]

    def message(self, base_fee_wei: int) -> Message:
        """What a call with these fields executes, with the cap for gas."""
        price_wei = self.gas_price_wei
        if price_wei is None and self.max_fee_wei is not None:
            price_wei = min(self.max_fee_wei, base_fee_wei + (self.tip_wei or 0))
        return Message(
            sender=self.sender,
            to=self.to,
            data=self.data,
            value_wei=self.value_wei,
            gas=GAS_CAP if self.gas is None else min(self.gas, GAS_CAP),
            gas_price_wei=price_wei or 0,
            access_list=self.access_list or (),
        )

    def edits(self, chain_id: int) -> list[Edit]:
        """The delegations that its authorizations would set on that chain."""
        signed = [
            (authority, grant)
            for grant in self.authorizations
            if grant.chain_id in (0, chain_id) and (authority := grant.authority()) is not None
        ]

        def delegate(state: State) -> None:
            state.set_nonce(self.sender, state.nonce(self.sender) + 1)  # the transaction's own
            for authority, grant in signed:
                code = state.code(authority)
                taken = code and not code.startswith(_DELEGATION)
                if taken or grant.nonce != state.nonce(authority):
                    continue
                state.set_nonce(authority, grant.nonce + 1)
                state.set_code(authority, _DELEGATION + grant.code if any(grant.code) else b"")

        return [delegate] if signed else []


def call_request(value: Any) -> CallRequest:
    """Parse a transaction object. Raises -32602."""
    if not isinstance(value, Mapping):
        raise invalid_params(f"transaction: expected an object, got {params.shown(value)}")

    def quantity(name: str) -> int | None:
        found = value.get(name)
        return None if found is None else params.quantity(found, f"transaction.{name}")

    payload = value.get("data") if value.get("input") is None else value["input"]
    sender, to = value.get("from"), value.get("to")
    kind = value.get("type")  # web3.py writes it as a number where it modifies a transaction
    gas_price_wei, max_fee_wei = quantity("gasPrice"), quantity("maxFeePerGas")
    tip_wei = quantity("maxPriorityFeePerGas")
    if gas_price_wei is not None and (max_fee_wei is not None or tip_wei is not None):
        raise invalid_params(
            "transaction: both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"
        )
    if max_fee_wei is not None and tip_wei is not None and max_fee_wei < tip_wei:
        raise invalid_params(
            f"transaction: maxFeePerGas ({max_fee_wei}) < maxPriorityFeePerGas ({tip_wei})"
        )
    return CallRequest(
        sender=bytes(20) if sender is None else params.address(sender, "transaction.from"),
        to=b"" if to is None else params.address(to, "transaction.to"),
        data=b"" if payload is None else params.data(payload, "transaction.input"),
        value_wei=quantity("value") or 0,
        gas=quantity("gas"),
        nonce=quantity("nonce"),
        kind=None if kind is None else params.integer(kind, "transaction.type"),
        chain_id=quantity("chainId"),
        gas_price_wei=gas_price_wei,
        max_fee_wei=max_fee_wei,
        tip_wei=tip_wei,
        access_list=_access_list(value.get("accessList")),
        authorizations=_authorizations(value.get("authorizationList")),
    )


def overridden(context: BlockContext, state: Any, block: Any) -> BlockContext:
    """The context with the state and block overrides of eth_call, as geth takes them."""
    edits: list[Edit] = []
    if state is not None:
        if not isinstance(state, Mapping) or len(state) > MAX_OVERRIDES:
            raise invalid_params(
                f"state overrides: expected an object of at most {MAX_OVERRIDES} accounts"
            )
        edits = [_account_edit(*entry) for entry in state.items()]
    fields: dict[str, int] = {}
    if block is not None:
        for name, value in params.fields(block, "block overrides", _BLOCK_FIELDS).items():
            number = params.quantity(value, f"block overrides.{name}")
            if number >= 2**64:
                raise invalid_params(f"block overrides.{name}: {number} is beyond 64 bits")
            fields[_BLOCK_FIELDS[name]] = number
    return context.edited(edits, **fields) if edits or fields else context


def _account_edit(key: Any, value: Any) -> Edit:
    name = f"state overrides.{key}"
    address = params.address(key, name)
    given = params.fields(value, name, _ACCOUNT_FIELDS)
    if given.get("state") is not None and given.get("stateDiff") is not None:
        raise invalid_params(f"{name}: both state and stateDiff")
    balance, number, runtime = given.get("balance"), given.get("nonce"), given.get("code")
    balance_wei = None if balance is None else params.quantity(balance, f"{name}.balance")
    nonce = None if number is None else params.quantity(number, f"{name}.nonce")
    code = None if runtime is None else params.data(runtime, f"{name}.code")
    if nonce is not None and nonce >= 2**64:
        raise invalid_params(f"{name}.nonce: {nonce} is beyond 64 bits")
    slots = given.get("state") if given.get("state") is not None else given.get("stateDiff")
    if slots is not None and not isinstance(slots, Mapping):
        raise invalid_params(f"{name}: expected an object of slots, got {params.shown(slots)}")
    words = {
        params.word(slot, f"{name} slot"): params.word(content, f"{name} value")
        for slot, content in (slots or {}).items()
    }

    def edit(state: State) -> None:
        if balance_wei is not None:
            state.set_balance_wei(address, balance_wei)
        if nonce is not None:
            state.set_nonce(address, nonce)
        if code is not None:
            state.set_code(address, code)
        if given.get("state") is not None:
            state.clear_storage(address)
        for slot, content in words.items():
            state.set_storage(address, slot, content)

    return edit


def _access_list(value: Any) -> AccessList | None:
    if value is None:
        return None
    name = "transaction.accessList"
    if not isinstance(value, list):
        raise invalid_params(f"{name}: expected an array, got {params.shown(value)}")
    listed = []
    for entry in value:
        given = params.fields(entry, name, ("address", "storageKeys"))
        slots = given.get("storageKeys")
        listed.append(
            (
                params.address(given.get("address"), f"{name}.address"),
                tuple(
                    int.from_bytes(slot, "big")
                    for slot in params.hashes(slots or [], f"{name}.storageKeys")
                ),
            )
        )
    return tuple(listed)


def _authorizations(value: Any) -> tuple[Grant, ...]:
    if value is None:
        return ()
    name = "transaction.authorizationList"
    if not isinstance(value, list):
        raise invalid_params(f"{name}: expected an array, got {params.shown(value)}")
    found = []
    for entry in value:
        if not isinstance(entry, Mapping):
            raise invalid_params(f"{name}: expected objects, got {params.shown(entry)}")
        chain_id, nonce, y_parity, r, s = (
            params.quantity(entry.get(field), f"{name}.{field}")
            for field in ("chainId", "nonce", "yParity", "r", "s")
        )
        code = params.address(entry.get("address"), f"{name}.address")
        found.append(Grant(chain_id, code, nonce, y_parity, r, s))
    return tuple(found)
