"""The simulated WebSocket against the real one: the same script, and every frame compared."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.live import by_hand
from ztdx_devnet.live.rpc_client import RpcClient
from ztdx_devnet.live.wall_clock import sleep_s
from ztdx_devnet.pytest_plugin.server import DevnetServer, serving
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

CHANNEL = "spot:user:balances"
PING = json.dumps({"type": "ping"})
MARK = json.dumps({"type": "mark"})
"""Sent behind a text: its refusal is behind all answers to that."""
WITHIN_S = 20
DEPTH_BLOCKS = 20

ALICE, BOB = "TOKEN OF alice", "TOKEN OF bob"
"""Stand in a script for what proves them."""
DEPOSIT, FOREIGN, CLOSE = "alice deposits", "carol deposits", "close"
"""Acts in a script; all else is a text that is sent."""


def frame(kind: str, **members: object) -> str:
    return json.dumps({"type": kind, **members})


def subscribe(token: str | None = None, channel: str = CHANNEL) -> str:
    return frame("subscribe", channel=channel, **({} if token is None else {"token": token}))


OPENING = [
    PING,
    subscribe(),
    frame("auth", token="no.such.token"),
    frame("auth", token=ALICE),
    frame("auth_token", token=ALICE),
    subscribe(),
    subscribe(),
    subscribe(ALICE),
    subscribe("no.such.token"),
    subscribe(channel="spot:user:orders"),
    subscribe(ALICE, channel="spot:market:DF"),
    frame("auth", token=BOB),
    subscribe(),
    frame("auth", token=ALICE),
    frame("unsubscribe", channel=CHANNEL),
    frame("unsubscribe", channel=CHANNEL),
    frame("unsubscribe"),
    subscribe(ALICE),
]
GARBAGE = [
    "",
    "{",
    "ping",
    "null",
    "[1]",
    '"ping"',
    "{}",
    '{"type": 5}',
    '{"type": "ping", "type": "ping"}',
    '{"type": "ping", "n": 1e999}',
    '{"type": "ping", "text": "\\ud800"}',
    '{"type": "PING"}',
    frame("ping", token=None, of=[1]),
    frame("subscribed", channel=CHANNEL),
    frame("subscribe", channel=5),
    frame("subscribe", channel=None, token=ALICE),
    frame("auth"),
    frame("auth", token=ALICE, address="0x" + "11" * 20),
    frame("auth", address="0x" + "11" * 20, signature="0x", timestamp=1),
    frame("auth", address="0x", signature="0x", timestamp=-1),
    frame("auth", address="0x" + "11" * 20, signature="0x" + "00" * 65, timestamp=1),
    frame("auth", token="\u00e9" * 3),
    " " * 20_000,
    "\u20ac" * 6_000,
    "x" * 64 * 1024,
]


TOO_LARGE = "x" * (64 * 1024 + 1)
DEPOSITS = [subscribe(ALICE), DEPOSIT, FOREIGN, DEPOSIT, subscribe(ALICE), DEPOSIT]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevnetServer]:
    with serving(tmp_path_factory.mktemp("parity")) as started:
        yield started


def steady(received: dict[str, Any]) -> dict[str, Any]:
    """A frame without its times: they only have to be there."""
    if "data" in received:
        return {**received, "data": {**received["data"], "ts": type(received["data"]["ts"])}}
    if "message" in received:
        return {**received, "message": re.sub(r"server's \d{10}\b", "", received["message"])}
    return received


async def by_the_server(server: DevnetServer, script: list[str]) -> list[Any]:
    """What a client of the running system receives: frames, and the code of the end."""
    heard: list[Any] = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.ws_url, autoclose=False) as socket,
        asyncio.timeout(WITHIN_S),
    ):

        async def hear_until(last: str) -> None:
            """To the next frame with that word in it, or to the end."""
            while not socket.closed:
                message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    heard.append(socket.close_code or message.data)
                    await socket.close()
                    return
                received = json.loads(message.data)
                heard.append(steady(received))
                if last in message.data:
                    return

        for act in script:
            if act == CLOSE:
                await socket.close(code=1000)
                heard.append(socket.close_code)
            elif act in (DEPOSIT, FOREIGN):
                await asyncio.to_thread(deposit, server, act.split()[0])
                if act == DEPOSIT:
                    await hear_until("spot_user_balance")
            else:
                await socket.send_str(proven(act, server.token))
                if act != TOO_LARGE:  # nothing is read behind that
                    await socket.send_str(MARK)
                await hear_until("'mark'")
    return heard


def deposit(server: DevnetServer, user: str) -> None:
    target = by_hand.Target.of(RpcClient(server.rpc_url))
    by_hand.deposit(target, user, "100", sleep_s)
    server.rpc("hardhat_mine", hex(DEPTH_BLOCKS))


def by_the_simulation(script: list[str]) -> list[Any]:
    """The same of a client in a world."""
    heard: list[Any] = []

    def play(world: World) -> None:
        world.product.start_api()
        world.product.start_listener()
        world.sleep_us(MICROSECONDS)
        world.sockets.connect("page")
        client = world.sockets["page"]
        for number, act in enumerate(script):
            if act == CLOSE:
                client.close()
            elif act in (DEPOSIT, FOREIGN):
                user = act.split()[0]
                world.users.deposit(f"d{number}", user, 100 * 10**18, contracts.DF_TOKEN)
                world.blocks.mine(DEPTH_BLOCKS + 1)
                world.sleep_us(10 * MICROSECONDS)
            else:
                client.send(proven(act, world.product.operator.issue_jwt))
                if act != TOO_LARGE:
                    client.send(MARK)
            world.sleep_us(MICROSECONDS)
        heard.extend(steady(received) for received in client.unread)
        if client.closed is not None:
            heard.append(client.closed)

    with World(WorldSettings()) as world:
        world.run(lambda: play(world))
    return heard


def proven(text: str, token: Callable[[str], str]) -> str:
    return text.replace(ALICE, token("alice")).replace(BOB, token("bob"))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(OPENING, id="who it is"),
        pytest.param(GARBAGE, id="garbage"),
        pytest.param([PING, TOO_LARGE], id="a message that is too large"),
        pytest.param([subscribe(ALICE), CLOSE], id="a client that closes"),
        pytest.param(DEPOSITS, id="deposits"),
    ],
)
def test_a_simulated_socket_hears_what_a_real_one_does(
    server: DevnetServer, script: list[str]
) -> None:
    real = asyncio.run(by_the_server(server, script))
    simulated = by_the_simulation(script)
    assert len(real) > 1
    for number, (one, other) in enumerate(zip(real, simulated, strict=False)):
        assert one == other, f"frame {number}"
    assert len(real) == len(simulated)
