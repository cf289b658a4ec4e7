"""Security: headers on every answer, and secrets in none of them and in no line of a log."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.auth import signatures
from ztdx_spot.auth.signatures import sign
from ztdx_spot.ledger.database import Database, open_connection

from .api_client import ADMIN_KEY, CREDIT_PATH, JWT_SECRET, Api
from .world import FakeClock


class TestHeaders:
    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/spot/deposits",
            "/api/v1/wallet/tokens",
            "/nothing",
            "/health",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/docs",
            "/docs/page.js",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
    def test_every_answer_tells_browsers_to_keep_out(
        self, api: Api, path: str, method: str
    ) -> None:
        headers = api.client().open(path, method=method).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy

    def test_a_preflight_has_them_too(self, api: Api) -> None:
        headers = {"Origin": "http://a", "Access-Control-Request-Method": "PUT"}
        answer = api.client().options("/api/v1/api-keys/x", headers=headers)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_no_cookie_is_ever_set(self, api: Api) -> None:
        for path in ("/docs", "/api/v1/spot/balances", "/nothing"):
            assert "Set-Cookie" not in api.client().get(path).headers


class TestComparing:
    def test_an_unknown_key_costs_the_same_comparison_as_a_known_one(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secrets: list[str] = []
        is_authentic = signatures.is_authentic

        def recorded(request: Any, secret_key: str, now_ms: int) -> bool:
            secrets.append(secret_key)
            return is_authentic(request, secret_key, now_ms)

        monkeypatch.setattr(signatures, "is_authentic", recorded)
        key = api.api_key()
        path = f"/spot/balances?{api.signed('', key)}"
        for name in (key.api_key, "unknown"):
            api.get(path, {"X-MBX-APIKEY": name})
        assert secrets == [key.secret_key, "0" * 64]

    def test_the_stand_in_for_a_secret_opens_nothing(self, api: Api) -> None:
        payload = f"timestamp={int(api.clock.time_s * 1000)}"
        query = f"{payload}&signature={sign('0' * 64, payload.encode())}"
        for name in ("", "unknown", "0" * 64):
            answer = api.get(f"/spot/balances?{query}", {"X-MBX-APIKEY": name})
            assert answer.status_code == 401

    def test_a_signed_request_can_be_replayed_within_its_window_only(
        self, api: Api, clock: FakeClock
    ) -> None:
        """As documented: the signature is over the request, and nothing remembers it."""
        key = api.api_key()
        path = f"/spot/balances?{api.signed('', key)}"
        statuses = []
        for wait_s in (0, 0, 5, 0.001):
            clock.time_s += wait_s
            statuses.append(api.get(path, {"X-MBX-APIKEY": key.api_key}).status_code)
        assert statuses == [200, 200, 200, 401]


class TestSecrets:
    def test_none_is_logged_or_answered_whatever_fails(
        self,
        api: Api,
        database_path: Path,
        clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        key = api.api_key()
        token = api.token()

        class Broken(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
                    raise sqlite3.OperationalError("disk I/O error")
                return super().execute(sql, *parameters)

        connection = open_connection(database_path, factory=Broken, synchronous="OFF")
        broken = replace(api, database=Database(connection, clock))
        told = []
        for asked in (api, broken):
            client = asked.client()
            signed = f"/api/v1/spot/balances?{api.signed('', key)}"
            for answer in (
                client.get(signed, headers={"X-MBX-APIKEY": key.api_key}),
                client.get(signed.replace("=", "%"), headers={"X-MBX-APIKEY": key.api_key}),
                client.get("/api/v1/api-keys", headers={"Authorization": f"Bearer {token}"}),
                client.get("/api/v1/api-keys", headers={"Authorization": f"Bearer {token}x"}),
                client.post(CREDIT_PATH, headers={"X-API-Key": ADMIN_KEY}, data="{"),
                client.post(CREDIT_PATH, headers={"X-API-Key": ADMIN_KEY + "x"}),
                asked.credit(),
                client.get("/readyz"),
                client.get("/metrics"),
            ):
                told += [answer.get_data(as_text=True), str(answer.headers)]
        connection.close()
        assert "disk I/O error" in caplog.text
        for secret in (ADMIN_KEY, JWT_SECRET, token, key.secret_key):
            assert secret not in caplog.text
            assert secret not in "".join(told)
