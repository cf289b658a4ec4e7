"""The table: on paper and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from chain.figures import LINEAR_TOLERANCE, ROWS, Figure, Row, goodness
from chain.servers import OURS

Figures = Mapping[str, Mapping[str, Figure]]  # by server, then by row
_TITLE = 47
_CELL = 26
_NONE = "\N{EN DASH}"


def machine(versions: Mapping[str, str]) -> dict[str, Any]:
    """Where it is measured. Asked before that: the load is then what else goes on there."""
    return {
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "py_evm": version("py-evm"),
        "keccak": "pysha3" if _has_pysha3() else "pycryptodome",
        "servers": dict(versions),
    }


def lines(figures: Figures, where: Mapping[str, Any]) -> list[str]:
    """The table, with its remarks below."""
    servers = list(figures)
    remarks: list[str] = []
    about = ", ".join(f"{key} {value}" for key, value in where.items() if key != "servers")
    printed = [about, *(f"{name}: {text}" for name, text in where["servers"].items()), ""]
    head = f"{'what':<{_TITLE}} {'unit':<5} {'target':>9} {'of target':>11}"
    printed.append(head + "".join(f"{name:>{_CELL}}" for name in servers))
    for row in ROWS:
        measured = [figures[name].get(row.key) for name in servers]
        if not any(measured):
            continue
        cells = [
            _cell(figure, name, remarks) for figure, name in zip(measured, servers, strict=True)
        ]
        left = f"{row.title:<{_TITLE}} {row.unit:<5} {_target(row):>9}"
        ours = figures.get(OURS, {}).get(row.key, Figure())
        printed.append(
            f"{left} {_against_target(row, ours):>11}" + "".join(f"{c:>{_CELL}}" for c in cells)
        )
    printed += ["", "of target: how many times better than the target; ✗ where ours misses it"]
    printed.append(
        f"where a row has three values: ≤ ×{LINEAR_TOLERANCE} from the first to the last"
    )
    return [*printed, *(f"[{number}] {remark}" for number, remark in enumerate(remarks, 1))]


def as_json(figures: Figures, where: Mapping[str, Any]) -> dict[str, Any]:
    """{machine, rows: [{key, title, unit, target, of_target, figures: {server: …}}]}."""
    rows = []
    for row in ROWS:
        measured = {name: found[row.key] for name, found in figures.items() if row.key in found}
        if measured:
            rows.append(_row_as_json(row, measured))
    return {"machine": dict(where), "rows": rows}


def _row_as_json(row: Row, measured: Mapping[str, Figure]) -> dict[str, Any]:
    return {
        "key": row.key,
        "title": row.title,
        "unit": row.unit,
        "target": row.target,
        "of_target": goodness(row, measured.get(OURS, Figure())),
        "figures": {
            name: {"values": figure.values, "remark": figure.remark}
            for name, figure in measured.items()
        },
    }


def _cell(figure: Figure | None, name: str, remarks: list[str]) -> str:
    if figure is None:
        return _NONE
    text = " / ".join(map(_number, figure.values)) or _NONE
    if not figure.remark:
        return text
    remark = f"{name}: {figure.remark}"
    if remark not in remarks:
        remarks.append(remark)
    return f"{text} [{remarks.index(remark) + 1}]"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _target(row: Row) -> str:
    if row.growth:
        return f"≤ ×{LINEAR_TOLERANCE}"
    if row.target is None:
        return ""
    return f"{'≥' if row.more_is_better else '≤'} {row.target:,g}"


def _against_target(row: Row, figure: Figure) -> str:
    times = goodness(row, figure)
    if times is None:
        return ""
    return f"×{times:.2f}{'  ' if times >= 1 else ' ✗'}"


def _has_pysha3() -> bool:
    try:
        version("safe-pysha3")
    except ModuleNotFoundError:
        return False
    return True
