"""The cross-check, step after step."""

from __future__ import annotations

from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.cross_check import CrossCheck
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


def test_who_knows_the_height_better_may_say_so() -> None:
    check = CrossCheck(Given(start_height=10))
    assert check.of_step(step("mine", 5)) == []
    assert check.height_at_most >= 15
    check.height_at_most = 12
    (problem,) = check.of_step(step("reorg", 13))
    assert problem.message == "depth 13 reaches below genesis: the chain is at most 12"
