"""I15: a cursor that stands for long, and what health says of it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ztdx_devnet.faults.storage import StatementFault
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.invariants import api_walk
from ztdx_devnet.sim.processes import ApiAnswer, ApiProcess, ApiRequest
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.api import health, readiness
from ztdx_spot.api.answers import Readiness
from ztdx_spot.listener.poller import Poller

from .by_hand import idle, rules, watching

STALLED = """
title: A listener that stands
steps:
  - mine: 30
  - wait: 200s
"""


def play(text: str = STALLED) -> str | None:
    failure = runner.run(loader.parse(text, "stalled.yaml")).failure
    return None if failure is None else failure.rule.partition(":")[0]


def no_page(*_: object) -> Any:
    raise RuntimeError("no page")


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose polls succeed and move nothing."""
    read = Poller._read_page

    def stand(self: Any, below: Any, target: int, head: int) -> Any:
        return read(self, below, target, head) if target < 1_005 else no_page()

    monkeypatch.setattr(Poller, "_read_page", stand)


@pytest.mark.usefixtures("standing")
def test_a_cursor_that_stands_is_fine_as_long_as_health_says_so() -> None:
    assert play() != "I15"


STOOD = """
title: A node whose view stands still, then pages that take 3 s
steps:
  - reorg: {depth: 1}
  - answer_fault: {as: stands, method: "*", kind: pre_reorg, for: 150s}
  - transport_fault: {as: slow, kind: delay, delay: 3s, method: eth_getLogs}
  - wait: 180s
"""


def well(*_: object) -> Readiness:
    return Readiness(
        ready=True,
        missing=[],
        warnings=[],
        listener=None,
        quarantined_logs=0,
        negative_balances=0,
    )


@pytest.fixture
def all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Health says so, whatever happens."""
    monkeypatch.setattr(readiness, "judge", well)


@pytest.mark.usefixtures("standing")
def test_a_cursor_that_stands_unseen_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "judge", well)
    assert play() == "I15"


def test_a_route_that_does_not_say_what_health_is_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a cursor stands, and after settling."""
    judge = readiness.judge

    class Always(SimpleNamespace):
        @staticmethod
        def judge(*arguments: Any) -> Readiness:
            return judge(*arguments).model_copy(update=says)

    monkeypatch.setattr(health, "readiness", Always(unreadable=readiness.unreadable))
    says: dict[str, object] = {}
    assert play(STALLED.replace("200s", "1s")) is None
    says = {"ready": False}
    assert play(STALLED.replace("200s", "1s")) == "I15"
    monkeypatch.setattr(Poller, "_read_page", no_page)
    says = {"ready": True, "missing": []}
    assert play() == "I15"
    says = {}
    assert play() == "I10"


REST = STALLED.replace("200s", "1s")


def test_health_that_is_red_at_rest_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = readiness.judge

    def never_ready(*arguments: Any) -> Readiness:
        return judge(*arguments).model_copy(update={"ready": False, "missing": ["trust"]})

    assert play(REST) is None
    monkeypatch.setattr(readiness, "judge", never_ready)
    assert play(REST) == "I15"
    assert play(REST + "  - kill_api\n") == "I15"


def test_health_that_turns_green_a_moment_later_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, asked = readiness.judge, 0

    def late(*arguments: Any) -> Readiness:
        nonlocal asked
        asked += 1
        verdict = judge(*arguments)
        return verdict if asked > 2 else verdict.model_copy(update={"ready": False})

    monkeypatch.setattr(readiness, "judge", late)
    assert play(REST) is None
    assert asked > 2


OVERSPENT = """
title: A deposit is spent and then reversed
steps:
  - deposit: {as: d, user: alice, amount: "1"}
  - mine: 21
  - debit: {user: alice, amount: "1", within: 60s}
  - reorg: {depth: 22, drop: [d]}
  - mine: 21
"""


def test_a_balance_below_zero_may_be_red_at_rest() -> None:
    assert play(OVERSPENT) is None


def test_health_is_not_asked_while_the_cursor_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "judge", well)
    assert play() is None


def test_a_listener_that_is_gone_must_be_red_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(world: World) -> None:
        world.product.start_listener()
        world.blocks.mine(30)
        world.product.kill_listener()
        for _ in range(7):
            world.blocks.mine(10)

    assert rules(None, killed) == []
    monkeypatch.setattr(readiness, "judge", well)
    assert rules(None, killed) == ["I15"]


