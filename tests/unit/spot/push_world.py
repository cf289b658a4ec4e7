"""A ledger that moves and a server that pushes it: what the tests of `/ws` have in common."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp

from ztdx_spot.auth.login import LoginRefused
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import ApiSettings
from ztdx_spot.ledger import admin_credits, debits
from ztdx_spot.ledger.admin_credits import AdminCredit
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ports import Clock
from ztdx_spot.serving.server import ApiServer
from ztdx_spot.serving.sockets.limits import SocketLimits
from ztdx_spot.serving.sockets.reception import Push
from ztdx_spot.ws.tail import Tail
from ztdx_spot.ws.verifier import Verifier

from .world import ALICE, BOB

SETTINGS = ApiSettings(jwt_secret="a secret of at least thirty-two bytes")
CHANNEL = "spot:user:balances"
PATIENCE_S = 10


def credit(database: Database, *users: str, amount: str = "1", now_s: int = 1000) -> None:
    """One transaction that credits each of these users, once for each time it is named."""
    with database.write() as transaction:
        (count,) = transaction.execute("SELECT count(*) FROM spot_admin_credits").fetchone()
        for number, user in enumerate(users, start=count):
            wanted = AdminCredit(user_address=user, token="DF", amount=amount, reason=None)
            admin_credits.credit(transaction, wanted, f"credit-{number}", now_s)


def debit(database: Database, user: str, amount: str, now_s: int = 1000) -> None:
    with database.write() as transaction:
        debits.debit(transaction, user, "DF", amount, now_s)


def token(clock: Clock, user: str = ALICE, lasts_s: int = 3600) -> str:
    return issue_token(user, SETTINGS.jwt_secret, int(clock.now_s()), lasts_s)


def bobs_wallet(address: str, signature: str, timestamp_s: int) -> str:
    """A login that knows one signature."""
    if (address, signature) == (BOB, "0xb0b"):
        return BOB
    raise LoginRefused("SIGNATURE_INVALID", "not Bob's")


def verifier(database: Database, clock: Clock) -> Verifier:
    return Verifier(SETTINGS, clock, database, bobs_wallet)


@asynccontextmanager
async def served(path: Path, clock: Clock, **changes: Any) -> AsyncIterator[ApiServer]:
    """A server on this ledger. `allowed_origins` and `connections` are its, the rest are limits."""
    origins, connections = changes.pop("allowed_origins", ()), changes.pop("connections", None)
    with (
        closing(open_connection(path, synchronous="OFF")) as asked,
        closing(open_connection(path, synchronous="OFF")) as followed,
    ):
        push = Push(
            verifier=verifier(Database(asked, clock), clock),
            tail=Tail(Database(followed, clock)),
            clock=clock,
            allowed_origins=origins,
            limits=SocketLimits(**changes),
        )
        server = ApiServer(_nothing, "127.0.0.1", 0, push=push, limits=connections)
        await server.start()
        try:
            yield server
        finally:
            await server.close()


def open_sockets(server: ApiServer) -> int:
    """How many clients hold a WebSocket of this server now."""
    return 0 if server._sockets is None else len(server._sockets._open)


def _nothing(environ: Any, start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"the application"]


class Client:
    """A WebSocket client that speaks JSON."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, **frame: Any) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def next(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self.socket.receive_str(timeout=PATIENCE_S))
        return frame

    async def ask(self, **frame: Any) -> dict[str, Any]:
        await self.send(**frame)
        return await self.next()

    async def subscribe(self, proof: str) -> None:
        answer = await self.ask(type="subscribe", channel=CHANNEL, token=proof)
        assert answer == {"type": "subscribed", "channel": CHANNEL}

    async def close_code(self) -> int:
        """What the socket is closed with; frames before that are read and thrown away."""
        while True:
            message = await self.socket.receive(timeout=PATIENCE_S)
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING):
                assert self.socket.close_code is not None
                return self.socket.close_code


@asynccontextmanager
async def connected(server: ApiServer, count: int = 1, **options: Any) -> AsyncIterator[Any]:
    """This many clients, as a list if it is more than one."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        clients = [
            Client(await session.ws_connect(f"{server.url}/ws", **options)) for _ in range(count)
        ]
        yield clients if count > 1 else clients[0]
        for client in clients:
            await client.socket.close()
