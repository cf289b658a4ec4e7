"""Chooses the keccak-256 backend, once, before anything imports `eth_hash`.

safe-pysha3 (optional extra `fast`) hashes about four times faster than pycryptodome; both give the
same bytes. A backend that the user names in ETH_HASH_BACKEND is left alone.
"""

from __future__ import annotations

import importlib.util
import os

os.environ.setdefault(
    "ETH_HASH_BACKEND", "pysha3" if importlib.util.find_spec("sha3") else "pycryptodome"
)

if os.environ["ETH_HASH_BACKEND"] == "pysha3":
    import sha3

    def keccak256(data: bytes) -> bytes:
        """32 bytes: the keccak-256 hash of `data`."""
        digest: bytes = sha3.keccak_256(data).digest()
        return digest
else:
    from Crypto.Hash import keccak as _keccak

    def keccak256(data: bytes) -> bytes:
        """32 bytes: the keccak-256 hash of `data`."""
        digest: bytes = _keccak.new(data=data, digest_bits=256).digest()
        return digest


def selector(signature: str) -> bytes:
    """The 4-byte selector of a function or error signature such as 'deposit(address,uint256)'."""
    return keccak256(signature.encode("ascii"))[:4]
