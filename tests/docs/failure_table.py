"""Writes docs/failures.md: the failure catalogue and the scenarios that guard it."""

from __future__ import annotations

from pathlib import Path

from ztdx_devnet.explore import library

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
HEAD = """# The failure catalogue

What goes wrong with deposit listeners, one row each, and the bundled scenarios that would turn red.
`guards: [F10]` in a scenario's head names a row. `devnet scenarios` prints the same, and
`make docs` writes this page.

| | failure | guarded by |
|---|---|---|
"""


def text() -> str:
    """The page as it should be."""
    rows = []
    for row in library.covered(library.listed(play=False)):
        guards = ", ".join(f"`{name}`" for name in row.scenarios)
        rows.append(f"| {row.row} | {row.sentence} | {guards or f'none: {row.excuse}'} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(text(), "utf-8")
