"""`devnet up`: the whole system as one command, on the wall clock."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ztdx_devnet.cli.output import refuse, say, warn
from ztdx_devnet.live.stop_signals import StopSignals

BLOCK_TIME_S_MAX = 86_400
JSON_INTEGER_MAX = 2**53 - 1


class WholeSeconds(click.ParamType[int]):
    """Blocks carry whole seconds, so there is no shorter interval than one."""

    name = "seconds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        text = str(value)
        if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= BLOCK_TIME_S_MAX):
            self.fail(
                f"{text[:40]!r}: expected whole seconds from 1 to {BLOCK_TIME_S_MAX}, because "
                "blocks carry whole seconds.",
                param,
                ctx,
            )
        return int(text)


@click.command()
@click.option(
    "--rpc-port",
    default=8545,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port of the chain, HTTP and WebSocket; 0 takes a free one.",
)
@click.option(
    "--api-port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port of the API and its WebSocket; 0 takes a free one.",
)
@click.option(
    "--block-time",
    default=2,
    show_default=True,
    type=WholeSeconds(),
    help="Seconds between blocks.",
)
@click.option(
    "--login-chain-id",
    type=click.IntRange(1, JSON_INTEGER_MAX),
    help="Chain id that users sign to log in; production: 421614.  [default: the chain's]",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep chain and ledger in this directory, and go on from what it holds.",
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write URLs, addresses and credentials there as JSON when everything answers.",
)
@click.option(
    "--api-fault",
    "api_faults",
    multiple=True,
    metavar="FIELDS",
    help="Make the API bad for its clients, as in kind=latency,delay=2s,percent=50.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error of our own.")
def up(
    rpc_port: int,
    api_port: int,
    block_time: int,
    login_chain_id: int | None,
    state: Path | None,
    ready_file: Path | None,
    api_faults: tuple[str, ...],
    debug: bool,
) -> None:
    """Run chain, listener, API and WebSocket on this machine, until Ctrl-C.

    Without --state everything is gone at the end.

    Example: devnet up --state .devnet
    """
    if rpc_port == api_port != 0:
        raise click.UsageError(
            f"--rpc-port and --api-port are both {rpc_port}: each server needs its own."
        )
    with StopSignals() as stop:
        # Imported late: `devnet --help` needs no EVM.
        from ztdx_devnet.live.serving import CannotServe
        from ztdx_devnet.live.up_command import UpSettings, serve

        settings = UpSettings(
            rpc_port=rpc_port,
            api_port=api_port,
            block_time_s=block_time,
            login_chain_id=login_chain_id,
            state=state,
            ready_file=ready_file,
            api_faults=api_faults,
        )
        try:
            sys.exit(serve(settings, stop, say, warn))
        except CannotServe as error:
            if debug:
                raise
            refuse(error)
