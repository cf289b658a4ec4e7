"""The shapes of a node's results: every field is checked before anything is concluded from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ztdx_spot.errors import NodeError

QUANTITY_MAX = 2**63 - 1
"""Block heights, log positions and chain ids end up in INTEGER columns."""

EMPTY_BLOOM = "0x" + 512 * "0"

_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]*)")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_BLOOM = re.compile(r"0x[0-9a-fA-F]{512}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_DIGITS = re.compile(r"0x[0-9a-fA-F]*")


@dataclass(frozen=True, slots=True)
class RawLog:
    """One log: every field well formed, hex in lower case, nothing filtered."""

    address: str
    topics: tuple[str, ...]
    data: str
    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int
    removed: bool


@dataclass(frozen=True, slots=True)
class Header:
    """A block without its transactions' contents. `told`: all that the node said, unchecked."""

    number: int
    block_hash: str
    parent_hash: str
    bloom: int
    transaction_hashes: tuple[str, ...]
    told: Mapping[str, object] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction did. Logs are in the order in which it emitted them; none if it failed.

    `told`: all that the node said, unchecked.
    """

    transaction_hash: str
    block_hash: str
    succeeded: bool
    logs: tuple[RawLog, ...]
    told: Mapping[str, object] = field(compare=False, repr=False)


def quantity(value: object, where: str) -> int:
    """A hex quantity such as 0x1a: no leading zeros, and small enough to store."""
    if isinstance(value, str) and len(value) <= 18 and _QUANTITY.fullmatch(value):
        number = int(value, 16)
        if number <= QUANTITY_MAX:
            return number
    raise NodeError(f"{where} is {seen(value)}, expected a hex quantity up to {QUANTITY_MAX:#x}")


def logs(value: object, where: str) -> list[RawLog]:
    """A list of logs; an empty list means: the node said so."""
    if not isinstance(value, list):
        raise NodeError(f"{where} is {seen(value)}, expected a list of logs")
    return [_log(entry, where) for entry in value]


def header(value: object, number: int) -> Header | None:
    """The block with that number, or None: the node does not know it."""
    where = f"block {number}"
    if value is None:
        return None
    entry = _object(value, where)
    given = quantity(entry.get("number"), f"{where}: number")
    if given != number:
        raise NodeError(f"the node answered with block {given} when asked for block {number}")
    transactions = entry.get("transactions")
    if not isinstance(transactions, list):
        raise NodeError(f"{where}: transactions is {seen(transactions)}, expected a list")
    return Header(
        number=number,
        block_hash=_field(entry, "hash", _HASH, where),
        parent_hash=_field(entry, "parentHash", _HASH, where),
        bloom=_bloom(entry, where),
        transaction_hashes=tuple(_hex(t, "transactions", _HASH, where) for t in transactions),
        told=entry,
    )


def receipts(value: object, where: str) -> list[Receipt]:
    if not isinstance(value, list):
        raise NodeError(f"{where} is {seen(value)}, expected a list of receipts")
    return [receipt(entry, where) for entry in value]


def receipt(value: object, where: str) -> Receipt:
    entry = _object(value, where)
    status = entry.get("status")
    if status not in ("0x0", "0x1"):
        raise NodeError(f"{where}: status is {seen(status)}, expected 0x0 or 0x1")
    found = Receipt(
        transaction_hash=_field(entry, "transactionHash", _HASH, where),
        block_hash=_field(entry, "blockHash", _HASH, where),
        succeeded=status == "0x1",
        logs=tuple(logs(entry.get("logs"), f"{where}: logs")),
        told=entry,
    )
    if found.logs and not found.succeeded:
        raise NodeError(f"{where}: status 0x0, and {len(found.logs)} logs: what failed has none")
    for log in found.logs:
        if (log.transaction_hash, log.block_hash) != (found.transaction_hash, found.block_hash):
            raise NodeError(f"{where}: a log of it belongs to another transaction or block")
    return found


def told_integer(told: Mapping[str, object], name: str) -> int:
    """A number of any size in what a node told. Raises ValueError when there is none."""
    return int(_told(told, name), 16)


def told_bytes(told: Mapping[str, object], name: str) -> bytes:
    """Bytes in what a node told. Raises ValueError when there are none."""
    return bytes.fromhex(_told(told, name)[2:])


def seen(value: object) -> str:
    """A short picture of what a node sent; never long enough to flood a log."""
    if isinstance(value, (dict, list)):
        return f"a {type(value).__name__} of {len(value)}"
    picture = repr(value[:120] if isinstance(value, str) else value)
    return picture if len(picture) <= 130 else picture[:127] + "..."


def _told(told: Mapping[str, object], name: str) -> str:
    """int() and bytes.fromhex() alone would read signs, spaces, underscores and foreign digits."""
    value = told.get(name)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return value
    raise ValueError(name)


def _log(value: object, where: str) -> RawLog:
    entry = _object(value, where)
    topics = entry.get("topics")
    if not isinstance(topics, list) or len(topics) > 4:
        raise NodeError(f"{where}: topics is {seen(topics)}, expected a list of at most 4")
    removed = entry.get("removed", False)
    if not isinstance(removed, bool):
        raise NodeError(f"{where}: removed is {seen(removed)}, expected true or false")
    return RawLog(
        address=_field(entry, "address", _ADDRESS, where),
        topics=tuple(_hex(topic, "topics", _HASH, where) for topic in topics),
        data=_field(entry, "data", _DATA, where),
        block_number=quantity(entry.get("blockNumber"), f"{where}: blockNumber"),
        block_hash=_field(entry, "blockHash", _HASH, where),
        transaction_hash=_field(entry, "transactionHash", _HASH, where),
        log_index=quantity(entry.get("logIndex"), f"{where}: logIndex"),
        removed=removed,
    )


def _bloom(entry: dict[str, object], where: str) -> int:
    if entry.get("logsBloom") == EMPTY_BLOOM:  # most blocks, in a backlog
        return 0
    return int(_field(entry, "logsBloom", _BLOOM, where), 16)


def _object(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise NodeError(f"{where} is {seen(value)}, expected an object")
    return value


def _field(entry: dict[str, object], name: str, form: re.Pattern[str], where: str) -> str:
    return _hex(entry.get(name), name, form, where)


def _hex(value: object, name: str, form: re.Pattern[str], where: str) -> str:
    if isinstance(value, str) and form.fullmatch(value):
        return value.lower()
    raise NodeError(f"{where}: {name} is {seen(value)}, which is malformed")
