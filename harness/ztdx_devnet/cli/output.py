"""Where the commands print, also when that is a full disk or a pipe that nobody reads."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn, TextIO

import click

EXIT_BAD_INPUT = 3


def say(text: str) -> None:
    """Print to standard output. Raises OSError."""
    try:
        click.echo(text)
    except OSError:
        _let_go(sys.stdout)
        raise


def warn(text: str) -> None:
    """Print to standard error, or to nobody: there is no other place to say so."""
    try:
        click.echo(f"devnet: {text}", err=True)
    except OSError:
        _let_go(sys.stderr)


def refuse(text: object) -> NoReturn:
    """End as bad input does: one line, exit code 3."""
    warn(" ".join(str(text).splitlines()))
    sys.exit(EXIT_BAD_INPUT)


def _let_go(stream: TextIO) -> None:
    """What it still holds goes nowhere: at its end, Python would fail to write it once more."""
    with contextlib.suppress(OSError, ValueError):  # a stream of a test has no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
