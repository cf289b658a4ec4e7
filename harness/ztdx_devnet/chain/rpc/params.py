"""Parameters from the wire, parsed strictly: each function returns a value or raises -32602."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.blocktree.logs import LogFilter
from ztdx_devnet.chain.evm.context import BlockContext
from ztdx_devnet.chain.rpc.errors import SERVER_ERROR, RpcError, invalid_params
from ztdx_devnet.chain.rpc.notices import LogInterest
from ztdx_devnet.chain.view import View

if TYPE_CHECKING:
    from ztdx_devnet.chain.rpc.node import Node

_QUANTITY = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})\Z")
_LOOSE_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_DATA = re.compile(r"0x([0-9a-fA-F]{2})*\Z")
_TAGS = ("latest", "pending", "safe", "finalized", "earliest")
MAX_TOPICS = 4
MAX_ALTERNATIVES = 1_000


def quantity(value: Any, name: str) -> int:
    """A hex quantity without leading zeros."""
    if isinstance(value, str) and _QUANTITY.match(value):
        return int(value, 16)
    raise invalid_params(f"{name}: expected a hex quantity such as 0x1f, got {shown(value)}")


def data(value: Any, name: str, length: int | None = None) -> bytes:
    """Hex data; `length` in bytes if it is fixed."""
    if isinstance(value, str) and _DATA.match(value):
        raw = bytes.fromhex(value[2:])
        if length is None or len(raw) == length:
            return raw
    wanted = "hex data" if length is None else f"{length} bytes of hex data"
    raise invalid_params(f"{name}: expected {wanted}, got {shown(value)}")


def address(value: Any, name: str = "address") -> bytes:
    return data(value, name, 20)


def boolean(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    raise invalid_params(f"{name}: expected true or false, got {shown(value)}")


def number(view: View, value: Any, name: str = "block") -> int:
    """A block number or tag as a height. The height may be above the head."""
    if value in ("latest", "pending", None):
        return view.height
    if value in ("earliest",):
        return 0
    if value == "safe":
        return view.safe_number
    if value == "finalized":
        return view.finalized_number
    if isinstance(value, str) and value.startswith("0x"):
        return quantity(value, name)
    raise invalid_params(
        f"{name}: expected a hex quantity or one of {', '.join(_TAGS)}, got {shown(value)}"
    )


def place(view: View, value: Any, name: str = "block") -> Place:
    """The block that a number, tag, or {blockHash}/{blockNumber} object names (EIP-1898).

    Raises -32000 when the view has no such block.
    """
    found = place_if_any(view, value, name)
    if found is None:
        raise RpcError(SERVER_ERROR, "header not found")
    return found


def place_if_any(view: View, value: Any, name: str = "block") -> Place | None:
    """As `place`, but None when the view has no such block. A bare hash names a block too."""
    if isinstance(value, str) and len(value) == 66:
        return view.by_hash(data(value, name, 32))
    if not isinstance(value, Mapping):
        return view.at(number(view, value, name))
    if ("blockHash" in value) == ("blockNumber" in value):
        raise invalid_params(f"{name}: expected one of blockHash and blockNumber")
    if "blockNumber" in value:
        return view.at(number(view, value["blockNumber"], f"{name}.blockNumber"))
    found = view.by_hash(data(value["blockHash"], f"{name}.blockHash", 32))
    wants_canonical = boolean(value.get("requireCanonical", False), "requireCanonical")
    if found is not None and wants_canonical and not view.chain.tree.is_canonical(found):
        raise RpcError(SERVER_ERROR, "hash is not currently canonical")
    return found


def context(node: Node, value: Any, name: str = "block") -> BlockContext:
    """Where calls on the state of that block run; `pending` is the block that would come now."""
    if value == "pending":
        return node.pending_context()
    return node.view.chain.context(place(node.view, value, name))


@dataclass(frozen=True, slots=True)
class LogQuery:
    """An eth_getLogs request: a range of heights, or one block by hash."""

    wanted: LogFilter
    from_number: int
    to_number: int
    block_hash: bytes | None


def log_query(view: View, value: Any) -> LogQuery:
    if not isinstance(value, Mapping):
        raise invalid_params(f"filter: expected an object, got {shown(value)}")
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


def interest(view: View, value: Any) -> LogInterest:
    """What a log filter or subscription watches from now on: tags do not bound it."""
    query = log_query(view, value)
    if query.block_hash is not None:
        raise invalid_params("filter.blockHash: a single block can't be watched")
    return LogInterest(
        query.wanted,
        _bound(value.get("fromBlock")) or 0,
        _bound(value.get("toBlock")),
    )


def _bound(value: Any) -> int | None:
    return quantity(value, "block") if isinstance(value, str) and value.startswith("0x") else None


def hashes(value: Any, name: str) -> list[bytes]:
    """An array of 32-byte hashes."""
    if not isinstance(value, list):
        raise invalid_params(f"{name}: expected an array of hashes, got {shown(value)}")
    return [data(each, name, 32) for each in value]


def integer(value: Any, name: str) -> int:
    """A hex quantity, a JSON integer, or a decimal string, as control methods have always taken.

    Negative only as a JSON integer.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 80:
        return int(value)
    if isinstance(value, str) and _LOOSE_QUANTITY.match(value):
        return int(value, 16)
    raise invalid_params(f"{name}: expected an integer or a hex quantity, got {shown(value)}")


def word(value: Any, name: str) -> int:
    """Up to 32 bytes of hex, with or without leading zeros, as an integer."""
    if isinstance(value, str) and _LOOSE_QUANTITY.match(value):
        return int(value, 16)
    raise invalid_params(f"{name}: expected up to 32 bytes of hex, got {shown(value)}")


def fields(value: Any, name: str, known: Collection[str]) -> Mapping[str, Any]:
    """An object that has no other fields than those."""
    if not isinstance(value, Mapping):
        raise invalid_params(f"{name}: expected an object, got {shown(value)}")
    for field in value:
        if field not in known:
            raise invalid_params(
                f"{name}: no field {shown(field)}; expected {', '.join(sorted(known))}"
            )
    return value


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
