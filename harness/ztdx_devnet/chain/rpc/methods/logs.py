"""Logs of a range of canonical blocks, or of one block of any branch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError, invalid_params
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method


@method("eth_getLogs")
def logs(node: Node, wanted: Any) -> Any:
    """Logs by range or block hash, addresses and topics, in chain order."""
    view, limits = node.view, node.view.log_limits
    query = params.log_query(view, wanted)
    if query.block_hash is not None:
        _refuse(limits.range_code, limits.range_refusal(0, 0))
        place = view.by_hash(query.block_hash)
        if place is None:
            raise RpcError(SERVER_ERROR, "unknown block")
        found = view.logs_in(place, query.wanted)
    else:
        if _is_backwards(wanted):
            raise invalid_params("invalid block range params")
        _refuse(limits.range_code, limits.range_refusal(query.from_number, query.to_number))
        if limits.refuses_beyond_head and query.to_number > view.height:
            raise invalid_params("block range extends beyond current head block")
        found = view.logs(query.from_number, query.to_number, query.wanted)
    answer = [shapes.log(placed) for placed in found]
    _refuse(limits.results_code, limits.results_refusal(len(answer)))
    return answer


def _refuse(code: int, message: str | None) -> None:
    if message is not None:
        raise RpcError(code, message)


def _is_backwards(wanted: Mapping[str, Any]) -> bool:
    """Whether both ends are numbers, in the wrong order. A tag may well be below a number."""
    ends = [str(wanted.get(name)) for name in ("fromBlock", "toBlock")]
    first, last = (int(end, 16) if end.startswith("0x") else None for end in ends)
    return first is not None and last is not None and first > last
