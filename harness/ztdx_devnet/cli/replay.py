"""`devnet replay`: play a run again from its folder, and say whether it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ztdx_devnet.cli.ending import Ending
from ztdx_devnet.cli.output import PathOption, warn

if TYPE_CHECKING:
    from ztdx_devnet.sim.processes import ListenerProgram


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--runs",
    "root",
    type=PathOption(file_okay=False, path_type=Path),
    help="Where the run folders are.  [default: runs]",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error of our own.")
def replay(run_id: str, root: Path | None, debug: bool) -> None:
    """Play a run again: same scenario, same seed.

    RUN is its id, the beginning of its id, the path of its folder, or `latest`.
    A run that is not the recorded one leaves a folder of its own.
    Exit codes are those of `devnet run`: 0 if it holds now.

    Example: devnet replay latest
    """
    with Ending(debug) as ending:
        # Imported late: `devnet --help` needs no EVM.
        import logging

        from ztdx_devnet.report.console import ConsoleReport, Terminal
        from ztdx_devnet.runs.folders import DEFAULT_ROOT, RunFolders, UnknownRun
        from ztdx_devnet.runs.replay import INTERRUPTED, BadRun, play_again
        from ztdx_devnet.runs.stopping import Stopping
        from ztdx_devnet.scenario.verdict import EXIT_CODES, Verdict

        logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
        stopping = Stopping()
        report = ConsoleReport(Terminal())
        with ending.playing(stopping, UnknownRun, BadRun):
            folders = RunFolders(root or DEFAULT_ROOT)
            again = play_again(folders, folders.find(run_id), _programs(), stopping)
            if again is None:
                report.text(INTERRUPTED)
            else:
                report.text(again.told)
                report.line(again.record)
                if again.record.unkept:
                    warn(again.record.unkept)
            verdict = Verdict.INTERRUPTED
            if again is not None and not stopping.asked:
                verdict = again.record.outcome.verdict
            ending.code = EXIT_CODES[verdict]


def _programs() -> dict[str, ListenerProgram]:
    """The programs in the listener's place that a replay can start, by the name in the folder."""
    from ztdx_devnet.explore import documented_loop
    from ztdx_devnet.runs.jobs import program_name

    programs = (documented_loop.run_listener,)
    return {program_name(program): program for program in programs}
