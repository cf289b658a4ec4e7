"""The operator: issues credentials to users, takes debits, and can hold the database's lock.

It runs in whoever calls it, with a connection of its own, as the product's sub-commands do.
"""

from __future__ import annotations

from dataclasses import dataclass

from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.sim.kernel import Actor
from ztdx_devnet.sim.ports import SimClock
from ztdx_devnet.sim.processes import Host
from ztdx_devnet.sim.seed import SeededEntropy
from ztdx_spot.auth.signatures import sign
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import ApiSettings
from ztdx_spot.ledger import api_keys, debits
from ztdx_spot.ledger.database import Database

NAME = "operator"
_PATIENCE_S = 10.0**9  # it waits for its turn, however long others hold the lock

_GUESSED = ", or so"
"""What makes the secret another one."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a user signs requests with."""

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
        self._entropy = SeededEntropy(host.seed, NAME, host.kernel.refuse_the_dead)
        self._clock = SimClock(host.kernel)
        self._issued: dict[str, ApiKey] = {}
        self.taken: list[tuple[str, str, str]] = []
        """The debits that were done, as it was told: address, token and amount."""
        self.lock_holder: Actor | None = None
        """The process that was started to hold the write lock, and holds it."""

    def issue_jwt(self, user: str) -> str:
        """A token of this user, issued now."""
        return self._sign_jwt(user, self._settings.jwt_secret)

    def forge_jwt(self, user: str) -> str:
        """As `issue_jwt`, signed by somebody who does not know the secret."""
        return self._sign_jwt(user, self._settings.jwt_secret + _GUESSED)

    def api_key(self, user: str) -> ApiKey:
        """The user's API key, created when it is asked for first."""
        known = self._issued.get(user)
        if known is None:
            address = USERS[user].address_hex
            database = self._connect()
            with database.write() as transaction:
                now_s = int(self._clock.now_s())
                key = api_keys.create(transaction, address, user, self._entropy, now_s)
            database.connection.close()
            known = self._issued[user] = ApiKey(key.api_key, key.secret_key)
        return known

    def debit(self, user_address: str, token: str, amount: str) -> None:
        """Take that much, as spending does. Raises DebitError if less is available."""
        database = self._connect()
        try:
            with database.write() as transaction:
                now_s = int(self._clock.now_s())
                debits.debit(transaction, user_address, token, amount, now_s)
            self.taken.append((user_address, token, amount))
        finally:
            database.connection.close()

    def tamper(self, user_address: str, token: str, available: str) -> None:
        """Write a balance by hand, past the product and its ledger's entries."""
        database = self._connect()
        with database.write() as transaction:
            transaction.execute(
                "UPDATE spot_balances SET available = ? WHERE user_address = ? AND token = ?",
                (available, user_address, token),
            )
        database.connection.close()

    def hold_write_lock(self, duration_us: int) -> Actor:
        """Start a process that takes the write lock and holds it for that long."""

        kernel = self._host.kernel

        def hold() -> None:
            with self._connect().write():
                me = self.lock_holder = kernel.current
                me.on_kill.append(lambda: self._released(me))
                kernel.boundary("holding the lock", duration_us)
            self._released(me)

        return kernel.spawn("lock holder", hold)

    def _released(self, holder: Actor) -> None:
        if self.lock_holder is holder:
            self.lock_holder = None

    def _sign_jwt(self, user: str, secret: str) -> str:
        now_s = int(self._clock.now_s())
        return issue_token(USERS[user].address_hex, secret, now_s, self._settings.jwt_expiry_s)

    def _connect(self) -> Database:
        return self._host.connect(NAME, self._clock, _PATIENCE_S, can_fail=False)
