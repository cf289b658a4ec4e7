"""A client of the API for tests: the application, its database, and credentials for two users.

Every answer of every test is checked against the OpenAPI document.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ztdx_spot.api.app import create_app
from ztdx_spot.auth.signatures import sign
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import ApiSettings
from ztdx_spot.ledger import api_keys, entries, users
from ztdx_spot.ledger.database import Database
from ztdx_spot.ledger.entries import Entry

from .documented_answers import CheckedClient
from .world import ALICE, CountingEntropy, FakeClock

ADMIN_KEY = "the admin key"
JWT_SECRET = "a secret of at least thirty-two bytes"
CREDIT_PATH = "/api/v1/admin/spot/balances/credit"


@dataclass
class Api:
    database: Database
    clock: FakeClock
    entropy: CountingEntropy
    environment: dict[str, str] = field(default_factory=lambda: {"TESTNET_ONLY": "true"})
    settings: ApiSettings = field(
        default_factory=lambda: ApiSettings(jwt_secret=JWT_SECRET, admin_api_key=ADMIN_KEY)
    )

    def client(self) -> FlaskClient:
        app = create_app(self.settings, self.environment, self.clock, self.entropy, self.database)
        app.test_client_class = CheckedClient
        return app.test_client()

    def get(self, path: str, headers: dict[str, str] | None = None) -> TestResponse:
        return self.client().get(f"/api/v1{path}", headers=headers)

    def send(self, method: str, path: str, body: Any = None, *, user: str = ALICE) -> TestResponse:
        """A request with a JSON body, by a user with a token."""
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        sent = {} if body is None else {"json": body}
        return self.client().open(f"/api/v1{path}", method=method, headers=headers, **sent)

    def get_as(self, user: str, path: str) -> TestResponse:
        return self.get(path, {"Authorization": f"Bearer {self.token(user)}"})

    def token(self, user: str = ALICE) -> str:
        return issue_token(user, JWT_SECRET, int(self.clock.time_s), 86400)

    def api_key(self, user: str = ALICE) -> api_keys.NewKey:
        with self.database.write() as transaction:
            return api_keys.create(transaction, user, "", self.entropy, 1)

    def signed(self, query: str, key: api_keys.NewKey) -> str:
        """The query with a timestamp and its signature, as the documents' samples build it."""
        payload = f"{query}&" if query else ""
        payload += f"timestamp={int(self.clock.time_s * 1000)}"
        return f"{payload}&signature={sign(key.secret_key, payload.encode())}"

    def credit(
        self,
        body: bytes | str | None = None,
        *,
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> TestResponse:
        """An admin credit of 1000 DF to Alice, with `fields` changed, or of exactly `body`."""
        wanted = {"user_address": ALICE, "token": "DF", "amount": "1000", **fields}
        wanted = {name: value for name, value in wanted.items() if value is not ...}
        sent: dict[str, Any] = {"json": wanted} if body is None else {"data": body}
        headers = {"X-API-Key": ADMIN_KEY, **(headers or {})}
        return self.client().post(CREDIT_PATH, headers=headers, **sent)

    def add_deposit(self, now_s: int, block: int, log_index: int, row_id: str, **of: Any) -> None:
        values = {
            "user_address": ALICE,
            "token": "DF",
            "amount": "1",
            "chain_id": 97,
            "tx_hash": f"0x{int(row_id, 36):064x}",
            "block_number": block,
            "log_index": log_index,
            **of,
        }
        with self.database.write() as transaction:
            users.ensure(transaction, values["user_address"], now_s)
            transaction.execute(
                "INSERT INTO spot_deposits (id, user_address, token, amount, chain_id, tx_hash,"
                " block_number, log_index, status, created_at, confirmed_at, event_ordinal)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'confirmed', ?, ?, 0)",
                (row_id, *values.values(), now_s, now_s),
            )
            moved = {name: values[name] for name in ("user_address", "token", "amount")}
            entry = Entry(**moved, kind="deposit", deposit_id=row_id)
            entries.enter(transaction, [entry], now_s)
