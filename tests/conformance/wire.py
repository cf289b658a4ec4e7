"""Hashes and roots worked out anew from the JSON of blocks, transactions and receipts."""

from __future__ import annotations

from typing import Any

import rlp
from eth_bloom import BloomFilter
from trie import HexaryTrie

from ztdx_devnet.chain.keccak import keccak256

_HEADER = (  # in the order of RLP
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
    *("parentBeaconBlockRoot", "requestsHash"),
)
_NUMBERS = {
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp"),
    *("baseFeePerGas", "blobGasUsed", "excessBlobGas"),
}
_BODY = {
    0: "nonce gasPrice gas to value input v r s",
    1: "chainId nonce gasPrice gas to value input accessList yParity r s",
    2: "chainId nonce maxPriorityFeePerGas maxFeePerGas gas to value input accessList yParity r s",
    4: "chainId nonce maxPriorityFeePerGas maxFeePerGas gas to value input accessList "
    "authorizationList yParity r s",
}
_GRANT = ("chainId", "address", "nonce", "yParity", "r", "s")


def octets(text: str | None) -> bytes:
    """Hex data as bytes; null is empty."""
    return bytes.fromhex(text[2:]) if text else b""


def integer(text: str) -> bytes:
    """A hex quantity as RLP wants it: big-endian without leading zeros."""
    number = int(text, 16)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def header_hash(block: dict[str, Any]) -> str:
    fields = [integer(block[k]) if k in _NUMBERS else octets(block[k]) for k in _HEADER]
    return "0x" + keccak256(rlp.encode(fields)).hex()


def raw_transaction(shape: dict[str, Any]) -> bytes:
    kind = int(shape["type"], 16)
    fields: list[Any] = []
    for name in _BODY[kind].split():
        value = shape[name]
        if name in ("to", "input"):
            fields.append(octets(value))
        elif name == "accessList":
            fields.append(
                [
                    [octets(entry["address"]), [octets(key) for key in entry["storageKeys"]]]
                    for entry in value
                ]
            )
        elif name == "authorizationList":
            fields.append(
                [[octets(g[k]) if k == "address" else integer(g[k]) for k in _GRANT] for g in value]
            )
        else:
            fields.append(integer(value))
    return (bytes([kind]) if kind else b"") + rlp.encode(fields)


def transaction_hash(shape: dict[str, Any]) -> str:
    return "0x" + keccak256(raw_transaction(shape)).hex()


def raw_receipt(shape: dict[str, Any]) -> bytes:
    kind = int(shape["type"], 16)
    logs = [
        [octets(log["address"]), [octets(topic) for topic in log["topics"]], octets(log["data"])]
        for log in shape["logs"]
    ]
    fields = [
        integer(shape["status"]),
        integer(shape["cumulativeGasUsed"]),
        octets(shape["logsBloom"]),
        logs,
    ]
    return (bytes([kind]) if kind else b"") + rlp.encode(fields)


def bloom(logs: list[dict[str, Any]]) -> str:
    found = BloomFilter()
    for log in logs:
        found.add(octets(log["address"]))
        for topic in log["topics"]:
            found.add(octets(topic))
    return "0x" + int(found).to_bytes(256, "big").hex()


def root(items: list[bytes]) -> str:
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    return "0x" + trie.root_hash.hex()


def block_size(block: dict[str, Any]) -> int:
    """Of the block with whole transactions, as it goes over the network."""
    header = [integer(block[k]) if k in _NUMBERS else octets(block[k]) for k in _HEADER]
    body: list[Any] = []
    for shape in block["transactions"]:
        raw = raw_transaction(shape)
        body.append(rlp.decode(raw) if shape["type"] == "0x0" else raw)
    return len(rlp.encode([header, body, [], []]))
