"""I14, I15 and I16: what must be so at every commit and every block."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario import loader, runner
from ztdx_devnet.scenario.invariants import Invariants, Violation, effort
from ztdx_devnet.scenario.invariants.told import HeadAsked
from ztdx_devnet.sim import vault
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS
from ztdx_spot.api import health, readiness
from ztdx_spot.api.answers import Readiness
from ztdx_spot.listener.poller import Poller

from . import by_hand
from .by_hand import ALICE, cursor, entry, move_balance, violated, watching

Program = Callable[..., Any]


def watched(program: Program | None, script: Callable[[World], None]) -> list[Violation]:
    """The violations of a run with this listener in the product's place."""
    with (
        World(WorldSettings(listener=program)) as world,
        watching(world, lambda _: None) as invariants,
    ):
        world.run(lambda: script(world))
    return invariants.found


def rules(program: Program | None, script: Callable[[World], None]) -> list[str]:
    return list(dict.fromkeys(v.invariant for v in watched(program, script)))


def idle(_settings: object, _transport: object, clock: Any, _entropy: object, _database: object):  # type: ignore[no-untyped-def]
    """A listener that is alive and does nothing."""
    while True:
        clock.sleep_s(1)


def one_minute(world: World) -> None:
    world.product.start_listener()
    world.sleep_us(65 * MICROSECONDS)


# --- I14 ------------------------------------------------------------------------------------------


def asking(pause_s: float) -> Program:
    def program(_settings: object, transport: Any, clock: Any, *_: object) -> None:
        while True:
            transport.post(b'{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}', 10)
            if pause_s:
                clock.sleep_s(pause_s)

    return program


def test_a_listener_that_asks_without_a_pause_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "REQUESTS_IN_A_ROW_MAX", 1_000)
    assert rules(asking(0), one_minute) == ["I14"]
    assert rules(asking(2), one_minute) == []


def test_connections_that_are_never_closed_are_noticed() -> None:
    def opening(close: bool) -> Callable[[World], None]:
        def script(world: World) -> None:
            for _ in range(effort.CONNECTIONS_MAX + 1):
                operator = world.product.operator
                database = operator._host.connect("leak", operator._clock)
                if close:
                    database.connection.close()
            world.blocks.mine(1)

        return script

    assert rules(idle, opening(close=False)) == ["I14"]
    assert rules(idle, opening(close=True)) == []


def saying(pause_s: float, level: int = logging.ERROR) -> Program:
    def program(_settings: object, _transport: object, clock: Any, *_: object) -> None:
        while True:
            logging.getLogger("ztdx_spot.listener").log(level, "again")
            clock.sleep_s(pause_s)

    return program


@pytest.mark.parametrize("level", [logging.ERROR, logging.INFO])
def test_a_log_that_repeats_itself_is_noticed(level: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ztdx_spot"):  # whatever other tests have left
        assert rules(saying(0.1, level), one_minute) == ["I14"]
        assert rules(saying(1, level), one_minute) == []
    assert bool(caplog.records) is (level == logging.ERROR)  # shown is what the process shows


def test_what_the_real_program_does_not_log_does_not_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, "ztdx_spot"):
        assert rules(saying(0.1, logging.DEBUG), one_minute) == []
    assert caplog.records


def test_the_log_is_let_go_when_the_last_watch_is_closed() -> None:
    logger = logging.getLogger("ztdx_spot")

    def configuration() -> tuple[object, ...]:
        return (list(logger.handlers), logger.level, logger.propagate, logger.isEnabledFor(20))

    before = configuration()
    assert rules(idle, one_minute) == []
    assert configuration() == before
    with World(WorldSettings()) as one, World(WorldSettings()) as other:
        watches = [Invariants(world, lambda _: None) for world in (one, other)]
        for watch in watches:
            assert configuration() != before
            watch.close()
    assert configuration() == before


def test_lines_of_one_world_do_not_count_for_another(caplog: pytest.LogCaptureFixture) -> None:
    found: list[list[str]] = []

    def beside(world: World) -> None:
        found.append(rules(saying(0.1), one_minute))
        one_minute(world)

    found.append(rules(idle, beside))
    assert found == [["I14"], []]


# --- I15 ------------------------------------------------------------------------------------------


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


def well(*_: object) -> Readiness:
    return Readiness(
        ready=True,
        missing=[],
        warnings=[],
        listener=None,
        quarantined_logs=0,
        negative_balances=0,
    )


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


@pytest.mark.parametrize(("told", "found"), [(1_020, []), (1_021, ["I15"])])
def test_what_waits_is_counted_from_the_head_that_was_told(
    monkeypatch: pytest.MonkeyPatch, told: int, found: list[str]
) -> None:
    """With 20 confirmations a head of 1,020 shows nothing to process above block 1,000."""
    monkeypatch.setattr(readiness, "judge", well)
    with World(WorldSettings(listener=idle)) as world, watching(world, lambda _: None) as watch:

        def script() -> None:
            world.product.start_listener()
            for _ in range(12):
                watch._scene.told.last_head = (HeadAsked(told, world.chain.height), world.now_us)
                world.blocks.mine(5)

        world.run(script)
    assert list(dict.fromkeys(violation.invariant for violation in watch.found)) == found


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


# --- I16 ------------------------------------------------------------------------------------------


def _take_from_vault(world: World) -> None:
    """The vault's DF is gone, by no event."""

    def edit(state: Any) -> None:
        for slot in range(20):
            place = keccak256(slot.to_bytes(32, "big") + contracts.VAULT.rjust(32, b"\0"))
            key = int.from_bytes(place, "big")
            if state.storage(contracts.DF_TOKEN, key):
                state.set_storage(contracts.DF_TOKEN, key, 0)

    world.chain.edit_state(edit)
    assert vault.held_wei(world.chain, contracts.DF_TOKEN) == 0


def test_a_vault_that_holds_less_than_it_owes_is_noticed_at_the_next_block() -> None:
    def empty(world: World) -> list[str]:
        _take_from_vault(world)
        return [cursor(world, world.confirmed_height)]

    assert violated(empty) == ["I16"]


def test_what_was_spent_is_not_owed() -> None:
    def spend(world: World) -> list[str]:
        _take_from_vault(world)
        return by_hand.spend(world, ALICE, "1", "0")

    def invent(world: World) -> list[str]:
        _take_from_vault(world)
        return [entry(ALICE, "debit", "-1", "0"), move_balance(ALICE, "0")]

    assert violated(spend) == []
    assert violated(invent) == ["I4", "I16"]
