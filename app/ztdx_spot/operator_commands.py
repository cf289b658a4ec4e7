"""The operator's sub-commands: issue credentials, verify the ledger, replay the quarantine."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from ztdx_spot.addresses import checked_address
from ztdx_spot.auth.tokens import issue_token
from ztdx_spot.config import read_api_settings, read_settings
from ztdx_spot.edges import SystemEntropy, WallClock
from ztdx_spot.errors import SpotError, StartError
from ztdx_spot.ledger import api_keys
from ztdx_spot.ledger.audit import audit
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import require_newest_schema
from ztdx_spot.listener.crediting import Crediting
from ztdx_spot.service import open_ledger

EXIT_DIFFERENCE = 1
EXIT_BAD_INPUT = 3


@click.command("issue-jwt")
@click.argument("address")
def issue_jwt(address: str) -> None:
    """Print a user token for ADDRESS, signed with JWT_SECRET.

    Example: python -m ztdx_spot issue-jwt 0xabc123def456abc123def456abc123def456abc1
    """
    with problems_in_one_line():
        settings = read_api_settings(os.environ)
        now_s = int(WallClock().now_s())
        user_address = checked_address(address)
        click.echo(issue_token(user_address, settings.jwt_secret, now_s, settings.jwt_expiry_s))


@click.command("issue-api-key")
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
    with problems_in_one_line():
        path = read_settings(os.environ, listener=False, api=False).database_path
        user_address = checked_address(address)
        clock = WallClock()
        with (
            closing(open_ledger(path)) as connection,
            Database(connection, clock).write() as transaction,
        ):
            key = api_keys.create(
                transaction, user_address, label, SystemEntropy(), int(clock.now_s())
            )
        click.echo(f"API_KEY={key.api_key}\nAPI_SECRET={key.secret_key}")


@click.command("verify-ledger")
def verify_ledger() -> None:
    """Recompute every balance of DATABASE_URL from its entries; name each row that differs.

    Exit code 0 when nothing differs, 1 otherwise. The program may run meanwhile.

    Example: DATABASE_URL=sqlite:///spot.db python -m ztdx_spot verify-ledger
    """
    with problems_in_one_line():
        path = read_settings(os.environ, listener=False, api=False).database_path
        with (
            closing(open_connection(_existing(path))) as connection,
            Database(connection, WallClock()).read() as transaction,
        ):
            require_newest_schema(transaction)
            found = audit(transaction)
    for difference in found.differences:
        click.echo(str(difference))
    click.echo(
        f"{found.balances} balances, {found.entries} entries, {found.deposits} deposits, "
        f"{found.admin_credits} admin credits: {len(found.differences) or 'no'} "
        + ("difference" if len(found.differences) < 2 else "differences")
    )
    sys.exit(EXIT_DIFFERENCE if found.differences else 0)


@click.command("replay-quarantine")
def replay_quarantine() -> None:
    """Try to credit again what is held in quarantine; needs the listener's own settings.

    Exit code 0 when nothing is held any more, 1 otherwise. The program may run meanwhile.

    Example: python -m ztdx_spot replay-quarantine
    """
    with problems_in_one_line():
        settings = read_settings(os.environ, api=False)
        assert settings.listener is not None
        clock = WallClock()
        with closing(open_ledger(_existing(settings.database_path))) as connection:
            database = Database(connection, clock)
            crediting = Crediting(settings.listener, SystemEntropy(), database)
            released, still_held = crediting.release(int(clock.now_s()))
    for log, reason in still_held:
        click.echo(f"log {log.log_index} of block {log.block_number} ({log.tx_hash}): {reason}")
    click.echo(f"{released} released, {len(still_held)} still held")
    sys.exit(EXIT_DIFFERENCE if still_held else 0)


COMMANDS = (issue_jwt, issue_api_key, verify_ledger, replay_quarantine)


@contextmanager
def problems_in_one_line() -> Iterator[None]:
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


def _existing(path: str) -> str:
    """A command that only looks must not make a new, empty ledger of a mistyped name."""
    if not Path(path).is_file():
        raise StartError(f"there is no database at {path}: correct DATABASE_URL")
    return path
