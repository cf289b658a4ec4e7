"""Logs of a range of canonical blocks, or of one block of any branch."""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method


@method("eth_getLogs")
def logs(node: Node, wanted: Any) -> Any:
    """Logs by range or block hash, addresses and topics, in chain order."""
    view, limits = node.view, node.view.log_limits
    query = params.log_query(view, wanted)
    if query.block_hash is not None:
        place = view.by_hash(query.block_hash)
        if place is None:
            raise RpcError(SERVER_ERROR, "unknown block")
        found = view.logs_in(place, query.wanted)
    else:
        refusal = limits.range_refusal(query.from_number, query.to_number)
        if refusal is not None:
            raise RpcError(limits.range_code, refusal)
        found = view.logs(query.from_number, query.to_number, query.wanted)
    answer = [shapes.log(placed) for placed in found]
    refusal = limits.results_refusal(len(answer))
    if refusal is not None:
        raise RpcError(limits.results_code, refusal)
    return answer
