"""The named accounts of the devnet and their keys.

They are the accounts 0 to 11 of the mnemonic that devnets share ("test test test test test test
test test test test test junk", path m/44'/60'/0'/0/n), so wallets and scripts that know those keys
work here. The keys are public: nothing of value may ever be sent to them on a real network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from eth_keys.datatypes import PrivateKey


@dataclass(frozen=True)
class Account:
    """A named account. `private_key` is 0x and 64 hex digits, `address` 20 bytes."""

    name: str
    private_key: str

    @cached_property
    def key(self) -> PrivateKey:
        return PrivateKey(bytes.fromhex(self.private_key[2:]))

    @cached_property
    def address(self) -> bytes:
        return self.key.public_key.to_canonical_address()

    @property
    def address_hex(self) -> str:
        """The address as the product stores it: 0x and lower-case hex."""
        return "0x" + self.address.hex()


_USER_KEYS = {
    "alice": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "bob": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "carol": "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "dave": "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "erin": "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "frank": "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "grace": "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "heidi": "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "ivan": "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "judy": "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
}
USERS = {name: Account(name, key) for name, key in _USER_KEYS.items()}
OWNER = Account("owner", "0xf214f2b2cd398c806f84e317254e0f0b801d0643303237d97a22a48e01628897")
WITHDRAW_SIGNER = Account(
    "withdraw_signer", "0x701b615bbdfb9de65240bc28bd21bbc0d996645a3dd57e7b12bc2bdf6f192c82"
)
