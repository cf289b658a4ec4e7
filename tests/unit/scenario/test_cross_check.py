"""The cross-check, step after step."""

from __future__ import annotations

import pytest

from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.cross_check import CrossCheck
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.model import Given
from ztdx_devnet.scenario.verbs import Step


def step(word: str, value: object, line: int = 1) -> Step:
    return Step(loader.read_step({word: value}, "t"), line)


DEPOSIT = {"as": "d1", "user": "alice", "amount": "1"}


def test_a_name_is_known_only_once_a_step_has_given_it() -> None:
    check = CrossCheck(Given(), "t.yaml")
    ordered = step("mine", {"blocks": 1, "order": ["d1"]}, line=4)
    (problem,) = check.of_step(ordered)
    told = "t.yaml:4: unknown deposit 'd1': no deposit has been named before this line"
    assert str(problem) == told
    assert check.of_step(step("deposit", DEPOSIT)) == []
    assert check.of_step(ordered) == []


def test_to_look_at_a_step_gives_nothing() -> None:
    check = CrossCheck(Given())
    for _ in range(2):
        assert list(check.wrong_with(step("deposit", DEPOSIT))) == []
    check.follow(step("deposit", DEPOSIT))
    (problem,) = check.wrong_with(step("deposit", DEPOSIT))
    assert problem.message == "the name 'd1' is given twice"


def test_a_step_that_is_wrong_gives_its_names_all_the_same() -> None:
    check = CrossCheck(Given())
    deposit_at_once = step("at_once", [{"deposit": DEPOSIT}, {"deposit": DEPOSIT}])
    (problem,) = check.of_step(deposit_at_once)
    assert problem.message == "the name 'd1' is given twice"
    assert check.of_step(step("reorg", {"depth": 1, "drop": ["d1"]})) == []


UNTOUCHED = (
    "'d1' is not touched: at least 9 blocks stand on its block by then, and the last 9 are replaced"
)


@pytest.mark.parametrize("field", ["drop", "keep", "order"])
def test_a_deposit_that_a_reorg_can_not_touch_is_told_before_anything_is_played(field: str) -> None:
    text = """title: t
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 4
  - halt_chain
  - mine_empty: 6
  - reorg: {depth: 9, FIELD: [d1]}
""".replace("FIELD", field)
    with pytest.raises(BadScenario) as caught:
        loader.parse(text, "t.yaml")
    assert str(caught.value) == f"t.yaml:7: {UNTOUCHED}"
    assert loader.parse(text.replace("depth: 9", "depth: 10"), "t.yaml")


def test_reorgs_at_once_may_reach_what_each_alone_does_not() -> None:
    text = """title: t
steps:
  - deposit: {as: d1, user: alice, amount: "1"}
  - mine: 5
  - at_once: {steps: [{reorg: {depth: 3, length: 1}}], times: 3}
  - mine: 1
  - reorg: {depth: 3, drop: [d1]}
"""
    assert loader.parse(text, "t.yaml")


@pytest.mark.parametrize(
    ("steps", "is_sure"),
    [
        ([("mine", 9)], False),
        ([("mine", 10)], True),
        ([("wait", "22s")], True),
        ([("wait", "20s")], False),
        ([("halt_chain", None), ("wait", "1h")], False),
        ([("halt_chain", None), ("resume_chain", None), ("wait", "22s")], True),
        ([("set_block_time", "1h"), ("wait", "1h")], False),
        ([("mine_empty", 50)], False),
        ([("mine", 1), ("mine_empty", 9)], True),
        ([("mine", 20), ("switch_branch", "main")], False),
        ([("mine", 20), ("reset_chain", None)], False),
        ([("mine", 20), ("reorg", {"depth": 19})], True),
        ([("mine", 20), ("reorg", {"depth": 19, "length": 8}), ("mine", 1)], True),
        ([("mine", 20), ("reorg", {"depth": 19, "length": 8})], False),
        ([("mine", 20), ("reorg", {"depth": 20}), ("mine", 20)], False),
        ([("at_once", [{"reorg": 21}, {"mine": 20}]), ("mine", 20)], False),
    ],
)
def test_it_is_refused_only_where_the_steps_alone_say_so(
    steps: list[tuple[str, object]], is_sure: bool
) -> None:
    check = CrossCheck(Given(), "t.yaml")
    check.follow(step("deposit", DEPOSIT))
    for word, value in steps:
        assert check.of_step(step(word, value)) == []
    told = check.of_step(step("reorg", {"depth": 9, "drop": ["d1"]}))
    assert bool(told) is is_sure


def test_after_a_reorg_a_deposit_may_wait_for_a_nonce_that_does_not_come() -> None:
    check = CrossCheck(Given(), "t.yaml")
    check.follow(step("deposit", DEPOSIT))
    check.follow(step("mine", 1))
    check.follow(step("reorg", {"depth": 1, "drop": ["d1"]}))
    check.follow(step("deposit", {**DEPOSIT, "as": "d2"}))
    check.follow(step("mine", 20))
    assert check.of_step(step("reorg", {"depth": 9, "drop": ["d2"]})) == []


def test_who_knows_the_height_better_may_say_so() -> None:
    check = CrossCheck(Given(start_height=10))
    assert check.of_step(step("mine", 5)) == []
    assert check.height_at_most >= 15
    check.height_at_most = 12
    (problem,) = check.of_step(step("reorg", 13))
    assert problem.message == "depth 13 reaches below genesis: the chain is at most 12"
