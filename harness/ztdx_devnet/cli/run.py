"""`devnet run`: play scenarios. Bad input is one line per problem and exit code 3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from ztdx_devnet.cli.ending import Ending
from ztdx_devnet.cli.output import EXIT_BAD_INPUT, PathOption, unwritable, warn
from ztdx_devnet.cli.processes import Processes

if TYPE_CHECKING:
    from ztdx_devnet.report.record import RunRecord


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), help="Use this seed for every scenario.")
@click.option(
    "-n",
    "processes",
    type=Processes(),
    default=1,
    help="Play in so many processes at once; auto: one for each core.  [default: 1]",
)
@click.option(
    "--twice",
    is_flag=True,
    help="Play each scenario twice: both runs must be the same.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option(
    "--junit", type=PathOption(dir_okay=False, path_type=Path), help="Also write a JUnit file."
)
@click.option(
    "--annotations",
    "annotate",
    type=click.Choice(["auto", "github", "never"]),
    default="auto",
    show_default=True,
    help="Print a line per failure that GitHub shows beside the scenario; auto: in its workflows.",
)
@click.option(
    "--runs",
    "root",
    type=PathOption(file_okay=False, path_type=Path),
    help="Where run folders go.  [default: runs]",
)
@click.option("--no-runs", is_flag=True, help="Leave no run folders.")
@click.option("--no-shrink", is_flag=True, help="Don't look for smaller scenarios that fail alike.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error of our own.")
def run(
    paths: tuple[Path, ...],
    seed: int | None,
    processes: int,
    twice: bool,
    as_json: bool,
    junit: Path | None,
    annotate: str,
    root: Path | None,
    no_runs: bool,
    no_shrink: bool,
    debug: bool,
) -> None:
    """Play scenarios and say whether the deposit system held.

    PATHS are YAML files or directories of them; without any, the bundled scenarios are played.
    Each run leaves a folder below runs/, which `devnet replay` plays again.
    Exit codes: 0 held, 1 violated, 2 inconclusive, 3 bad input, 4 an error of ours, 130 Ctrl-C.
    Of several the first of 130, 4, 1, 3, 2 that any scenario has.

    Example: devnet run scenarios -n auto --junit results.xml
    """
    if root is not None and no_runs:
        raise click.UsageError("--runs and --no-runs exclude one another")
    with Ending(debug) as ending:
        # Imported late: `devnet --help` needs no EVM.
        import logging

        from ztdx_devnet.cli.telling import Telling, Wanted
        from ztdx_devnet.runs.batch import BatchSettings, play_batch
        from ztdx_devnet.runs.stopping import Stopping
        from ztdx_devnet.scenario import bundled, loader

        logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
        wanted = Wanted(as_json, junit, annotate, traces=debug, runs=root is not None)
        telling, stopping = Telling(wanted), Stopping()
        began_s = perf_counter()
        with ending.playing(stopping):
            scenarios = loader.load_all(loader.find(paths or (bundled.folder(),)))
            if junit is not None and not junit.parent.is_dir():
                raise click.BadParameter(f"no such directory: {junit.parent}", param_hint="--junit")
            settings = BatchSettings(
                seed=seed,
                root=None if no_runs else _opened(root),
                processes=processes,
                twice=twice,
                shrinks=not no_shrink,
            )
            records = play_batch(scenarios, settings, stopping, telling.line, telling.complain)
            telling.rest(records, perf_counter() - began_s, scenarios, stopping.asked)
            ending.code = _exit_code(records, stopping.asked, telling.lacks)


def _exit_code(records: Sequence[RunRecord], was_stopped: bool, lacks: bool) -> int:
    """`lacks`: something that was asked for is not there."""
    from ztdx_devnet.scenario.verdict import EXIT_CODES, Verdict, overall

    verdict = overall(record.outcome for record in records)
    code = EXIT_CODES[Verdict.INTERRUPTED if was_stopped else verdict]
    return EXIT_BAD_INPUT if code == 0 and lacks else code


def _opened(root: Path | None) -> Path | None:
    """Where run folders go. Raises OSError for a place that was asked for and can't be."""
    from ztdx_devnet.runs.folders import DEFAULT_ROOT, RunFolders

    try:
        RunFolders(root or DEFAULT_ROOT).open()
    except OSError as error:
        if root is not None:
            raise
        warn(f"no run folders: {unwritable(error)}; --runs DIR puts them elsewhere")
        return None
    return root or DEFAULT_ROOT
