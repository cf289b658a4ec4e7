"""Blocks, their transactions and receipts. Orphans stay readable by hash."""

from __future__ import annotations

from typing import Any

from ztdx_devnet.chain.blocktree.blocks import Place, Receipt
from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method


def _by_number(node: Node, block: Any) -> Place | None:
    return node.view.at(params.number(node.view, block))


def _by_hash(node: Node, block_hash: Any) -> Place | None:
    return node.view.by_hash(params.data(block_hash, "block hash", 32))


def _receipts(node: Node, block: Any) -> tuple[Receipt, ...] | None:
    """Of a block by number or tag, the pending one included."""
    preview = node.pending() if block == "pending" else None
    if preview is not None:
        return preview.receipts
    place = _by_number(node, block)
    return None if place is None else place.receipts


@method("eth_getBlockByNumber")
def block_by_number(node: Node, block: Any, full_transactions: Any = False) -> Any:
    """A canonical block by height or tag; `pending` is the one that would come now."""
    full = params.boolean(full_transactions, "full transactions")
    preview = node.pending() if block == "pending" else None
    if preview is not None:
        return shapes.pending_block(preview, full)
    place = _by_number(node, block)
    return None if place is None else shapes.block(place, full)


@method("eth_getBlockByHash")
def block_by_hash(node: Node, block_hash: Any, full_transactions: Any = False) -> Any:
    """A block of any branch."""
    full = params.boolean(full_transactions, "full transactions")
    place = _by_hash(node, block_hash)
    return None if place is None else shapes.block(place, full)


@method("eth_getBlockTransactionCountByNumber")
def transaction_count_by_number(node: Node, block: Any) -> str | None:
    """How many transactions a canonical block has."""
    receipts = _receipts(node, block)
    return None if receipts is None else shapes.quantity(len(receipts))


@method("eth_getBlockTransactionCountByHash")
def transaction_count_by_hash(node: Node, block_hash: Any) -> str | None:
    """How many transactions a block of any branch has."""
    place = _by_hash(node, block_hash)
    return None if place is None else shapes.quantity(len(place.receipts))


@method("eth_getUncleCountByBlockNumber")
def uncle_count_by_number(node: Node, block: Any) -> str | None:
    """0x0: there are no uncles since the merge."""
    return None if _receipts(node, block) is None else shapes.quantity(0)


@method("eth_getUncleCountByBlockHash")
def uncle_count_by_hash(node: Node, block_hash: Any) -> str | None:
    """0x0: there are no uncles since the merge."""
    return None if _by_hash(node, block_hash) is None else shapes.quantity(0)


@method("eth_getUncleByBlockNumberAndIndex")
def uncle_by_number(node: Node, block: Any, index: Any) -> None:
    """Null: there are no uncles since the merge."""
    _by_number(node, block), params.quantity(index, "index")


@method("eth_getUncleByBlockHashAndIndex")
def uncle_by_hash(node: Node, block_hash: Any, index: Any) -> None:
    """Null: there are no uncles since the merge."""
    _by_hash(node, block_hash), params.quantity(index, "index")


@method("eth_getBlockReceipts")
def block_receipts(node: Node, block: Any) -> Any:
    """All receipts of a block, by height, tag or hash; null for the pending one."""
    if block == "pending" and node.pending() is not None:
        return None
    place = params.place_if_any(node.view, block)
    if place is None:
        return None
    segment: Any = place.segment
    return [shapes.receipt(segment, receipt) for receipt in place.receipts]


@method("eth_getTransactionByHash")
def transaction(node: Node, transaction_hash: Any) -> Any:
    """A transaction of the canonical branch or of the pool."""
    wanted = params.data(transaction_hash, "transaction hash", 32)
    found = node.view.inclusion(wanted)
    if found is not None:
        block, receipt = found
        return shapes.transaction(
            receipt.transaction, Place(block), receipt.transaction_index, block.header
        )
    waiting = node.view.chain.pool.get(wanted)
    return None if waiting is None else shapes.transaction(waiting)


@method("eth_getTransactionByBlockNumberAndIndex")
def transaction_by_number(node: Node, block: Any, index: Any) -> Any:
    """The transaction at a position of a canonical block."""
    position = params.quantity(index, "index")
    if block == "pending":
        receipts = _receipts(node, block) or ()
        found = position < len(receipts)
        return shapes.transaction(receipts[position].transaction) if found else None
    return _transaction_in(_by_number(node, block), position)


@method("eth_getTransactionByBlockHashAndIndex")
def transaction_by_hash(node: Node, block_hash: Any, index: Any) -> Any:
    """The transaction at a position of a block of any branch."""
    return _transaction_in(_by_hash(node, block_hash), params.quantity(index, "index"))


@method("eth_getRawTransactionByHash")
def raw_transaction(node: Node, transaction_hash: Any) -> Any:
    """A transaction of the canonical branch or of the pool, as it was signed."""
    wanted = params.data(transaction_hash, "transaction hash", 32)
    found = node.view.inclusion(wanted)
    entry = node.view.chain.pool.get(wanted) if found is None else found[1].transaction
    return None if entry is None else shapes.data(entry.raw())


@method("eth_getRawTransactionByBlockNumberAndIndex")
def raw_transaction_by_number(node: Node, block: Any, index: Any) -> Any:
    """The raw transaction at a position of a canonical block."""
    return _raw_in(_receipts(node, block), params.quantity(index, "index"))


@method("eth_getRawTransactionByBlockHashAndIndex")
def raw_transaction_by_block_hash(node: Node, block_hash: Any, index: Any) -> Any:
    """The raw transaction at a position of a block of any branch."""
    place = _by_hash(node, block_hash)
    return _raw_in(None if place is None else place.receipts, params.quantity(index, "index"))


@method("eth_getTransactionReceipt")
def receipt(node: Node, transaction_hash: Any) -> Any:
    """The receipt on the canonical branch; null while the transaction waits."""
    found = node.view.inclusion(params.data(transaction_hash, "transaction hash", 32))
    return None if found is None else shapes.receipt(*found)


def _transaction_in(place: Place | None, position: int) -> Any:
    if place is None or position >= len(place.receipts):
        return None
    return shapes.transaction(place.receipts[position].transaction, place, position, place.header)


def _raw_in(receipts: tuple[Receipt, ...] | None, position: int) -> Any:
    if receipts is None or position >= len(receipts):
        return None
    return shapes.data(receipts[position].transaction.raw())
