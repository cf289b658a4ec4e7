"""The library of bundled scenarios as a table: what each guards, and what guards each failure."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ztdx_devnet.explore import baseline, catalogue
from ztdx_devnet.scenario import bundled, loader, runner

_COLUMNS_MAX = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """One bundled scenario. `product` and `wall_s` are None unless it was played."""

    name: str
    title: str
    guards: tuple[str, ...]
    documented_loop: str
    product: str | None
    wall_s: float | None


def listed(play: bool) -> list[Listed]:
    """All bundled scenarios by name; with `play` each is played with the product's listener."""
    recorded = baseline.recorded()
    found = []
    if play:
        logging.getLogger("ztdx_spot").addHandler(logging.NullHandler())
    for path in loader.find([bundled.folder()]):
        scenario = loader.load(path)
        outcome = runner.run(scenario) if play else None
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


def covered(scenarios: Sequence[Listed]) -> list[catalogue.Guarded]:
    """The failure catalogue, with the scenarios that guard each row."""
    return catalogue.coverage({each.name: each.guards for each in scenarios})


def lines(scenarios: Sequence[Listed]) -> Iterator[str]:
    """Both tables, for people."""
    width = max(len(each.name) for each in scenarios)
    loop = max(len(each.documented_loop) for each in scenarios)
    for each in scenarios:
        played = "" if each.wall_s is None else f"{each.product:<12} {each.wall_s:6.3f} s  "
        yield f"{each.name:<{width}}  {played}{each.documented_loop:<{loop}}  " + " ".join(
            each.guards
        )
    lost = sum(each.documented_loop not in ("held", "inconclusive") for each in scenarios)
    yield ""
    yield f"{len(scenarios)} scenarios; the documented loop fails {lost} of them (third column)"
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
