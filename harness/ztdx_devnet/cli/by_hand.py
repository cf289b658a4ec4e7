"""`devnet deposit`, `balance`, `reorg`, `mine`: a running chain, by hand, a line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ztdx_devnet.cli.output import give, refuse

if TYPE_CHECKING:
    from ztdx_devnet.live.by_hand import Target

DEFAULT_URL = "http://127.0.0.1:8545"

rpc_url_option = click.option(
    "--rpc-url", default=DEFAULT_URL, show_default=True, help="The chain; see `devnet chain`."
)


@click.command(context_settings={"ignore_unknown_options": True})  # '-1' is a bad amount
@click.argument("user")
@click.argument("amount")
@rpc_url_option
def deposit(user: str, amount: str, rpc_url: str) -> None:
    """USER approves and deposits AMOUNT tokens.

    Example: devnet deposit alice 100
    """
    from ztdx_devnet.live import by_hand
    from ztdx_devnet.live.wall_clock import sleep_s

    tell(rpc_url, lambda target: by_hand.deposit(target, user, amount, sleep_s))


@click.command()
@click.argument("user")
@rpc_url_option
def balance(user: str, rpc_url: str) -> None:
    """What USER, a name or an address, has on the chain.

    Example: devnet balance alice
    """
    from ztdx_devnet.live import by_hand

    tell(rpc_url, lambda target: by_hand.balance(target, user))


@click.command()
@click.argument("depth", type=click.IntRange(1))
@click.option(
    "--drop", multiple=True, metavar="HASH", help="A transaction that does not come back."
)
@rpc_url_option
def reorg(depth: int, drop: tuple[str, ...], rpc_url: str) -> None:
    """Replace the last DEPTH blocks by a longer branch.

    Example: devnet reorg 3
    """
    from ztdx_devnet.live import by_hand

    tell(rpc_url, lambda target: by_hand.reorg(target, depth, drop))


@click.command()
@click.argument("blocks", type=click.IntRange(1, 1_000_000), default=1)
@rpc_url_option
def mine(blocks: int, rpc_url: str) -> None:
    """Add BLOCKS blocks at once.

    Example: devnet mine 20
    """
    from ztdx_devnet.live import by_hand

    tell(rpc_url, lambda target: by_hand.mine(target, blocks))


COMMANDS: tuple[Any, ...] = (deposit, balance, reorg, mine)


def tell(rpc_url: str, act: Callable[[Target], str]) -> None:
    from ztdx_devnet.live.by_hand import CannotDo, Target
    from ztdx_devnet.live.rpc_client import NoAnswer, Refused, RpcClient

    try:
        told = act(Target.of(RpcClient(rpc_url)))
    except (CannotDo, NoAnswer, Refused) as error:
        refuse(error)
    give(told)
