"""Which heights an answer is about, so that a fault can be kept to some of them."""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.rpc import params
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node

_BY_BLOCK = ("eth_getBlockByNumber", "eth_getBlockByHash", "eth_getBlockReceipts")


def heights_of(
    node: Node, method: str, arguments: list[Any], result: Any
) -> tuple[int, int] | None:
    """The lowest and the highest height that the answer is about; None when about none.

    Logs are about the range that was asked for, a head is about itself. `result` may be an
    RpcError: then the question alone says it.
    """
    if method == "eth_getLogs":
        return _asked_range(node, arguments)
    if method == "eth_blockNumber":
        return None if isinstance(result, RpcError) else _one(result)
    if isinstance(result, dict):
        return _one(result.get("blockNumber", result.get("number")))
    if method in _BY_BLOCK and arguments:
        try:
            place = params.place_if_any(node.view, arguments[0])
        except RpcError:
            return None
        return None if place is None else (place.number, place.number)
    return None


def _one(quantity: Any) -> tuple[int, int] | None:
    if not isinstance(quantity, str):  # of what waits for a block
        return None
    number = int(quantity, 16)
    return number, number


def _asked_range(node: Node, arguments: list[Any]) -> tuple[int, int] | None:
    try:
        query = params.log_query(node.view, arguments[0] if arguments else None)
    except RpcError:
        return None
    if query.block_hash is None:
        return query.from_number, query.to_number
    place = node.view.by_hash(query.block_hash)
    return None if place is None else (place.number, place.number)
