"""The documented loop: the owner's deposit listener as it is written down, and no better.

It is the baseline that the product's listener is compared with: the same environment, window,
depth, key and timing, and every loss of the field. It is kept whole in one file and changes only
where the product's tables or ports do.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import NoReturn

from ztdx_spot.config import ListenerSettings
from ztdx_spot.errors import EventError, NodeError, SpotError
from ztdx_spot.ledger import amounts, users
from ztdx_spot.ledger.amounts import from_base_units
from ztdx_spot.ledger.database import Database, ReadTransaction, WriteTransaction
from ztdx_spot.ledger.row_ids import new_row_id
from ztdx_spot.ports import Clock, Entropy, Transport, TransportError

logger = logging.getLogger(__name__)


BLOCKS_PER_POLL_MAX = 100
LOOK_BACK_BLOCKS = 1000
DF_SYMBOL = "DF"


class ChainMismatchError(SpotError):
    """The node serves another chain than the configured one."""

    code = "CHAIN_MISMATCH"


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll did: processed blocks `first_block` … `last_block`; none if last < first."""

    head_block: int
    first_block: int
    last_block: int
    credited: int


class Poller:
    """Polls one vault on one chain. Holds nothing that a restart must not lose."""

    def __init__(
        self,
        settings: ListenerSettings,
        node: _NodeClient,
        clock: Clock,
        entropy: Entropy,
        database: Database,
    ) -> None:
        self._settings = settings
        self._node = node
        self._clock = clock
        self._entropy = entropy
        self._database = database
        self._chain_checked = False

    def poll_once(self) -> Poll:
        """Process the next confirmed blocks, at most 100, or raise with none of it written."""
        try:
            return self._poll()
        except Exception:
            # After a failure another node may answer under the same URL.
            self._chain_checked = False
            raise

    def _poll(self) -> Poll:
        if not self._chain_checked:
            self._check_chain()
        with self._database.read() as transaction:
            last_processed = _read_cursor(transaction, self._settings.chain_id)
        head = self._node.head_number()
        if last_processed is None:
            last_processed = self._start_below(head)
        target = max(head - self._settings.confirmation_depth_blocks, 0)
        first, last = last_processed + 1, min(target, last_processed + BLOCKS_PER_POLL_MAX)
        if target <= last_processed:
            return Poll(head, first, last_processed, 0)
        logs = self._node.logs(first, last, self._settings.vault_address, SPOT_DEPOSIT_TOPIC0)
        events = sorted(map(_decode_deposit, logs), key=lambda e: (e.block_number, e.log_index))
        return Poll(head, first, last, self._credit(events, last))

    def _check_chain(self) -> None:
        chain_id = self._node.chain_id()
        if chain_id != self._settings.chain_id:
            raise ChainMismatchError(
                f"the node serves chain {chain_id}, expected SPOT_BSC_CHAIN_ID="
                f"{self._settings.chain_id}: correct SPOT_BSC_RPC_URL or the chain id"
            )
        self._chain_checked = True

    def _start_below(self, head: int) -> int:
        """Write the first cursor at once: a start derived from the head must not move later."""
        chain_id, first = self._settings.chain_id, self._settings.start_block
        if first is None:
            first = max(head - LOOK_BACK_BLOCKS, 0)
            logger.warning(
                "SPOT_BSC_START_BLOCK is not set: the first block scanned is %d (head %d); "
                "deposits in earlier blocks are not credited",
                first,
                head,
            )
        with self._database.write() as transaction:
            last_processed = _read_cursor(transaction, chain_id)
            if last_processed is None:
                last_processed = first - 1
                _advance_cursor(transaction, chain_id, last_processed, self._now_s())
        return last_processed

    def _credit(self, events: Sequence[DepositEvent], last_block: int) -> int:
        """Write a page: rows, balances and cursor together. Says how many were new."""
        now_s, credited = self._now_s(), 0
        with self._database.write() as transaction:
            for event in events:
                if event.token_address != self._settings.df_token_address or not event.amount_wei:
                    continue
                deposit_id = new_row_id(self._entropy, "deposit-id")
                credited += _credit(transaction, self._deposit_credit(event), deposit_id, now_s)
            _advance_cursor(transaction, self._settings.chain_id, last_block, now_s)
        return credited

    def _deposit_credit(self, event: DepositEvent) -> DepositCredit:
        return DepositCredit(
            user_address=event.account,
            token=DF_SYMBOL,
            amount=from_base_units(event.amount_wei, self._settings.df_token_decimals),
            chain_id=self._settings.chain_id,
            tx_hash=event.tx_hash,
            block_number=event.block_number,
            log_index=event.log_index,
        )

    def _now_s(self) -> int:
        return int(self._clock.now_s())


