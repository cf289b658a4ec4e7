"""Where the commands print, also when that is a full disk or a pipe that nobody reads."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

import click

EXIT_BAD_INPUT = 3
EXIT_INTERRUPTED = 130


def say(text: str) -> None:
    """Print to standard output. Raises OSError."""
    try:
        click.echo(text)
    except OSError:
        _let_go(sys.stdout)
        raise


def give(text: str) -> None:
    """Print what a command was asked for. It ends as bad input does where that can't be."""
    try:
        say(text)
    except OSError as error:
        refuse(unwritable(error))


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


def reason(error: OSError) -> str:
    """Why the system would not, in its words: without number and path."""
    return error.strerror or str(error)


def unwritable(error: OSError, path: object = None) -> str:
    """'can't write runs/a: No space left on device'. Without a path it is the error's own."""
    named = error.filename if path is None else path
    return f"can't write {named}: {reason(error)}" if named else f"can't write: {reason(error)}"


class Printer:
    """Prints to standard output until that can't be; `error` says why it could not."""

    def __init__(self) -> None:
        self.error: OSError | None = None

    def __call__(self, act: Callable[[], None]) -> None:
        """`act` prints, unless it is known already that nothing can be printed."""
        if self.error is not None:
            return
        try:
            act()
        except OSError as error:
            self.error = error
            _let_go(sys.stdout)


class PathOption(click.Path):
    """A path that is not empty: Python takes an empty one for the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value) or value == b"":
            self.fail("the path is empty.", param, ctx)
        return super().convert(value, param, ctx)


def let_go_of_output() -> None:
    """Nothing more can be printed to standard output."""
    _let_go(sys.stdout)


def _let_go(stream: TextIO) -> None:
    """What it still holds goes nowhere: at its end, Python would fail to write it once more."""
    with contextlib.suppress(OSError, ValueError):  # a stream of a test has no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
