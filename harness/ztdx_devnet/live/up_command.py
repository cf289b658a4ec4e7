"""The whole system from start to stop: chain, listener and API on one event loop.

Loopback only: the keys and secrets of a devnet are public.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import aiohttp

from ztdx_devnet.chain.devnet import Devnet
from ztdx_devnet.chain.log_limits import NO_LIMITS
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.rpc.node import node_of
from ztdx_devnet.live.api_faults import read_api_faults
from ztdx_devnet.live.api_gateway import ApiGateway
from ztdx_devnet.live.chain_server import ChainServer
from ztdx_devnet.live.chain_source import ChainSource, OpenedChain, keeps_a_chain, open_chain
from ztdx_devnet.live.credentials import Credentials, issue
from ztdx_devnet.live.description import description
from ztdx_devnet.live.product_environment import product_environment
from ztdx_devnet.live.ready_file import ReadyFile
from ztdx_devnet.live.serving import (
    CannotServe,
    announce,
    run_until_stopped,
    why_not_listening,
)
from ztdx_devnet.live.stop_signals import StopSignals
from ztdx_devnet.live.up_description import (
    curl_url,
    readiness_url,
    up_banner,
    up_description,
)
from ztdx_devnet.live.wall_clock import unix_us
from ztdx_spot.config import read_settings
from ztdx_spot.errors import DatabaseBusyError, SpotError, StartError
from ztdx_spot.service import Service, running

if TYPE_CHECKING:
    from ztdx_devnet.scenario.verbs.api import ApiFault

HOST = "127.0.0.1"
LEDGER_NAME = "spot.db"
POLL_INTERVAL_MS_MAX = 2_000
"""The documented interval; with shorter blocks the listener looks as often as they come."""
FIRST_ANSWER_S = 10
FIRST_REPORT_S = 1.0
REPORT_STEP_S = 0.02

EXIT_LISTENER_DIED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UpSettings:
    """What `devnet up` was asked for. Port 0 takes a free one; `state` None keeps nothing.

    `login_chain_id` is that of the domain that wallets sign for; None is the chain's. `api_faults`
    are texts for `read_api_faults`.
    """

    rpc_port: int
    api_port: int
    block_time_s: int
    login_chain_id: int | None
    state: Path | None
    ready_file: Path | None
    api_faults: Sequence[str] = ()


def serve(
    settings: UpSettings,
    stop: StopSignals,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> int:
    """Serve until a signal comes; the exit code. `say` may raise OSError. Raises CannotServe."""
    ready_file = ReadyFile(settings.ready_file)
    faults = read_api_faults(settings.api_faults) if settings.api_faults else []
    if settings.state is not None:
        _refuse_unusable(settings.state)
    # What the product logs is shown as its own program shows it.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("ztdx_spot").setLevel(logging.INFO)
    with ExitStack() as kept:
        opened = kept.enter_context(closing(open_chain(ChainSource(state=settings.state))))
        ledger = _ledger(settings, kept)
        # Before the event loop: a signal ends even the wait for a lock at once.
        with _one_line(ledger):
            issued = issue(str(ledger), USERS.values())
        return run_until_stopped(
            lambda: _serve(settings, opened, ledger, issued, faults, ready_file, say, warn), stop
        )


def _refuse_unusable(state: Path) -> None:
    """Say so before anything is made there. Raises CannotServe."""
    if "?" in str(state.absolute()):  # the product's DATABASE_URL takes none
        raise CannotServe(f"--state {state}: a ledger's path has no '?'; choose another directory")
    ledger = state / LEDGER_NAME
    # A new chain would have the same genesis: to the listener it is the old one after a reorg
    # of all its blocks, and the old credits would be reversed.
    if ledger.exists() and not keeps_a_chain(state):
        raise CannotServe(
            f"{ledger} belongs to a chain that is not there any more: remove it too, or choose "
            "another --state"
        )


async def _serve(
    settings: UpSettings,
    opened: OpenedChain,
    ledger: Path,
    issued: Mapping[str, Credentials],
    faults: Sequence[ApiFault],
    ready_file: ReadyFile,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> int:
    devnet = opened.devnet(automine=False, interval_s=settings.block_time_s)
    async with AsyncExitStack() as parts:
        rpc_url = await _start_chain(devnet, settings, say, parts)
        chain = description(devnet, rpc_url)
        with _one_line(ledger):
            product = await _start_product(chain, settings, ledger, warn, parts)
        assert product.url is not None
        gateway = ApiGateway(product.url, unix_us)
        url = await _start_gateway(gateway, settings, parts) if faults else product.url
        content = up_description(chain, url, issued)
        await _all_answer(content)
        gateway.arm(verb.fault(verb.scope_at(unix_us()), "") for verb in faults)
        users_have_tokens = opened.users_have_tokens
        announce(say, up_banner(content, settings.block_time_s, settings.state, users_have_tokens))
        parts.callback(ready_file.remove)
        ready_file.write(content)
        await asyncio.wait({product.failed})
    return EXIT_LISTENER_DIED


@contextlib.contextmanager
def _one_line(ledger: Path) -> Iterator[None]:
    """What the product or its ledger refuses, as CannotServe."""
    try:
        yield
    except DatabaseBusyError as error:
        raise CannotServe(f"{ledger}: {error}, or choose another --state") from error
    except (SpotError, sqlite3.Error) as error:
        raise CannotServe(f"{ledger}: {error}; choose another --state") from error


async def _start_chain(
    devnet: Devnet, settings: UpSettings, say: Callable[[str], None], parts: AsyncExitStack
) -> str:
    server = ChainServer(node_of(devnet, NO_LIMITS), say)
    parts.push_async_callback(server.stop)
    try:
        port = await server.start(HOST, settings.rpc_port)
    except OSError as error:
        told = why_not_listening(error, HOST, settings.rpc_port, "--rpc-port")
        raise CannotServe(told) from error
    return f"http://{HOST}:{port}"


async def _start_gateway(gateway: ApiGateway, settings: UpSettings, parts: AsyncExitStack) -> str:
    parts.push_async_callback(gateway.stop)
    try:
        port = await gateway.start(HOST, settings.api_port)
    except OSError as error:
        told = why_not_listening(error, HOST, settings.api_port, "--api-port")
        raise CannotServe(told) from error
    return f"http://{HOST}:{port}"


def _ledger(settings: UpSettings, kept: ExitStack) -> Path:
    """The ledger's file; without a state directory, in one that goes away at the end."""
    if settings.state is not None:
        return settings.state.absolute() / LEDGER_NAME
    try:
        folder = kept.enter_context(TemporaryDirectory(prefix="devnet-up-"))
    except OSError as error:
        raise CannotServe(f"no temporary directory: {error}; --state names another") from error
    return Path(folder) / LEDGER_NAME


