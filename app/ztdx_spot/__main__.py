"""The program: `python -m ztdx_spot` runs listener and API; sub-commands issue credentials."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from functools import partial

import click

from ztdx_spot.addresses import checked_address
from ztdx_spot.api.app import BASE_PATH, create_app
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import (
    ApiSettings,
    ListenerSettings,
    Settings,
    read_api_settings,
    read_settings,
)
from ztdx_spot.edges import HttpTransport, Stopping, SystemEntropy, WallClock
from ztdx_spot.errors import SpotError, StartError
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.schema import create_schema
from ztdx_spot.listener.poller import run_listener
from ztdx_spot.server import ApiServer

EXIT_LISTENER_DIED = 1
EXIT_BAD_INPUT = 3
LISTENER_STOP_S = 2.0


@click.group(invoke_without_command=True)
@click.option("--only", type=click.Choice(["listener", "api"]), help="Run one part, not both.")
@click.pass_context
def main(context: click.Context, only: str | None) -> None:
    """Run the spot-deposit backend with the settings of the environment, until interrupted.

    Example: DATABASE_URL=sqlite:///spot.db JWT_SECRET=… python -m ztdx_spot --only api
    """
    if context.invoked_subcommand is None:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("ztdx_spot").setLevel(logging.INFO)
        with _problems_in_one_line():
            settings = read_settings(os.environ, listener=only != "api", api=only != "listener")
            _open_database(settings.database_path).close()
            sys.exit(asyncio.run(_run(settings)))


@main.command("issue-jwt")
@click.argument("address")
def issue_jwt(address: str) -> None:
    """Print a user token for ADDRESS, signed with JWT_SECRET.

    Example: python -m ztdx_spot issue-jwt 0xabc123def456abc123def456abc123def456abc1
    """
    with _problems_in_one_line():
        settings = read_api_settings(os.environ)
        now_s = int(WallClock().now_s())
        user_address = checked_address(address)
        click.echo(issue_token(user_address, settings.jwt_secret, now_s, settings.jwt_expiry_s))


@main.command("issue-api-key")
@click.argument("address")
@click.option("--label", default="", help="What the key is for, at most 50 characters.")
def issue_api_key(address: str, label: str) -> None:
    """Create an API key for ADDRESS in DATABASE_URL and print it with its secret.

    Example: python -m ztdx_spot issue-api-key 0xabc123def456abc123def456abc123def456abc1
    """
    if len(label) > api_keys.LABEL_LENGTH_MAX:
        raise click.BadParameter(
            f"at most {api_keys.LABEL_LENGTH_MAX} characters", param_hint="label"
        )
    with _problems_in_one_line():
        path = read_settings(os.environ, listener=False, api=False).database_path
        user_address = checked_address(address)
        clock = WallClock()
        with (
            closing(_open_database(path)) as connection,
            Database(connection, clock).write() as transaction,
        ):
            key = api_keys.create(
                transaction, user_address, label, SystemEntropy(), int(clock.now_s())
            )
        click.echo(f"API_KEY={key.api_key}\nAPI_SECRET={key.secret_key}")


async def _run(settings: Settings) -> int:
    """Start the parts, wait for a signal or for the listener's death, and stop them."""
    loop, ended, exit_code = asyncio.get_running_loop(), asyncio.Event(), 0

    def listener_died() -> None:
        nonlocal exit_code
        exit_code = EXIT_LISTENER_DIED
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(ended.set))
    async with AsyncExitStack() as parts:
        if settings.api is not None:
            await _start_api(settings, settings.api, parts)
        if settings.listener is not None:
            died = partial(loop.call_soon_threadsafe, listener_died)
            parts.callback(_start_listener(settings.listener, settings.database_path, died))
            click.echo(
                f"listener: chain {settings.listener.chain_id}, "
                f"vault {settings.listener.vault_address}"
            )
        await ended.wait()
    return exit_code


async def _start_api(settings: Settings, api: ApiSettings, parts: AsyncExitStack) -> None:
    clock = WallClock()
    connection = parts.enter_context(closing(open_connection(settings.database_path)))
    app = create_app(api, os.environ, clock, SystemEntropy(), Database(connection, clock))
    server = ApiServer(app, settings.host, settings.port)
    parts.push_async_callback(server.close)
    try:
        await server.start()
    except OSError as error:
        raise StartError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            "choose another HOST or PORT"
        ) from error
    click.echo(f"api: {server.url}{BASE_PATH}")


def _start_listener(
    settings: ListenerSettings, database_path: str, died: Callable[[], object]
) -> Callable[[], None]:
    """Run the listener on its own thread; returns what stops it."""
    stop = threading.Event()

    def listen() -> None:
        clock, transport = WallClock(stop), HttpTransport(settings.rpc_url)
        try:
            with closing(transport), closing(open_connection(database_path)) as connection:
                run_listener(
                    settings, transport, clock, SystemEntropy(), Database(connection, clock)
                )
        except Stopping:
            return
        finally:
            if not stop.is_set():
                died()

    # A daemon: a request that hangs must not hold up the end, and an end at any point is harmless.
    thread = threading.Thread(target=listen, name="listener", daemon=True)
    thread.start()

    def stop_listener() -> None:
        stop.set()
        thread.join(LISTENER_STOP_S)

    return stop_listener


def _open_database(path: str) -> sqlite3.Connection:
    """A connection to the file, with the tables in it."""
    connection = open_connection(path)
    try:
        create_schema(Database(connection, WallClock()))
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _problems_in_one_line() -> Iterator[None]:
    """What an operator can repair is a line on stderr and exit code 3, not a traceback."""
    try:
        yield
    except SpotError as error:
        click.echo(str(error), err=True)
    except sqlite3.Error as error:
        click.echo(f"the database of DATABASE_URL cannot be used: {error}", err=True)
    else:
        return
    sys.exit(EXIT_BAD_INPUT)


if __name__ == "__main__":
    main(prog_name="python -m ztdx_spot")
