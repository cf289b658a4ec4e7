"""Faults of a node's answers: their kinds, and what each makes of an answer.

A fault names a method and which of its answers it touches, and counts how often it did. It touches
only answers that it really changes, so `first: 1` of `truncated` is the first page that holds logs,
not the first request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.rpc import shapes
from ztdx_devnet.chain.rpc.errors import RpcError
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.faults import block_edits, deposit_edits, log_edits
from ztdx_devnet.faults.branch_view import BranchView
from ztdx_devnet.faults.fault import Chance, Fault
from ztdx_devnet.faults.log_edits import HOLDERS, Numbering
from ztdx_devnet.faults.views import STATEFUL, NodeView

AnswerFaultKind: TypeAlias = Literal[
    "error",
    "null_result",
    "no_result",
    "result_text",
    "empty",
    "truncated",
    "drop_one",
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
    "swapped_topics",
    "unindexed",
    "dirty_topics",
    "missing_fields",
    "null_fields",
    "failed_receipt",
    "bloom_zeroed",
    "head_ahead",
    "head_behind",
    "head_garbage",
    "wrong_chain",
]

NO_RESULT = "devnet: no result"
"""Stands for a result that is not there, until `without_results` takes it out of the bytes."""

LOG_FIELDS = ("logIndex", "transactionHash", "blockHash")
"""What `missing_fields` and `null_fields` take from a log, unless they are told otherwise."""


class AnswerChance(Chance, Protocol):
    """A stream of the run's seed."""

    def shuffle(self, x: list[Any], /) -> None: ...


@dataclass(slots=True)
class AnswerFault(Fault):
    """Touches answers to `method` ("*": any), of those that it would change.

    With `node` only answers of the node of that name, with `blocks` only answers about any of the
    heights from the first to the last. The other fields go with single kinds: see `KINDS`.
    `transaction_hash` is the only transaction whose events are touched (None: all).
    """

    method: str = "*"
    kind: AnswerFaultKind = "error"
    node: str | None = None
    blocks: tuple[int, int] | None = None
    code: int = -32000
    message: str = "internal error"
    lag_blocks: int = 0
    ahead_blocks: int = 0
    behind_blocks: int = 0
    numbering: Numbering = "per_transaction"
    head: str = "0x"
    fields: tuple[str, ...] = LOG_FIELDS
    transaction_hash: str | None = None

    def concerns(self, node: str, method: str) -> bool:
        """Whether it is about answers of that node to that method."""
        if self.node not in (None, node) or self.method not in (method, "*"):
            return False
        methods = KINDS[self.kind].methods
        return methods is None or method in methods


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it stands before a fault has its way with it. `left` is the head that the last
    reorg left, if there was one."""

    fault: AnswerFault
    node: Node
    method: str
    arguments: list[Any]
    result: Any
    chance: AnswerChance
    left: Place | None


Edit: TypeAlias = Callable[[Answered], Any]


@dataclass(frozen=True, slots=True)
class AnswerKind:
    """One way for an answer to be wrong. `methods` None: of any method.

    `needs` and `takes` are the fields of a fault that go with it, by their words in a scenario.
    What is `final` can't be changed further. `edit` gives the answer as the fault would have it, or
    UNCHANGED; None: not by editing a result.
    """

    name: AnswerFaultKind
    says: str
    methods: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    final: bool = False
    edit: Edit | None = None


UNCHANGED = object()
KINDS: dict[str, AnswerKind] = {}
"""All kinds by name."""


def _kind(
    name: AnswerFaultKind,
    methods: tuple[str, ...] | None = None,
    *,
    needs: tuple[str, ...] = (),
    takes: tuple[str, ...] = (),
    final: bool = False,
) -> Callable[[Edit], Edit]:
    """Enter an edit; its docstring is the kind's line in the documents."""

    def enter(edit: Edit) -> Edit:
        says = " ".join((edit.__doc__ or "").split())
        KINDS[name] = AnswerKind(name, says, methods, needs, takes, final, edit)
        return edit

    return enter


