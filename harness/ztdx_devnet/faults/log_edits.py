"""How a node's lists of logs go wrong, in pages of logs and in receipts.

Each edit gives the answer as the fault would have it, or None when it would be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock
from ztdx_devnet.chain.blocktree.logs import logs_of
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node

Numbering = Literal["per_transaction", "repeated", "from_one"]
Log = dict[str, Any]

FOREIGN_EMITTER = "0x" + bytes.fromhex("00000000000000000000000000000000000f0e19").hex()
_TOPIC = "0x" + contracts.SPOT_DEPOSIT_TOPIC.hex()
HOLDERS = ("eth_getLogs", "eth_getTransactionReceipt", "eth_getBlockReceipts")


def foreign(method: str, result: Any) -> Any | None:
    """Behind each SpotDeposit comes the same one from another contract."""

    def edit(logs: Sequence[Log]) -> list[Log]:
        edited: list[Log] = []
        for log in logs:
            edited.append(log)
            if log["topics"][:1] == [_TOPIC]:
                position = shapes.quantity(int(log["logIndex"], 16) + 1)
                edited.append({**log, "address": FOREIGN_EMITTER, "logIndex": position})
        return edited

    return edited(method, result, edit)


def renumbered(method: str, result: Any, numbering: Numbering, node: Node) -> Any | None:
    """Log indexes count per transaction, are one for a whole transaction, or begin with 1."""
    first_seen: dict[str, int] = {}

    def edit(logs: Sequence[Log]) -> list[Log]:
        edited = []
        for log in logs:
            number = int(log["logIndex"], 16)
            if numbering == "from_one":
                number += 1
            elif numbering == "repeated":
                number = first_seen.setdefault(log["transactionHash"], number)
            else:
                number -= _first_log_index(node, log)
            edited.append({**log, "logIndex": shapes.quantity(number)})
        return edited

    return edited(method, result, edit)


def removed(node: Node, arguments: list[Any], result: Any) -> Any | None:
    """Logs of orphaned blocks stand in the page too, marked as removed."""
    query = params.log_query(node.view, arguments[0])
    if query.block_hash is not None:
        return None
    gone = [
        shapes.log(placed, removed=True)
        for number in range(query.from_number, min(query.to_number, node.view.height) + 1)
        for block in node.view.chain.tree.executed_at(number)
        if node.view.chain.logs.between(number, number) != [block]
        for placed in logs_of(block, query.wanted)
    ]
    return [*result, *gone] if gone else None


def asked_otherwise(node: Node, arguments: list[Any], result: Any, **changes: Any) -> Any | None:
    """The answer to another filter than the one that was asked for; None takes a field away."""
    wanted = {k: v for k, v in {**arguments[0], **changes}.items() if v is not None}
    try:
        other = node.call("eth_getLogs", [wanted])
    except RpcError:  # more than the node is ready to give
        return None
    return other if other != result else None


def without(logs: Sequence[Log], position: int) -> list[Log]:
    """All but one."""
    return [*logs[:position], *logs[position + 1 :]]


def edited(method: str, result: Any, edit: Callable[[Sequence[Log]], list[Log]]) -> Any | None:
    """The answer with each of its lists of logs edited; None when that changes nothing."""
    if method not in HOLDERS or not result:
        return None
    changed: Any
    if method == "eth_getLogs":
        changed = edit(result)
    elif method == "eth_getTransactionReceipt":
        changed = {**result, "logs": edit(result["logs"])}
    else:
        changed = [{**receipt, "logs": edit(receipt["logs"])} for receipt in result]
    return changed if changed != result else None


def _first_log_index(node: Node, log: Log) -> int:
    place = node.view.by_hash(bytes.fromhex(log["blockHash"][2:]))
    assert place is not None
    assert isinstance(place.segment, ExecutedBlock), "only executed blocks hold logs"
    receipt = place.segment.receipts[int(log["transactionIndex"], 16)]
    return receipt.logs[0].log_index
