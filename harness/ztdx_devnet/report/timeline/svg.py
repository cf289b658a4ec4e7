"""The marks that the figures are drawn with. All text that goes in is escaped here."""

from __future__ import annotations

import html
import math

GUTTER = 128
"""Where the drawing begins: the names of its rows stand left of it."""

MARGIN = 3
"""Between that and the first mark, whose border is drawn whole."""

IN_SIGHT = 210
"""How much of a drawing's right end a phone shows, beside the names."""

IN_SIGHT_WIDE = 1030
"""As much as a wide screen shows. Marks of the class `narrow` are on narrow ones alone."""

_CHARACTER = 6.9
"""Width of a character at 13 px in the faces of the page, on average."""


def escaped(text: str) -> str:
    """For the text and the attributes of HTML; what can't be shown becomes a replacement mark."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
    return html.escape(shown, quote=True)


def width_of(text: str) -> int:
    """About how wide the text is, in pixels."""
    return math.ceil(len(text) * _CHARACTER)


def shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def not_drawn(number: int, one: str, many: str = "") -> str:
    return f"{counted(number, one, many)} {'is' if number == 1 else 'are'} not drawn"


def listed(names: list[str], most: int = 20) -> str:
    """'a, b, c', and how many more there are."""
    shown = [shortened(name, 40) for name in names[:most]]
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return ", ".join(shown)


def number(value: float) -> str:
    """A coordinate, always written in one way."""
    return f"{value:.1f}".removesuffix(".0")


def label(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    attributes = f' class="{kind}"' if kind else ""
    attributes += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{number(x)}" y="{number(y)}"{attributes}>{escaped(words)}</text>'


def path(kind: str, data: str) -> str:
    return f'<path class="{kind}" d="{data}"/>'


def line(kind: str, x: float, y: float, to_x: float) -> str:
    return path(kind, f"M{number(x)} {number(y)}H{number(to_x)}")


def upright(kind: str, x: float, y: float, to_y: float) -> str:
    return path(kind, f"M{number(x)} {number(y)}V{number(to_y)}")


def box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{number(x)}" y="{number(y)}" width="{number(width)}" '
        f'height="{number(height)}" rx="4"/>'
    )


def diamond(kind: str, x: float, y: float, radius: float) -> str:
    r = number(radius)
    return path(kind, f"M{number(x)} {number(y - radius)}l{r} {r}-{r} {r}-{r}-{r}z")


def disc_wrong(x: float, y: float) -> str:
    """The mark of what is wrong: a disc with a cross."""
    cross = f"M{number(x - 3)} {number(y - 3)}l6 6m0-6l-6 6"
    centre = f'cx="{number(x)}" cy="{number(y)}"'
    return f'<g class="wrong"><circle {centre} r="8"/><path d="{cross}"/></g>'


def ring(kind: str, x: float, y: float, radius: float) -> str:
    return f'<circle class="{kind}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>'


def triangle(kind: str, x: float, y: float) -> str:
    return path(kind, f"M{number(x)} {number(y - 6)}l6 11h-12z")


def figure(width: float, height: float, words: str, names: list[str], parts: list[str]) -> str:
    """One drawing, with the names of its rows in a gutter that stays in sight when it is scrolled.

    `words` say what is on it, for who does not see it.
    """
    w, h, gutter = number(width - GUTTER), number(height), number(GUTTER)
    return (
        f'<div class="drawing"><svg class="fig names" width="{gutter}" height="{h}" '
        f'viewBox="0 0 {gutter} {h}" aria-hidden="true">'
        + "\n".join(names)
        + f'</svg><svg class="fig" width="{w}" height="{h}" viewBox="{gutter} 0 {w} {h}" '
        f'role="img" aria-label="{escaped(words)}">' + "\n".join(parts) + "</svg></div>"
    )
