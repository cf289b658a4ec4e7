"""The two kinds of segment that the tree is made of: an executed block, and a run of empty ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from ztdx_devnet.chain.blocktree.headers import EmptyHeaders, Header
from ztdx_devnet.chain.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Log:
    """One event. `log_index` counts through the whole block, as on a real node."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one transaction did in one block. `succeeded` is the receipt's status."""

    transaction: Transaction
    transaction_index: int
    succeeded: bool
    gas_used: int
    cumulative_gas_used: int
    bloom: int
    logs: tuple[Log, ...]
    contract_address: bytes | None


class Segment:
    """Blocks that follow one another without a fork between them.

    `parent` is the place that the first block stands on; None for genesis.
    """

    __slots__ = ("first_number", "parent")

    def __init__(self, parent: Place | None, first_number: int) -> None:
        self.parent = parent
        self.first_number = first_number

    @property
    def count(self) -> int:
        raise NotImplementedError

    def hash_at(self, offset: int) -> bytes:
        raise NotImplementedError

    def header_at(self, offset: int) -> Header:
        raise NotImplementedError


class ExecutedBlock(Segment):
    """One block that py-evm executed, with its receipts. Genesis is one too."""

    __slots__ = ("block_hash", "header", "receipts")

    def __init__(self, parent: Place | None, header: Header, receipts: tuple[Receipt, ...]) -> None:
        super().__init__(parent, header.block_number)
        self.header = header
        self.block_hash = header.hash
        self.receipts = receipts

    @property
    def count(self) -> int:
        return 1

    @property
    def has_logs(self) -> bool:
        return any(receipt.logs for receipt in self.receipts)

    def hash_at(self, offset: int) -> bytes:
        return self.block_hash

    def header_at(self, offset: int) -> Header:
        return self.header


class EmptyRun(Segment):
    """A run of empty blocks at one interval. It may grow at its end; its blocks never change."""

    __slots__ = ("headers",)

    def __init__(self, parent: Place, headers: EmptyHeaders) -> None:
        super().__init__(parent, headers.first.block_number)
        self.headers = headers

    @property
    def count(self) -> int:
        return len(self.headers.hashes)

    def hash_at(self, offset: int) -> bytes:
        return self.headers.hashes[offset]

    def header_at(self, offset: int) -> Header:
        return self.headers.header(offset)


@dataclass(frozen=True, slots=True)
class Place:
    """One block of the tree: a segment and the offset in it."""

    segment: Segment
    offset: int = field(default=0)

    @property
    def number(self) -> int:
        return self.segment.first_number + self.offset

    @property
    def hash(self) -> bytes:
        return self.segment.hash_at(self.offset)

    @property
    def header(self) -> Header:
        return self.segment.header_at(self.offset)

    @property
    def timestamp_s(self) -> int:
        segment = self.segment
        if isinstance(segment, EmptyRun):
            return segment.headers.timestamp_s(self.offset)
        return segment.header_at(0).timestamp

    @property
    def state_root(self) -> bytes:
        """The root of its state, which a run of empty blocks leaves as it was."""
        segment = self.segment
        first = segment.headers.first if isinstance(segment, EmptyRun) else segment.header_at(0)
        root: bytes = first.state_root
        return root

    @property
    def parent(self) -> Place | None:
        if self.offset:
            return Place(self.segment, self.offset - 1)
        return self.segment.parent

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        return self.segment.receipts if isinstance(self.segment, ExecutedBlock) else ()
