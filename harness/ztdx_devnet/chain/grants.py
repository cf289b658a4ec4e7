"""EIP-7702: an account lets the code of another address run as its own."""

from __future__ import annotations

from dataclasses import dataclass

import rlp
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature, ValidationError

from ztdx_devnet.chain.keccak import keccak256

SET_CODE_TYPE = 4  # of the transactions that carry grants
_MAGIC = b"\x05"  # the prefix of what is signed


@dataclass(frozen=True, slots=True)
class Grant:
    """A signed authorization for the code at a 20-byte address."""

    chain_id: int
    code: bytes
    nonce: int
    y_parity: int
    r: int
    s: int

    def authority(self) -> bytes | None:
        """Who signed it, 20 bytes; None when nobody can have."""
        try:
            signature = Signature(vrs=(self.y_parity, self.r, self.s))
            signer = signature.recover_public_key_from_msg_hash(
                _digest(self.chain_id, self.code, self.nonce)
            )
        except (BadSignature, ValidationError):
            return None
        return signer.to_canonical_address()


def sign_grant(key: PrivateKey, chain_id: int, code: bytes, nonce: int) -> Grant:
    """The grant of the account of `key`, for the code at that 20-byte address."""
    y_parity, r, s = key.sign_msg_hash(_digest(chain_id, code, nonce)).vrs
    return Grant(chain_id, code, nonce, y_parity, r, s)


def _digest(chain_id: int, code: bytes, nonce: int) -> bytes:
    return keccak256(_MAGIC + rlp.encode([chain_id, code, nonce]))
