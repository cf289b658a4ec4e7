"""`devnet schema`: the JSON Schema of scenario files, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ztdx_devnet.cli.output import give, refuse, unwritable


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file instead of standard output.",
)
def schema(output: Path | None) -> None:
    """Print the JSON Schema of scenario files: every verb and condition, with its fields.

    Editors complete and check scenarios by it.

    Example: devnet schema --output scenario.schema.json
    """
    from ztdx_devnet.scenario.schema import document

    text = json.dumps(document(), indent=2, ensure_ascii=False)
    if output is None:
        give(text)
        return
    try:
        output.write_text(text + "\n", "utf-8")
    except OSError as error:
        refuse(unwritable(error, output))
