"""`devnet token`: a JWT for the API of a running devnet."""

from __future__ import annotations

import click

from ztdx_devnet.cli.by_hand import rpc_url_option, tell


@click.command()
@click.argument("user")
@rpc_url_option
def token(user: str, rpc_url: str) -> None:
    """A JWT of USER, a name or an address, valid for a day.

    Example: curl -H "Authorization: Bearer $(devnet token alice)" …
    """
    from ztdx_devnet.live.credentials import token_of

    tell(rpc_url, lambda target: token_of(target.address(user)))
