"""The catalogue is whole, its sentences are those of its functions, and the documents say them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ztdx_devnet.scenario.invariants import SENTENCES
from ztdx_devnet.scenario.invariants.catalogue import CATALOGUE, Instant

PAGE = (Path(__file__).parents[4] / "docs" / "invariants.md").read_text("utf-8")


def test_all_eighteen_are_there() -> None:
    assert list(SENTENCES) == [f"I{n}" for n in range(1, 19)]
    assert len(CATALOGUE) == 18


@pytest.mark.parametrize("invariant", CATALOGUE, ids=lambda invariant: invariant.number)
def test_each_is_looked_at_by_the_watch_or_says_by_whom(invariant: object) -> None:
    checks, elsewhere = invariant.checks, invariant.elsewhere  # type: ignore[attr-defined]
    assert checks or elsewhere
    for check in checks.values():
        assert check.__doc__ == invariant.sentence  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", SENTENCES)
def test_the_page_says_its_sentence_in_a_row_of_its_own(number: str) -> None:
    assert f"| {number} | {SENTENCES[number]} |" in PAGE


def test_the_page_has_no_row_too_many() -> None:
    assert re.findall(r"^\| (I\d+) \|", PAGE, re.MULTILINE) == list(SENTENCES)


@pytest.mark.parametrize("instant", Instant, ids=lambda instant: instant.name)
def test_the_page_names_the_instants(instant: Instant) -> None:
    assert instant.value in PAGE
