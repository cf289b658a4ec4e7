"""What the authorisation signer signs, made by eth-account and not by anything of ours."""

from dataclasses import dataclass, replace
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.datatypes import Signature
from eth_utils import keccak
from expected import plain

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FAR_DEADLINE_S = 2**40
NAMES = ("account", "token", "value", "nonce", "deadline")
KINDS = ("address", "address", "uint256", "uint256", "uint256")


@dataclass(frozen=True, slots=True)
class Voucher:
    """The right of one account to one withdrawal, from one vault on one chain."""

    account: str
    token: str
    value: int
    nonce: int
    deadline: int
    chain_id: int
    vault: str
    domain_name: str = "ZTDX Spot Vault"
    domain_version: str = "1"
    type_name: str = "SpotReleaseFunds"

    def but(self, **changes: Any) -> "Voucher":
        return replace(self, **changes)

    def message(self) -> SignableMessage:
        return encode_typed_data(
            domain_data={
                "name": self.domain_name,
                "version": self.domain_version,
                "chainId": self.chain_id,
                "verifyingContract": self.vault,
            },
            message_types={
                self.type_name: [
                    {"name": name, "type": kind} for name, kind in zip(NAMES, KINDS, strict=True)
                ]
            },
            message_data={name: getattr(self, name) for name in NAMES},
        )

    def digest(self) -> bytes:
        message = self.message()
        return keccak(b"\x19" + message.version + message.header + message.body)

    def signed_by(self, account: Any) -> bytes:
        """65 bytes: r, s, v."""
        return bytes(Account.sign_message(self.message(), account.private_key).signature)


def next_voucher(
    vault: Any,
    chain: Any,
    account: Any,
    token: Any,
    amount_wei: int,
    deadline: int = FAR_DEADLINE_S,
) -> Voucher:
    """The one that `vault` wants to see next from `account`."""
    return Voucher(
        account=plain(account),
        token=plain(token),
        value=amount_wei,
        nonce=vault.releaseNonces(account),
        deadline=deadline,
        chain_id=chain.chain_id,
        vault=vault.address,
    )


def split(signature: bytes) -> tuple[int, int, int]:
    return (
        int.from_bytes(signature[:32], "big"),
        int.from_bytes(signature[32:64], "big"),
        signature[64],
    )


def join(r: int, s: int, v: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])


def twin(signature: bytes) -> bytes:
    """The other signature of the same key over the same digest, its s in the upper half."""
    r, s, v = split(signature)
    return join(r, CURVE_ORDER - s, 27 + 28 - v)


def compact(signature: bytes) -> bytes:
    """The 64 bytes that EIP-2098 makes of a signature."""
    r, s, v = split(signature)
    return join(r, s | (v - 27) << 255, 0)[:64]


def recovered(signature: bytes, digest: bytes) -> str:
    """Whose signature it is, whatever half its s is in."""
    r, s, v = split(signature)
    key = Signature(vrs=(v - 27, r, s)).recover_public_key_from_msg_hash(digest)
    return key.to_checksum_address()
