"""`devnet env`: the settings of a backend on a running devnet, as an env file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ztdx_devnet.cli.by_hand import rpc_url_option, tell

if TYPE_CHECKING:
    from ztdx_devnet.live.by_hand import Target


@click.command()
@rpc_url_option
def env(rpc_url: str) -> None:
    """The production's variables for a backend of your own on the running chain.

    Example: set -a; eval "$(devnet env)"; python -m ztdx_spot
    """
    tell(rpc_url, _variables)


def _variables(target: Target) -> str:
    from eth_utils import to_checksum_address

    from ztdx_devnet.live.product_environment import backend_environment, env_file

    chain_id = int(target.client.ask("eth_chainId"), 16)
    vault, df_token = to_checksum_address(target.vault), to_checksum_address(target.df_token)
    return env_file(backend_environment(target.client.url, chain_id, vault, df_token))
