"""The owner's samples: requests of their shape, byte for byte, against the real server.

Each is made by the tool that the sample uses: curl, openssl, and Python, where `requests` is
spelled out in bytes and compared with the library itself where that is installed.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import importlib.util
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.live.api_thread import ServedApi, serve_api
from tests.live.request_recorder import RequestRecorder
from ztdx_spot.config import ApiSettings
from ztdx_spot.ledger import users

ALICE = "0x" + "a1" * 20
ADMIN_KEY = "an-admin-key"
RECIPIENT = "0xabc123def456abc123def456abc123def456abc1"
GRANT = {
    "user_address": RECIPIENT,
    "token": "DF",
    "amount": "1000",
    "reason": "testnet faucet grant",
}
COMMAND_S = 20

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ServedApi]:
    """The API, with one deposit of alice in its ledger."""
    settings = ApiSettings(
        jwt_secret="a-secret-of-more-than-thirty-two-characters", admin_api_key=ADMIN_KEY
    )
    with serve_api(tmp_path / "spot.db", settings, {"TESTNET_ONLY": "true"}) as served:
        with served.writing() as transaction:
            users.ensure(transaction, ALICE, 1)
            transaction.execute(
                "INSERT INTO spot_deposits (id, user_address, token, amount, chain_id, tx_hash,"
                " block_number, log_index, status, created_at, confirmed_at, event_ordinal)"
                " VALUES (?, ?, 'DF', '100', 97, ?, 106384180, 0, 'confirmed', ?, ?, 0)",
                (
                    "5af0c1a2-3d4e-4f5a-b6c7-8d9e0f1a2b3c",
                    ALICE,
                    "0x" + "ab" * 32,
                    1778315530,
                    1778315530,
                ),
            )
        yield served


DEPOSIT = {
    "id": "5af0c1a2-3d4e-4f5a-b6c7-8d9e0f1a2b3c",
    "token": "DF",
    "amount": "100",
    "chain_id": 97,
    "tx_hash": "0x" + "ab" * 32,
    "block_number": 106384180,
    "status": "confirmed",
    "created_at": 1778315530,
    "confirmed_at": 1778315530,
}


def shell(script: str, **variables: str) -> str:
    """What the script prints, run as a reader of the documents would."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", **variables},
        capture_output=True,
        check=False,
        text=True,
        timeout=COMMAND_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


JWT_SCRIPT = """
curl -s "$BASE_URL/spot/deposits?limit=20" \\
  -H "Authorization: Bearer ${JWT}"
"""
HMAC_SCRIPT = """
TIMESTAMP=$(date +%s%3N)
PAYLOAD="limit=20&timestamp=${TIMESTAMP}"
SIGNATURE=$(echo -n "${PAYLOAD}" | openssl dgst -sha256 -hmac "${API_SECRET}" | awk '{print $2}')
curl -s \\
  -H "X-MBX-APIKEY: ${API_KEY}" \\
  "$BASE_URL/spot/deposits?${PAYLOAD}&signature=${SIGNATURE}"
"""
CREDIT_SCRIPT = """
curl -s -X POST "$BASE_URL/admin/spot/balances/credit" \\
  -H "X-API-Key: ${ADMIN_API_KEY}" \\
  -H "Content-Type: application/json" \\
  -d '{
    "user_address": "0xabc123def456abc123def456abc123def456abc1",
    "token": "DF",
    "amount": "1000",
    "reason": "testnet faucet grant"
  }'
"""


