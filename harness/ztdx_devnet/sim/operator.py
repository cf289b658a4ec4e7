"""The operator: issues credentials to users, and can hold the database's lock.

It runs in whoever calls it, with a connection of its own, as the product's sub-commands do.
"""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_devnet.chain.accounts import USERS
from ztdx_devnet.sim.kernel import Actor
from ztdx_devnet.sim.ports import SimClock
from ztdx_devnet.sim.processes import Host
from ztdx_devnet.sim.seed import SeededEntropy
from ztdx_spot.auth.signatures import sign
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import ApiSettings
from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ledger import api_keys

NAME = "operator"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a user needs to call the API."""

    jwt: str
    api_key: str
    api_secret: str

    def sign(self, path: str, body: bytes, timestamp_ms: int) -> str:
        """The path with timestamp and signature added to its query, as HMAC clients do."""
        separator = "&" if "?" in path else "?"
        signed = f"{path}{separator}timestamp={timestamp_ms}"
        query = signed.partition("?")[2]
        return f"{signed}&signature={sign(self.api_secret, query.encode() + body)}"


class Operator:
    """Issues each user's credentials once."""

    def __init__(self, host: Host, settings: ApiSettings) -> None:
        self._host = host
        self._settings = settings
        self._entropy = SeededEntropy(host.seed, NAME)
        self._issued: dict[str, Credentials] = {}

    def credentials(self, user: str) -> Credentials:
        """The user's JWT, fresh, and API key."""
        now_s = int(SimClock(self._host.kernel).now_s())
        address = USERS[user].address_hex
        token = issue_token(address, self._settings.jwt_secret, now_s, self._settings.jwt_expiry_s)
        known = self._issued.get(user)
        if known is None:
            database = self._host.connect(NAME)
            with database.write() as transaction:
                key = api_keys.create(transaction, address, user, self._entropy, now_s)
            database.connection.close()
            known = Credentials(token, key.api_key, key.secret_key)
            self._issued[user] = known
        return Credentials(token, known.api_key, known.api_secret)

    def hold_write_lock(self, duration_us: int) -> Actor:
        """Start a process that takes the write lock and holds it for that long."""

        def hold() -> None:
            database = self._host.connect(NAME)
            while True:
                try:
                    with database.write():
                        self._host.kernel.boundary("holding the lock", duration_us)
                    return
                except DatabaseBusyError:
                    continue  # it waits for its turn, however long

        return self._host.kernel.spawn("lock holder", hold)
