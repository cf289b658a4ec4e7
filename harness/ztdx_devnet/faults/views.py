"""What one node shows: where its view of the chain has gaps, and the node that answers from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import orjson

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock, Place, Receipt
from ztdx_devnet.chain.blocktree.logs import LogFilter, PlacedLog
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.log_limits import NO_LIMITS, LogLimits
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import INVALID_PARAMS, INVALID_REQUEST, SERVER_ERROR, RpcError
from ztdx_devnet.chain.rpc.filters import Filters
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.view import View
from ztdx_devnet.faults import log_edits
from ztdx_devnet.faults.branch_view import BranchView
from ztdx_devnet.faults.fault import Fault
from ztdx_devnet.faults.log_edits import Numbering

Beyond: TypeAlias = Literal["empty", "error"]
Pruned: TypeAlias = Literal["empty", "error", 4444]
FilterGone: TypeAlias = Literal["geth", "reth", "alchemy", "erigon"]

STATEFUL = (
    "eth_send",
    "eth_new",
    "eth_getFilter",
    "eth_uninstall",
    "eth_subscribe",
    "eth_unsubscribe",
)
"""How methods begin that change a node or ask for what it was told: they are never asked twice."""

TOO_BIG = -32008  # jsonrpsee's, which reth serves with: paradigmxyz/reth#3916
_FILTER_CODES = {"geth": SERVER_ERROR, "reth": INVALID_PARAMS, "alchemy": INVALID_REQUEST}
_FILTER_READS = ("eth_getFilterChanges", "eth_getFilterLogs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How what a node shows differs from the truth; the default differs in nothing.

    Heights, not counted from the head: `pruned_below`, `hole_blocks`. `hole_deposits` are
    (transaction hash, ordinal). `busy_every`, `resets_every`: each n-th HTTP request is answered by
    the `busy` error, or not at all. `filter_polls`: a filter is forgotten after that many.
    """

    lag_blocks: int = 0
    log_lag_blocks: int = 0
    beyond: Beyond = "empty"
    branch: str | None = None
    pruned_below: int = 0
    pruned: Pruned = "empty"
    hole_deposits: frozenset[tuple[bytes, int]] = frozenset()
    hole_blocks: frozenset[int] = frozenset()
    numbering: Numbering | None = None
    limits: LogLimits = NO_LIMITS
    chain_id: int | None = None
    ignores_filter: bool = False
    answer_bytes: int | None = None
    busy_every: int | None = None
    busy_code: int = 429
    busy_message: str = "rate limit exceeded"
    resets_every: int | None = None
    filter_polls: int | None = None
    filter_gone: FilterGone = "geth"

    def view(self, chain: Chain) -> NodeView:
        """The view of that chain, now. Raises KeyError for a branch that there is not."""
        plain = View(chain, self.lag_blocks, self.limits)
        base = plain
        if self.branch is not None:
            tip = chain.branches.tip(self.branch)
            if tip is None:
                raise KeyError(self.branch)
            base = BranchView(chain, self.lag_blocks, self.limits, tip=tip)
        return NodeView(chain, self.lag_blocks, self.limits, base=base, shown=self)