def request_bytes(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The request as Python's `requests` writes it, from the first byte to the last."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def python_headers(*, version: str, body: bytes = b"", **own: str) -> dict[str, str]:
    """What `requests` adds by itself, and where; ours come after, a body's size last."""
    headers = {
        "User-Agent": f"python-requests/{version}",
        "Accept-Encoding": "gzip, deflate",
        "Accept": "*/*",
        "Connection": "keep-alive",
        **{name.replace("_", "-"): value for name, value in own.items()},
    }
    return {**headers, "Content-Length": str(len(body))} if body else headers


def send(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Any:
    """The answer's JSON to exactly these headers, by `http.client` with nothing of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=COMMAND_S)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200, text
    return json.loads(text)


def signed_url(base: str, secret: str) -> str:
    """The query in the order of the sample: parameters, timestamp, signature."""
    parameters = {"limit": 20, "timestamp": time.time_ns() // 1_000_000}
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    return f"{base}/spot/deposits?{query}&signature={signature}"


class TestCurl:
    @needs_curl
    def test_deposits_with_a_token(self, api: ServedApi) -> None:
        printed = shell(JWT_SCRIPT, BASE_URL=api.base, JWT=api.token(ALICE))
        assert json.loads(printed) == [DEPOSIT]

    @needs_curl
    @needs_openssl
    def test_deposits_signed_by_openssl(self, api: ServedApi) -> None:
        key = api.api_key(ALICE)
        printed = shell(
            HMAC_SCRIPT, BASE_URL=api.base, API_KEY=key.api_key, API_SECRET=key.secret_key
        )
        assert json.loads(printed) == [DEPOSIT]

    @needs_curl
    def test_a_credit(self, api: ServedApi) -> None:
        printed = shell(CREDIT_SCRIPT, BASE_URL=api.base, ADMIN_API_KEY=ADMIN_KEY)
        assert printed.strip() == '{"ok":true}'
        token = api.token(RECIPIENT)
        balances = shell(
            'curl -s "$BASE_URL/spot/balances" -H "Authorization: Bearer $JWT"',
            BASE_URL=api.base,
            JWT=token,
        )
        assert json.loads(balances) == {
            "balances": [{"token": "DF", "available": "1000", "frozen": "0"}]
        }

    @needs_curl
    @needs_openssl
    def test_on_the_wire_they_are_what_the_samples_say(self) -> None:
        """Recorded where nothing but bytes arrives: targets and headers, in the tool's order."""
        secret, base = "f0" * 32, "/api/v1"
        with RequestRecorder() as recorder:
            of = {"BASE_URL": recorder.origin + base, "JWT": "a.b.c", "API_KEY": "e1" * 32}
            for script in (JWT_SCRIPT, HMAC_SCRIPT, CREDIT_SCRIPT):
                shell(script, **of, API_SECRET=secret, ADMIN_API_KEY=ADMIN_KEY)
        by_jwt, by_hmac, credit = (lines_of(request) for request in recorder.requests)
        assert by_jwt[0] == "GET /api/v1/spot/deposits?limit=20 HTTP/1.1"
        assert by_jwt[-1] == "Authorization: Bearer a.b.c"
        target = by_hmac[0].split(" ")[1]
        payload, _, signature = target.removeprefix("/api/v1/spot/deposits?").partition(
            "&signature="
        )
        assert re.fullmatch(r"limit=20&timestamp=[0-9]{13}", payload)
        expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        assert signature == expected
        assert by_hmac[-1] == f"X-MBX-APIKEY: {'e1' * 32}"
        assert credit[0] == "POST /api/v1/admin/spot/balances/credit HTTP/1.1"
        assert credit[-4:-2] == [f"X-API-Key: {ADMIN_KEY}", "Content-Type: application/json"]


class TestPython:
    def test_signed_deposits(self, api: ServedApi) -> None:
        key = api.api_key(ALICE)
        headers = python_headers(version="2.34.2", X_MBX_APIKEY=key.api_key)
        assert send("GET", signed_url(api.base, key.secret_key), headers) == [DEPOSIT]

    def test_deposits_with_a_token(self, api: ServedApi) -> None:
        headers = python_headers(version="2.34.2", Authorization=f"Bearer {api.token(ALICE)}")
        assert send("GET", f"{api.base}/spot/deposits?limit=20", headers) == [DEPOSIT]

    def test_a_credit(self, api: ServedApi) -> None:
        body = json.dumps(GRANT).encode()
        url = f"{api.base}/admin/spot/balances/credit"
        headers = credit_headers("2.34.2", body)
        assert send("POST", url, headers, body) == {"ok": True}

    @pytest.mark.skipif(importlib.util.find_spec("requests") is None, reason="needs requests")
    def test_the_bytes_are_those_of_requests(self) -> None:
        import requests

        version, body = requests.__version__, json.dumps(GRANT).encode()
        with RequestRecorder() as recorder, requests.Session() as session:
            base = f"{recorder.origin}/api/v1"
            session.trust_env = False
            signed, credit = signed_url(base, "f0" * 32), f"{base}/admin/spot/balances/credit"
            key = {"X-MBX-APIKEY": "e1" * 32}
            session.get(signed, headers=key, timeout=5)
            admin = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
            session.post(credit, json=GRANT, headers=admin, timeout=5)
            send("GET", signed, python_headers(version=version, X_MBX_APIKEY="e1" * 32))
            send("POST", credit, credit_headers(version, body), body)
        theirs_get, theirs_post, ours_get, ours_post = recorder.requests
        assert ours_get == request_bytes(
            "GET", signed, python_headers(version=version, X_MBX_APIKEY="e1" * 32)
        )
        assert same(theirs_get, ours_get)
        assert same(theirs_post, ours_post)


def credit_headers(version: str, body: bytes) -> dict[str, str]:
    return python_headers(
        version=version, body=body, X_API_Key=ADMIN_KEY, Content_Type="application/json"
    )


def same(theirs: bytes, ours: bytes) -> bool:
    """Equal but for codings that the library offers when their decoders are installed."""
    assert lines_of(theirs)[0] == lines_of(ours)[0]
    return [*map(offer, lines_of(theirs))] == [*map(offer, lines_of(ours))]


def offer(line: str) -> str:
    return "Accept-Encoding: *" if line.startswith("Accept-Encoding: gzip, deflate") else line


def lines_of(request: bytes) -> list[str]:
    """Request line and headers, and the body as one line when there is one."""
    head, _, body = request.decode().partition("\r\n\r\n")
    return [*head.split("\r\n"), *([body] if body else [])]
