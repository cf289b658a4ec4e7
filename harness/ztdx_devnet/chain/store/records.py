"""The parts of a chain as bytes and JSON, and back: blocks, runs, waiting transactions, patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import rlp

from ztdx_devnet.chain.blocktree.blocks import EmptyRun, ExecutedBlock, Log, Place, Receipt, Segment
from ztdx_devnet.chain.blocktree.finality import Finality
from ztdx_devnet.chain.blocktree.headers import EmptyHeaders, Header
from ztdx_devnet.chain.blocktree.patches import Patch
from ztdx_devnet.chain.building.pool import Waiting
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.py_evm import PragueBlockHeader, PragueTransactionBuilder
from ztdx_devnet.chain.store.packing import pack, pack_integer, unpack, unpack_integer
from ztdx_devnet.chain.transactions import Transaction

HASH_BYTES = 32


def encode_header(header: Header) -> bytes:
    return bytes(rlp.encode(header))


def decode_header(raw: bytes) -> Header:
    header: Header = rlp.decode(raw, sedes=PragueBlockHeader)
    return header


def encode_transaction(transaction: Transaction) -> list[bytes]:
    """Raw bytes, hash, sender, whether impersonated, and the authorities with their nonces."""
    authorities = [[address, pack_integer(nonce)] for address, nonce in transaction.authorities]
    return [
        transaction.raw(),
        transaction.hash,
        transaction.sender,
        pack_integer(transaction.impersonated),
        authorities,  # type: ignore[list-item]  # RLP nests
    ]


def decode_transaction(fields: Any) -> Transaction:
    """Taken as it was written: no signature is recovered again."""
    raw, transaction_hash, sender, impersonated, authorities = fields
    return Transaction(
        PragueTransactionBuilder.decode(raw),
        transaction_hash,
        sender,
        tuple((address, unpack_integer(nonce)) for address, nonce in authorities),
        bool(unpack_integer(impersonated)),
    )


def encode_receipts(receipts: Sequence[Receipt]) -> bytes:
    return pack(
        pack(
            (
                rlp.encode(encode_transaction(receipt.transaction)),
                pack_integer(receipt.succeeded),
                pack_integer(receipt.gas_used),
                pack_integer(receipt.bloom),
                receipt.contract_address or b"",
                *(pack((log.address, log.data, *log.topics)) for log in receipt.logs),
            )
        )
        for receipt in receipts
    )


def decode_receipts(raw: bytes) -> tuple[Receipt, ...]:
    receipts: list[Receipt] = []
    cumulative_gas_used, log_index = 0, 0
    for index, fields in enumerate(unpack(raw)):
        transaction, succeeded, gas_used, bloom, contract_address, *entries = unpack(fields)
        logs = tuple(
            Log(address, tuple(topics), data, log_index + i)
            for i, (address, data, *topics) in enumerate(map(unpack, entries))
        )
        log_index += len(logs)
        cumulative_gas_used += unpack_integer(gas_used)
        receipts.append(
            Receipt(
                transaction=decode_transaction(rlp.decode(transaction)),
                transaction_index=index,
                succeeded=bool(unpack_integer(succeeded)),
                gas_used=unpack_integer(gas_used),
                cumulative_gas_used=cumulative_gas_used,
                bloom=unpack_integer(bloom),
                logs=logs,
                contract_address=contract_address or None,
            )
        )
    return tuple(receipts)


def restore_block(parent: Place | None, header: bytes, receipts: bytes) -> Segment:
    return ExecutedBlock(parent, decode_header(header), decode_receipts(receipts))


def restore_run(parent: Place, first_header: bytes, interval_s: int, hashes: bytes) -> EmptyRun:
    """A run whose hashes were kept with it."""
    headers = EmptyHeaders(decode_header(first_header), interval_s)
    headers.hashes += [
        hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)
    ]
    return EmptyRun(parent, headers)


def encode_waiting(waiting: Waiting) -> bytes:
    fields = [encode_transaction(waiting.transaction), pack_integer(waiting.not_before_number)]
    encoded: bytes = rlp.encode(fields)
    return encoded


def decode_waiting(raw: bytes) -> Waiting:
    transaction, not_before = rlp.decode(raw)
    return Waiting(decode_transaction(transaction), unpack_integer(not_before))


def encode_patch(patch: Patch) -> dict[str, Any]:
    """As JSON; bytes are hex."""
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in asdict(patch).items()
        if value is not None
    }


def decode_patch(fields: dict[str, Any]) -> Patch:
    values: dict[str, Any] = {
        name: bytes.fromhex(value) if isinstance(value, str) else value
        for name, value in fields.items()
    }
    return Patch(**values)


def encode_position(chain: Chain, ids: Mapping[Segment, int]) -> dict[str, Any]:
    """Where a chain stands in its tree, as JSON; a place is [segment's id, offset]."""

    def coordinates(place: Place) -> list[int]:
        return [ids[place.segment], place.offset]

    return {
        "head": coordinates(chain.head),
        "current_branch": chain.branches.current,
        "tips": {branch.name: coordinates(branch.tip) for branch in chain.branches},
        "opened_branches": chain.builder.branches,
        "finality": asdict(chain.finality),
        "min_gas_price_wei": chain.min_gas_price_wei,
        "first_nodes": len(chain.execution.nodes.kv_store) - len(chain.execution.nodes.added),
    }


def decode_position(fields: dict[str, Any], segments: Sequence[Segment]) -> dict[str, Any]:
    """The fields of a ChainImage that `encode_position` took down."""
    return {
        **fields,
        "head": _place(fields["head"], segments),
        "tips": {name: _place(tip, segments) for name, tip in fields["tips"].items()},
        "finality": Finality(**fields["finality"]),
    }


def _place(coordinates: list[int], segments: Sequence[Segment]) -> Place:
    number, offset = coordinates
    if number < 0 or not 0 <= offset < segments[number].count:
        raise ValueError(f"no block {offset} in segment {number}")
    return Place(segments[number], offset)