@dataclass(frozen=True, slots=True)
class NodeView(View):
    """What `base` shows, less the logs that the node's index does not hold."""

    base: View = field(kw_only=True)
    shown: Shown = field(kw_only=True)

    def behind(self, blocks: int) -> NodeView:
        lag_blocks = self.lag_blocks + blocks
        return replace(self, lag_blocks=lag_blocks, base=self.base.behind(blocks))

    @property
    def height(self) -> int:
        return self.base.height

    @property
    def head(self) -> Place:
        return self.base.head

    @property
    def log_height(self) -> int:
        """The highest block whose logs it knows."""
        return max(self.height - self.shown.log_lag_blocks, 0)

    def at(self, number: int) -> Place | None:
        return self.base.at(number)

    def by_hash(self, block_hash: bytes) -> Place | None:
        return self.base.by_hash(block_hash)

    def inclusion(self, transaction_hash: bytes) -> tuple[ExecutedBlock, Receipt] | None:
        return self.base.inclusion(transaction_hash)

    def logs(self, from_number: int, to_number: int, wanted: LogFilter) -> Iterator[PlacedLog]:
        for placed in self.base.logs(from_number, min(to_number, self.log_height), wanted):
            if self._holds(placed):
                yield placed

    def logs_in(self, place: Place, wanted: LogFilter) -> Iterator[PlacedLog]:
        if place.number <= self.log_height:
            for placed in self.base.logs_in(place, wanted):
                if self._holds(placed):
                    yield placed

    def _holds(self, placed: PlacedLog) -> bool:
        shown, number = self.shown, placed.block.first_number
        if number < shown.pruned_below or number in shown.hole_blocks:
            return False
        if not shown.hole_deposits:
            return True
        deposits = [log for log in placed.receipt.logs if _is_deposit(log.address, log.topics)]
        if placed.log not in deposits:
            return True
        identity = (placed.receipt.transaction.hash, deposits.index(placed.log))
        return identity not in shown.hole_deposits


@dataclass(slots=True)
class ViewNode(Node):
    """A node that answers from a NodeView. `is_busy` and `resets` are about one HTTP request.

    `polls` counts how often each filter was asked.
    """

    shown: Shown = field(default_factory=Shown, kw_only=True)
    is_busy: bool = field(default=False, kw_only=True)
    resets: bool = field(default=False, kw_only=True)
    polls: dict[int, int] = field(default_factory=dict, kw_only=True)

    def call(self, method: str, arguments: list[Any]) -> Any:
        shown = self.shown
        if self.is_busy:
            raise RpcError(shown.busy_code, shown.busy_message)
        if method in _FILTER_READS:
            return self._of_filter(method, arguments)
        if method == "eth_getLogs" and arguments and isinstance(arguments[0], Mapping):
            if shown.ignores_filter:
                bounds = {k: v for k, v in arguments[0].items() if k not in ("address", "topics")}
                arguments = [bounds, *arguments[1:]]
            self._refuse_logs(arguments[0])
        # No super(): a dataclass with slots is another class than the one that it is written in.
        result = self._edited(method, arguments, Node.call(self, method, arguments))
        cap = shown.answer_bytes
        if cap is not None and len(orjson.dumps(result)) > cap:
            raise RpcError(TOO_BIG, "Response is too big", f"Exceeded max limit of {cap}")
        return result

    def forgets(self, arguments: list[Any]) -> bool:
        """Whether it no longer knows the filter that is asked for."""
        number = _filter_number(arguments)
        if number is None:
            return False
        polls_max = self.shown.filter_polls
        used_up = polls_max is not None and self.polls.get(number, 0) >= polls_max
        return used_up or self.filters.get(number) is None

    def _of_filter(self, method: str, arguments: list[Any]) -> Any:
        number = _filter_number(arguments)
        if number is None:
            return Node.call(self, method, arguments)
        if self.forgets(arguments):
            self.filters.remove(number)
            if self.shown.filter_gone == "erigon":
                return []
            raise RpcError(_FILTER_CODES[self.shown.filter_gone], "filter not found")
        self.polls[number] = self.polls.get(number, 0) + 1
        return Node.call(self, method, arguments)

    def _edited(self, method: str, arguments: list[Any], result: Any) -> Any:
        shown = self.shown
        if shown.chain_id is not None:
            if method == "eth_chainId":
                return shapes.quantity(shown.chain_id)
            if method == "net_version":
                return str(shown.chain_id)
        if shown.pruned_below and method in ("eth_getTransactionReceipt", "eth_getBlockReceipts"):
            result = self._unless_pruned(method, arguments, result)
        if shown.numbering is not None:
            edited = log_edits.renumbered(method, result, shown.numbering, self)
            result = result if edited is None else edited
        return result

    def _unless_pruned(self, method: str, arguments: list[Any], result: Any) -> Any:
        if result is None:
            return None
        of_one = method == "eth_getTransactionReceipt"
        place = None if of_one else params.place_if_any(self.view, arguments[0])
        number = int(result["blockNumber"], 16) if place is None else place.number
        if number >= self.shown.pruned_below:
            return result
        self._refuse_pruned(number)
        return None if of_one else []

    def _refuse_logs(self, wanted: Mapping[str, Any]) -> None:
        """Raises RpcError for logs that it says it does not have."""
        shown, view = self.shown, self.view
        query = params.log_query(view, wanted)
        first, last = query.from_number, query.to_number
        if query.block_hash is not None:
            place = view.by_hash(query.block_hash)
            if place is None:
                return
            first = last = place.number
        if first < shown.pruned_below:
            self._refuse_pruned(first)
        tagged = not str(wanted.get("toBlock", "")).startswith("0x") and query.block_hash is None
        assert isinstance(view, NodeView)
        if shown.beyond == "error" and last > view.log_height and not tagged:
            raise RpcError(INVALID_PARAMS, "block range extends beyond current head block")

    def _refuse_pruned(self, number: int) -> None:
        """Raises RpcError unless what was pruned is just empty; in the words of geth, or of
        Nethermind before it used geth's: NethermindEth/nethermind#12089."""
        if self.shown.pruned == 4444:
            raise RpcError(4444, "pruned history unavailable")
        if self.shown.pruned == "error":
            raise RpcError(SERVER_ERROR, f"Receipt not available for From block {number}.")


