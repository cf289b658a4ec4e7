"""The ending: however a command that plays scenarios goes, it ends in order, with an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

import click

from ztdx_devnet.cli.output import EXIT_BAD_INPUT, EXIT_INTERRUPTED, refuse, unwritable, warn
from ztdx_devnet.live.stop_signals import StopSignals
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.verdict import EXIT_OWN_BUG

if TYPE_CHECKING:
    from ztdx_devnet.runs.stopping import Stopping


class Ending(StopSignals):
    """As a block: the process exits with `code` at its end; without one, it was interrupted.

    Light, as a command begins with it: what takes longer is loaded inside.
    """

    def __init__(self, debug: bool) -> None:
        super().__init__()
        self.code: int | None = None
        self._debug = debug

    @contextmanager
    def playing(self, stopping: Stopping, *refusals: type[Exception]) -> Iterator[None]:
        """Inside, a signal asks `stopping`, and what is raised sets `code` or exits.

        Bad input and `refusals` are a line each and exit code 3, errors of our own 4. With --debug
        those, and what the system would not, are raised; click tells of its own.
        """
        try:
            with self.calling(stopping.stop):
                yield
        except BadScenario as error:
            for problem in error.problems:
                click.echo(str(problem), err=True)
            self.code = EXIT_BAD_INPUT
        except click.ClickException:
            raise
        except refusals as error:
            refuse(error)
        except OSError as error:
            if self._debug:
                raise
            refuse(unwritable(error))
        except Exception as error:
            if self._debug:
                raise
            warn(f"an error of our own: {error!r}; --debug shows where")
            self.code = EXIT_OWN_BUG

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        was_stopped = super().__exit__(kind, error, traceback)
        if error is not None and not was_stopped:
            return was_stopped
        if self.code is None:
            warn("interrupted before anything was played")
        sys.exit(EXIT_INTERRUPTED if self.code is None else self.code)