def run_listener(
    settings: ListenerSettings,
    transport: Transport,
    clock: Clock,
    entropy: Entropy,
    database: Database,
) -> NoReturn:
    """Poll for ever, with a pause after each poll. An error is logged and the poll repeated."""
    poller = Poller(settings, _NodeClient(transport), clock, entropy, database)
    trouble = _Trouble()
    while True:
        try:
            poll = poller.poll_once()
        except Exception as error:
            trouble.report(error)
        else:
            trouble.report_end(poll)
            if poll.credited:
                logger.info(
                    "credited %d deposits of blocks %d to %d",
                    poll.credited,
                    poll.first_block,
                    poll.last_block,
                )
        clock.sleep_s(settings.poll_interval_ms / 1000)


class _Trouble:
    """Turns a row of failed polls into one line at its start, at each new kind, and at its end."""

    def __init__(self) -> None:
        self._kind: type[Exception] | None = None
        self._failed_polls = 0

    def report(self, error: Exception) -> None:
        self._failed_polls += 1
        if type(error) is self._kind:
            return
        self._kind = type(error)
        expected = isinstance(error, (SpotError, sqlite3.Error))
        logger.error("poll failed, will be repeated: %s", error, exc_info=not expected)

    def report_end(self, poll: Poll) -> None:
        if self._kind is not None:
            logger.info(
                "polls work again after %d failed; head %d, processed up to %d",
                self._failed_polls,
                poll.head_block,
                poll.last_block,
            )
            self._kind, self._failed_polls = None, 0


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


def _decode_deposit(log: _RawLog) -> DepositEvent:
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


def _indexed_address(log: _RawLog, position: int) -> str:
    topic = log.topics[position]
    if not topic.startswith(_ADDRESS_PADDING):
        raise EventError(f"{_place(log)} has topic {position} {topic}, which is not an address")
    return "0x" + topic[len(_ADDRESS_PADDING) :]


def _place(log: _RawLog) -> str:
    return f"log {log.log_index} of block {log.block_number} ({log.transaction_hash})"


DEPOSIT_EVENTS = "deposit"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositCredit:
    """A confirmed event, ready to be credited. Hex is lower case, `amount` canonical."""

    user_address: str
    token: str
    amount: str
    chain_id: int
    tx_hash: str
    block_number: int
    log_index: int


def _credit(
    transaction: WriteTransaction, deposit: DepositCredit, deposit_id: str, now_s: int
) -> bool:
    """Insert the row and increase the balance, or do neither; says whether it did.

    The unique key decides: a replay finds the row, and then the balance has moved already.
    """
    inserted = transaction.execute(
        "INSERT INTO spot_deposits (id, user_address, token, amount, chain_id, tx_hash,"
        " block_number, log_index, status, created_at, confirmed_at, event_ordinal)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'confirmed', ?, ?, ?)"
        " ON CONFLICT (chain_id, tx_hash, log_index) WHERE status = 'confirmed' DO NOTHING",
        (
            deposit_id,
            deposit.user_address,
            deposit.token,
            deposit.amount,
            deposit.chain_id,
            deposit.tx_hash,
            deposit.block_number,
            deposit.log_index,
            now_s,
            now_s,
            deposit.log_index,  # it knows no other identity
        ),
    ).rowcount
    if inserted != 1:
        return False
    _increase_available(transaction, deposit.user_address, deposit.token, deposit.amount, now_s)
    return True


