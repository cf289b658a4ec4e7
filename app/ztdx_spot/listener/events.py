"""The SpotDeposit event: what its topics and data mean."""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_spot.errors import EventError
from ztdx_spot.rpc import RawLog

SPOT_DEPOSIT_TOPIC0 = "0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d"
"""keccak256 of SpotDeposit(address,address,uint256)."""

_ADDRESS_PADDING = "0x" + 24 * "0"
_WORD_LENGTH = 66


@dataclass(frozen=True, slots=True)
class DepositEvent:
    """One SpotDeposit. `account` is who is credited, whoever sent the transaction."""

    account: str
    token_address: str
    amount_wei: int
    tx_hash: str
    block_number: int
    log_index: int


def decode_deposit(log: RawLog) -> DepositEvent:
    """Read a log that was asked for as a SpotDeposit. Raises EventError when it is not one."""
    if len(log.topics) != 3 or log.topics[0] != SPOT_DEPOSIT_TOPIC0:
        raise EventError(f"{_place(log)} has topics {list(log.topics)}, not a SpotDeposit's three")
    if len(log.data) != _WORD_LENGTH:
        raise EventError(f"{_place(log)} has {len(log.data) // 2 - 1} bytes of data, expected 32")
    return DepositEvent(
        account=_indexed_address(log, 1),
        token_address=_indexed_address(log, 2),
        amount_wei=int(log.data, 16),
        tx_hash=log.transaction_hash,
        block_number=log.block_number,
        log_index=log.log_index,
    )


def _indexed_address(log: RawLog, position: int) -> str:
    topic = log.topics[position]
    if not topic.startswith(_ADDRESS_PADDING):
        raise EventError(f"{_place(log)} has topic {position} {topic}, which is not an address")
    return "0x" + topic[len(_ADDRESS_PADDING) :]


def _place(log: RawLog) -> str:
    return f"log {log.log_index} of block {log.block_number} ({log.transaction_hash})"
