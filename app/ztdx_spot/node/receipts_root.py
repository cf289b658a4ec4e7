"""The root of a block's receipts: whether they are, to the byte, those that its header commits to.

A Merkle-Patricia trie from each receipt's index to its encoding (EIP-2718), of which only the root
is computed.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_hash.auto import keccak

from ztdx_spot.node import bloom, rlp
from ztdx_spot.node.shapes import Receipt, told_integer

_KINDS = range(5)
"""Types of transactions whose receipts have these four fields: legacy up to EIP-7702."""


def root_of(receipts: Sequence[Receipt]) -> str | None:
    """All receipts of a block, in order. None: one lacks its type or gas, or is of unknown type.

    A receipt without a type may be a legacy one of an old node, or any of one that leaves it out.
    """
    try:
        encoded = [_encoded(receipt) for receipt in receipts]
    except ValueError:
        return None
    leaves = [(rlp.encode(rlp.integer(index)).hex(), value) for index, value in enumerate(encoded)]
    return "0x" + keccak(rlp.encode(_node(leaves))).hex()


def _encoded(receipt: Receipt) -> bytes:
    kind = told_integer(receipt.told, "type")
    if kind not in _KINDS:
        raise ValueError(kind)
    bits = 0
    for log in receipt.logs:
        bits |= bloom.bits_of(log.address, *log.topics)
    body = rlp.encode(
        [
            rlp.integer(int(receipt.succeeded)),
            rlp.integer(told_integer(receipt.told, "cumulativeGasUsed")),
            bits.to_bytes(256, "big"),
            [
                [_bytes(log.address), [_bytes(topic) for topic in log.topics], _bytes(log.data)]
                for log in receipt.logs
            ],
        ]
    )
    return bytes([kind]) + body if kind else body


def _node(leaves: Sequence[tuple[str, bytes]]) -> rlp.Item:
    """The node above these leaves. A path is hex digits; none is the beginning of another."""
    if not leaves:
        return b""
    if len(leaves) == 1:
        [(path, value)] = leaves
        return [_written(path, leaf=True), value]
    shared = _shared(min(leaves)[0], max(leaves)[0])
    below = [(path[len(shared) :], value) for path, value in leaves]
    branch: list[rlp.Item] = [
        _reference([(path[1:], value) for path, value in below if path[0] == digit])
        for digit in "0123456789abcdef"
    ]
    branch.append(b"")  # the value of a path that ends here
    return [_written(shared, leaf=False), _short(branch)] if shared else branch


def _shared(first: str, last: str) -> str:
    """How two paths begin; of the first and the last in order: how all begin."""
    length = next(
        i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other
    )
    return first[:length]


def _reference(leaves: Sequence[tuple[str, bytes]]) -> rlp.Item:
    return _short(_node(leaves)) if leaves else b""


def _short(node: rlp.Item) -> rlp.Item:
    """How a node stands in the one above it: its hash, unless it is shorter than that."""
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak(encoded)


def _written(path: str, *, leaf: bool) -> bytes:
    flag = 2 if leaf else 0
    return bytes.fromhex(f"{flag + 1:x}{path}" if len(path) % 2 else f"{flag:x}0{path}")


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value[2:])
