"""Faults of a node's answers: one wrapper around the method table, driven by rules.

A rule names a method and which of its answers it touches, and counts how often it did. Rules that
change a list (duplicated, shuffled, truncated, empty) touch only answers that they really change,
so `first: 1` is the first page that holds logs, not the first request.
"""

from __future__ import annotations

import random  # noqa: TID251 - for the type only: streams come from sim.seed
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node

AnswerFaultKind = Literal["error", "empty", "truncated", "duplicated", "shuffled", "stale"]


@dataclass(slots=True)
class AnswerFault:
    """Touches the answers number `first` to `last` (1-based, None: for ever) to `method`.

    `code` and `message` are the error's; `lag_blocks` is how far a stale view is behind.
    """

    name: str
    method: str
    kind: AnswerFaultKind
    first: int = 1
    last: int | None = None
    code: int = -32000
    message: str = "internal error"
    lag_blocks: int = 0
    eligible: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)
    armed: bool = field(default=True, init=False)

    def takes(self) -> bool:
        """Count one eligible answer and say whether it is one to touch."""
        self.eligible += 1
        if self.eligible < self.first or (self.last is not None and self.eligible > self.last):
            return False
        self.hits += 1
        return True


class FaultyNode:
    """A node with faults on top. `on_answer` sees every answer."""

    def __init__(
        self,
        node: Node,
        chance: random.Random,
        on_answer: Callable[[str, list[Any], Any, tuple[str, ...]], None],
    ) -> None:
        self.node = node
        self.faults: list[AnswerFault] = []
        self._chance = chance
        self._on_answer = on_answer

    def arm(self, fault: AnswerFault) -> None:
        self.faults.append(fault)

    def clear(self) -> None:
        """Disarm all faults; their counters stay."""
        for fault in self.faults:
            fault.armed = False

    def call(self, method: str, arguments: list[Any]) -> Any:
        """Answer one request, as the armed faults will have it."""
        node, fired = self.node, []
        mine = [f for f in self.faults if f.armed and f.method in (method, "*")]
        for fault in mine:
            if fault.kind == "stale" and fault.takes():
                lag_blocks = node.view.lag_blocks + fault.lag_blocks
                node = node.seen(replace(node.view, lag_blocks=lag_blocks))
                fired.append(fault.name)
        for fault in mine:
            if fault.kind == "error" and fault.takes():
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
            changed = self._changed(fault, result)
            if changed is not None and fault.takes():
                result = changed
                fired.append(fault.name)
        self._on_answer(method, arguments, result, tuple(fired))
        return result

    def _changed(self, fault: AnswerFault, result: Any) -> Any | None:
        """The answer as the fault would have it, or None when it would be the same."""
        if fault.kind in ("stale", "error") or not isinstance(result, list) or not result:
            return None
        changed: list[Any]
        match fault.kind:
            case "empty":
                changed = []
            case "truncated":
                changed = result[: len(result) // 2]
            case "duplicated":
                changed = [entry for entry in result for _ in range(2)]
            case "shuffled":
                if all(entry == result[0] for entry in result):
                    return None
                changed = list(result)
                while changed == result:
                    self._chance.shuffle(changed)
        return changed
