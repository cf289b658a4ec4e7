"""Faults of the node's answers and of its connections, as scenarios know them."""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.devnet import FaultControl
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method


def _faults(node: Node) -> FaultControl:
    assert node.devnet is not None, "control methods are called on a devnet only"
    if node.devnet.faults is None:
        raise RpcError(SERVER_ERROR, "this devnet has no server, whose answers could go wrong")
    return node.devnet.faults


@method("devnet_armFault", control=True)
def arm_fault(node: Node, step: Any) -> str:
    """Arm a fault, given as the step of a scenario; answers its name."""
    return _faults(node).arm(step)


@method("devnet_faults", control=True)
def faults(node: Node) -> list[dict[str, Any]]:
    """The faults that were armed: name, verb, kind, eligible, hits, and whether it is armed."""
    return _faults(node).listed()


@method("devnet_clearFaults", control=True)
def clear_faults(node: Node) -> list[dict[str, Any]]:
    """Lift and forget all faults; answers what devnet_faults would have."""
    return _faults(node).clear()
