"""Runs of empty blocks: true header hashes without executing anything.

An empty block differs from its parent in four header fields (parent hash, number, timestamp, base
fee). We splice them into one encoded header and hash that; the result is identical to what py-evm
seals, at about 3 microseconds a block.
"""

from __future__ import annotations

from typing import Any, Protocol

import rlp

from ztdx_devnet.chain.keccak import keccak256

_PARENT_HASH, _NUMBER, _TIMESTAMP, _BASE_FEE = 0, 8, 11, 15  # positions in the header's RLP list
BASE_FEE_CHANGE_DENOMINATOR = 8  # EIP-1559

_SHARED_BLOCKS = range(100, 10_001)
_SHARED_RUNS_MAX = 8
_shared: dict[tuple[bytes, int, int], list[bytes]] = {}
"""Hashes of runs of so many blocks, by first header, interval and count: the chains of one process
mostly begin with the same ones."""


class Header(Protocol):
    """A block header, as py-evm's PragueBlockHeader has it: hashes and addresses are bytes."""

    parent_hash: bytes
    uncles_hash: bytes
    coinbase: bytes
    state_root: bytes
    transaction_root: bytes
    receipt_root: bytes
    bloom: int
    difficulty: int
    block_number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    mix_hash: bytes
    nonce: bytes
    base_fee_per_gas: int
    withdrawals_root: bytes
    blob_gas_used: int
    excess_blob_gas: int
    parent_beacon_block_root: bytes
    requests_hash: bytes

    @property
    def hash(self) -> bytes: ...

    def copy(self, **fields: Any) -> Header: ...


def next_empty_base_fee_wei(base_fee_wei: int) -> int:
    """The base fee after an empty block whose base fee was `base_fee_wei` (EIP-1559)."""
    return base_fee_wei - base_fee_wei // BASE_FEE_CHANGE_DENOMINATOR


def _rlp_int(value: int) -> bytes:
    if value == 0:
        return b"\x80"
    if value < 128:
        return bytes([value])
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([0x80 + len(raw)]) + raw


class EmptyHeaders:
    """The headers of successive empty blocks, all derived from the first one.

    `first` is the header of the first empty block; block i comes `interval_s` seconds after
    block i - 1. Hashes are computed by `extend`, whole headers only when asked for.
    """

    __slots__ = (
        "__weakref__",
        "_base_fees_wei",
        "_encoded_first",
        "_parts",
        "first",
        "hashes",
        "interval_s",
    )

    def __init__(self, first: Header, interval_s: int) -> None:
        self.first = first
        self.interval_s = interval_s
        self.hashes: list[bytes] = []
        self._encoded_first: bytes = rlp.encode(first)
        fields = [rlp.encode(field) for field in rlp.decode(self._encoded_first)]
        self._parts = (
            b"".join(fields[_PARENT_HASH + 1 : _NUMBER]),
            b"".join(fields[_NUMBER + 1 : _TIMESTAMP]),
            b"".join(fields[_TIMESTAMP + 1 : _BASE_FEE]),
            b"".join(fields[_BASE_FEE + 1 :]),
        )
        # The fee falls by an eighth a block until the step rounds to zero (7 wei).
        fee_wei = first.base_fee_per_gas
        self._base_fees_wei = [fee_wei]
        while (lower_wei := next_empty_base_fee_wei(fee_wei)) != fee_wei:
            self._base_fees_wei.append(lower_wei)
            fee_wei = lower_wei

    def extend(self, count: int) -> None:
        """Hash `count` more blocks."""
        if self.hashes or count not in _SHARED_BLOCKS:
            self.hashes += self._next(count)
            return
        key = (self._encoded_first, self.interval_s, count)
        if key not in _shared:
            if len(_shared) == _SHARED_RUNS_MAX:
                _shared.clear()
            _shared[key] = self._next(count)
        self.hashes += _shared[key]

    def _next(self, count: int) -> list[bytes]:
        """The hashes of the `count` blocks that come next."""
        head, middle, between, tail = self._parts
        suffixes = [between + _rlp_int(fee_wei) + tail for fee_wei in self._base_fees_wei]
        last_suffix = len(suffixes) - 1
        done = len(self.hashes)
        parent_hash = self.hashes[-1] if done else self.first.parent_hash
        number = self.first.block_number + done
        timestamp_s = self.timestamp_s(done)
        hashes: list[bytes] = []
        append = hashes.append
        for i in range(done, done + count):
            body = b"\xa0%b%b%b%b%b%b" % (
                parent_hash,
                head,
                _rlp_int(number),
                middle,
                _rlp_int(timestamp_s),
                suffixes[i if i < last_suffix else last_suffix],
            )
            # A header is always longer than 255 and shorter than 65,536 bytes.
            parent_hash = keccak256(b"\xf9%b%b" % (len(body).to_bytes(2, "big"), body))
            append(parent_hash)
            number += 1
            timestamp_s += self.interval_s
        return hashes

    def cut(self, count: int) -> None:
        """Forget all but the first `count` blocks."""
        del self.hashes[count:]

    def header(self, offset: int) -> Header:
        """The whole header of block `offset` (0 is the first)."""
        if not 0 <= offset < len(self.hashes):
            raise IndexError(f"offset {offset} in a run of {len(self.hashes)} blocks")
        if offset == 0:
            return self.first
        return self.first.copy(
            parent_hash=self.hashes[offset - 1],
            block_number=self.first.block_number + offset,
            timestamp=self.timestamp_s(offset),
            base_fee_per_gas=self.base_fee_wei(offset),
        )

    def base_fee_wei(self, offset: int) -> int:
        """Base fee of block `offset`."""
        return self._base_fees_wei[min(offset, len(self._base_fees_wei) - 1)]

    def timestamp_s(self, offset: int) -> int:
        """Unix time of block `offset`, in seconds."""
        return self.first.timestamp + offset * self.interval_s
