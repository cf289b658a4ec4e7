"""Subscriptions: what the node pushes over a WebSocket."""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import METHOD_NOT_FOUND, SERVER_ERROR, RpcError, invalid_params
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.subscriptions import MAX_SUBSCRIPTIONS, Subscriptions
from ztdx_devnet.chain.rpc.table import method

_KINDS = ("newHeads", "logs", "newPendingTransactions", "syncing")


@method("eth_subscribe")
def subscribe(node: Node, kind: Any, wanted: Any = None) -> str:
    """newHeads, logs, newPendingTransactions (true: whole ones) or syncing; WebSocket only."""
    subscriptions = _subscriptions(node)
    if kind not in _KINDS:
        raise invalid_params(
            f"subscription: expected one of {', '.join(_KINDS)}, got {params.shown(kind)}"
        )
    if len(subscriptions) >= MAX_SUBSCRIPTIONS:
        raise RpcError(SERVER_ERROR, f"too many subscriptions: at most {MAX_SUBSCRIPTIONS}")
    if kind == "logs":
        interest = params.interest(node.view, {} if wanted is None else wanted)
        return shapes.quantity(subscriptions.add(kind, interest))
    whole = kind == "newPendingTransactions" and wanted is not None
    whole = whole and params.boolean(wanted, "whole transactions")
    return shapes.quantity(subscriptions.add(kind, None, whole))


@method("eth_unsubscribe")
def unsubscribe(node: Node, number: Any) -> bool:
    """End a subscription; false if it is unknown."""
    return _subscriptions(node).remove(params.quantity(number, "subscription"))


def _subscriptions(node: Node) -> Subscriptions:
    if node.subscriptions is None:
        raise RpcError(METHOD_NOT_FOUND, "notifications not supported: connect by WebSocket")
    return node.subscriptions