def changed(answered: Answered) -> Any:
    """The answer as the fault would have it, or UNCHANGED."""
    edit = KINDS[answered.fault.kind].edit
    return UNCHANGED if edit is None else edit(answered)


def without_results(body: bytes) -> bytes:
    """The bytes of an answer, with what stands for a missing result taken out."""
    return body.replace(_NO_RESULT_BYTES, b"")


_NO_RESULT_BYTES = b',"result":"' + NO_RESULT.encode() + b'"'
_LOGS = ("eth_getLogs",)
_RECEIPTS = ("eth_getTransactionReceipt", "eth_getBlockReceipts")
_HEADERS = ("eth_getBlockByNumber", "eth_getBlockByHash")
_HEAD = ("eth_blockNumber",)

KINDS["error"] = AnswerKind(
    "error", "an error with `code` and `message`", takes=("code", "message")
)
KINDS["stale"] = AnswerKind("stale", "that of a node `lag_blocks` behind", needs=("lag_blocks",))


def _or_unchanged(edited: Any | None) -> Any:
    return UNCHANGED if edited is None else edited


@_kind("null_result", final=True)
def _null_result(a: Answered) -> Any:
    """null"""
    return UNCHANGED if a.result is None else None


@_kind("no_result", final=True)
def _no_result(a: Answered) -> Any:
    """neither `result` nor `error`"""
    return NO_RESULT


@_kind("result_text", takes=("message",), final=True)
def _result_text(a: Answered) -> Any:
    """a text, `message`, in the place of the result"""
    return a.fault.message


@_kind("empty")
def _empty(a: Answered) -> Any:
    """a list without its entries"""
    return [] if _is_filled(a.result) else UNCHANGED


