"""`devnet run`: play scenarios. Bad input is one line per problem and exit code 3."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from ztdx_devnet.cli.output import (
    EXIT_BAD_INPUT,
    PathOption,
    Printer,
    refuse,
    say,
    unwritable,
    warn,
)
from ztdx_devnet.cli.processes import Processes
from ztdx_devnet.live.stop_signals import StopSignals

if TYPE_CHECKING:
    from ztdx_devnet.report.record import RunRecord

_INTERRUPTED = 130


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

    Example: devnet run scenarios -n auto --junit results.xml
    """
    if root is not None and no_runs:
        raise click.UsageError("--runs and --no-runs exclude one another")
    code = None
    with StopSignals() as signals:
        # Imported late: `devnet --help` needs no EVM.
        import logging

        from rich.console import Console

        from ztdx_devnet.report.console import ConsoleReport
        from ztdx_devnet.runs.batch import BatchSettings, play_batch
        from ztdx_devnet.runs.stopping import Stopping
        from ztdx_devnet.scenario import bundled, loader
        from ztdx_devnet.scenario.errors import BadScenario
        from ztdx_devnet.scenario.verdict import EXIT_CODES, EXIT_OWN_BUG, Verdict, overall

        logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
        report = ConsoleReport(Console(quiet=as_json))
        printer = Printer()
        complaints: list[str] = []

        def complain(text: str) -> None:
            warn(text)
            complaints.append(text)

        began_s = perf_counter()
        stopping = Stopping()
        try:
            with signals.calling(stopping.stop):
                scenarios = loader.load_all(loader.find(paths or (bundled.folder(),)))
                if junit is not None and not junit.parent.is_dir():
                    raise click.BadParameter(
                        f"no such directory: {junit.parent}", param_hint="--junit"
                    )
                settings = BatchSettings(
                    seed=seed,
                    root=None if no_runs else _opened(root),
                    processes=processes,
                    twice=twice,
                    shrinks=not no_shrink,
                )
                records = play_batch(
                    scenarios,
                    settings,
                    stopping,
                    lambda record: printer(lambda: report.line(record)),
                    complain,
                )
                wall_s = perf_counter() - began_s
                unwritten = bool(complaints) and root is not None
                unwritten |= junit is not None and not _write_junit(records, junit, wall_s)
                if as_json:
                    printer(lambda: _print_json(records))
                printer(lambda: _annotate(records, annotate, as_json))
                printer(lambda: report.summary(records, wall_s, len(scenarios)))
                if debug:
                    _show_traces(records)
            if printer.error is not None:
                warn(unwritable(printer.error))
            verdict = overall(record.outcome for record in records)
            code = EXIT_CODES[Verdict.INTERRUPTED if stopping.asked else verdict]
            if code == 0 and (unwritten or printer.error is not None):
                code = EXIT_BAD_INPUT  # what was asked for is not there
        except BadScenario as error:
            for problem in error.problems:
                click.echo(str(problem), err=True)
            code = EXIT_BAD_INPUT
        except OSError as error:
            if debug:
                raise
            refuse(unwritable(error))
        except click.ClickException:
            raise
        except Exception as error:
            if debug:
                raise
            warn(f"an error of our own: {error!r}; --debug shows where")
            code = EXIT_OWN_BUG
    if code is None:
        warn("interrupted before anything was played")
    sys.exit(_INTERRUPTED if code is None else code)


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


def _write_junit(records: Sequence[RunRecord], junit: Path, wall_s: float) -> bool:
    """Whether the file is there."""
    from ztdx_devnet.report.junit import write_junit

    try:
        write_junit(records, junit, wall_s)
    except OSError as error:
        warn(unwritable(error, junit))
        return False
    return True


def _print_json(records: Sequence[RunRecord]) -> None:
    import json

    from ztdx_devnet.report.machine import as_json

    say(json.dumps(as_json(records), indent=2))


def _show_traces(records: Sequence[RunRecord]) -> None:
    for record in records:
        if record.trace:
            click.echo(f"{record.outcome.path}\n{record.trace}", err=True)


def _annotate(records: Sequence[RunRecord], annotate: str, as_json: bool) -> None:
    """GitHub reads both streams, so an object on standard output stays alone there."""
    on_github = os.environ.get("GITHUB_ACTIONS") == "true"
    if annotate == "never" or (annotate == "auto" and not on_github):
        return
    from ztdx_devnet.report.annotations import annotation_lines

    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or ".")
    for line in annotation_lines(records, workspace):
        click.echo(line, err=as_json)
