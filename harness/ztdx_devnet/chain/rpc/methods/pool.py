"""What waits for a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ztdx_devnet.chain.rpc import params, shapes
from ztdx_devnet.chain.rpc.node import Node
from ztdx_devnet.chain.rpc.table import method
from ztdx_devnet.chain.transactions import Transaction


@method("txpool_status")
def status(node: Node) -> Any:
    """How many transactions could be mined now, and how many wait for a nonce."""
    pending, queued = _parts(node)
    return {"pending": shapes.quantity(len(pending)), "queued": shapes.quantity(len(queued))}


@method("txpool_content")
def content(node: Node) -> Any:
    """The waiting transactions by sender and nonce."""
    return _listing(node, shapes.transaction)


@method("txpool_contentFrom")
def content_from(node: Node, address: Any) -> Any:
    """The waiting transactions of one sender by nonce."""
    sender = shapes.data(params.address(address))
    listing = _listing(node, shapes.transaction)
    return {part: listing[part].get(sender, {}) for part in listing}


@method("txpool_inspect")
def inspect(node: Node) -> Any:
    """The waiting transactions by sender and nonce, a line of text each."""
    return _listing(node, _line)


def _listing(node: Node, shape: Callable[[Transaction], Any]) -> dict[str, dict[str, Any]]:
    answer: dict[str, dict[str, Any]] = {"pending": {}, "queued": {}}
    for part, transactions in zip(answer, _parts(node), strict=True):
        for entry in transactions:
            by_nonce = answer[part].setdefault(shapes.data(entry.sender), {})
            by_nonce[str(entry.nonce)] = shape(entry)
    return answer


def _parts(node: Node) -> tuple[list[Transaction], list[Transaction]]:
    """Those whose nonces follow their account's, and those behind a gap; each by nonce."""
    chain = node.view.chain
    pending: list[Transaction] = []
    queued: list[Transaction] = []
    state = chain.state_at(chain.head)
    next_nonce: dict[bytes, int] = {}
    for entry in sorted((w.transaction for w in chain.pool), key=lambda t: t.nonce):
        sender = entry.sender
        if sender not in next_nonce:
            next_nonce[sender] = chain.pool.next_nonce(sender, state.nonce(sender))
        (pending if entry.nonce < next_nonce[sender] else queued).append(entry)
    return pending, queued


def _line(entry: Transaction) -> str:
    signed = entry.signed
    to = shapes.data(signed.to) if signed.to else "contract creation"
    return f"{to}: {signed.value} wei + {signed.gas} gas × {entry.max_fee_wei} wei"