@_kind("truncated")
def _truncated(a: Answered) -> Any:
    """a list without its second half"""
    return a.result[: len(a.result) // 2] if _is_filled(a.result) else UNCHANGED


@_kind("drop_one", _LOGS)
def _drop_one(a: Answered) -> Any:
    """the page without one log, whichever"""
    if not a.result:
        return UNCHANGED
    return log_edits.without(a.result, int(a.chance.random() * len(a.result)))


@_kind("duplicated")
def _duplicated(a: Answered) -> Any:
    """a list with each entry twice"""
    return [entry for entry in a.result for _ in range(2)] if _is_filled(a.result) else UNCHANGED


@_kind("shuffled")
def _shuffled(a: Answered) -> Any:
    """a list in another order"""
    if not _is_filled(a.result) or all(entry == a.result[0] for entry in a.result):
        return UNCHANGED
    shuffled = list(a.result)
    while shuffled == a.result:
        a.chance.shuffle(shuffled)
    return shuffled


@_kind("pre_reorg")
def _pre_reorg(a: Answered) -> Any:
    """that of a node, or a cache, that has not heard of the last reorg"""
    if a.left is None or a.result is None or a.method.startswith(STATEFUL):
        return UNCHANGED
    view = a.node.view
    branch: View = BranchView(view.chain, view.lag_blocks, view.log_limits, tip=a.left)
    if isinstance(view, NodeView):
        branch = replace(view, base=branch)
    try:
        before = a.node.seen(branch).call(a.method, a.arguments)
    except RpcError:
        return UNCHANGED
    return before if before != a.result else UNCHANGED


@_kind("removed", _LOGS)
def _removed(a: Answered) -> Any:
    """logs of orphaned blocks stand in the page too, marked as removed"""
    return _or_unchanged(log_edits.removed(a.node, a.arguments, a.result))


@_kind("foreign", _LOGS)
def _foreign(a: Answered) -> Any:
    """behind each deposit comes the same event from another contract"""
    return _or_unchanged(log_edits.foreign(a.method, a.result))


@_kind("unfiltered", _LOGS)
def _unfiltered(a: Answered) -> Any:
    """all logs of the blocks, whatever address and topics were asked for"""
    return _asked_otherwise(a, address=None, topics=None)


@_kind("widened", _LOGS)
def _widened(a: Answered) -> Any:
    """logs up to the head, whatever end was asked for"""
    return _asked_otherwise(a, toBlock="latest")


@_kind("renumbered", HOLDERS, needs=("numbering",))
def _renumbered(a: Answered) -> Any:
    """log indexes that count `per_transaction`, are one for all logs of a transaction (`repeated`),
    or begin with 1 (`from_one`): `numbering`"""
    return _or_unchanged(log_edits.renumbered(a.method, a.result, a.fault.numbering, a.node))


@_kind("undecodable", HOLDERS, takes=("deposit",))
def _undecodable(a: Answered) -> Any:
    """the amount of the named `deposit`, or of all, lacks a byte"""
    return _or_unchanged(_of_deposits(a, deposit_edits.undecodable))


@_kind("swapped_topics", HOLDERS, takes=("deposit",), final=True)
def _swapped_topics(a: Answered) -> Any:
    """account and token of the named `deposit`, or of all, have changed places"""
    return _or_unchanged(_of_deposits(a, deposit_edits.swapped_topics))


@_kind("unindexed", HOLDERS, takes=("deposit",), final=True)
def _unindexed(a: Answered) -> Any:
    """the token of the named `deposit`, or of all, stands in the data instead of the topics"""
    return _or_unchanged(_of_deposits(a, deposit_edits.unindexed))


@_kind("dirty_topics", HOLDERS, takes=("deposit",))
def _dirty_topics(a: Answered) -> Any:
    """the 12 bytes above account and token of the named `deposit`, or of all, are not zero"""
    return _or_unchanged(_of_deposits(a, deposit_edits.dirty_topics))


@_kind("missing_fields", HOLDERS, takes=("fields",), final=True)
def _missing_fields(a: Answered) -> Any:
    """logs without `fields` (default: `logIndex`, `transactionHash`, `blockHash`)"""
    return _or_unchanged(deposit_edits.missing_fields(a.method, a.result, a.fault.fields))


@_kind("null_fields", HOLDERS, takes=("fields",), final=True)
def _null_fields(a: Answered) -> Any:
    """logs whose `fields` (default: the same) are null"""
    return _or_unchanged(deposit_edits.null_fields(a.method, a.result, a.fault.fields))


@_kind("failed_receipt", _RECEIPTS, takes=("deposit",))
def _failed_receipt(a: Answered) -> Any:
    """the transaction of the named `deposit`, or each that has logs, has status 0 and its logs"""
    return _or_unchanged(_of_deposits(a, deposit_edits.failed_receipt))


@_kind("bloom_zeroed", _HEADERS)
def _bloom_zeroed(a: Answered) -> Any:
    """the header of a block with logs has an empty bloom"""
    return UNCHANGED if not a.result else _or_unchanged(block_edits.bloom_zeroed(a.result))


@_kind("head_ahead", _HEAD, needs=("ahead_blocks",))
def _head_ahead(a: Answered) -> Any:
    """a head that is `ahead_blocks` too high"""
    return _or_unchanged(block_edits.moved_head(a.result, a.fault.ahead_blocks))


@_kind("head_behind", _HEAD, needs=("behind_blocks",))
def _head_behind(a: Answered) -> Any:
    """a head that is `behind_blocks` too low, and 0 at the least"""
    return _or_unchanged(block_edits.moved_head(a.result, -a.fault.behind_blocks))


@_kind("head_garbage", _HEAD, needs=("head",), final=True)
def _head_garbage(a: Answered) -> Any:
    """the text `head`, such as `0x`, `0X1F`, `0x00ff`, `-0x1` or `0x8000000000000000`"""
    return a.fault.head if a.fault.head != a.result else UNCHANGED


@_kind("wrong_chain", ("eth_chainId",))
def _wrong_chain(a: Answered) -> Any:
    """another chain's id"""
    return shapes.quantity(int(a.result, 16) + 1)


def _is_filled(result: Any) -> bool:
    return isinstance(result, list) and bool(result)


def _asked_otherwise(a: Answered, **changes: Any) -> Any:
    return _or_unchanged(log_edits.asked_otherwise(a.node, a.arguments, a.result, **changes))


def _of_deposits(a: Answered, edit: Callable[[str, Any, str | None], Any | None]) -> Any | None:
    return edit(a.method, a.result, a.fault.transaction_hash)
