"""Filters that a client polls."""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError
from ztdx_devnet.chain.rpc.filters import Filter
from ztdx_devnet.chain.rpc.methods.logs import logs
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method


@method("eth_newFilter")
def new_filter(node: Node, wanted: Any) -> str:
    """A filter of logs from now on, of removed ones too."""
    interest = params.interest(node.view, wanted)
    return shapes.quantity(node.filters.add("logs", interest, wanted))


@method("eth_newBlockFilter")
def new_block_filter(node: Node) -> str:
    """A filter of the hashes of new blocks."""
    return shapes.quantity(node.filters.add("blocks"))


@method("eth_newPendingTransactionFilter")
def new_pending_filter(node: Node) -> str:
    """A filter of the hashes of transactions that come into the pool."""
    return shapes.quantity(node.filters.add("pending"))


@method("eth_getFilterChanges")
def filter_changes(node: Node, number: Any) -> Any:
    """What has come up since the filter was last asked."""
    changes = node.filters.take_changes(params.quantity(number, "filter"))
    if changes is None:
        raise _not_found()
    return changes


@method("eth_getFilterLogs")
def filter_logs(node: Node, number: Any) -> Any:
    """All logs that match a log filter, as eth_getLogs would give them."""
    found: Filter | None = node.filters.get(params.quantity(number, "filter"))
    if found is None or found.kind != "logs":
        raise _not_found()
    return logs(node, found.query)


@method("eth_uninstallFilter")
def uninstall_filter(node: Node, number: Any) -> bool:
    """Forget a filter; false if it is unknown."""
    return node.filters.remove(params.quantity(number, "filter"))


def _not_found() -> RpcError:
    return RpcError(SERVER_ERROR, "filter not found")
