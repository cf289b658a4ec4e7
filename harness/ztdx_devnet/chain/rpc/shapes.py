"""JSON shapes of blocks, transactions, receipts and logs, as a current node writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import rlp

from ztdx_devnet.chain.blocktree.blocks import EmptyRun, ExecutedBlock, Place, Receipt
from ztdx_devnet.chain.blocktree.headers import EmptyHeaders, Header
from ztdx_devnet.chain.blocktree.logs import PlacedLog
from ztdx_devnet.chain.building.builder import Preview
from ztdx_devnet.chain.transactions import Transaction

Json = dict[str, Any]


def data(value: bytes) -> str:
    """Bytes as 0x and lower-case hex."""
    return "0x" + value.hex()


def quantity(value: int) -> str:
    """An integer as 0x and hex without leading zeros."""
    return hex(value)


_of_runs: WeakKeyDictionary[EmptyHeaders, tuple[Json, int]] = WeakKeyDictionary()
"""The first block of each run that was asked for, and its size without its three numbers: the
others differ from it in six fields."""


def block(place: Place, full_transactions: bool) -> Json:
    segment = place.segment
    if isinstance(segment, EmptyRun) and place.offset:
        return _empty_block(segment.headers, place.offset)
    header = place.header
    receipts = place.receipts
    transactions: list[Any]
    if full_transactions:
        transactions = [
            transaction(r.transaction, place, r.transaction_index, header) for r in receipts
        ]
    else:
        transactions = [data(r.transaction.hash) for r in receipts]
    return {
        **head(place),
        "totalDifficulty": quantity(0),
        "size": quantity(_size(header, receipts)),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


def _empty_block(headers: EmptyHeaders, offset: int) -> Json:
    """A block inside a run, ten times faster than through its whole header."""
    first = headers.first
    of_run = _of_runs.get(headers)
    if of_run is None:
        shape = {**_header(first, headers.hashes[0]), "totalDifficulty": quantity(0)}
        numbers = _sizes(first.block_number, first.timestamp, first.base_fee_per_gas)
        of_run = _of_runs[headers] = shape, _size(first, ()) - numbers
    shape, size_without_numbers = of_run
    number = first.block_number + offset
    timestamp_s = headers.timestamp_s(offset)
    base_fee_wei = headers.base_fee_wei(offset)
    return {
        **shape,
        "number": quantity(number),
        "hash": data(headers.hashes[offset]),
        "parentHash": data(headers.hashes[offset - 1]),
        "timestamp": quantity(timestamp_s),
        "baseFeePerGas": quantity(base_fee_wei),
        "size": quantity(size_without_numbers + _sizes(number, timestamp_s, base_fee_wei)),
        "transactions": [],
        "uncles": [],
        "withdrawals": [],
    }


def _sizes(*numbers: int) -> int:
    """How many bytes the encodings of integers take in all."""
    size = len(numbers)
    for number in numbers:
        if number >= 128:
            size += (number.bit_length() + 7) // 8
    return size


def pending_block(preview: Preview, full_transactions: bool) -> Json:
    """The block that would be built now: it has no hash, no nonce and no miner yet, as in geth."""
    header, receipts = preview.header, preview.receipts
    shape = _header(header, None)
    transactions: list[Any] = [
        transaction(r.transaction) if full_transactions else data(r.transaction.hash)
        for r in receipts
    ]
    return {
        **shape,
        "nonce": None,
        "miner": None,
        "totalDifficulty": None,
        "size": quantity(_size(header, receipts)),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


def head(place: Place) -> Json:
    """A block's header, as newHeads tells it."""
    return _header(place.header, place.hash)


def _size(header: Header, receipts: Sequence[Receipt]) -> int:
    return len(rlp.encode([header, [r.transaction.signed for r in receipts], [], []]))


def _header(header: Header, block_hash: bytes | None) -> Json:
    return {
        "number": quantity(header.block_number),
        "hash": None if block_hash is None else data(block_hash),
        "parentHash": data(header.parent_hash),
        "nonce": data(header.nonce),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": data(header.bloom.to_bytes(256, "big")),
        "transactionsRoot": data(header.transaction_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipt_root),
        "miner": data(header.coinbase),
        "difficulty": quantity(header.difficulty),
        "extraData": data(header.extra_data),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "mixHash": data(header.mix_hash),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
        "withdrawalsRoot": data(header.withdrawals_root),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
        "requestsHash": data(header.requests_hash),
    }