class Backends:
    """The nodes behind one name, which answer HTTP requests in turn."""

    def __init__(self, shows: Sequence[Shown]) -> None:
        self.shows = tuple(shows)
        self._requests = 0
        self._filters: list[tuple[Filters, dict[int, int]]] = []

    def next(self, node: Node) -> ViewNode:
        """What answers the next HTTP request on the chain of `node`, a batch as a whole.

        Raises KeyError when it stands on a branch that there is not.
        """
        self.turn()
        return self.current(node)

    def turn(self) -> None:
        """From now on the next HTTP request is the current one."""
        self._requests += 1

    def current(self, node: Node) -> ViewNode:
        """What answers the current request, as `next` does."""
        chain = node.view.chain
        if not self._filters:
            self._filters = [(Filters(chain), {}) for _ in self.shows]
        turn = (self._requests - 1) % len(self.shows)
        shown, (filters, polls) = self.shows[turn], self._filters[turn]
        return ViewNode(
            shown.view(chain),
            filters,
            node.devnet,
            node.subscriptions,
            shown=shown,
            is_busy=_is_turn(self._requests, shown.busy_every),
            resets=_is_turn(self._requests, shown.resets_every),
            polls=polls,
        )


@dataclass(slots=True)
class ViewFault(Fault):
    """A named node that shows something else than an honest one; a pool sends requests to it.

    A hit is an HTTP request that it answers otherwise than an honest node would.
    """

    backends: Backends = field(kw_only=True)


class Probe:
    """Asks a node what it would say, without telling it anything."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def call(self, method: str, arguments: list[Any]) -> Any:
        if not method.startswith(STATEFUL):
            return self._node.call(method, arguments)
        node = self._node
        if not isinstance(node, ViewNode):
            return False
        return node.is_busy or (method in _FILTER_READS and node.forgets(arguments))


def _is_turn(requests: int, every: int | None) -> bool:
    return every is not None and requests > 0 and requests % every == 0


def _is_deposit(address: bytes, topics: Sequence[bytes]) -> bool:
    return address == contracts.VAULT and topics[:1] == (contracts.SPOT_DEPOSIT_TOPIC,)


def _filter_number(arguments: list[Any]) -> int | None:
    try:
        return params.quantity(arguments[0], "filter") if len(arguments) == 1 else None
    except RpcError:
        return None
