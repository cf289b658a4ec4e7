"""Signed transactions as the chain keeps them: decoded once, with hash and sender.

An impersonated account has no key. Its transactions are signed with a stand-in key made from its
address, so that they have a hash of their own, and the chain executes them with the sender named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import rlp
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_keys.exceptions import ValidationError as KeyValidationError
from eth_utils import ValidationError

from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.py_evm import (
    SECPK1_N,
    Authorization,
    PragueTransactionBuilder,
    PragueUnsignedLegacyTransaction,
    SignedTransactionAPI,
    UnsignedAccessListTransaction,
    UnsignedDynamicFeeTransaction,
    UnsignedSetCodeTransaction,
)

SIZE_LIMIT_BYTES = 131_072  # geth's
SET_CODE_TYPE = 4
SET_CODE_MAGIC = b"\x05"  # EIP-7702, the prefix of a signed authorization


@dataclass(frozen=True, slots=True, eq=False)
class Transaction:
    """One signed transaction. `hash` is 32 bytes, `sender` 20 bytes.

    `authorities` are the (account, nonce) whose authorizations it carries (EIP-7702): each uses up
    that nonce of the account, like a transaction of its own. `executable` is what py-evm gets:
    `signed`, or for an impersonated sender a stand-in that names the sender.
    """

    signed: SignedTransactionAPI
    hash: bytes
    sender: bytes
    authorities: tuple[tuple[bytes, int], ...] = ()
    impersonated: bool = False

    @property
    def executable(self) -> Any:
        return _Impersonating(self.signed, self.sender) if self.impersonated else self.signed

    @property
    def nonce(self) -> int:
        return int(self.signed.nonce)

    @property
    def kind(self) -> int:
        """EIP-2718 type: 0 legacy, 1 access list, 2 dynamic fee, 4 set code."""
        return int(self.signed.type_id or 0)

    @property
    def max_fee_wei(self) -> int:
        return int(self.signed.max_fee_per_gas)

    @property
    def max_tip_wei(self) -> int:
        return int(self.signed.max_priority_fee_per_gas)

    def tip_wei(self, base_fee_wei: int) -> int:
        """What the block's coinbase gets per gas; negative when the base fee is not covered."""
        if self.kind in (0, 1):
            return int(self.signed.gas_price) - base_fee_wei
        return min(int(self.signed.max_priority_fee_per_gas), self.max_fee_wei - base_fee_wei)

    def effective_gas_price_wei(self, base_fee_wei: int) -> int:
        return base_fee_wei + self.tip_wei(base_fee_wei)

    def raw(self) -> bytes:
        return bytes(self.signed.encode())


class _Impersonating:
    """A signed transaction with another sender than the one who signed it."""

    def __init__(self, signed: SignedTransactionAPI, sender: bytes) -> None:
        self._signed = signed
        self.sender = sender

    def get_sender(self) -> bytes:
        return self.sender

    def __getattr__(self, name: str) -> Any:
        return getattr(self._signed, name)


def decode(raw: bytes, impersonated_sender: bytes | None = None) -> Transaction:
    """Decode a signed transaction from the wire.

    `impersonated_sender` names the sender of one that `impersonate` made. Raises
    TransactionRefused when the bytes are no well-formed signed transaction.
    """
    if len(raw) > SIZE_LIMIT_BYTES:
        raise TransactionRefused(
            f"oversized data: transaction size {len(raw)}, limit {SIZE_LIMIT_BYTES}"
        )
    if raw and raw[0] < 0x80 and raw[0] not in (1, 2, 4):  # no blobs: nobody deposits by them
        raise TransactionRefused("transaction type not supported")
    try:
        signed = PragueTransactionBuilder.decode(raw)
        signed.validate()
        if signed.s > SECPK1_N // 2:
            raise ValidationError("invalid transaction v, r, s values")
        sender = impersonated_sender or bytes(signed.sender)
        return Transaction(
            signed,
            bytes(signed.hash),
            sender,
            _authorities_of(signed),
            impersonated_sender is not None,
        )
    except (
        rlp.exceptions.RLPException,
        ValidationError,
        KeyValidationError,
        BadSignature,
        IndexError,
        ValueError,
        TypeError,
        RecursionError,
    ) as error:
        raise TransactionRefused(f"not a valid signed transaction: {error}") from error


@dataclass(frozen=True, slots=True)
class Grant:
    """A signed authorization: an account lets the code at a 20-byte address run (EIP-7702)."""

    chain_id: int
    code: bytes
    nonce: int
    y_parity: int
    r: int
    s: int

    def authority(self) -> bytes | None:
        """Who signed it; None when nobody can have."""
        digest = authorization_digest(self.chain_id, self.code, self.nonce)
        try:
            signature = Signature(vrs=(self.y_parity, self.r, self.s))
            signer = signature.recover_public_key_from_msg_hash(digest)
        except (BadSignature, KeyValidationError):
            return None
        return signer.to_canonical_address()


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
    unsigned = UnsignedSetCodeTransaction(
        chain_id=chain_id,
        nonce=nonce,
        max_priority_fee_per_gas=tip_wei,
        max_fee_per_gas=max_fee_wei,
        gas=gas,
        to=to,
        value=0,
        data=data,
        access_list=[],
        authorization_list=[
            _authorization(authority, chain_id, code, authority_nonce)
            for authority, code, authority_nonce in delegations
        ],
    )
    return _sealed(unsigned, key)


def _authorization(key: PrivateKey, chain_id: int, code: bytes, nonce: int) -> Authorization:
    y_parity, r, s = key.sign_msg_hash(authorization_digest(chain_id, code, nonce)).vrs
    return Authorization(chain_id, code, nonce, y_parity, r, s)


def _sealed(unsigned: Any, key: PrivateKey, legacy_chain_id: int | None = None) -> Transaction:
    if legacy_chain_id is None:
        signed = unsigned.as_signed_transaction(key)
    else:
        signed = unsigned.as_signed_transaction(key, chain_id=legacy_chain_id)
    sender = key.public_key.to_canonical_address()
    vars(signed)["sender"] = sender  # py-evm's cached property: recovering it costs 0.12 ms
    return Transaction(signed, bytes(signed.hash), sender, _authorities_of(signed))


def _authorities_of(signed: Any) -> tuple[tuple[bytes, int], ...]:
    """The signers of a set-code transaction's authorizations; void ones have no effect."""
    if signed.type_id != SET_CODE_TYPE:
        return ()
    found = []
    for grant in signed.authorization_list:
        if grant.chain_id not in (0, signed.chain_id) or grant.s > SECPK1_N // 2:
            continue
        digest = authorization_digest(grant.chain_id, grant.address, grant.nonce)
        try:
            signature = Signature(vrs=(grant.y_parity, grant.r, grant.s))
            signer = signature.recover_public_key_from_msg_hash(digest)
        except (BadSignature, KeyValidationError):
            continue
        found.append((signer.to_canonical_address(), int(grant.nonce)))
    return tuple(found)


def authorization_digest(chain_id: int, code: bytes, nonce: int) -> bytes:
    """What an authority signs to let its account run the code at that address (EIP-7702)."""
    return keccak256(SET_CODE_MAGIC + rlp.encode([chain_id, code, nonce]))
