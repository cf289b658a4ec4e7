"""The library of bundled scenarios as a table: what each guards, and what guards each failure."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from ztdx_devnet.explore import baseline, catalogue
from ztdx_devnet.scenario import bundled, loader, runner
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.verdict import Outcome, Verdict

_COLUMNS_MAX = 100
_ONLY_PLAYED = (1, 2)
"""Columns of what was played."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One bundled scenario. `product` and `wall_s` are None unless it was played."""

    name: str
    title: str
    guards: tuple[str, ...]
    documented_loop: str
    product: str | None
    wall_s: float | None


class Interrupted(Exception):
    """Somebody asked to stop; the text says how far it came."""


def listed(play: bool, stoppable: AbstractContextManager[object] | None = None) -> list[Listed]:
    """All bundled scenarios by name; with `play` each is played with the product's listener.

    Only inside of `stoppable` may a KeyboardInterrupt come; Interrupted is raised for it.
    """
    recorded = baseline.recorded()
    found: list[Listed] = []
    if play:
        logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
    paths = loader.find([bundled.folder()])
    for path in paths:
        scenario = loader.load(path)
        outcome = _outcome(scenario, stoppable) if play else None
        if outcome is not None and outcome.verdict is Verdict.INTERRUPTED:
            raise Interrupted(f"interrupted after {len(found)} of {len(paths)} scenarios")
        found.append(
            Listed(
                path.stem,
                scenario.head.title,
                tuple(scenario.head.guards),
                recorded.get(path.stem, "not recorded"),
                None if outcome is None else outcome.verdict.value,
                None if outcome is None else outcome.wall_s,
            )
        )
    return found


def _outcome(scenario: Scenario, stoppable: AbstractContextManager[object] | None) -> Outcome:
    try:
        return runner.play(scenario, stoppable=stoppable).outcome
    except runner.Refused as error:
        return error.run.outcome


def covered(scenarios: Sequence[Listed]) -> list[catalogue.Guarded]:
    """The failure catalogue, with the scenarios that guard each row."""
    return catalogue.coverage({each.name: each.guards for each in scenarios})


def lines(scenarios: Sequence[Listed]) -> Iterator[str]:
    """Both tables, for people."""
    table = [("scenario", "product", "time", "documented loop", "guards")]
    for each in scenarios:
        time = "" if each.wall_s is None else f"{each.wall_s:.3f} s"
        guards = " ".join(each.guards)
        table.append((each.name, each.product or "", time, each.documented_loop, guards))
    played = any(each.product is not None for each in scenarios)
    shown = [i for i in range(len(table[0])) if played or i not in _ONLY_PLAYED]
    widths = [max(len(row[i]) for row in table) for i in shown]
    for line in table:
        cells = [f"{line[i]:<{width}}" for i, width in zip(shown, widths, strict=True)]
        yield "  ".join(cells).rstrip()
    lost = sum(each.documented_loop not in ("held", "inconclusive") for each in scenarios)
    yield ""
    yield f"{len(scenarios)} scenarios; the documented loop fails {lost} of them"
    yield ""
    open_rows = 0
    for row in covered(scenarios):
        yield f"{row.row}  {row.sentence}"
        if row.scenarios:
            yield from _wrapped(", ".join(row.scenarios))
        elif row.excuse is not None:
            yield from _wrapped(f"no scenario: {row.excuse}")
        else:
            open_rows += 1
            yield "     NOT GUARDED"
    guarded = sum(bool(row.scenarios) for row in covered(scenarios))
    yield ""
    yield (
        f"{len(catalogue.ROWS)} failures: {guarded} guarded, "
        f"{len(catalogue.ROWS) - guarded - open_rows} excused, {open_rows} open"
    )


def as_json(scenarios: Sequence[Listed]) -> dict[str, Any]:
    """{scenarios: [{name, title, guards, documented_loop, …}], failures: [{row, sentence, …}]}."""
    return {
        "scenarios": [
            {
                "name": each.name,
                "title": each.title,
                "guards": list(each.guards),
                "documented_loop": each.documented_loop,
                **({} if each.product is None else {"product": each.product}),
                **({} if each.wall_s is None else {"wall_s": round(each.wall_s, 4)}),
            }
            for each in scenarios
        ],
        "failures": [
            {
                "row": row.row,
                "sentence": row.sentence,
                "scenarios": list(row.scenarios),
                "excuse": row.excuse,
            }
            for row in covered(scenarios)
        ],
    }


def _wrapped(text: str) -> Iterator[str]:
    line = "    "
    for word in text.split():
        if len(line) + 1 + len(word) > _COLUMNS_MAX:
            yield line
            line = "    "
        line = f"{line} {word}"
    yield line