def transaction(
    entry: Transaction,
    place: Place | None = None,
    index: int | None = None,
    header: Header | None = None,
) -> Json:
    """A transaction; the place fields are null while it waits in the pool."""
    signed = entry.signed
    shape: Json = {
        "hash": data(entry.hash),
        "type": quantity(entry.kind),
        "nonce": quantity(entry.nonce),
        "from": data(entry.sender),
        "to": data(signed.to) if signed.to else None,
        "value": quantity(signed.value),
        "gas": quantity(signed.gas),
        "input": data(signed.data),
        "blockHash": data(place.hash) if place else None,
        "blockNumber": quantity(place.number) if place else None,
        "transactionIndex": quantity(index) if index is not None else None,
        "r": quantity(signed.r),
        "s": quantity(signed.s),
    }
    if entry.kind == 0:
        legacy: Any = signed
        shape["v"] = quantity(legacy.v)
        if signed.chain_id is not None:
            shape["chainId"] = quantity(signed.chain_id)
    else:
        shape["v"] = shape["yParity"] = quantity(signed.y_parity)
        shape["chainId"] = quantity(signed.chain_id or 0)
        shape["accessList"] = [
            {
                "address": data(address),
                "storageKeys": [data(slot.to_bytes(32, "big")) for slot in slots],
            }
            for address, slots in signed.access_list
        ]
    if entry.kind in (0, 1):
        shape["gasPrice"] = quantity(signed.gas_price)
    else:
        shape["maxFeePerGas"] = quantity(signed.max_fee_per_gas)
        shape["maxPriorityFeePerGas"] = quantity(signed.max_priority_fee_per_gas)
        price_wei = (
            entry.effective_gas_price_wei(header.base_fee_per_gas)
            if header is not None
            else signed.max_fee_per_gas
        )
        shape["gasPrice"] = quantity(price_wei)
    if entry.kind == 4:
        set_code: Any = signed
        shape["authorizationList"] = [
            {
                "chainId": quantity(grant.chain_id),
                "address": data(grant.address),
                "nonce": quantity(grant.nonce),
                "yParity": quantity(grant.y_parity),
                "r": quantity(grant.r),
                "s": quantity(grant.s),
            }
            for grant in set_code.authorization_list
        ]
    return shape


def receipt(block_of: ExecutedBlock, entry: Receipt) -> Json:
    header = block_of.header
    signed = entry.transaction.signed
    return {
        "transactionHash": data(entry.transaction.hash),
        "transactionIndex": quantity(entry.transaction_index),
        "blockHash": data(block_of.block_hash),
        "blockNumber": quantity(block_of.first_number),
        "from": data(entry.transaction.sender),
        "to": data(signed.to) if signed.to else None,
        "cumulativeGasUsed": quantity(entry.cumulative_gas_used),
        "gasUsed": quantity(entry.gas_used),
        "effectiveGasPrice": quantity(
            entry.transaction.effective_gas_price_wei(header.base_fee_per_gas)
        ),
        "contractAddress": data(entry.contract_address) if entry.contract_address else None,
        "logs": [log(PlacedLog(each, entry, block_of)) for each in entry.logs],
        "logsBloom": data(entry.bloom.to_bytes(256, "big")),
        "type": quantity(entry.transaction.kind),
        "status": quantity(int(entry.succeeded)),
    }


def log(placed: PlacedLog, removed: bool = False) -> Json:
    entry, receipt_of, block_of = placed
    return {  # written out: a page of a thousand logs is what listeners wait for
        "address": "0x" + entry.address.hex(),
        "topics": ["0x" + topic.hex() for topic in entry.topics],
        "data": "0x" + entry.data.hex(),
        "blockHash": "0x" + block_of.block_hash.hex(),
        "blockNumber": hex(block_of.first_number),
        "blockTimestamp": hex(block_of.header.timestamp),
        "transactionHash": "0x" + receipt_of.transaction.hash.hex(),
        "transactionIndex": hex(receipt_of.transaction_index),
        "logIndex": hex(entry.log_index),
        "removed": removed,
    }
