"""Faults of a node's answers: one wrapper around the method table, driven by rules.

A rule names a method and which of its answers it touches, and counts how often it did. It touches
only answers that it really changes, so `first: 1` of `truncated` is the first page that holds logs,
not the first request.
"""

from __future__ import annotations

import random  # noqa: TID251 - for the type only: streams come from sim.seed
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.rpc import shapes
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.faults import log_edits
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.branch_view import BranchView
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.log_edits import Numbering

AnswerFaultKind = Literal[
    "error",
    "null_result",
    "empty",
    "truncated",
    "duplicated",
    "shuffled",
    "stale",
    "pre_reorg",
    "removed",
    "foreign",
    "unfiltered",
    "widened",
    "renumbered",
    "undecodable",
    "head_ahead",
    "wrong_chain",
]
METHODS_OF: dict[str, tuple[str, ...]] = {
    "removed": ("eth_getLogs",),
    "foreign": ("eth_getLogs",),
    "unfiltered": ("eth_getLogs",),
    "widened": ("eth_getLogs",),
    "renumbered": ("eth_getLogs", "eth_getTransactionReceipt", "eth_getBlockReceipts"),
    "undecodable": ("eth_getLogs", "eth_getTransactionReceipt", "eth_getBlockReceipts"),
    "head_ahead": ("eth_blockNumber",),
    "wrong_chain": ("eth_chainId",),
}
"""Kinds that make sense for some methods only."""


@dataclass(slots=True)
class AnswerFault(Fault):
    """Touches answers to `method` ("*": any), of those that it would change.

    `code` and `message` are the error's; `lag_blocks` is how far a stale view is behind,
    `ahead_blocks` how far a head is told too high; `transaction_hash` is the only one that is
    undecodable (None: all).
    """

    method: str = "*"
    kind: AnswerFaultKind = "error"
    code: int = -32000
    message: str = "internal error"
    lag_blocks: int = 0
    ahead_blocks: int = 0
    numbering: Numbering = "per_transaction"
    transaction_hash: str | None = None

    def concerns(self, method: str) -> bool:
        return self.method in (method, "*") and method in METHODS_OF.get(self.kind, (method,))


class FaultyNode:
    """A node with faults on top. `on_answer` sees every answer."""

    def __init__(
        self,
        node: Node,
        faults: ArmedFaults,
        chance: random.Random,
        on_answer: Callable[[str, list[Any], Any, tuple[str, ...]], None],
    ) -> None:
        self.node = node
        self._faults = faults
        self._chance = chance
        self._on_answer = on_answer
        self._left: Place | None = None
        node.view.chain.on_head.append(self._head_changed)

    def call(self, method: str, arguments: list[Any]) -> Any:
        """Answer one request, as the armed faults will have it."""
        return self.call_behind(0, (), method, arguments)

    def call_behind(
        self, lag_blocks: int, why: Sequence[str], method: str, arguments: list[Any]
    ) -> Any:
        """As `call`, by a node that is that far behind because of the faults `why`."""
        fired = list(why)
        mine = [f for f in self._faults.of(AnswerFault) if f.concerns(method)]
        for fault in mine:
            if fault.kind == "stale" and fault.takes(self._chance):
                lag_blocks += fault.lag_blocks
                fired.append(fault.name)
        node = self.node
        if lag_blocks:
            lag_blocks += node.view.lag_blocks
            node = node.seen(replace(node.view, lag_blocks=lag_blocks))
        for fault in mine:
            if fault.kind == "error" and fault.takes(self._chance):
                fired.append(fault.name)
                error = RpcError(fault.code, fault.message)
                self._on_answer(method, arguments, error, tuple(fired))
                raise error
        try:
            result = node.call(method, arguments)
        except RpcError as error:
            self._on_answer(method, arguments, error, tuple(fired))
            raise
        for fault in mine:
            changed = self._changed(fault, node, method, arguments, result)
            if changed is not None and fault.takes(self._chance):
                result = None if fault.kind == "null_result" else changed
                fired.append(fault.name)
        self._on_answer(method, arguments, result, tuple(fired))
        return result

    def _changed(
        self, fault: AnswerFault, node: Node, method: str, arguments: list[Any], result: Any
    ) -> Any | None:
        """The answer as the fault would have it, or None when it would be the same."""
        if result is None:
            return None
        match fault.kind:
            case "null_result":
                return True  # anything but None: it would be another answer
            case "pre_reorg":
                return self._before_the_reorg(node, method, arguments, result)
            case "head_ahead":
                return shapes.quantity(int(result, 16) + fault.ahead_blocks)
            case "wrong_chain":
                return shapes.quantity(int(result, 16) + 1)
            case "foreign":
                return log_edits.foreign(method, result)
            case "renumbered":
                return log_edits.renumbered(method, result, fault.numbering, node)
            case "undecodable":
                return log_edits.undecodable(method, result, fault.transaction_hash)
            case "removed":
                return log_edits.removed(node, arguments, result)
            case "unfiltered":
                return log_edits.asked_otherwise(node, arguments, result, address=None, topics=None)
            case "widened":
                return log_edits.asked_otherwise(node, arguments, result, toBlock="latest")
        return self._changed_list(fault, result) if isinstance(result, list) and result else None

    def _changed_list(self, fault: AnswerFault, result: list[Any]) -> list[Any] | None:
        match fault.kind:
            case "empty":
                return []
            case "truncated":
                return result[: len(result) // 2]
            case "duplicated":
                return [entry for entry in result for _ in range(2)]
            case "shuffled":
                return _shuffled(result, self._chance)
        return None

    def _before_the_reorg(
        self, node: Node, method: str, arguments: list[Any], result: Any
    ) -> Any | None:
        if self._left is None:
            return None
        view = BranchView(node.view.chain, tip=self._left)
        try:
            other = node.seen(view).call(method, arguments)
        except RpcError:
            return None
        return other if other != result else None

    def _head_changed(self, change: HeadChange) -> None:
        if change.is_reorg:
            self._left = change.old_head


def _shuffled(entries: list[Any], chance: random.Random) -> list[Any] | None:
    if all(entry == entries[0] for entry in entries):
        return None
    changed = list(entries)
    while changed == entries:
        chance.shuffle(changed)
    return changed
