"""`devnet sweep`: one scenario, disturbed at every place in turn. Stops at the first failure."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from ztdx_devnet.cli.ending import Ending
from ztdx_devnet.cli.output import PathOption
from ztdx_devnet.cli.processes import Processes


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
    "-n",
    "processes",
    type=Processes(),
    default=1,
    help="Play in so many processes at once; auto: one for each core.  [default: 1]",
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
    processes: int,
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
    with Ending(debug) as ending:
        # Imported late: `devnet --help` needs no EVM.
        from ztdx_devnet.explore.sweep import command
        from ztdx_devnet.runs.stopping import Stopping

        stopping = Stopping()
        with ending.playing(stopping, command.Refused):
            wanted = command.Wanted(kind, file, first, every, seeds, processes, keep)
            ending.code = command.run(wanted, stopping)