def _increase_available(
    transaction: WriteTransaction, user_address: str, token: str, amount: str, now_s: int
) -> None:
    """Add to `available`; the first increase creates the row and the user.

    Read, add, write: SQLite cannot add such numbers, and under the write lock nobody comes between.
    """
    row = transaction.execute(
        "SELECT available FROM spot_balances WHERE user_address = ? AND token = ?",
        (user_address, token),
    ).fetchone()
    if row is None:
        users.ensure(transaction, user_address, now_s)
        transaction.execute(
            "INSERT INTO spot_balances"
            " (user_address, token, available, frozen, created_at, updated_at)"
            " VALUES (?, ?, ?, '0', ?, ?)",
            (user_address, token, amount, now_s, now_s),
        )
    else:
        transaction.execute(
            "UPDATE spot_balances SET available = ?, updated_at = ?"
            " WHERE user_address = ? AND token = ?",
            (amounts.add(row[0], amount), now_s, user_address, token),
        )


def _read_cursor(transaction: ReadTransaction, chain_id: int) -> int | None:
    """The last processed block, or None if this chain was never scanned."""
    row = transaction.execute(
        "SELECT last_processed_block FROM spot_block_sync_state"
        " WHERE chain_id = ? AND event_type = ?",
        (chain_id, DEPOSIT_EVENTS),
    ).fetchone()
    return None if row is None else int(row[0])


def _advance_cursor(
    transaction: WriteTransaction, chain_id: int, last_processed_block: int, now_s: int
) -> None:
    """Move forward to this block, or stay: another listener may have been faster."""
    transaction.execute(
        "INSERT INTO spot_block_sync_state"
        " (chain_id, event_type, last_processed_block, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (chain_id, event_type) DO UPDATE SET"
        " last_processed_block = excluded.last_processed_block, updated_at = excluded.updated_at"
        " WHERE excluded.last_processed_block > spot_block_sync_state.last_processed_block",
        (chain_id, DEPOSIT_EVENTS, last_processed_block, now_s),
    )


REQUEST_TIMEOUT_S = 10.0
QUANTITY_MAX = 2**63 - 1
"""Block heights, log positions and chain ids end up in INTEGER columns."""

_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]*)")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


@dataclass(frozen=True, slots=True)
class _RawLog:
    """One log as the node gave it: every field well formed, hex in lower case, nothing filtered."""

    address: str
    topics: tuple[str, ...]
    data: str
    block_number: int
    block_hash: str
    transaction_hash: str
    transaction_index: int
    log_index: int
    removed: bool


