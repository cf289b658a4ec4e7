"""Reading a page: the vault's events in a range of blocks, with proof that they are all of them.

One batch asks for the logs, for the blocks that link the page to what is processed already and for
the block that confirms it, so one node vouches for all of it. Receipts then say what each
transaction really emitted. Whatever does not fit together is a NodeError, and proves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ztdx_spot.config import ListenerSettings
from ztdx_spot.errors import NodeBehindError, NodeBusyError, NodeError, NodeOverloadedError
from ztdx_spot.listener.events import (
    SPOT_DEPOSIT_TOPIC0,
    VaultEvent,
    is_spot_deposit,
    vault_events,
)
from ztdx_spot.listener.proofs import Proofs
from ztdx_spot.node import bloom, shapes
from ztdx_spot.node.client import Answer, Call, NodeClient, result_of
from ztdx_spot.node.patience import Patience
from ztdx_spot.node.receipts import ReceiptReader
from ztdx_spot.node.refusal import Refusal
from ztdx_spot.node.shapes import Header, RawLog, Receipt


@dataclass(frozen=True, slots=True)
class Page:
    """Blocks `first_block` … `last_block`, and the vault's events in them in the chain's order."""

    first_block: int
    last_block: int
    last_hash: str
    events: tuple[VaultEvent, ...]


class PageReader:
    """Reads pages of one vault. `verify` of the settings says how much of a page is checked.

    `boundary`: the page's ends, and each log's receipt. `full`: also every header, whose bloom says
    which blocks may hold events, whatever eth_getLogs answers.
    """

    def __init__(self, node: NodeClient, settings: ListenerSettings, patience: Patience) -> None:
        self._node = node
        self._vault = settings.vault_address
        self._depth_blocks = settings.confirmation_depth_blocks
        self._full = settings.verify == "full"
        self._bits = bloom.bits_of(settings.vault_address, SPOT_DEPOSIT_TOPIC0)
        self._receipts = ReceiptReader(node, patience, self._bits)
        self._proofs = Proofs()

    def read(self, first: int, last: int, parent_hash: str | None, head: int) -> Page:
        """The events of a closed range above a block with that hash (None: whatever it is).

        The node must also know the block that confirms the last one; that is the head itself in a
        chain shorter than the confirmations.

        Raises BranchError when another block is the parent now, NodeBehindError when the node does
        not know a block of the page, or its receipts, and NodeError.
        """
        numbers = range(first, last + 1) if self._full else range(last, last + 1)
        confirming = min(last + self._depth_blocks, head)
        blocks = {*numbers, confirming, *([first - 1] if first else [])}
        ordered = sorted(blocks)
        logs_answer, *answers = self._node.ask(
            [self._logs_call(first, last), *(block_call(number) for number in ordered)]
        )
        headers = {
            number: known_block(answer, number)
            for number, answer in zip(ordered, answers, strict=True)
        }
        if first and parent_hash not in (None, headers[first - 1].block_hash):
            raise BranchError(first - 1, headers[first - 1].block_hash)
        if self._full:
            _check_links(headers, first, last)
        logs = self._logs(logs_answer, first, last)
        if logs is None or self._full:
            events = self._events_of_blocks(headers, first, last, logs)
        else:
            events = self._events_of_logs(logs, headers[last])
        return Page(first, last, headers[last].block_hash, tuple(events))

    def _logs_call(self, first: int, last: int) -> Call:
        wanted = {
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "address": self._vault,
            "topics": [SPOT_DEPOSIT_TOPIC0],
        }
        return Call("eth_getLogs", (wanted,))

    def _logs(self, answer: Answer, first: int, last: int) -> list[RawLog] | None:
        """The logs of the range, each what was asked for; None: not to be had for one block.

        A refused range is too large until it is one block, whatever the node's words.
        """
        if isinstance(answer, Refusal):
            if first == last:
                return None
            text = (
                f"eth_getLogs of blocks {first} to {last}: "
                f"the node answered with error {answer.text}"
            )
            if answer.is_busy:
                raise NodeBusyError(text, may_mean_range=True)
            raise NodeOverloadedError(text)
        found = shapes.logs(answer, "eth_getLogs")
        for log in found:
            if not is_spot_deposit(log, self._vault):
                raise NodeError(f"eth_getLogs: {_place(log)} is not of the filter that was asked")
            if not first <= log.block_number <= last:
                raise NodeError(f"eth_getLogs: {_place(log)} is outside of {first} to {last}")
            if log.removed:
                raise NodeError(f"eth_getLogs: {_place(log)} is marked as removed by a reorg")
        return found

    def _events_of_blocks(
        self, headers: Mapping[int, Header], first: int, last: int, logs: list[RawLog] | None
    ) -> list[VaultEvent]:
        """What the receipts of every block say that may hold events; the logs must agree."""
        claimed = {log.block_number for log in logs or ()}
        wanted = [
            headers[number]
            for number in range(first, last + 1)
            if number in claimed
            or bloom.may_hold(headers[number].bloom, self._bits)
            or self._proofs.is_suspect(headers[number])
        ]
        receipts = dict(zip(wanted, self._receipts.of_blocks(wanted), strict=True))
        events = {
            header: _events_of_block(header, mine, self._vault) for header, mine in receipts.items()
        }
        self._check_claims(logs or (), events)
        # A node whose eth_getLogs is not the whole truth may be wrong about receipts, too, once.
        doubtful = [header for header in wanted if _is_doubtful(header, logs, events[header])]
        for header, again in zip(doubtful, self._receipts.of_blocks(doubtful), strict=True):
            if _events_of_block(header, again, self._vault) != events[header]:
                raise NodeError(
                    f"the receipts of block {header.number} are others when asked again"
                )
            if self._full:
                self._proofs.check_receipts(header, again)
        return [event for header in wanted for event in events[header]]

    def _check_claims(
        self, logs: Sequence[RawLog], events: Mapping[Header, Sequence[VaultEvent]]
    ) -> None:
        standing = {
            (e.block_hash, e.tx_hash, e.topics, e.data) for found in events.values() for e in found
        }
        for log in logs:
            if (log.block_hash, log.transaction_hash, log.topics, log.data) not in standing:
                raise NodeError(f"eth_getLogs: {_place(log)} is in no receipt of its block")

    def _events_of_logs(self, logs: Sequence[RawLog], last: Header) -> list[VaultEvent]:
        """What the receipts of the logs' transactions say; they must hold these logs and no other.

        Without all receipts of a block its logs cannot be counted: positions are the node's.
        """
        claimed: dict[str, list[RawLog]] = {}
        for log in logs:
            claimed.setdefault(log.transaction_hash, []).append(log)
        found, events = self._receipts.of_transactions(list(claimed)), list[VaultEvent]()
        for tx_hash, receipt in found.items():
            mine = list(vault_events(receipt, self._vault))
            if set(claimed[tx_hash]) != {log for _, _, log in mine}:
                raise NodeError(
                    f"eth_getLogs and the receipt of {tx_hash} disagree about the vault's events"
                )
            events += [
                _event(ordinal, log, log.block_number, log.log_index) for ordinal, _, log in mine
            ]
        for event in events:
            if event.block_number == last.number and event.block_hash != last.block_hash:
                raise NodeError(f"eth_getLogs: {event.tx_hash} is in another block {last.number}")
        events.sort(key=lambda event: (event.block_number, event.log_index))
        positions = {(event.block_number, event.log_index) for event in events}
        if len(positions) != len(events):
            raise NodeError("eth_getLogs: two logs of a block have the same logIndex")
        return events


class BranchError(NodeError):
    """The block below a page is another one than was processed: there was a reorg."""

    code = "BRANCH"

    def __init__(self, block_number: int, block_hash: str) -> None:
        super().__init__(f"block {block_number} is {block_hash} now")
        self.block_number = block_number
        self.block_hash = block_hash


def block_call(number: int) -> Call:
    return Call("eth_getBlockByNumber", (hex(number), False))


def known_block(answer: Answer, number: int) -> Header:
    """The block; raises NodeBehindError when the node does not know it."""
    header = shapes.header(result_of(answer), number)
    if header is None:
        raise NodeBehindError(f"the node does not know block {number}")
    return header


def _check_links(headers: Mapping[int, Header], first: int, last: int) -> None:
    for number in range(first, last + 1):
        parent = headers.get(number - 1)
        if parent is not None and headers[number].parent_hash != parent.block_hash:
            raise NodeError(f"block {number} is not a child of block {number - 1}: a reorg came")


def _events_of_block(
    header: Header, receipts: Sequence[Receipt], vault_address: str
) -> list[VaultEvent]:
    """The events of a block; logs are counted here, since nodes number them differently."""
    events, counted = [], 0
    for receipt in receipts:
        for ordinal, place, log in vault_events(receipt, vault_address):
            events.append(_event(ordinal, log, header.number, counted + place))
        counted += len(receipt.logs)
    return events


def _is_doubtful(
    header: Header, logs: Sequence[RawLog] | None, events: Sequence[VaultEvent]
) -> bool:
    """Whether eth_getLogs told of other events of the block, or could not tell."""
    if logs is None:
        return bool(events)
    # A log that the node sends twice is one log.
    told = Counter(
        (log.transaction_hash, log.topics, log.data)
        for log in set(logs)
        if log.block_hash == header.block_hash
    )
    return told != Counter((event.tx_hash, event.topics, event.data) for event in events)


def _event(ordinal: int, log: RawLog, block_number: int, log_index: int) -> VaultEvent:
    return VaultEvent(
        tx_hash=log.transaction_hash,
        ordinal=ordinal,
        block_number=block_number,
        block_hash=log.block_hash,
        log_index=log_index,
        topics=log.topics,
        data=log.data,
    )


def _place(log: RawLog) -> str:
    return f"log {log.log_index} of block {log.block_number} ({log.transaction_hash})"
