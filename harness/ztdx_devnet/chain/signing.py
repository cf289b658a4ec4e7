"""Making signed transactions: with a key, or for an account whose key nobody has.

An impersonated account's transactions are signed with a stand-in key made from its address, so that
they have a hash of their own, and the chain executes them with the sender named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import rlp
from eth_keys.datatypes import PrivateKey
from eth_utils import ValidationError

from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.grants import SET_CODE_TYPE, Grant, sign_grant
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.py_evm import (
    Authorization,
    PragueUnsignedLegacyTransaction,
    UnsignedAccessListTransaction,
    UnsignedDynamicFeeTransaction,
    UnsignedSetCodeTransaction,
)
from ztdx_devnet.chain.transactions import Transaction, authorities_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """What a transaction says before it is signed. `to` is 20 bytes; empty creates a contract.

    `kind` is the EIP-2718 type: 0 and 1 pay `gas_price_wei`, 2 and 4 `max_fee_wei` and `tip_wei`.
    `access_list` holds (20-byte address, slots), for types from 1; `authorizations` are for type 4.
    """

    kind: int = 2
    chain_id: int
    nonce: int
    to: bytes = b""
    data: bytes = b""
    value_wei: int = 0
    gas: int
    gas_price_wei: int = 0
    max_fee_wei: int = 0
    tip_wei: int = 0
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    authorizations: tuple[Grant, ...] = ()


def sign(unsigned: Unsigned, key: PrivateKey) -> Transaction:
    """The transaction, signed. Raises TransactionRefused when it can't hold its values."""
    try:
        return _sealed(_payload(unsigned), key, unsigned.chain_id if unsigned.kind == 0 else None)
    except (rlp.exceptions.RLPException, ValidationError) as error:
        raise TransactionRefused(f"not a valid transaction: {error}") from error


def impersonate(unsigned: Unsigned, sender: bytes) -> Transaction:
    """The transaction as if `sender`, whose key nobody has, had signed it."""
    stand_in = PrivateKey(keccak256(b"ztdx-devnet impersonates " + sender))
    return replace(sign(unsigned, stand_in), sender=sender, impersonated=True)


def _payload(entry: Unsigned) -> Any:
    body = (entry.gas, entry.to, entry.value_wei, entry.data)
    if entry.kind == 0:
        return PragueUnsignedLegacyTransaction(entry.nonce, entry.gas_price_wei, *body)
    head, listed = (entry.chain_id, entry.nonce), entry.access_list
    if entry.kind == 1:
        return UnsignedAccessListTransaction(*head, entry.gas_price_wei, *body, listed)
    fees = (entry.tip_wei, entry.max_fee_wei)
    if entry.kind == SET_CODE_TYPE:
        granted = [
            Authorization(g.chain_id, g.code, g.nonce, g.y_parity, g.r, g.s)
            for g in entry.authorizations
        ]
        for each in granted:
            each.validate_for_transaction()
        return UnsignedSetCodeTransaction(*head, *fees, *body, listed, granted)
    return UnsignedDynamicFeeTransaction(*head, *fees, *body, listed)


def sign_call(
    key: PrivateKey,
    *,
    chain_id: int,
    nonce: int,
    to: bytes,
    data: bytes = b"",
    value_wei: int = 0,
    gas: int,
    max_fee_wei: int,
    tip_wei: int,
) -> Transaction:
    """A signed dynamic-fee transaction (type 2). `to` is 20 bytes; empty creates a contract."""
    unsigned = Unsigned(
        chain_id=chain_id,
        nonce=nonce,
        to=to,
        data=data,
        value_wei=value_wei,
        gas=gas,
        max_fee_wei=max_fee_wei,
        tip_wei=tip_wei,
    )
    return sign(unsigned, key)


def sign_set_code(
    key: PrivateKey,
    *,
    chain_id: int,
    nonce: int,
    to: bytes,
    data: bytes,
    gas: int,
    max_fee_wei: int,
    tip_wei: int,
    delegations: Sequence[tuple[PrivateKey, bytes, int]],
) -> Transaction:
    """A signed EIP-7702 transaction (type 4).

    `delegations` holds (authority's key, 20-byte address of the code, authority's nonce).
    """
    unsigned = Unsigned(
        kind=SET_CODE_TYPE,
        chain_id=chain_id,
        nonce=nonce,
        to=to,
        data=data,
        gas=gas,
        max_fee_wei=max_fee_wei,
        tip_wei=tip_wei,
        authorizations=tuple(
            sign_grant(authority, chain_id, code, authority_nonce)
            for authority, code, authority_nonce in delegations
        ),
    )
    return sign(unsigned, key)


def _sealed(unsigned: Any, key: PrivateKey, legacy_chain_id: int | None = None) -> Transaction:
    if legacy_chain_id is None:
        signed = unsigned.as_signed_transaction(key)
    else:
        signed = unsigned.as_signed_transaction(key, chain_id=legacy_chain_id)
    sender = key.public_key.to_canonical_address()
    vars(signed)["sender"] = sender  # py-evm's cached property: recovering it costs 0.12 ms
    return Transaction(signed, bytes(signed.hash), sender, authorities_of(signed))