async def _start_product(
    chain: Mapping[str, Any],
    settings: UpSettings,
    ledger: Path,
    warn: Callable[[str], None],
    parts: AsyncExitStack,
) -> Service:
    """The product's own parts. Raises CannotServe, SpotError or sqlite3.Error."""
    try:
        return await parts.enter_async_context(_product(chain, settings, ledger, warn))
    except StartError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError):
            raise CannotServe(str(error)) from error
        told = why_not_listening(cause, HOST, settings.api_port, "--api-port")
        raise CannotServe(told) from error


def _product(
    chain: Mapping[str, Any], settings: UpSettings, ledger: Path, warn: Callable[[str], None]
) -> AbstractAsyncContextManager[Service]:
    """It reads the chain over HTTP, as it would any other node."""
    interval_ms = min(POLL_INTERVAL_MS_MAX, settings.block_time_s * 1_000)
    environment = {
        **product_environment(
            chain["rpc_url"], chain["chain_id"], chain["vault"], chain["df_token"]
        ),
        "SPOT_BSC_POLL_INTERVAL_MS": str(interval_ms),
        "DATABASE_URL": f"sqlite:///{ledger}",
        "HOST": HOST,
        # Behind a gateway any port will do.
        "PORT": str(0 if settings.api_faults else settings.api_port),
    }
    if settings.login_chain_id is not None:
        environment["CHAIN_ID"] = str(settings.login_chain_id)
    return running(read_settings(environment), environment, warn)


async def _all_answer(content: Mapping[str, Any]) -> None:
    """Ask each server once, as a client would. Raises CannotServe."""
    headers = {"Authorization": f"Bearer {content['users'][0]['jwt']}"}
    block_number = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
    timeout = aiohttp.ClientTimeout(total=FIRST_ANSWER_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.post(content["rpc_url"], json=block_number) as answer:
                answer.raise_for_status()
            async with session.get(curl_url(content), headers=headers) as answer:
                answer.raise_for_status()
            async with session.ws_connect(content["ws_url"]) as socket:
                await socket.send_json({"type": "ping"})
                await socket.receive_json(timeout=FIRST_ANSWER_S)
            await _listener_reports(session, readiness_url(content))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CannotServe(f"started, but does not answer: {error!r}") from error


async def _listener_reports(session: aiohttp.ClientSession, url: str) -> None:
    """Wait for its first word. One that says nothing, or nothing good, is shown as that."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FIRST_REPORT_S):
            while True:
                async with session.get(url) as answer:
                    if (await answer.json())["listener"] is not None:
                        return
                await asyncio.sleep(REPORT_STEP_S)
