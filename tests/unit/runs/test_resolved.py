"""The resolved scenario says the seed that it was played with, on the lines that it had."""

from __future__ import annotations

import pytest

from ztdx_devnet.runs.resolved import resolved_text
from ztdx_devnet.scenario import loader

STEPS = "steps:\n  - mine: 1\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"title: t\n{STEPS}", f"title: t\n{STEPS}seed: 7\n"),
        (f"title: t\nseed: 3 # why\n{STEPS}", f"title: t\nseed: 7 # why\n{STEPS}"),
        (f"title: t\n{STEPS.rstrip()}", f"title: t\n{STEPS}seed: 7\n"),
        (
            "title: |\n  seed: 3\nsteps: [{mine: 1}]\n",
            "title: |\n  seed: 3\nsteps: [{mine: 1}]\nseed: 7\n",
        ),
        ("{title: t, steps: [{mine: 1}]}", "title: t\nsteps:\n  - mine: 1\nseed: 7\n"),
        ("title: t\nsteps: [{mine: 1}]\n...\n", "title: t\nsteps:\n  - mine: 1\nseed: 7\n"),
    ],
)
def test_the_seed_is_written_where_it_moves_nothing(text: str, expected: str) -> None:
    scenario = loader.parse(text, "x.yaml")
    resolved = resolved_text(scenario, 7)
    assert resolved == expected
    again = loader.parse(resolved, "x.yaml")
    assert again.head.seed == 7
    assert again.head.model_copy(update={"seed": 0}) == scenario.head.model_copy(update={"seed": 0})


def test_without_another_seed_the_text_is_the_file() -> None:
    text = f"# mine\ntitle: t\nseed: 3\n{STEPS}"
    assert resolved_text(loader.parse(text, "x.yaml"), 3) == text