class _NodeClient:
    """Asks one node. Every method raises NodeError when there is no usable answer."""

    def __init__(self, transport: Transport, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._request_ids = count(1)

    def chain_id(self) -> int:
        return _parse_quantity(self.call("eth_chainId", []), "eth_chainId")

    def head_number(self) -> int:
        return _parse_quantity(self.call("eth_blockNumber", []), "eth_blockNumber")

    def logs(self, from_block: int, to_block: int, address: str, topic0: str) -> list[_RawLog]:
        """The logs of a closed range of blocks. An empty list means: the node said so."""
        log_filter = {
            "fromBlock": hex(from_block),
            "toBlock": hex(to_block),
            "address": address,
            "topics": [topic0],
        }
        result = self.call("eth_getLogs", [log_filter])
        if not isinstance(result, list):
            raise NodeError(f"eth_getLogs: the result is {_seen(result)}, expected a list of logs")
        return [_parse_log(entry) for entry in result]

    def call(self, method: str, params: list[object]) -> object:
        """The `result` of one request."""
        request_id = next(self._request_ids)
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        body = json.dumps(request, separators=(",", ":")).encode("ascii")
        try:
            answer = self._transport.post(body, self._timeout_s)
        except TransportError as error:
            raise NodeError(f"{method}: no complete answer ({error})") from error
        if answer.status != 200:
            raise NodeError(f"{method}: HTTP status {answer.status}, expected 200")
        return _result(method, request_id, answer.body)


def _parse_quantity(value: object, where: str) -> int:
    """A hex quantity such as 0x1a: no leading zeros, and small enough to store."""
    if isinstance(value, str) and len(value) <= 18 and _QUANTITY.fullmatch(value):
        quantity = int(value, 16)
        if quantity <= QUANTITY_MAX:
            return quantity
    raise NodeError(f"{where}: {_seen(value)} is not a hex quantity up to {QUANTITY_MAX:#x}")


def _parse_log(entry: object) -> _RawLog:
    """One entry of an eth_getLogs result, checked field by field."""
    if not isinstance(entry, dict):
        raise NodeError(f"eth_getLogs: an entry is {_seen(entry)}, expected an object")
    topics = entry.get("topics")
    if not isinstance(topics, list) or len(topics) > 4:
        raise NodeError(f"eth_getLogs: topics is {_seen(topics)}, expected a list of at most 4")
    removed = entry.get("removed", False)
    if not isinstance(removed, bool):
        raise NodeError(f"eth_getLogs: removed is {_seen(removed)}, expected true or false")
    return _RawLog(
        address=_hex_field(entry, "address", _ADDRESS),
        topics=tuple(_hex(topic, "topics", _HASH) for topic in topics),
        data=_hex_field(entry, "data", _DATA),
        block_number=_parse_quantity(entry.get("blockNumber"), "eth_getLogs: blockNumber"),
        block_hash=_hex_field(entry, "blockHash", _HASH),
        transaction_hash=_hex_field(entry, "transactionHash", _HASH),
        transaction_index=_parse_quantity(
            entry.get("transactionIndex"), "eth_getLogs: transactionIndex"
        ),
        log_index=_parse_quantity(entry.get("logIndex"), "eth_getLogs: logIndex"),
        removed=removed,
    )


def _result(method: str, request_id: int, body: bytes) -> object:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NodeError(f"{method}: the body is not JSON ({len(body)} bytes)") from error
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
        raise NodeError(f"{method}: the body is {_seen(answer)}, expected a JSON-RPC 2.0 object")
    if answer.get("error") is not None:
        raise NodeError(f"{method}: the node answered with error {_error_text(answer['error'])}")
    answered_id = answer.get("id")
    # bool is an int and 1.0 == 1: only the very number that was sent is an answer to it.
    if type(answered_id) is not int or answered_id != request_id:
        raise NodeError(f"{method}: the answer has id {_seen(answered_id)}, expected {request_id}")
    if "result" not in answer:
        raise NodeError(f"{method}: the answer has no result")
    result: object = answer["result"]
    return result


def _hex_field(entry: dict[str, object], name: str, form: re.Pattern[str]) -> str:
    return _hex(entry.get(name), name, form)


def _hex(value: object, name: str, form: re.Pattern[str]) -> str:
    if isinstance(value, str) and form.fullmatch(value):
        return value.lower()
    raise NodeError(f"eth_getLogs: {name} is {_seen(value)}, which is malformed")


def _error_text(error: object) -> str:
    if isinstance(error, dict):
        return f"{_seen(error.get('code'))}: {_seen(error.get('message'))}"
    return _seen(error)


def _seen(value: object) -> str:
    """A short picture of what a node sent; never long enough to flood a log."""
    if isinstance(value, (dict, list)):
        return f"a {type(value).__name__} of {len(value)}"
    picture = repr(value[:120] if isinstance(value, str) else value)
    return picture if len(picture) <= 130 else picture[:127] + "..."
