"""The parts of one process on the wall clock: API server and listener, their start and their stop.

Whoever runs them, `python -m ztdx_spot` or another program on its event loop, decides when to stop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial

from ztdx_spot.api.app import create_app
from ztdx_spot.auth.login import LoginDomain, log_in
from ztdx_spot.config import ApiSettings, ListenerSettings, Settings
from ztdx_spot.edges import HttpTransport, Stopping, SystemEntropy, WallClock
from ztdx_spot.errors import ListenerHalted, StartError
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema
from ztdx_spot.listener.loop import run_listener
from ztdx_spot.serving.server import ApiServer
from ztdx_spot.serving.sockets.reception import Push
from ztdx_spot.ws.tail import Tail
from ztdx_spot.ws.verifier import Verifier

LISTENER_STOP_S = 2.0
API_BUSY_WAIT_S = 1.0
"""For the write lock. All other requests wait behind the one that does."""


@dataclass(frozen=True, slots=True)
class Service:
    """Running parts. `url` is where the API's server is; None without one.

    `failed` gets the error after which there is nothing left to run for: the listener died, or it
    halted and was the only part.
    """

    url: str | None
    failed: asyncio.Future[BaseException]


@asynccontextmanager
async def running(
    settings: Settings, environment: Mapping[str, str], warn: Callable[[str], object]
) -> AsyncIterator[Service]:
    """Run the parts that have settings, for as long as the block lasts.

    `environment` is what the API reads on every request; `warn` is told of a listener that halted
    beside an API, which stays up to show it. Raises StartError, SchemaError or sqlite3.Error.
    """
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[BaseException] = loop.create_future()

    def listener_ended(error: BaseException) -> None:
        if isinstance(error, ListenerHalted) and settings.api is not None:
            warn(str(error))
        elif not failed.done():
            failed.set_result(error)

    open_ledger(settings.database_path).close()
    async with AsyncExitStack() as parts:
        url = None
        if settings.api is not None:
            url = await _start_api(settings, settings.api, environment, parts)
        if settings.listener is not None:
            stop = _start_listener(
                settings.listener,
                settings.database_path,
                lambda error: loop.call_soon_threadsafe(listener_ended, error),
            )
            parts.push_async_callback(stop)
        yield Service(url, failed)


def open_ledger(path: str) -> sqlite3.Connection:
    """A connection to the file, with the newest tables in it. Raises SchemaError, sqlite3.Error."""
    connection = open_connection(path)
    try:
        prepare_schema(Database(connection, WallClock()))
    except BaseException:
        connection.close()
        raise
    return connection


async def _start_api(
    settings: Settings, api: ApiSettings, environment: Mapping[str, str], parts: AsyncExitStack
) -> str:
    server = _api_server(settings, api, environment, parts)
    parts.push_async_callback(server.close)
    try:
        await server.start()
    except OSError as error:
        raise StartError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            "choose another HOST or PORT"
        ) from error
    return server.url


def _api_server(
    settings: Settings, api: ApiSettings, environment: Mapping[str, str], parts: AsyncExitStack
) -> ApiServer:
    """The application and the sockets' part, which share one connection and its thread."""
    stop = threading.Event()
    clock, entropy = WallClock(stop), SystemEntropy()

    def database() -> Database:
        connection = open_connection(settings.database_path)
        return Database(parts.enter_context(closing(connection)), clock, API_BUSY_WAIT_S)

    shared = database()
    domain = LoginDomain(api.login_chain_id, api.login_vault_address)
    push = Push(
        verifier=Verifier(api, clock, shared, partial(log_in, shared, clock, domain)),
        tail=Tail(database()),
        clock=clock,
        allowed_origins=api.cors_allowed_origins,
    )
    app = create_app(api, environment, clock, entropy, shared)
    return ApiServer(app, settings.host, settings.port, push=push, interrupt=stop.set)


def _start_listener(
    settings: ListenerSettings, database_path: str, ended: Callable[[BaseException], object]
) -> Callable[[], Awaitable[None]]:
    """Run the listener on its own thread; returns what stops it. `ended` is told of its death."""
    stop = threading.Event()

    def listen() -> None:
        clock = WallClock(stop)
        try:
            with (
                closing(HttpTransport(settings.rpc_url)) as transport,
                closing(open_connection(database_path)) as connection,
            ):
                database = Database(connection, clock)
                run_listener(settings, transport, clock, SystemEntropy(), database)
        except Stopping:
            return
        except BaseException as error:
            if not stop.is_set():
                ended(error)
            if not isinstance(error, ListenerHalted):
                raise

    # A daemon: a request that hangs must not hold up the end, and an end at any point is harmless.
    thread = threading.Thread(target=listen, name="listener", daemon=True)
    thread.start()

    async def stop_listener() -> None:
        stop.set()
        # Not on the loop: the node that the listener waits for may be served by it.
        await asyncio.to_thread(thread.join, LISTENER_STOP_S)

    return stop_listener
