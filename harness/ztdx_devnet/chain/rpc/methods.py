"""The method table: what the node answers, by method name.

A method is a function of a view and its parameters. It returns a JSON value or raises RpcError.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.execution import CallResult
from ztdx_devnet.chain.gas import GAS_CAP, TIP_WEI, estimate_gas
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import (
    EXECUTION_REVERTED,
    METHOD_NOT_FOUND,
    SERVER_ERROR,
    RpcError,
    invalid_params,
)
from ztdx_devnet.chain.view import View

Method = Callable[..., Any]
_TABLE: dict[str, Method] = {}
MAX_FEE_HISTORY = 1_024


def call(view: View, method: str, arguments: list[Any]) -> Any:
    """Answer one request. Raises RpcError for everything that is not an answer."""
    function = _TABLE.get(method)
    if function is None:
        raise RpcError(METHOD_NOT_FOUND, f"the method {method} does not exist/is not available")
    code = function.__code__
    most = code.co_argcount - 1
    least = most - len(function.__defaults__ or ())
    if not least <= len(arguments) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise invalid_params(f"{method}: expected {wanted} parameters, got {len(arguments)}")
    return function(view, *arguments)


def names() -> tuple[str, ...]:
    """Every method of the table, sorted."""
    return tuple(sorted(_TABLE))


def _method(name: str) -> Callable[[Method], Method]:
    def enter(function: Method) -> Method:
        _TABLE[name] = function
        return function

    return enter


# --- the node ---------------------------------------------------------------------------------


@_method("web3_clientVersion")
def _client_version(view: View) -> str:
    return f"ztdx-devnet/{version('ztdx-devnet')}"


@_method("web3_sha3")
def _sha3(view: View, value: Any) -> str:
    return shapes.data(keccak256(params.data(value, "data")))


@_method("net_version")
def _net_version(view: View) -> str:
    return str(view.chain.chain_id)


@_method("net_listening")
def _listening(view: View) -> bool:
    return True


@_method("eth_chainId")
def _chain_id(view: View) -> str:
    return shapes.quantity(view.chain.chain_id)


@_method("eth_syncing")
def _syncing(view: View) -> bool:
    return False


@_method("eth_accounts")
def _accounts(view: View) -> list[str]:
    return []


@_method("eth_blockNumber")
def _block_number(view: View) -> str:
    return shapes.quantity(view.height)


# --- fees -------------------------------------------------------------------------------------


@_method("eth_gasPrice")
def _gas_price(view: View) -> str:
    return shapes.quantity(view.head.header.base_fee_per_gas + TIP_WEI)


@_method("eth_maxPriorityFeePerGas")
def _tip(view: View) -> str:
    return shapes.quantity(TIP_WEI)


@_method("eth_feeHistory")
def _fee_history(view: View, count: Any, newest: Any, percentiles: Any = None) -> Any:
    wanted = count if type(count) is int else params.quantity(count, "blockCount")
    if not 0 < wanted <= MAX_FEE_HISTORY:
        raise invalid_params(f"blockCount: expected 1 to {MAX_FEE_HISTORY}, got {wanted}")
    ranks = [] if percentiles is None else percentiles
    if not isinstance(ranks, list) or not all(
        isinstance(r, int | float) and not isinstance(r, bool) and 0 <= r <= 100 for r in ranks
    ):
        raise invalid_params("rewardPercentiles: expected numbers from 0 to 100")
    last = params.place(view, newest, "newestBlock")
    first_number = max(last.number - wanted + 1, 0)
    places = [view.at(n) for n in range(first_number, last.number + 1)]
    headers = [place.header for place in places if place is not None]
    after = view.chain.execution.child_header(headers[-1], headers[-1].timestamp + 1)
    answer = {
        "oldestBlock": shapes.quantity(first_number),
        "baseFeePerGas": [shapes.quantity(h.base_fee_per_gas) for h in (*headers, after)],
        "gasUsedRatio": [h.gas_used / h.gas_limit for h in headers],
    }
    if ranks:
        answer["reward"] = [[shapes.quantity(TIP_WEI)] * len(ranks) for _ in headers]
    return answer


# --- state ------------------------------------------------------------------------------------


@_method("eth_getBalance")
def _balance(view: View, address: Any, block: Any = "latest") -> str:
    state = view.chain.state_at(params.place(view, block))
    return shapes.quantity(state.balance_wei(params.address(address)))


@_method("eth_getTransactionCount")
def _nonce(view: View, address: Any, block: Any = "latest") -> str:
    account = params.address(address)
    nonce = view.chain.state_at(params.place(view, block)).nonce(account)
    if block == "pending":
        nonce = view.chain.pool.next_nonce(account, nonce)
    return shapes.quantity(nonce)


@_method("eth_getCode")
def _code(view: View, address: Any, block: Any = "latest") -> str:
    state = view.chain.state_at(params.place(view, block))
    return shapes.data(state.code(params.address(address)))


@_method("eth_getStorageAt")
def _storage(view: View, address: Any, slot: Any, block: Any = "latest") -> str:
    if not isinstance(slot, str) or not slot.startswith("0x") or not 2 < len(slot) <= 66:
        raise invalid_params(f"slot: expected up to 32 bytes of hex, got {slot!r:.80}")
    position = int.from_bytes(params.data("0x" + slot[2:].rjust(64, "0"), "slot", 32), "big")
    state = view.chain.state_at(params.place(view, block))
    return shapes.data(state.storage(params.address(address), position).to_bytes(32, "big"))


# --- blocks, transactions, logs -----------------------------------------------------------------


@_method("eth_getBlockByNumber")
def _block_by_number(view: View, block: Any, full_transactions: Any = False) -> Any:
    full = params.boolean(full_transactions, "full transactions")
    place = view.at(params.number(view, block))
    return None if place is None else shapes.block(place, full)


@_method("eth_getBlockByHash")
def _block_by_hash(view: View, block_hash: Any, full_transactions: Any = False) -> Any:
    full = params.boolean(full_transactions, "full transactions")
    place = view.by_hash(params.data(block_hash, "block hash", 32))
    return None if place is None else shapes.block(place, full)


@_method("eth_getTransactionByHash")
def _transaction(view: View, transaction_hash: Any) -> Any:
    wanted = params.data(transaction_hash, "transaction hash", 32)
    found = view.inclusion(wanted)
    if found is not None:
        block, receipt = found
        place = view.at(block.first_number)
        return shapes.transaction(
            receipt.transaction, place, receipt.transaction_index, block.header
        )
    waiting = view.chain.pool.get(wanted)
    return None if waiting is None else shapes.transaction(waiting)


@_method("eth_getTransactionReceipt")
def _receipt(view: View, transaction_hash: Any) -> Any:
    found = view.inclusion(params.data(transaction_hash, "transaction hash", 32))
    return None if found is None else shapes.receipt(*found)


@_method("eth_getBlockReceipts")
def _block_receipts(view: View, block: Any) -> Any:
    if isinstance(block, str) and len(block) == 66:
        place = view.by_hash(params.data(block, "block", 32))
    else:
        place = view.at(params.number(view, block))
    if place is None:
        return None
    segment: Any = place.segment
    return [shapes.receipt(segment, receipt) for receipt in place.receipts]


@_method("eth_getLogs")
def _logs(view: View, wanted: Any) -> Any:
    query = params.log_query(view, wanted)
    if query.block_hash is not None:
        place = view.by_hash(query.block_hash)
        if place is None:
            raise RpcError(SERVER_ERROR, "unknown block")
        found = view.logs_in(place, query.wanted)
    else:
        found = view.logs(query.from_number, query.to_number, query.wanted)
    return [shapes.log(placed) for placed in found]


# --- executing ----------------------------------------------------------------------------------


@_method("eth_call")
def _call(view: View, transaction: Any, block: Any = "latest") -> str:
    request = params.call_request(transaction)
    result = view.chain.call(
        params.place(view, block),
        sender=request.sender,
        to=request.to,
        data=request.data,
        value_wei=request.value_wei,
        gas=min(request.gas or GAS_CAP, GAS_CAP),
        gas_price_wei=request.gas_price_wei,
    )
    return shapes.data(_output(result))


@_method("eth_estimateGas")
def _estimate(view: View, transaction: Any, block: Any = "latest") -> str:
    request = params.call_request(transaction)
    gas, result = estimate_gas(
        view.chain,
        params.place(view, block),
        sender=request.sender,
        to=request.to,
        data=request.data,
        value_wei=request.value_wei,
        gas_cap=min(request.gas or GAS_CAP, GAS_CAP),
    )
    _output(result)
    return shapes.quantity(gas)


@_method("eth_sendRawTransaction")
def _send_raw(view: View, raw: Any) -> str:
    try:
        return shapes.data(view.chain.submit(params.data(raw, "transaction")))
    except TransactionRefused as error:
        raise RpcError(SERVER_ERROR, str(error)) from error


def _output(result: CallResult) -> bytes:
    if result.succeeded:
        return result.output
    if result.failure == "execution reverted":
        raise RpcError(EXECUTION_REVERTED, result.failure, shapes.data(result.output))
    raise RpcError(SERVER_ERROR, result.failure or "execution failed")
