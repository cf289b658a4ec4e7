"""How single logs and receipts go wrong: SpotDeposit events that say something else, or too little.

Each edit gives the answer as the fault would have it, or None when it would be the same. Those with
a `transaction_hash` touch the events of that transaction only; None means all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.faults.log_edits import Log, edited

TOPIC = "0x" + contracts.SPOT_DEPOSIT_TOPIC.hex()
_DIRT = "d1f7" * 6  # in the 12 bytes above an address
_RECEIPTS = ("eth_getTransactionReceipt", "eth_getBlockReceipts")


def undecodable(method: str, result: Any, transaction_hash: str | None) -> Any | None:
    """The amount lacks its last byte, wherever the log is shown."""
    return _each(method, result, transaction_hash, lambda log: {**log, "data": log["data"][:-2]})


def swapped_topics(method: str, result: Any, transaction_hash: str | None) -> Any | None:
    """Account and token have changed places."""

    def swap(log: Log) -> Log:
        topic0, account, token = log["topics"]
        return {**log, "topics": [topic0, token, account]}

    return _each(method, result, transaction_hash, swap)


def unindexed(method: str, result: Any, transaction_hash: str | None) -> Any | None:
    """The token stands before the amount in the data, as if the event did not index it."""

    def move(log: Log) -> Log:
        *topics, token = log["topics"]
        return {**log, "topics": topics, "data": token + log["data"][2:]}

    return _each(method, result, transaction_hash, move)


def dirty_topics(method: str, result: Any, transaction_hash: str | None) -> Any | None:
    """The 12 bytes above account and token are not zero."""

    def soil(log: Log) -> Log:
        topic0, *addresses = log["topics"]
        return {**log, "topics": [topic0, *("0x" + _DIRT + each[26:] for each in addresses)]}

    return _each(method, result, transaction_hash, soil)


def missing_fields(method: str, result: Any, fields: Sequence[str]) -> Any | None:
    """These fields are not there."""

    def strip(logs: Sequence[Log]) -> list[Log]:
        return [{k: v for k, v in log.items() if k not in fields} for log in logs]

    return edited(method, result, strip)


def null_fields(method: str, result: Any, fields: Sequence[str]) -> Any | None:
    """These fields are null."""

    def blank(logs: Sequence[Log]) -> list[Log]:
        return [{**log, **dict.fromkeys(fields)} for log in logs]

    return edited(method, result, blank)


def failed_receipt(method: str, result: Any, transaction_hash: str | None) -> Any | None:
    """A transaction with logs has status 0."""
    if method not in _RECEIPTS or not result:
        return None
    receipts = result if isinstance(result, list) else [result]
    changed = [
        {**receipt, "status": "0x0"}
        if receipt["logs"] and transaction_hash in (None, receipt["transactionHash"])
        else receipt
        for receipt in receipts
    ]
    if changed == receipts:
        return None
    return changed if isinstance(result, list) else changed[0]


def _each(
    method: str, result: Any, transaction_hash: str | None, change: Callable[[Log], Log]
) -> Any | None:
    """The answer with each SpotDeposit changed."""

    def edit(logs: Sequence[Log]) -> list[Log]:
        return [
            change(log)
            if log["topics"][:1] == [TOPIC] and transaction_hash in (None, log["transactionHash"])
            else log
            for log in logs
        ]

    return edited(method, result, edit)
