"""`devnet sweep`: one scenario, disturbed at every place in turn. Stops at the first failure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from ztdx_devnet.cli.output import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    PathOption,
    refuse,
    unwritable,
    warn,
)
from ztdx_devnet.live.stop_signals import StopSignals


@click.command()
@click.argument("kind", type=click.Choice(["crash", "faults", "schedules"]))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--every", type=click.IntRange(1), default=1, help="Only every n-th run.")
@click.option("--first", type=click.IntRange(1), default=1, help="Begin with this one.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Of schedules: how many.",
)
@click.option(
    "-n", "workers", default="1", show_default=True, help="Processes, or auto for one per core."
)
@click.option(
    "--keep",
    type=PathOption(dir_okay=False, path_type=Path),
    help="Where the scenario of a failure goes; by default runs/sweeps/.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error of our own.")
def sweep(
    kind: Literal["crash", "faults", "schedules"],
    file: Path,
    every: int,
    first: int,
    seeds: int,
    workers: str,
    keep: Path | None,
    debug: bool,
) -> None:
    """Play FILE once undisturbed, then once for each disturbance, and compare the ends.

    crash: kill -9 of the listener at each boundary (request, answer, statement, sleep), and a
    start a second later. faults: each class of fault at each thing that it can touch. schedules:
    other latencies and interleavings, by seeds.

    Exit codes: 0 all ended alike, 1 one did not, 2 nothing could be compared, 3 bad input,
    4 an error of ours, 130 Ctrl-C.

    Example: devnet sweep crash scenarios/first_deposit.yaml
    """
    code = None
    with StopSignals() as signals:
        # Imported late: `devnet --help` needs no EVM.
        from ztdx_devnet.explore.sweep import command
        from ztdx_devnet.runs.stopping import Stopping
        from ztdx_devnet.scenario.errors import BadScenario
        from ztdx_devnet.scenario.verdict import EXIT_OWN_BUG

        stopping = Stopping()
        try:
            with signals.calling(stopping.stop):
                processes = command.workers(workers)
                wanted = command.Wanted(kind, file, first, every, seeds, processes, keep)
                code = command.run(wanted, stopping)
        except BadScenario as error:
            for problem in error.problems:
                click.echo(str(problem), err=True)
            code = EXIT_BAD_INPUT
        except command.Refused as error:
            refuse(error)
        except OSError as error:
            if debug:
                raise
            refuse(unwritable(error))
        except Exception as error:
            if debug:
                raise
            warn(f"an error of our own: {error!r}; --debug shows where")
            code = EXIT_OWN_BUG
    if code is None:
        warn("interrupted before anything was played")
    sys.exit(EXIT_INTERRUPTED if code is None else code)
