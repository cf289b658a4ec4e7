"""`devnet chain`: the chain alone, behind HTTP and WebSocket."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from ztdx_devnet.cli.output import refuse, say
from ztdx_devnet.live.stop_signals import StopSignals

MINING_FLAGS = "--block-time, --automine and --no-mining exclude one another"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8545,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Port of HTTP and WebSocket; 0 takes a free one.",
)
@click.option(
    "--chain-id", type=click.IntRange(1, 2**53), help="Chain id.  [default: 97, or the state's]"
)
@click.option(
    "--block-time",
    type=click.IntRange(1, 86_400),
    help="Seconds between blocks.  [default: 2]",
)
@click.option("--automine", is_flag=True, help="A block for every transaction, at once.")
@click.option("--no-mining", is_flag=True, help="Blocks only on request, as by evm_mine.")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the chain in this directory, and go on from what it holds.",
)
@click.option(
    "--addresses",
    type=click.Choice(["testnet", "deployed"]),
    help="Contracts at their documented addresses, or where a deployment would put them."
    "  [default: testnet]",
)
@click.option(
    "--vault-artifact",
    metavar="FILE",
    help="Deploy this vault instead of ours: an artifact of Foundry, Hardhat or ape.",
)
@click.option(
    "--vault-arg",
    "vault_args",
    multiple=True,
    metavar="VALUE",
    help="An argument of the vault's constructor; once for each. Names stand for addresses: "
    "owner, withdraw_signer, df_token, vault, alice …",
)
@click.option("--token-artifact", metavar="FILE", help="Deploy this token instead of ours.")
@click.option(
    "--token-arg",
    "token_args",
    multiple=True,
    metavar="VALUE",
    help="An argument of the token's constructor; once for each.",
)
@click.option(
    "--log-limits",
    metavar="PROVIDER",
    help="Refuse what that provider refuses to eth_getLogs, in its words: alchemy-free, infura …",
)
@click.option(
    "--profile",
    metavar="NAME",
    help="Behave like the nodes of a provider, or a known kind of bad node: infura, "
    "load-balanced, vanishing-filter …",
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write URLs, addresses and keys there as JSON when requests can be answered.",
)
@click.option("--log-requests", is_flag=True, help="Print a line for each request.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error of our own.")
def chain(
    host: str,
    port: int,
    chain_id: int | None,
    block_time: int | None,
    automine: bool,
    no_mining: bool,
    state: Path | None,
    addresses: Literal["testnet", "deployed"] | None,
    vault_artifact: str | None,
    vault_args: tuple[str, ...],
    token_artifact: str | None,
    token_args: tuple[str, ...],
    log_limits: str | None,
    profile: str | None,
    ready_file: Path | None,
    log_requests: bool,
    debug: bool,
) -> None:
    """Serve the chain as JSON-RPC over HTTP and WebSocket on one port.

    The contracts stand at their documented addresses, the users have tokens. Ctrl-C ends it.

    Example: devnet chain --automine --ready-file ready.json
    """
    if (block_time is not None) + automine + no_mining > 1:
        raise click.UsageError(MINING_FLAGS)
    if log_limits is not None and profile is not None:
        raise click.UsageError("--log-limits and --profile exclude one another")
    with StopSignals() as stop:
        # Imported late: `devnet --help` needs no EVM.
        from ztdx_devnet.live.chain_command import CannotServe, ChainSettings, serve
        from ztdx_devnet.live.chain_source import ChainSource, ForeignContract

        settings = ChainSettings(
            host=host,
            port=port,
            source=ChainSource(
                chain_id=chain_id,
                addresses=addresses,
                vault=ForeignContract(vault_artifact, vault_args),
                token=ForeignContract(token_artifact, token_args),
                state=state,
            ),
            automine=automine,
            interval_s=None if automine or no_mining else block_time or 2,
            ready_file=ready_file,
            logs_requests=log_requests,
            log_limits=log_limits,
            profile=profile,
        )
        try:
            sys.exit(serve(settings, stop, say))
        except CannotServe as error:
            if debug:
                raise
            refuse(error)
