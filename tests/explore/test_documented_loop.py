"""The baseline: what the documented loop loses and what it holds, scenario by scenario.

Each loss is one that the product's listener must not have: it holds in all of them
(tests/scenario/test_bundled.py).
"""

from __future__ import annotations

import pytest

from ztdx_devnet.explore import baseline
from ztdx_devnet.scenario import bundled, loader

RECORDED = baseline.recorded()


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_its_result_is_the_recorded_one(name: str) -> None:
    assert baseline.result(baseline.play(bundled.folder() / f"{name}.yaml")) == RECORDED[name]


def test_its_losses_are_the_same_to_the_byte_when_they_are_played_again() -> None:
    lost = [name for name, result in RECORDED.items() if result.startswith("I")][:3]
    for name in lost:
        path = bundled.folder() / f"{name}.yaml"
        assert baseline.play(path).digest == baseline.play(path).digest


def test_every_bundled_scenario_is_recorded() -> None:
    assert RECORDED.keys() == {path.stem for path in loader.find([bundled.folder()])}


def test_it_loses_what_makes_it_unfit() -> None:
    """Without this the file could say that all is well."""
    lost = {name for name, result in RECORDED.items() if result.startswith("I")}
    assert len(lost) > 20
