"""`devnet scenarios`: the bundled scenarios, what they guard, and what guards each failure."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--play", is_flag=True, help="Play each with the product: its verdict and time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def scenarios(play: bool, as_json: bool) -> None:
    """List the bundled scenarios and the failure catalogue that they guard.

    Beside each stands what the documented loop shows in it: held, or the rule that it breaks first.

    Example: devnet scenarios --play
    """
    from ztdx_devnet.explore import library

    listed = library.listed(play)
    if as_json:
        click.echo(json.dumps(library.as_json(listed), indent=2))
        return
    for line in library.lines(listed):
        click.echo(line)
