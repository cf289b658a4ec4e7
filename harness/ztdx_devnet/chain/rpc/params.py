"""Parameters from the wire, parsed strictly: each function returns a value or raises -32602."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ztdx_devnet.chain.blocks import Place
from ztdx_devnet.chain.logs import LogFilter
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError, invalid_params
from ztdx_devnet.chain.view import View

_QUANTITY = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})\Z")
_DATA = re.compile(r"0x([0-9a-fA-F]{2})*\Z")
_TAGS = ("latest", "pending", "safe", "finalized", "earliest")
MAX_TOPICS = 4
MAX_ALTERNATIVES = 1_000


def quantity(value: Any, name: str) -> int:
    """A hex quantity without leading zeros."""
    if isinstance(value, str) and _QUANTITY.match(value):
        return int(value, 16)
    raise invalid_params(f"{name}: expected a hex quantity such as 0x1f, got {_shown(value)}")


def data(value: Any, name: str, length: int | None = None) -> bytes:
    """Hex data; `length` in bytes if it is fixed."""
    if isinstance(value, str) and _DATA.match(value):
        raw = bytes.fromhex(value[2:])
        if length is None or len(raw) == length:
            return raw
    wanted = "hex data" if length is None else f"{length} bytes of hex data"
    raise invalid_params(f"{name}: expected {wanted}, got {_shown(value)}")


def address(value: Any, name: str = "address") -> bytes:
    return data(value, name, 20)


def boolean(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    raise invalid_params(f"{name}: expected true or false, got {_shown(value)}")


def number(view: View, value: Any, name: str = "block") -> int:
    """A block number or tag as a height. The height may be above the head."""
    if value in ("latest", "pending", None):
        return view.height
    if value in ("earliest",):
        return 0
    if value in ("safe", "finalized"):
        return view.height
    if isinstance(value, str) and value.startswith("0x"):
        return quantity(value, name)
    raise invalid_params(
        f"{name}: expected a hex quantity or one of {', '.join(_TAGS)}, got {_shown(value)}"
    )


def place(view: View, value: Any, name: str = "block") -> Place:
    """The block that a number, tag, or {blockHash}/{blockNumber} object names (EIP-1898).

    Raises -32000 when the view has no such block.
    """
    if isinstance(value, Mapping):
        if "blockHash" in value:
            found = view.by_hash(data(value["blockHash"], f"{name}.blockHash", 32))
            wants_canonical = boolean(value.get("requireCanonical", False), "requireCanonical")
            if found is not None and wants_canonical and not view.chain.tree.is_canonical(found):
                raise RpcError(SERVER_ERROR, "hash is not currently canonical")
        else:
            found = view.at(number(view, value.get("blockNumber"), f"{name}.blockNumber"))
    else:
        found = view.at(number(view, value, name))
    if found is None:
        raise RpcError(SERVER_ERROR, "header not found")
    return found


@dataclass(frozen=True, slots=True)
class LogQuery:
    """An eth_getLogs request: a range of heights, or one block by hash."""

    wanted: LogFilter
    from_number: int
    to_number: int
    block_hash: bytes | None


def log_query(view: View, value: Any) -> LogQuery:
    if not isinstance(value, Mapping):
        raise invalid_params(f"filter: expected an object, got {_shown(value)}")
    addresses = value.get("address")
    if addresses is None:
        addresses = []
    elif not isinstance(addresses, list):
        addresses = [addresses]
    if len(addresses) > MAX_ALTERNATIVES:
        raise invalid_params(f"filter.address: at most {MAX_ALTERNATIVES} addresses")
    wanted = LogFilter(
        frozenset(address(each, "filter.address") for each in addresses),
        _topics(value.get("topics")),
    )
    if value.get("blockHash") is not None:
        if value.get("fromBlock") is not None or value.get("toBlock") is not None:
            raise invalid_params("filter: blockHash goes with neither fromBlock nor toBlock")
        return LogQuery(wanted, 0, 0, data(value["blockHash"], "filter.blockHash", 32))
    return LogQuery(
        wanted,
        number(view, value.get("fromBlock"), "filter.fromBlock"),
        number(view, value.get("toBlock"), "filter.toBlock"),
        None,
    )


def _topics(value: Any) -> tuple[frozenset[bytes], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_TOPICS:
        raise invalid_params(f"filter.topics: expected at most {MAX_TOPICS} positions")
    positions = []
    for alternatives in value:
        if alternatives is None:
            positions.append(frozenset[bytes]())
            continue
        each = alternatives if isinstance(alternatives, list) else [alternatives]
        if len(each) > MAX_ALTERNATIVES:
            raise invalid_params(f"filter.topics: at most {MAX_ALTERNATIVES} alternatives")
        # As in geth, null among the alternatives matches anything.
        wanted = [] if None in each else each
        positions.append(frozenset(data(t, "filter.topics", 32) for t in wanted))
    return tuple(positions)


@dataclass(frozen=True, slots=True)
class CallRequest:
    """The transaction object of eth_call and eth_estimateGas."""

    sender: bytes
    to: bytes
    data: bytes
    value_wei: int
    gas: int | None
    gas_price_wei: int


def call_request(value: Any) -> CallRequest:
    if not isinstance(value, Mapping):
        raise invalid_params(f"transaction: expected an object, got {_shown(value)}")

    def optional_quantity(name: str) -> int | None:
        found = value.get(name)
        return None if found is None else quantity(found, f"transaction.{name}")

    payload = value.get("input", value.get("data"))
    sender, to = value.get("from"), value.get("to")
    return CallRequest(
        sender=bytes(20) if sender is None else address(sender, "transaction.from"),
        to=b"" if to is None else address(to, "transaction.to"),
        data=b"" if payload is None else data(payload, "transaction.input"),
        value_wei=optional_quantity("value") or 0,
        gas=optional_quantity("gas"),
        gas_price_wei=optional_quantity("gasPrice") or optional_quantity("maxFeePerGas") or 0,
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
