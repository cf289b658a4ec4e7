"""The resolved scenario: the text that was played, with the seed that it was played with.

Lines stay where they are, so that a replay names the same ones.
"""

from __future__ import annotations

import re

from ztdx_devnet.scenario import yaml_lines
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.model import Scenario
from ztdx_devnet.scenario.yaml_text import text_of

_SEED = re.compile(r"^seed:[ \t]*[0-9]+", re.MULTILINE)


def resolved_text(scenario: Scenario, seed: int) -> str:
    """The scenario's YAML, which says that seed."""
    if seed == scenario.head.seed:
        return scenario.text
    value, _ = yaml_lines.read(scenario.text, scenario.path)
    wanted = {**value, "seed": seed}
    for text in _edits(scenario.text, seed):
        if _means(text, wanted):
            return text
    return text_of(wanted)  # in another style: the lines move, the run is the same


def _edits(text: str, seed: int) -> tuple[str, ...]:
    line = f"seed: {seed}"
    return _SEED.sub(line, text, count=1), f"{text.rstrip()}\n{line}\n"


def _means(text: str, wanted: object) -> bool:
    try:
        return bool(yaml_lines.read(text, "")[0] == wanted)
    except BadScenario:
        return False
