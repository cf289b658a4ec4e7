"""The digest of EIP-712 typed data, as wallets send it."""

from __future__ import annotations

import json
import re
from typing import Any

from ztdx_devnet.chain.keccak import keccak256

_ARRAY = re.compile(r"(.+)\[([0-9]{0,9})\]\Z")


class BadTypedData(ValueError):
    """Not typed data: the message says what is wrong with it."""


def typed_data_hash(value: Any) -> bytes:
    """The 32 bytes that are signed. `value` is the object, or its text. Raises BadTypedData."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BadTypedData("expected an object or its JSON text") from error
    from eth_account.messages import encode_typed_data  # late: 0.3 s that few chains need

    if not isinstance(value, dict):
        raise BadTypedData(f"expected an object, got {value!r:.80}")
    _refuse_wrong_lengths(value.get("types"), value.get("primaryType"), value.get("message"))
    try:
        signable = encode_typed_data(full_message=value)
    except Exception as error:  # eth-account raises whatever its parser meets
        raise BadTypedData(f"{error}"[:200]) from error
    return keccak256(b"\x19" + signable.version + signable.header + signable.body)


def _refuse_wrong_lengths(types: Any, kind: Any, value: Any) -> None:
    """Refuse an array whose length is not that of its type, which eth-account lets pass."""
    if not isinstance(types, dict) or not isinstance(kind, str):
        return
    array = _ARRAY.match(kind)
    if array is not None and isinstance(value, list):
        if array[2] and len(value) != int(array[2]):
            raise BadTypedData(
                f"Expected {array[2]} items for array type {kind}, got {len(value)} items"
            )
        for item in value:
            _refuse_wrong_lengths(types, array[1], item)
    elif isinstance(types.get(kind), list) and isinstance(value, dict):
        for field in types[kind]:
            if isinstance(field, dict):
                _refuse_wrong_lengths(types, field.get("type"), value.get(str(field.get("name"))))
