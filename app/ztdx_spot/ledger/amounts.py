"""Token amounts as decimal text, exact at any size: no float and no rounding, ever.

The canonical spelling has no sign, no exponent, no leading and no trailing zeros: `100`, `0.5`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ztdx_spot.errors import AmountError

UINT256_MAX = 2**256 - 1
TEXT_LENGTH_MAX = 200

_UNSIGNED = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_SIGNED = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Amount:
    """The number `units / 10**places`, with `places` as small as it can be."""

    units: int
    places: int

    def __str__(self) -> str:
        if self.units < 0:
            return "-" + str(Amount(-self.units, self.places))
        if self.places == 0:
            return str(self.units)
        digits = str(self.units).rjust(self.places + 1, "0")
        return f"{digits[: -self.places]}.{digits[-self.places :]}"


def parse_amount(text: str, *, signed: bool = False) -> Amount:
    """ASCII digits with at most one dot between digits; a minus only if `signed`.

    Raises AmountError on anything else: blanks, plus, exponents, other scripts' digits.
    """
    form = _SIGNED if signed else _UNSIGNED
    if len(text) > TEXT_LENGTH_MAX or form.fullmatch(text) is None:
        raise AmountError(
            f"{text[:60]!r} is not a decimal amount: expected digits with an optional dot, "
            f"such as 12.5, at most {TEXT_LENGTH_MAX} characters"
        )
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return Amount(int(whole + fraction), len(fraction))


def from_base_units(raw: int, decimals: int) -> str:
    """The token amount of `raw` base units (wei), canonical."""
    if raw < 0:
        raise AmountError(f"{raw} base units: expected zero or more")
    return str(_shortest(raw, decimals))


def add(augend: str, addend: str) -> str:
    """The exact sum of two canonical amounts, of either sign, canonical."""
    left, right = parse_amount(augend, signed=True), parse_amount(addend, signed=True)
    places = max(left.places, right.places)
    units = left.units * 10 ** (places - left.places) + right.units * 10 ** (places - right.places)
    return str(_shortest(units, places))


def negated(amount: str) -> str:
    """The canonical amount of the other sign."""
    if amount == "0":
        return amount
    return amount[1:] if is_negative(amount) else "-" + amount


def is_negative(amount: str) -> bool:
    return amount.startswith("-")


def _shortest(units: int, places: int) -> Amount:
    if units < 0:
        opposite = _shortest(-units, places)
        return Amount(-opposite.units, opposite.places)
    if places == 0:
        return Amount(units, 0)
    digits = str(units).rjust(places + 1, "0")
    fraction = digits[-places:].rstrip("0")
    return Amount(int(digits[:-places] + fraction), len(fraction))
