"""`devnet run`: play scenarios. Bad input is one line per problem and exit code 3."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), help="Use this seed for every scenario.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), help="Also write a JUnit file."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error of our own.")
def run(
    paths: tuple[Path, ...], seed: int | None, as_json: bool, junit: Path | None, debug: bool
) -> None:
    """Play scenarios and say whether the deposit system held.

    PATHS are YAML files or directories of them; without any, the bundled scenarios are played.
    Exit codes: 0 held, 1 violated, 2 inconclusive, 3 bad input, 4 an error of our own.

    Example: devnet run scenarios --junit results.xml
    """
    # Imported late: `devnet --help` needs no EVM.
    import logging

    from rich.console import Console

    from ztdx_devnet.report import machine
    from ztdx_devnet.report.console import ConsoleReport
    from ztdx_devnet.scenario import bundled, loader, runner
    from ztdx_devnet.scenario.errors import BadScenario
    from ztdx_devnet.scenario.verdict import EXIT_BAD_INPUT, EXIT_CODES, EXIT_OWN_BUG, overall

    logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
    report = ConsoleReport(Console(quiet=as_json))
    outcomes = []
    try:
        scenarios = loader.load_all(loader.find(paths or (bundled.folder(),)))
        if junit is not None and not junit.parent.is_dir():
            raise click.BadParameter(f"no such directory: {junit.parent}", param_hint="--junit")
        for scenario in scenarios:
            outcomes.append(runner.run(scenario, seed))
            report.line(outcomes[-1])
        if junit is not None:
            machine.write_junit(outcomes, junit)
    except BadScenario as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException:
        raise
    except OSError as error:
        if debug:
            raise
        click.echo(f"devnet: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except Exception as error:
        if debug:
            raise
        where = f" in {scenarios[len(outcomes)].path}" if outcomes else ""
        click.echo(f"devnet: an error of our own{where}: {error!r}; --debug shows where", err=True)
        sys.exit(EXIT_OWN_BUG)
    if as_json:
        click.echo(json.dumps(machine.as_json(outcomes), indent=2))
    report.summary(outcomes)
    sys.exit(EXIT_CODES[overall(outcomes)])
