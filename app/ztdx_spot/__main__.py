"""The program: `python -m ztdx_spot` runs listener and API; sub-commands are the operator's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys

import click

from ztdx_spot.api.app import BASE_PATH
from ztdx_spot.config import Settings, read_settings
from ztdx_spot.errors import ListenerHalted
from ztdx_spot.operator_commands import COMMANDS, problems_in_one_line
from ztdx_spot.service import running

EXIT_LISTENER_DIED = 1
EXIT_LISTENER_HALTED = 4


@click.group(invoke_without_command=True)
@click.option("--only", type=click.Choice(["listener", "api"]), help="Run one part, not both.")
@click.pass_context
def main(context: click.Context, only: str | None) -> None:
    """Run the spot-deposit backend with the settings of the environment, until interrupted.

    Example: DATABASE_URL=sqlite:///spot.db JWT_SECRET=… python -m ztdx_spot --only api
    """
    if context.invoked_subcommand is None:
        _allow_many_sockets()
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("ztdx_spot").setLevel(logging.INFO)
        with problems_in_one_line():
            settings = read_settings(os.environ, listener=only != "api", api=only != "listener")
            sys.exit(asyncio.run(_run(settings)))


for command in COMMANDS:
    main.add_command(command)


async def _run(settings: Settings) -> int:
    """Run the parts until a signal comes or there is nothing left to run for; the exit code."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(ended.set))
    async with running(settings, os.environ, _warn) as service:
        if service.url is not None:
            click.echo(f"api: {service.url}{BASE_PATH}")
        if settings.listener is not None:
            click.echo(
                f"listener: chain {settings.listener.chain_id}, "
                f"vault {settings.listener.vault_address}"
            )
        service.failed.add_done_callback(lambda _: ended.set())
        await ended.wait()
    if not service.failed.done():
        return 0
    error = service.failed.result()
    if isinstance(error, ListenerHalted):
        _warn(str(error))
        return EXIT_LISTENER_HALTED
    return EXIT_LISTENER_DIED


def _allow_many_sockets() -> None:
    """Each client of `/ws` is an open file, and many shells allow no more than 1,024 of them."""
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems refuse their own maximum
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _warn(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main(prog_name="python -m ztdx_spot")
