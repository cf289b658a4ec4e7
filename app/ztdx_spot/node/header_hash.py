"""A block's hash, computed from its header: whether a node changed what the header says.

The fields are Ethereum's up to Prague; BSC's are the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from eth_hash.auto import keccak

from ztdx_spot.node import rlp
from ztdx_spot.node.shapes import Header, told_bytes, told_integer

EMPTY_ROOT = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
"""Root of the transactions, or receipts, of a block that has none: keccak256(rlp(b""))."""

_NUMBERS = frozenset(
    {
        *("difficulty", "number", "gasLimit", "gasUsed", "timestamp"),
        *("baseFeePerGas", "blobGasUsed", "excessBlobGas"),
    }
)
_ALWAYS = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce"),
)
_SINCE = (
    *("baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
    *("parentBeaconBlockRoot", "requestsHash"),
)
"""Each came with a fork, in this order; a header has the first few of them."""


def has_no_transactions(header: Header) -> bool:
    """Whether it says so twice. No log is in such a block."""
    return not header.transaction_hashes and header.told.get("transactionsRoot") == EMPTY_ROOT


def is_own(header: Header) -> bool | None:
    """Whether the header has the hash that the node gives it; None: it lacks what that takes.

    False means that the node changed a field, or that this chain hashes other fields.
    """
    try:
        encoded = rlp.encode([_item(header.told, name) for name in _names(header.told)])
    except ValueError:
        return None
    return "0x" + keccak(encoded).hex() == header.block_hash


def _names(told: Mapping[str, object]) -> list[str]:
    since = [told.get(name) is not None for name in _SINCE]
    return [*_ALWAYS, *_SINCE[: since.index(False) if False in since else len(since)]]


def _item(told: Mapping[str, object], name: str) -> bytes:
    return rlp.integer(told_integer(told, name)) if name in _NUMBERS else told_bytes(told, name)
