"""`devnet scenarios`: the bundled scenarios, what they guard, and what guards each failure."""

from __future__ import annotations

import json
import sys

import click

from ztdx_devnet.cli.output import EXIT_INTERRUPTED, give, warn
from ztdx_devnet.live.stop_signals import StopSignals


@click.command()
@click.option("--play", is_flag=True, help="Play each with the product: its verdict and time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def scenarios(play: bool, as_json: bool) -> None:
    """List the bundled scenarios and the failure catalogue that they guard.

    Beside each stands what the documented loop shows in it: held, or the rule that it breaks first.

    Example: devnet scenarios --play
    """
    code, told = EXIT_INTERRUPTED, "interrupted before anything was played"
    with StopSignals() as signals:
        # Imported late: `devnet --help` needs no EVM.
        from ztdx_devnet.explore import library
        from ztdx_devnet.runs.stopping import Stopping

        stopping = Stopping()
        try:
            with signals.calling(stopping.stop):
                listed = library.listed(play, stopping)
            if as_json:
                give(json.dumps(library.as_json(listed), indent=2))
            else:
                give("\n".join(library.lines(listed)))
            code = 0
        except library.Interrupted as error:
            told = str(error)
    if code:
        warn(told)
    sys.exit(code)
