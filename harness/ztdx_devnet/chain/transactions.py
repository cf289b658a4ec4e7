"""Signed transactions as the chain keeps them: decoded once, with hash and sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    SignedTransactionAPI,
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
    that nonce of the account, like a transaction of its own.
    """

    signed: SignedTransactionAPI
    hash: bytes
    sender: bytes
    authorities: tuple[tuple[bytes, int], ...] = ()

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

    def tip_wei(self, base_fee_wei: int) -> int:
        """What the block's coinbase gets per gas; negative when the base fee is not covered."""
        if self.kind in (0, 1):
            return int(self.signed.gas_price) - base_fee_wei
        return min(int(self.signed.max_priority_fee_per_gas), self.max_fee_wei - base_fee_wei)

    def effective_gas_price_wei(self, base_fee_wei: int) -> int:
        return base_fee_wei + self.tip_wei(base_fee_wei)

    def raw(self) -> bytes:
        return bytes(self.signed.encode())


def decode(raw: bytes) -> Transaction:
    """Decode a signed transaction from the wire.

    Raises TransactionRefused when the bytes are no well-formed signed transaction.
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
        return Transaction(
            signed, bytes(signed.hash), bytes(signed.sender), _authorities_of(signed)
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
    unsigned = UnsignedDynamicFeeTransaction(
        chain_id, nonce, tip_wei, max_fee_wei, gas, to, value_wei, data, []
    )
    return _sealed(unsigned, key)


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
    y_parity, r, s = key.sign_msg_hash(_authorization_digest(chain_id, code, nonce)).vrs
    return Authorization(chain_id, code, nonce, y_parity, r, s)


def _sealed(unsigned: Any, key: PrivateKey) -> Transaction:
    signed = unsigned.as_signed_transaction(key)
    sender = key.public_key.to_canonical_address()
    return Transaction(signed, bytes(signed.hash), sender, _authorities_of(signed))


def _authorities_of(signed: Any) -> tuple[tuple[bytes, int], ...]:
    """The signers of a set-code transaction's authorizations; unreadable ones have no effect."""
    if signed.type_id != SET_CODE_TYPE:
        return ()
    found = []
    for grant in signed.authorization_list:
        digest = _authorization_digest(grant.chain_id, grant.address, grant.nonce)
        try:
            signature = Signature(vrs=(grant.y_parity, grant.r, grant.s))
            signer = signature.recover_public_key_from_msg_hash(digest)
        except (BadSignature, KeyValidationError):
            continue
        found.append((signer.to_canonical_address(), int(grant.nonce)))
    return tuple(found)


def _authorization_digest(chain_id: int, code: bytes, nonce: int) -> bytes:
    return keccak256(SET_CODE_MAGIC + rlp.encode([chain_id, code, nonce]))
