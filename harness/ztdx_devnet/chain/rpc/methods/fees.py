"""What a transaction costs now, and what transactions have paid."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.evm.gas import TIP_WEI
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.errors import invalid_params
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method

MAX_FEE_HISTORY = 1_024
MAX_PERCENTILES = 100


@method("eth_gasPrice")
def gas_price(node: Node) -> str:
    """Base fee of the head, or the one set for the next block, and the suggested tip, in wei."""
    head = node.view.head
    set_fee_wei = node.view.chain.patches.base_fee_wei(head)
    fee_wei = head.header.base_fee_per_gas if set_fee_wei is None else set_fee_wei
    return shapes.quantity(fee_wei + TIP_WEI)


@method("eth_maxPriorityFeePerGas")
def tip(node: Node) -> str:
    """The suggested tip: 1 gwei."""
    return shapes.quantity(TIP_WEI)


@method("eth_blobBaseFee")
def blob_base_fee(node: Node) -> str:
    """1 wei: there are no blobs here."""
    return shapes.quantity(1)


@method("eth_feeHistory")
def fee_history(node: Node, count: Any, newest: Any, percentiles: Any = None) -> Any:
    """Base fees, fullness and tips of up to 1,024 blocks."""
    view = node.view
    wanted = count if type(count) is int else params.quantity(count, "blockCount")
    if not 0 < wanted <= MAX_FEE_HISTORY:
        raise invalid_params(f"blockCount: expected 1 to {MAX_FEE_HISTORY}, got {wanted}")
    ranks = _percentiles(percentiles)
    last = params.place(view, newest, "newestBlock")
    first_number = max(last.number - wanted + 1, 0)
    tree = view.chain.tree
    places = [tree.ancestor_at(last, n) for n in range(first_number, last.number + 1)]
    headers = [place.header for place in places]
    after = view.chain.execution.child_header(headers[-1], headers[-1].timestamp + 1)
    after_wei = view.chain.patches.base_fee_wei(last)
    if after_wei is None:
        after_wei = after.base_fee_per_gas
    answer = {
        "oldestBlock": shapes.quantity(first_number),
        "baseFeePerGas": [
            *(shapes.quantity(h.base_fee_per_gas) for h in headers),
            shapes.quantity(after_wei),
        ],
        "gasUsedRatio": [h.gas_used / h.gas_limit for h in headers],
        "baseFeePerBlobGas": [shapes.quantity(1)] * (len(headers) + 1),
        "blobGasUsedRatio": [0.0] * len(headers),
    }
    if ranks:
        answer["reward"] = [
            [shapes.quantity(tip_wei) for tip_wei in _tips_at(place, ranks)] for place in places
        ]
    return answer


def _percentiles(value: Any) -> list[float]:
    ranks = [] if value is None else value
    if (
        not isinstance(ranks, list)
        or len(ranks) > MAX_PERCENTILES
        or not all(
            isinstance(r, int | float) and not isinstance(r, bool) and 0 <= r <= 100 for r in ranks
        )
        or ranks != sorted(ranks)
    ):
        raise invalid_params(
            f"rewardPercentiles: expected up to {MAX_PERCENTILES} ascending numbers from 0 to 100"
        )
    return ranks


def _tips_at(place: Place, ranks: list[float]) -> list[int]:
    """The tips below which `ranks` percent of the block's gas was paid; 0 in an empty block."""
    base_fee_wei = place.header.base_fee_per_gas
    paid = sorted((r.transaction.tip_wei(base_fee_wei), r.gas_used) for r in place.receipts)
    if not paid:
        return [0] * len(ranks)
    total_gas = sum(gas for _, gas in paid)
    found = []
    for rank in ranks:
        wanted_gas, running = total_gas * rank / 100, accumulate(gas for _, gas in paid)
        found.append(
            next(tip for (tip, _), gas in zip(paid, running, strict=True) if gas >= wanted_gas)
        )
    return found