def test_a_head_below_the_cursor_must_be_red(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(world: World) -> None:
        world.product.start_listener()
        world.blocks.mine(30)
        world.blocks.halt()
        world.blocks.reorg(25, 1)
        world.sleep_us(150 * MICROSECONDS)

    assert rules(None, cut_short) == []
    monkeypatch.setattr(readiness, "judge", well)
    assert rules(None, cut_short) == ["I15"]


def found_if_told(*heads: tuple[int, int]) -> list[tuple[str, int]]:
    """What an idle listener that is told these heads breaks, and after how many seconds.

    Each head is told every 10 s for so many seconds. The chain grows on, and health says that all
    is well.
    """
    with World(WorldSettings(listener=idle)) as world, watching(world, lambda _: None) as watch:
        begin_us = world.now_us

        def script() -> None:
            world.product.start_listener()
            world.blocks.mine(30)
            for head, duration_s in heads:
                for _ in range(duration_s // 10):
                    watch._scene.stalls.head_told(head)
                    world.blocks.mine(5)

        world.run(script)
    return [(v.invariant, (v.at_us - begin_us) // MICROSECONDS - 60) for v in watch.found[:1]]


@pytest.mark.usefixtures("all_is_well")
def test_what_waits_is_counted_from_the_head_that_was_told() -> None:
    """With 20 confirmations a head of 1,020 shows nothing to process above block 1,000."""
    assert found_if_told((1_020, 120)) == []
    assert [rule for rule, _ in found_if_told((1_021, 120))] == ["I15"]


@pytest.mark.usefixtures("all_is_well")
def test_a_stall_begins_when_a_head_was_told_that_makes_blocks_wait() -> None:
    stood = (1_020, 150)
    assert found_if_told(stood, (1_100, 50)) == []
    ((rule, after_s),) = found_if_told(stood, (1_100, 120))
    assert rule == "I15"
    assert 210 <= after_s <= 222


@pytest.mark.usefixtures("all_is_well")
def test_a_head_below_the_cursor_and_blocks_that_wait_are_two_stalls() -> None:
    assert found_if_told((999, 60), (1_100, 60)) == []
    assert [rule for rule, _ in found_if_told((999, 120))] == ["I15"]


def test_slow_pages_after_a_head_that_stood_are_no_stall() -> None:
    assert play(STOOD) is None


def test_a_node_whose_head_stands_is_no_stall_of_the_listener(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "judge", well)

    def halted(world: World) -> None:
        world.product.start_listener()
        world.blocks.mine(30)
        world.blocks.halt()
        world.sleep_us(300 * MICROSECONDS)

    assert rules(None, halted) == []


# --- what /readyz says meanwhile ------------------------------------------------------------------


def bad_clock(world: World) -> None:
    world.product.jump_clock("api", -86_400 * MICROSECONDS)


def bad_disk(world: World) -> None:
    world.arm(StatementFault("f", "io_error", "", process="api"))


def next_boundary(world: World) -> None:
    world.product.crash_at(1, "", "api")


@pytest.mark.parametrize("fault", [bad_clock, bad_disk, next_boundary])
@pytest.mark.parametrize("beginning", ["as it is queued", "as it is asked"])
def test_a_fault_that_begins_while_readiness_is_asked_is_no_violation(
    fault: Callable[[World], None], beginning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    request = ApiProcess.request
    monkeypatch.setattr(api_walk, "_ATTEMPTS", 1)

    with World(WorldSettings()) as world, watching(world, lambda _: None) as watch:

        def ask(self: ApiProcess, wanted: ApiRequest) -> ApiAnswer | None:
            asked.append(wanted.target)
            if beginning == "as it is asked" and len(asked) == 1:
                fault(world)
            return request(self, wanted)

        monkeypatch.setattr(ApiProcess, "request", ask)

        def script() -> None:
            world.product.start_api()
            world.product.start_listener()
            world.blocks.mine(25)
            watch._walk.health_doubted()
            if beginning == "as it is queued":
                fault(world)
            world.blocks.mine(5)

        world.run(script)
    assert watch.found == []
    assert asked == (["/readyz"] if beginning == "as it is asked" else [])
