"""The SpotDeposit event: what its topics and data mean, and which one of its transaction it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ztdx_spot.errors import EventError
from ztdx_spot.node.shapes import RawLog, Receipt

SPOT_DEPOSIT_TOPIC0 = "0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d"
"""keccak256 of SpotDeposit(address,address,uint256)."""

_ADDRESS_PADDING = "0x" + 24 * "0"
_WORD_LENGTH = 66


@dataclass(frozen=True, slots=True)
class VaultEvent:
    """One SpotDeposit log of the vault, decoded or not, and where it stands.

    `ordinal` counts the vault's SpotDeposit logs in the receipt, whatever token they are of: with
    the transaction's hash it is the event on every branch and for every node. `log_index` counts
    the logs of the block.
    """

    tx_hash: str
    ordinal: int
    block_number: int
    block_hash: str
    log_index: int
    topics: tuple[str, ...]
    data: str


@dataclass(frozen=True, slots=True)
class Deposit:
    """What the event says. `account` is who is credited, whoever sent the transaction."""

    account: str
    token_address: str
    amount_wei: int


def vault_events(receipt: Receipt, vault_address: str) -> Iterator[tuple[int, int, RawLog]]:
    """Of a transaction that succeeded: each ordinal, the log's place in the receipt, the log."""
    if not receipt.succeeded:
        return
    ordinal = 0
    for place, log in enumerate(receipt.logs):
        if is_spot_deposit(log, vault_address):
            yield ordinal, place, log
            ordinal += 1


def is_spot_deposit(log: RawLog, vault_address: str) -> bool:
    return log.address == vault_address and log.topics[:1] == (SPOT_DEPOSIT_TOPIC0,)


def decode(topics: Sequence[str], data: str) -> Deposit:
    """Raises EventError when the log is not a SpotDeposit as the vault emits it."""
    if len(topics) != 3 or topics[0] != SPOT_DEPOSIT_TOPIC0:
        raise EventError(f"it has topics {list(topics)}, not a SpotDeposit's three")
    if len(data) != _WORD_LENGTH:
        raise EventError(f"it has {len(data) // 2 - 1} bytes of data, expected 32")
    return Deposit(
        account=_indexed_address(topics, 1),
        token_address=_indexed_address(topics, 2),
        amount_wei=int(data, 16),
    )


def _indexed_address(topics: Sequence[str], position: int) -> str:
    topic = topics[position]
    if not topic.startswith(_ADDRESS_PADDING):
        raise EventError(f"its topic {position} is {topic}, which is not an address")
    return "0x" + topic[len(_ADDRESS_PADDING) :]
