"""Transactions and signatures."""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.errors import UnknownAccount
from ztdx_devnet.chain.evm.gas import TIP_WEI, estimate_gas
from ztdx_devnet.chain.grants import SET_CODE_TYPE
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.calls import CallRequest, call_request
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError, invalid_params
from ztdx_devnet.chain.rpc.methods.execution import output_of
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method
from ztdx_devnet.chain.rpc.typed_data import BadTypedData, typed_data_hash
from ztdx_devnet.chain.signing import Unsigned, impersonate
from ztdx_devnet.chain.transactions import Transaction, decode

_KINDS = (0, 1, 2, SET_CODE_TYPE)


@method("eth_sendRawTransaction")
def send_raw(node: Node, raw: Any) -> str:
    """Take a signed transaction: legacy, access list, dynamic fee or set code."""
    return _submit(node, decode(params.data(raw, "transaction")))


@method("eth_sendTransaction")
def send(node: Node, transaction: Any) -> str:
    """Sign for an account of the node, or impersonate, and send. Missing fields are filled in."""
    return _submit(node, authorized(node, transaction))


@method("eth_sendUnsignedTransaction", control=True)
def send_unsigned(node: Node, transaction: Any) -> str:
    """Send as `from`, whoever that is, without a signature."""
    return _submit(node, authorized(node, transaction, anyone=True))


@method("eth_signTransaction")
def sign_transaction(node: Node, transaction: Any) -> Any:
    """Sign for an account of the node, and don't send."""
    signed = authorized(node, transaction)
    if signed.impersonated:  # the bytes would be a transaction of the stand-in
        raise UnknownAccount(f"unknown account {shapes.data(signed.sender)}")
    return {"raw": shapes.data(signed.raw()), "tx": shapes.transaction(signed)}


@method("eth_sign")
def sign(node: Node, address: Any, message: Any) -> str:
    """Sign a message with an account of the node (EIP-191)."""
    return _sign_message(node, params.address(address), params.data(message, "message"))


@method("personal_sign")
def personal_sign(node: Node, message: Any, address: Any, password: Any = None) -> str:
    """As eth_sign, with the parameters the other way round, as wallets have it."""
    return _sign_message(node, params.address(address), params.data(message, "message"))


@method("eth_signTypedData_v4", "eth_signTypedData")
def sign_typed_data(node: Node, address: Any, typed_data: Any) -> str:
    """Sign EIP-712 typed data with an account of the node."""
    signer = params.address(address)
    try:
        digest = typed_data_hash(typed_data)
    except BadTypedData as error:
        raise invalid_params(f"typed data: {error}") from error
    return _signature(node, signer, digest)


def _submit(node: Node, transaction: Transaction) -> str:
    if node.devnet is not None:
        node.devnet.submit(transaction)
    else:
        node.view.chain.add(transaction)
    return shapes.data(transaction.hash)


def _sign_message(node: Node, address: bytes, message: bytes) -> str:
    prefix = b"\x19Ethereum Signed Message:\n%d" % len(message)
    return _signature(node, address, keccak256(prefix + message))


def _signature(node: Node, address: bytes, digest: bytes) -> str:
    if node.devnet is None:
        raise RpcError(SERVER_ERROR, "unknown account")
    v, r, s = node.devnet.key(address).sign_msg_hash(digest).vrs
    return shapes.data(r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + v]))


def authorized(node: Node, transaction: Any, *, anyone: bool = False) -> Transaction:
    """The transaction of that object, signed for its sender, or impersonated.

    With `anyone`, senders without a key are impersonated unasked. Raises UnknownAccount.
    """
    request = call_request(transaction)
    if transaction.get("from") is None:
        raise invalid_params("transaction.from: expected the address of the sender")
    if None is not transaction.get("input") != transaction.get("data") is not None:
        raise invalid_params("transaction: input and data differ; give one of them")
    devnet = node.devnet
    if devnet is None or not (anyone or devnet.can_send_from(request.sender)):
        raise UnknownAccount(f"unknown account {shapes.data(request.sender)}")
    unsigned = _filled(node, request)
    if anyone and not devnet.can_send_from(request.sender):
        return impersonate(unsigned, request.sender)
    return devnet.authorize(unsigned, request.sender)


def _filled(node: Node, request: CallRequest) -> Unsigned:
    """The transaction with nonce, fees and gas filled in where the request leaves them open."""
    chain = node.view.chain
    if request.chain_id is not None and request.chain_id != chain.chain_id:
        raise RpcError(
            SERVER_ERROR,
            f"chainId does not match node's (have={request.chain_id}, want={chain.chain_id})",
        )
    set_fee_wei = chain.patches.base_fee_wei(chain.head)
    base_fee_wei = chain.head.header.base_fee_per_gas if set_fee_wei is None else set_fee_wei
    tip_wei = TIP_WEI if request.tip_wei is None else request.tip_wei
    if request.max_fee_wei is None:
        max_fee_wei = 2 * base_fee_wei + tip_wei
    else:
        max_fee_wei = request.max_fee_wei
        tip_wei = min(tip_wei, max_fee_wei)
    price_wei = request.gas_price_wei
    return Unsigned(
        kind=_kind(request),
        chain_id=chain.chain_id,
        nonce=chain.next_nonce(request.sender) if request.nonce is None else request.nonce,
        to=request.to,
        data=request.data,
        value_wei=request.value_wei,
        gas=_estimated(node, request) if request.gas is None else request.gas,
        gas_price_wei=base_fee_wei + TIP_WEI if price_wei is None else price_wei,
        max_fee_wei=max_fee_wei,
        tip_wei=tip_wei,
        access_list=request.access_list or (),
        authorizations=request.authorizations,
    )


def _kind(request: CallRequest) -> int:
    """The EIP-2718 type: as asked, else the one that has the fields that were given."""
    if request.kind is not None:
        if request.kind not in _KINDS:
            raise invalid_params(f"transaction.type: expected 0, 1, 2 or 4, got {request.kind}")
        if request.kind == SET_CODE_TYPE and not request.authorizations:
            raise invalid_params("transaction.type: type 4 needs an authorizationList")
        return request.kind
    if request.authorizations:
        return SET_CODE_TYPE
    if request.gas_price_wei is None:
        return 2
    return 0 if request.access_list is None else 1


def _estimated(node: Node, request: CallRequest) -> int:
    """On the head; on the pending block when only what waits lets it succeed."""
    chain = node.view.chain
    edits, grants = request.edits(chain.chain_id), len(request.authorizations)
    context = chain.context(chain.head).edited(edits)
    message = request.message(context.header.base_fee_per_gas)
    gas, result = estimate_gas(context, message, grants)
    if not result.succeeded and len(chain.pool):
        gas, result = estimate_gas(node.pending_context().edited(edits), message, grants)
    output_of(result)
    return gas
