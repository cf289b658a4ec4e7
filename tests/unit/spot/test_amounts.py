"""Amounts are exact at any size and have one spelling."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from ztdx_spot.errors import AmountError
from ztdx_spot.ledger.amounts import (
    UINT256_MAX,
    add,
    from_base_units,
    is_negative,
    negated,
    parse_amount,
)


@pytest.mark.parametrize(
    ("raw", "decimals", "text"),
    [
        (0, 18, "0"),
        (1, 18, "0.000000000000000001"),
        (10**18, 18, "1"),
        (100 * 10**18, 18, "100"),
        (15 * 10**17, 18, "1.5"),
        (10**21 + 1, 18, "1000.000000000000000001"),
        (1, 0, "1"),
        (1_000_000, 6, "1"),
        (10**77, 77, "1"),
        (
            UINT256_MAX,
            18,
            "115792089237316195423570985008687907853269984665640564039457.584007913129639935",
        ),
        (UINT256_MAX, 0, str(UINT256_MAX)),
    ],
)
def test_base_units_become_canonical_text(raw: int, decimals: int, text: str) -> None:
    assert from_base_units(raw, decimals) == text
    assert str(parse_amount(text)) == text


def test_a_negative_number_of_base_units_is_refused() -> None:
    with pytest.raises(AmountError):
        from_base_units(-1, 18)


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        ("0.1", "0.2", "0.3"),
        ("0.5", "0.5", "1"),
        ("0", "0", "0"),
        ("99.999999999999999999", "0.000000000000000001", "100"),
        ("9007199254740993", "0.000000000000000001", "9007199254740993.000000000000000001"),
        (str(UINT256_MAX), str(UINT256_MAX), str(2 * UINT256_MAX)),
        ("1", "-1", "0"),
        ("0.5", "-0.75", "-0.25"),
        ("-0.1", "-0.2", "-0.3"),
        ("-0.5", "-0.5", "-1"),
        ("0", "-0.000000000000000001", "-0.000000000000000001"),
        (str(UINT256_MAX), "-0.000000000000000001", f"{UINT256_MAX - 1}.999999999999999999"),
    ],
)
def test_sums_are_exact(left: str, right: str, total: str) -> None:
    assert add(left, right) == total
    assert add(right, left) == total


def test_sums_of_random_amounts_agree_with_fractions() -> None:
    chance = random.Random(7)
    for _ in range(300):
        bits = (chance.choice([1, 53, 96, 128, 256]) for _ in range(2))
        left, right = (
            chance.choice([str, negated])(from_base_units(chance.getrandbits(count), 18))
            for count in bits
        )
        total = add(left, right)
        assert Fraction(total) == Fraction(left) + Fraction(right)
        assert str(parse_amount(total, signed=True)) == total
        assert is_negative(total) == (Fraction(total) < 0)


@pytest.mark.parametrize(("text", "other"), [("1.5", "-1.5"), ("-1.5", "1.5"), ("0", "0")])
def test_the_other_sign_of_an_amount_is_canonical_too(text: str, other: str) -> None:
    assert negated(text) == other
    assert negated(other) == text
    assert add(text, other) == "0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " 12 ",
        "12 ",
        "12\n",
        "+1",
        "1e18",
        "1E3",
        "0x10",
        "NaN",
        "Infinity",
        "1.",
        ".5",
        ".",
        "1.2.3",
        "1,5",
        "1_000",
        "--1",
        "١٢",
        "\uff11\uff12",
        "1\u2009000",
        "1\0",
        "-1",
        "9" * 201,
    ],
)
def test_anything_but_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_amount(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("-1.50", "-1.5"), ("-0", "0"), ("-0.000", "0"), ("007", "7"), ("1.500", "1.5"), ("0.0", "0")],
)
def test_a_minus_is_read_only_where_it_is_asked_for(text: str, canonical: str) -> None:
    assert str(parse_amount(text, signed=True)) == canonical


@pytest.mark.parametrize("text", ["-", "-.5", "- 1", "-1e5", "+1"])
def test_a_minus_makes_no_other_form_acceptable(text: str) -> None:
    with pytest.raises(AmountError):
        parse_amount(text, signed=True)
