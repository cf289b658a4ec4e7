"""The digest of EIP-712 typed data, as wallets send it."""

from __future__ import annotations

import json
from typing import Any

from ztdx_devnet.chain.keccak import keccak256


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
    try:
        signable = encode_typed_data(full_message=value)
    except Exception as error:  # eth-account raises whatever its parser meets
        raise BadTypedData(f"{error}"[:200]) from error
    return keccak256(b"\x19" + signable.version + signable.header + signable.body)
