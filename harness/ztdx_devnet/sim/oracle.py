"""The oracle: the truth about deposits, read from the block tree and never through a view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ztdx_devnet.chain.blocktree.blocks import ExecutedBlock
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin import contracts


@dataclass(frozen=True, slots=True)
class TrueDeposit:
    """One SpotDeposit of the vault, as it stands in a block.

    `ordinal` counts the vault's SpotDeposit events within the transaction: with the transaction's
    hash it is the identity of the event on every branch.
    """

    transaction_hash: str
    ordinal: int
    account: str
    token: bytes
    amount_wei: int
    block_number: int
    log_index: int
    block_hash: str


class Claim(Protocol):
    """Where somebody says that a deposit stands. A block hash that is not kept is None."""

    @property
    def tx_hash(self) -> str: ...
    @property
    def block_number(self) -> int: ...
    @property
    def log_index(self) -> int: ...
    @property
    def event_ordinal(self) -> int: ...
    @property
    def block_hash(self) -> str | None: ...


class Oracle:
    """Reads deposits of DF into the vault from the tree."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._by_block: dict[ExecutedBlock, tuple[TrueDeposit, ...]] = {}
        self._forgotten: dict[str, list[TrueDeposit]] = {}  # by transaction
        self._forgotten_hashes: list[tuple[int, list[bytes]]] = []  # from that height on

    def remember(self) -> None:
        """Keep what all blocks hold, before the chain begins anew and forgets them."""
        for segment in self._chain.tree.segments:
            hashes = [segment.hash_at(offset) for offset in range(segment.count)]
            self._forgotten_hashes.append((segment.first_number, hashes))
            if isinstance(segment, ExecutedBlock):
                for deposit in self._deposits(segment):
                    self._forgotten.setdefault(deposit.transaction_hash, []).append(deposit)

    def has_been(self, block_number: int, block_hash: bytes) -> bool:
        """Whether there is, or was, a block with that hash at that height, on whatever branch."""
        place = self._chain.tree.by_hash(block_hash)
        if place is not None and place.number == block_number:
            return True
        return any(
            first <= block_number < first + len(hashes)
            and hashes[block_number - first] == block_hash
            for first, hashes in self._forgotten_hashes
        )

    def was_forgotten(self, transaction_hash: str) -> bool:
        """Whether it made a deposit on a chain that has begun anew since."""
        return transaction_hash in self._forgotten

    def canonical(self, first_block: int, last_block: int) -> Iterator[TrueDeposit]:
        """The canonical DF deposits in those blocks, in chain order."""
        for block in self._chain.logs.between(first_block, last_block):
            for deposit in self._deposits(block):
                if deposit.token == contracts.DF_TOKEN:
                    yield deposit

    def in_block(self, block: ExecutedBlock) -> tuple[TrueDeposit, ...]:
        """The deposits of any token in that block, on whatever branch."""
        return self._deposits(block)

    def canonical_at(self, transaction_hash: str) -> tuple[TrueDeposit, ...]:
        """The deposits of that transaction on the canonical branch."""
        found = self._chain.inclusions.canonical(bytes.fromhex(transaction_hash[2:]))
        if found is None:
            return ()
        return tuple(d for d in self._deposits(found[0]) if d.transaction_hash == transaction_hash)

    def on_any_branch(self, block_number: int, tx_hash: str, log_index: int) -> TrueDeposit | None:
        """The deposit that stands, or stood, at that position."""
        for block in self._chain.tree.executed_at(block_number):
            for deposit in self._deposits(block):
                if deposit.transaction_hash == tx_hash and deposit.log_index == log_index:
                    return deposit
        return None

    def canonical_claimed(self, claim: Claim) -> TrueDeposit | None:
        """The canonical deposit that the claim is about, if it names its present block."""
        here = [d for d in self.canonical_at(claim.tx_hash) if _in_block(d, claim)]
        return _pick(here, claim)

    def claimed(self, claim: Claim) -> TrueDeposit | None:
        """The deposit that the claim is about, on whatever branch: what it is, not where."""
        return next(iter(self.versions(claim)), None)

    def versions(self, claim: Claim) -> tuple[TrueDeposit, ...]:
        """What the claimed event is in the block that is named; else in each that it is in."""
        included = self._chain.inclusions.blocks(bytes.fromhex(claim.tx_hash[2:]))
        everywhere = [
            *self._forgotten.get(claim.tx_hash, ()),
            *(
                deposit
                for block in included
                for deposit in self._deposits(block)
                if deposit.transaction_hash == claim.tx_hash
            ),
        ]
        here = _pick([deposit for deposit in everywhere if _in_block(deposit, claim)], claim)
        if here is not None:
            return (here,)
        return tuple(deposit for deposit in everywhere if deposit.ordinal == claim.event_ordinal)

    def _deposits(self, block: ExecutedBlock) -> tuple[TrueDeposit, ...]:
        found = self._by_block.get(block)
        if found is None:
            found = self._by_block[block] = tuple(_read(block))
        return found


def _in_block(deposit: TrueDeposit, claim: Claim) -> bool:
    known_hash = claim.block_hash in (None, deposit.block_hash)
    return deposit.block_number == claim.block_number and known_hash


def _pick(deposits: list[TrueDeposit], claim: Claim) -> TrueDeposit | None:
    """The one that is claimed: by its ordinal, since nodes number logs as they like.

    Who keeps no hashes of blocks knows no ordinals either, and may have anything in their place.
    """
    of_ordinal = next((d for d in deposits if d.ordinal == claim.event_ordinal), None)
    at_log = next((d for d in deposits if d.log_index == claim.log_index), None)
    if claim.block_hash is None:
        return at_log or of_ordinal
    return of_ordinal or at_log


def _read(block: ExecutedBlock) -> Iterator[TrueDeposit]:
    for receipt in block.receipts:
        if not receipt.succeeded:
            continue
        events = [
            log
            for log in receipt.logs
            if log.address == contracts.VAULT and log.topics[0] == contracts.SPOT_DEPOSIT_TOPIC
        ]
        for ordinal, log in enumerate(events):
            yield TrueDeposit(
                transaction_hash="0x" + receipt.transaction.hash.hex(),
                ordinal=ordinal,
                account="0x" + log.topics[1][12:].hex(),
                token=log.topics[2][12:],
                amount_wei=int.from_bytes(log.data, "big"),
                block_number=block.first_number,
                log_index=log.log_index,
                block_hash="0x" + block.block_hash.hex(),
            )
