"""The method table of docs/chain.md, made from the code and written by `make docs`."""

from __future__ import annotations

import inspect
import sys
from itertools import groupby
from pathlib import Path

from ztdx_devnet.chain.rpc import table
from ztdx_devnet.chain.rpc.table import Method

DOCUMENT = Path(__file__).parents[2] / "docs" / "chain.md"
BEGIN = "<!-- methods: written by `make docs` -->\n"
END = "<!-- end of methods -->\n"


def made() -> str:
    """A table for each family of methods; names of one function share a row."""
    parts = []
    for module, methods in groupby(table.methods(), key=lambda m: m.function.__module__):
        title = (sys.modules[module].__doc__ or "").strip().partition("\n")[0].rstrip(".")
        parts.append(f"\n### {title}\n\n| method | parameters | |\n|---|---|---|\n")
        for _, same in groupby(methods, key=lambda m: m.function):
            parts.append(row(list(same)))
    return "".join(parts) + "\n"


def row(same: list[Method]) -> str:
    names = ", ".join(f"`{method.name}`" for method in same)
    parameters = list(inspect.signature(same[0].function).parameters.values())[1:]
    shown = ", ".join(p.name if p.default is p.empty else f"[{p.name}]" for p in parameters)
    return f"| {names} | {shown} | {same[0].summary} |\n"


def split(document: str) -> tuple[str, str, str]:
    """What is before the tables, the tables, and what is after them."""
    before, _, rest = document.partition(BEGIN)
    tables, _, after = rest.partition(END)
    return before, tables, after


if __name__ == "__main__":
    before, _, after = split(DOCUMENT.read_text("utf-8"))
    DOCUMENT.write_text(before + BEGIN + made() + END + after, "utf-8")
