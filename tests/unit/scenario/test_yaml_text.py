"""A scenario's value written as YAML is read back as the same value."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ztdx_devnet.scenario import bundled, loader, yaml_lines
from ztdx_devnet.scenario.yaml_text import text_of

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["no", "on", "true", "Null", "~", "1:30", "1e3", "0x10", "012", "- a", "a: b", "#", "90s", "1"]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(["title", "steps", "check", "given", "seed", "no"]), VALUES, min_size=1
    )
)
def test_whatever_is_written_is_read_back(value: dict[str, Any]) -> None:
    assert yaml_lines.read(text_of(value), "x")[0] == value


def test_every_bundled_scenario_is_read_back() -> None:
    for path in loader.find([bundled.folder()]):
        value, _ = yaml_lines.read(path.read_text("utf-8"), str(path))
        assert yaml_lines.read(text_of(value), str(path))[0] == value


def test_it_is_written_as_people_write_it() -> None:
    value = {
        "title": "A deposit, and a wait",
        "seed": 7,
        "steps": [
            {"deposit": {"as": "d1", "user": "alice", "amount": "1"}},
            {"mine": 5},
            "halt_chain",
            {"wait": "90s"},
        ],
        "check": {"eventually": [{"credited": ["d1"]}]},
    }
    assert text_of(value, {("steps", 1): "why"}) == (
        "title: A deposit, and a wait\n"
        "seed: 7\n"
        "steps:\n"
        '  - deposit: {as: d1, user: alice, amount: "1"}\n'
        "  - mine: 5  # why\n"
        "  - halt_chain\n"
        "  - wait: 90s\n"
        "check:\n"
        "  eventually:\n"
        "    - credited: [d1]\n"
    )
