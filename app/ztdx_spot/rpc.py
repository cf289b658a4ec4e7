"""The node as the listener sees it: one JSON-RPC request per call, and an answer or a NodeError.

Knows the wire, not the vault: whether a log is a deposit is decided in `ztdx_spot.listener`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import count

from ztdx_spot.errors import NodeError
from ztdx_spot.ports import Transport, TransportError

REQUEST_TIMEOUT_S = 10.0
QUANTITY_MAX = 2**63 - 1
"""Block heights, log positions and chain ids end up in INTEGER columns."""

_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]*)")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


@dataclass(frozen=True, slots=True)
class RawLog:
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


class NodeClient:
    """Asks one node. Every method raises NodeError when there is no usable answer."""

    def __init__(self, transport: Transport, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._request_ids = count(1)

    def chain_id(self) -> int:
        return parse_quantity(self.call("eth_chainId", []), "eth_chainId")

    def head_number(self) -> int:
        return parse_quantity(self.call("eth_blockNumber", []), "eth_blockNumber")

    def logs(self, from_block: int, to_block: int, address: str, topic0: str) -> list[RawLog]:
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
        return [parse_log(entry) for entry in result]

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


def parse_quantity(value: object, where: str) -> int:
    """A hex quantity such as 0x1a: no leading zeros, and small enough to store."""
    if isinstance(value, str) and len(value) <= 18 and _QUANTITY.fullmatch(value):
        quantity = int(value, 16)
        if quantity <= QUANTITY_MAX:
            return quantity
    raise NodeError(f"{where}: {_seen(value)} is not a hex quantity up to {QUANTITY_MAX:#x}")


def parse_log(entry: object) -> RawLog:
    """One entry of an eth_getLogs result, checked field by field."""
    if not isinstance(entry, dict):
        raise NodeError(f"eth_getLogs: an entry is {_seen(entry)}, expected an object")
    topics = entry.get("topics")
    if not isinstance(topics, list) or len(topics) > 4:
        raise NodeError(f"eth_getLogs: topics is {_seen(topics)}, expected a list of at most 4")
    removed = entry.get("removed", False)
    if not isinstance(removed, bool):
        raise NodeError(f"eth_getLogs: removed is {_seen(removed)}, expected true or false")
    return RawLog(
        address=_hex_field(entry, "address", _ADDRESS),
        topics=tuple(_hex(topic, "topics", _HASH) for topic in topics),
        data=_hex_field(entry, "data", _DATA),
        block_number=parse_quantity(entry.get("blockNumber"), "eth_getLogs: blockNumber"),
        block_hash=_hex_field(entry, "blockHash", _HASH),
        transaction_hash=_hex_field(entry, "transactionHash", _HASH),
        transaction_index=parse_quantity(
            entry.get("transactionIndex"), "eth_getLogs: transactionIndex"
        ),
        log_index=parse_quantity(entry.get("logIndex"), "eth_getLogs: logIndex"),
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
