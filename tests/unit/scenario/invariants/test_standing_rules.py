"""I14 and I16: what must be so at every commit and every block."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario.invariants import Invariants
from ztdx_devnet.scenario.invariants.evidence import effort
from ztdx_devnet.sim import vault
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

from . import by_hand
from .by_hand import (
    ALICE,
    NOW,
    Program,
    cursor,
    entry,
    execute,
    idle,
    insert,
    move_balance,
    rules,
    violated,
)


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


def held_log(number: int) -> str:
    return insert(
        "spot_quarantined_logs",
        id=f"q{number}",
        chain_id=97,
        tx_hash=f"0x{number:064x}",
        event_ordinal=0,
        block_number=1_000,
        block_hash="0x" + 64 * "b",
        log_index=number,
        raw_log="{}",
        reason="unreadable",
        status="held",
        created_at=NOW,
    )


@pytest.mark.parametrize(
    ("held", "times", "found"),
    [(0, 1, ["I14"]), (250, 1, []), (250, 2, ["I14"]), (50, 1, ["I14"])],
)
def test_one_line_about_each_log_that_is_held_is_no_noise(
    held: int, times: int, found: list[str]
) -> None:
    """250 lines at once; with 2 s between polls 180 may come in a minute."""

    def script(world: World) -> None:
        if held:
            execute(world, [held_log(number) for number in range(held)])
        for _ in range(times):
            for _ in range(250):
                logging.getLogger("ztdx_spot.listener").error("a log is held")
            world.blocks.mine(20)
        world.blocks.mine(40)

    assert rules(idle, script) == found


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


def test_withdrawals_are_read_only_where_the_vault_holds_too_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[object] = []

    def withdrawn(*_: object) -> int:
        read.append(_)
        return 10**18

    def empty(world: World) -> list[str]:
        assert read == []
        _take_from_vault(world)
        return [cursor(world, world.confirmed_height)]

    monkeypatch.setattr(vault, "withdrawn_wei", withdrawn)
    assert violated(empty) == []
    assert len(read) == 1


def test_what_was_spent_is_not_owed() -> None:
    def spend(world: World) -> list[str]:
        _take_from_vault(world)
        return by_hand.spend(world, ALICE, "1", "0")

    def invent(world: World) -> list[str]:
        _take_from_vault(world)
        return [entry(ALICE, "debit", "-1", "0"), move_balance(ALICE, "0")]

    assert violated(spend) == []
    assert violated(invent) == ["I4", "I16"]
