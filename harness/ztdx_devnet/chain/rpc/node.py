"""One node, as the method table sees it: a view, its filters, and what it may do to the chain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ztdx_devnet.chain.building.builder import Preview
from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.evm.context import BlockContext
from ztdx_devnet.chain.log_limits import NO_LIMITS, LogLimits
from ztdx_devnet.chain.rpc import table
from ztdx_devnet.chain.rpc.filters import Filters
from ztdx_devnet.chain.rpc.subscriptions import Subscriptions
from ztdx_devnet.chain.view import View


@dataclass(slots=True)
class Node:
    """Answers requests on one view of a chain.

    `devnet` is None for a plain node, which has no accounts and no control methods;
    `subscriptions` is None where nothing can be pushed, as over plain HTTP.
    """

    view: View
    filters: Filters = field(default=None)  # type: ignore[assignment]  # made from the view
    devnet: Devnet | None = None
    subscriptions: Subscriptions | None = None

    def __post_init__(self) -> None:
        if self.filters is None:
            self.filters = Filters(self.view.chain)

    def call(self, method: str, arguments: list[Any]) -> Any:
        """The answer to one request. Raises RpcError."""
        return table.call(self, method, arguments)

    def seen(self, view: View) -> Node:
        """The same node when it shows another view."""
        return replace(self, view=view)

    def connected(self, subscriptions: Subscriptions) -> Node:
        """The same node over a connection that can be pushed to."""
        return replace(self, subscriptions=subscriptions)

    def pending(self) -> Preview | None:
        """The block that would come now; None from a node that lags: it knows no pool."""
        if self.view.lag_blocks:
            return None
        return self.view.chain.pending(self.next_timestamp_s())

    def pending_context(self) -> BlockContext:
        """Where calls on the pending block run; on the head of a node that lags."""
        chain = self.view.chain
        if self.view.lag_blocks:
            return chain.context(self.view.head)
        return chain.pending_context(self.next_timestamp_s())

    def next_timestamp_s(self) -> int:
        if self.devnet is not None:
            return self.devnet.mining.next_timestamp_s()
        return self.view.chain.next_timestamp_s()


def node_of(devnet: Devnet, log_limits: LogLimits = NO_LIMITS) -> Node:
    """The node that shows all of a devnet and controls it."""
    return Node(View(devnet.chain, log_limits=log_limits), devnet=devnet)
