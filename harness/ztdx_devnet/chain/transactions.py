"""Signed transactions as the chain keeps them: decoded once, with hash and sender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rlp
from eth_keys.exceptions import BadSignature
from eth_keys.exceptions import ValidationError as KeyValidationError
from eth_utils import ValidationError

from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.grants import SET_CODE_TYPE, Grant
from ztdx_devnet.chain.py_evm import SECPK1_N, PragueTransactionBuilder, SignedTransactionAPI

SIZE_LIMIT_BYTES = 131_072  # geth's


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
        return Transaction(signed, bytes(signed.hash), bytes(signed.sender), authorities_of(signed))
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


def authorities_of(signed: Any) -> tuple[tuple[bytes, int], ...]:
    """Who signed a set-code transaction's grants, and for which nonce; void ones are left out."""
    if signed.type_id != SET_CODE_TYPE:
        return ()
    found = []
    for each in signed.authorization_list:
        if each.chain_id not in (0, signed.chain_id) or each.s > SECPK1_N // 2:
            continue
        grant = Grant(each.chain_id, each.address, each.nonce, each.y_parity, each.r, each.s)
        authority = grant.authority()
        if authority is not None:
            found.append((authority, int(each.nonce)))
    return tuple(found)
