"""The answer faults of one run: each answer passes all that are about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.faults.answers import (
    KINDS,
    UNCHANGED,
    AnswerChance,
    Answered,
    AnswerFault,
    changed,
)
from ztdx_devnet.faults.armed import ArmedFaults
from ztdx_devnet.faults.branch_view import BranchView
from ztdx_devnet.faults.heights import heights_of
from ztdx_devnet.faults.views import STATEFUL


class SeesAnswers(Protocol):
    """Sees every answer and the view that it is of; `result` may be an RpcError, `fired` are the
    faults that made it."""

    def __call__(
        self, view: View, method: str, arguments: list[Any], result: Any, fired: Sequence[str]
    ) -> None: ...


class AnswerFaults:
    """The answer faults of one run, between its nodes and whoever asks them."""

    def __init__(
        self, chain: Chain, faults: ArmedFaults, chance: AnswerChance, on_answer: SeesAnswers
    ) -> None:
        self._faults = faults
        self._chance = chance
        self._on_answer = on_answer
        self._left: Place | None = None
        chain.on_head.append(self._head_changed)

    def call(
        self, node: Node, name: str, why: Sequence[str], method: str, arguments: list[Any]
    ) -> Any:
        """What that node answers, as the armed faults will have it; `why` are the faults that made
        it the one to answer. Raises RpcError."""
        armed = self._faults.of(AnswerFault)
        if not armed:  # the way of nearly every answer: a week has 300,000
            result = _asked(node, method, arguments)
            self._on_answer(node.view, method, arguments, result, why)
            if isinstance(result, RpcError):
                raise result
            return result
        fired = list(why)
        mine = [fault for fault in armed if fault.concerns(name, method)]
        node, result = self._stale(mine, node, method, arguments, fired)
        for fault in mine:
            if fault.kind == "error" and self._takes(fault, node, method, arguments, result):
                fired.append(fault.name)
                result = RpcError(fault.code, fault.message)
                break
        if not isinstance(result, RpcError):
            result = self._edited(mine, node, method, arguments, result, fired)
        self._on_answer(self._view(mine, node, fired), method, arguments, result, fired)
        if isinstance(result, RpcError):
            raise result
        return result

    def _stale(
        self,
        mine: list[AnswerFault],
        node: Node,
        method: str,
        arguments: list[Any],
        fired: list[str],
    ) -> tuple[Node, Any]:
        """The node as far behind as the faults will have it, and its answer."""
        result = _asked(node, method, arguments)
        for fault in mine:
            if fault.kind != "stale" or method.startswith(STATEFUL):
                continue
            behind = node.seen(node.view.behind(fault.lag_blocks))
            other = _asked(behind, method, arguments)
            if _same(other, result):
                continue
            if self._takes(fault, node, method, arguments, result):
                fired.append(fault.name)
                node, result = behind, other
        return node, result

    def _edited(
        self,
        mine: list[AnswerFault],
        node: Node,
        method: str,
        arguments: list[Any],
        result: Any,
        fired: list[str],
    ) -> Any:
        for fault in mine:
            if not fault.may_fire:  # it may have been used up by an earlier call of this batch
                continue
            answered = Answered(fault, node, method, arguments, result, self._chance, self._left)
            other = changed(answered)
            if other is UNCHANGED or not self._takes(fault, node, method, arguments, result):
                continue
            fired.append(fault.name)
            result = other
            if KINDS[fault.kind].final:
                break
        return result

    def _view(self, mine: list[AnswerFault], node: Node, fired: Sequence[str]) -> View:
        """What the answer shows: the node's view, or that of the branch which was left."""
        before = any(fault.kind == "pre_reorg" and fault.name in fired for fault in mine)
        if before and self._left is not None:
            return BranchView(node.view.chain, tip=self._left)
        return node.view

    def _takes(
        self, fault: AnswerFault, node: Node, method: str, arguments: list[Any], result: Any
    ) -> bool:
        if fault.blocks is not None:
            heights = heights_of(node, method, arguments, result)
            first, last = fault.blocks
            if heights is None or heights[1] < first or heights[0] > last:
                return False
        return fault.takes(self._chance)

    def _head_changed(self, change: HeadChange) -> None:
        if change.is_reorg:
            self._left = change.old_head


def _asked(node: Node, method: str, arguments: list[Any]) -> Any:
    """The answer, or the RpcError in its place."""
    try:
        return node.call(method, arguments)
    except RpcError as error:
        return error


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, RpcError) and isinstance(other, RpcError):
        return one.as_json() == other.as_json()
    return bool(one == other)
