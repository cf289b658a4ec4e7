"""The command line: `devnet`. Bad input is one line per problem and exit code 3."""

from __future__ import annotations

import sys

import click

from ztdx_devnet.cli.by_hand import COMMANDS
from ztdx_devnet.cli.chain import chain
from ztdx_devnet.cli.env import env
from ztdx_devnet.cli.output import EXIT_BAD_INPUT, let_go_of_output, refuse, unwritable
from ztdx_devnet.cli.replay import replay
from ztdx_devnet.cli.run import run
from ztdx_devnet.cli.scenarios import scenarios
from ztdx_devnet.cli.schema import schema
from ztdx_devnet.cli.sweep import sweep
from ztdx_devnet.cli.token import token
from ztdx_devnet.cli.up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ztdx-devnet", prog_name="devnet")
def devnet() -> None:
    """A devnet and simulator for the ZTDX spot-deposit system, offline and in one process."""


for command in (up, run, replay, sweep, scenarios, chain, *COMMANDS, schema, token, env):
    devnet.add_command(command)


def main() -> None:
    """Entry point. A wrong flag is bad input: exit code 3, where click would say 2."""
    try:
        devnet(prog_name="devnet", standalone_mode=False)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "devnet"
        told = f"{path}: {error.format_message()} `{path} --help` shows what it takes"
        click.echo(told, err=True)
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException as error:
        click.echo(f"devnet: {error.format_message()}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except click.Abort:
        sys.exit(130)
    except OSError as error:
        if error.filename is not None:
            raise
        let_go_of_output()  # a --help that nobody can read
        refuse(unwritable(error))
