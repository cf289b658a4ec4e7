"""`devnet up --api-fault`: clients meet the faults, over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.live.test_up import DEADLINE_S, PROGRAM, Up, bearer, refused, running

CREDIT_PATH = "/api/v1/admin/spot/balances/credit"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    flags = [
        "--api-fault=path=/api/v1/spot/deposits,kind=latency,delay=300ms,last=1",
        "--api-fault=path=/docs,kind=error,status=503",
        f"--api-fault=path={CREDIT_PATH},method=POST,kind=dropped,last=1",
        f"--api-fault=path={CREDIT_PATH},kind=dropped_before,first=3,last=3",
        "--api-fault=path=/ws?bad,kind=error,status=502",
        "--api-fault=path=/ws?lost,kind=dropped",
    ]
    with running(tmp_path_factory.mktemp("gateway"), *flags) as each:
        yield each


def ask(
    up: Up, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(
        str(urlsplit(up.ready["api_url"]).netloc), timeout=DEADLINE_S
    )
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def balance(up: Up, name: str) -> list[Any]:
    balances = up.get("/spot/balances", bearer(up.user(name)["jwt"]))["balances"]
    return [row["available"] for row in balances]


def test_what_no_fault_concerns_is_answered_as_by_the_api_itself(up: Up) -> None:
    assert balance(up, "carol") == []
    status, headers, body = ask(up, "GET", "/api/v1/spot/balances", {"Origin": "http://x.example"})
    assert (status, body) == (401, b"")
    assert "www-authenticate" in headers or headers["content-length"] == "0"
    assert ask(up, "HEAD", "/livez", {})[2] == b""
    assert ask(up, "GET", "/a%2Fb%20c", {})[0] == 404


def test_latency_delays_an_answer(up: Up) -> None:
    durations_s = []
    for _ in range(2):
        started_s = time.monotonic()
        assert up.deposits("alice") == []
        durations_s.append(time.monotonic() - started_s)
    assert durations_s[0] >= 0.3 > durations_s[1]


def test_an_error_is_the_page_of_a_gateway(up: Up) -> None:
    status, headers, body = ask(up, "GET", "/docs", {})
    assert (status, headers["content-type"].partition(";")[0]) == (503, "text/html")
    assert b"<title>503 Service Unavailable</title>" in body


def test_a_dropped_answer_was_done_and_a_dropped_request_was_not(up: Up) -> None:
    user = {"user_address": up.user("frank")["address"], "token": "DF", "amount": "5"}
    headers = {
        "X-API-Key": up.ready["admin_api_key"],
        "Content-Type": "application/json",
        "Idempotency-Key": "gateway-1",
    }

    def credit() -> int:
        return ask(up, "POST", CREDIT_PATH, headers, json.dumps(user).encode())[0]

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        credit()
    assert balance(up, "frank") == ["5"]
    assert credit() == 200
    headers["Idempotency-Key"] = "gateway-2"
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        credit()
    assert balance(up, "frank") == ["5"]
    assert credit() == 200
    assert balance(up, "frank") == ["10"]


async def with_socket(up: Up, query: str = "") -> tuple[dict[str, Any], int]:
    """The answer to a ping, and the code with which the server closes after a frame too large."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(up.ready["ws_url"] + query) as socket,
    ):
        await socket.send_json({"type": "ping"})
        answer = await socket.receive_json(timeout=DEADLINE_S)
        await socket.send_str("x" * 1_000_000)
        while (await socket.receive(timeout=DEADLINE_S)).type is aiohttp.WSMsgType.TEXT:
            pass
        return answer, socket.close_code or 0


def test_a_socket_goes_through_with_its_frames_and_its_close(up: Up) -> None:
    answer, code = asyncio.run(with_socket(up))
    assert answer["type"] == "pong"
    assert code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


def test_a_socket_meets_faults_when_it_is_opened(up: Up) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError, match="502"):
        asyncio.run(with_socket(up, "?bad"))
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        asyncio.run(with_socket(up, "?lost"))


def test_a_refused_upgrade_is_refused_with_the_api_s_own_status(up: Up) -> None:
    status, _, _ = ask(up, "GET", "/ws", {})
    assert status in (400, 426)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("kind=latency", "delay goes with kind: latency, and with it alone"),
        ("kind=slow", "kind: unknown kind 'slow': known: dropped"),
        ("latency", "'latency' has no '=': write fields as name=value"),
        ("kind=error,stauts=500", "unknown field 'stauts': did you mean 'status'?"),
    ],
)
def test_a_fault_that_makes_no_sense_is_one_line(fields: str, problem: str) -> None:
    line = refused("--rpc-port", "0", "--api-port", "0", f"--api-fault={fields}")
    assert f"--api-fault {fields}: {problem}" in line


def test_the_example_of_the_help_can_be_used() -> None:
    shown = subprocess.run(
        [PROGRAM, "up", "--help"], capture_output=True, check=True, text=True
    ).stdout
    assert "kind=latency,delay=2s,percent=50" in " ".join(shown.split())
