"""What a user of the devnet logs in to the API with: a token, and an API key with its secret.

They are as public as the users' private keys: every devnet has the same API keys, and its tokens
are signed with the built-in development secret. So they outlive restarts and new states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

from ztdx_devnet.chain.origin.accounts import Account
from ztdx_devnet.live.wall_clock import unix_s
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import DEVELOPMENT_JWT_SECRET
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.database import Database
from ztdx_spot.service import open_ledger

JWT_EXPIRY_S = 86_400
"""The product's default: a day."""
LABEL = "devnet"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of one user. `api_secret` is the text that keys the HMAC."""

    jwt: str
    api_key: str
    api_secret: str


class _PublicEntropy:
    """The bytes of one user: the same in every devnet, for the same purpose."""

    def __init__(self, user: str) -> None:
        self._user = user

    def bytes(self, purpose: str, count: int) -> bytes:
        return hashlib.shake_256(f"ztdx-devnet {self._user} {purpose}".encode()).digest(count)


def token_of(address: str) -> str:
    """A token of this address (0x and lower-case hex), valid for a day from now."""
    return issue_token(address, DEVELOPMENT_JWT_SECRET, unix_s(), JWT_EXPIRY_S)


def issue(ledger_path: str, users: Iterable[Account]) -> dict[str, Credentials]:
    """Credentials by the users' names; keys that the ledger does not know yet are put there.

    A key that its user has disabled stays so. Raises SpotError or sqlite3.Error.
    """
    issued = {}
    with (
        closing(open_ledger(ledger_path)) as connection,
        Database(connection, WallClock()).write() as transaction,
    ):
        for user in users:
            entropy = _PublicEntropy(user.name)
            drawn = api_keys.draw(user.address_hex, entropy)
            api_secret = api_keys.secret_of(transaction, drawn.api_key)
            if api_secret is None:
                api_keys.add(transaction, drawn, LABEL, unix_s())
                api_secret = drawn.secret_key
            issued[user.name] = Credentials(token_of(user.address_hex), drawn.api_key, api_secret)
    return issued
