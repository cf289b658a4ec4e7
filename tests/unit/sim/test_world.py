"""The world: blocks come on time whatever else happens, batches are invisible, looking is free."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.sim.processes import ApiRequest
from ztdx_devnet.sim.world import World, WorldSettings
from ztdx_devnet.virtual_time import MICROSECONDS

DF = contracts.DF_TOKEN


def play(script: Callable[[World], None], **settings: int) -> World:
    with World(WorldSettings(**settings)) as world:
        world.run(lambda: script(world))
        return world


def test_a_block_comes_every_block_time() -> None:
    heights = []

    def script(world: World) -> None:
        for _ in range(5):
            world.sleep_us(2 * MICROSECONDS)
            world.sleep_us(1)
            heights.append(world.chain.height)
            assert world.chain.head.timestamp_s == world.now_us // MICROSECONDS

    play(script, start_height=10)
    assert heights == [11, 12, 13, 14, 15]


def test_blocks_in_a_batch_are_the_blocks_one_by_one() -> None:
    def in_a_batch(world: World) -> None:
        world.blocks.mine(500)

    def one_by_one(world: World) -> None:
        for _ in range(500):
            world.blocks.mine(1)

    batch, single = play(in_a_batch), play(one_by_one)
    assert batch.chain.head.hash == single.chain.head.hash
    assert len(batch.journal) < 5


def test_transactions_wait_while_blocks_are_kept_empty() -> None:
    def script(world: World) -> None:
        world.users.deposit("d", "alice", 5, DF)
        world.blocks.mine_empty(3)
        assert len(world.chain.pool) == 2
        world.blocks.mine(1)
        assert len(world.chain.pool) == 0

    play(script)


def test_a_halted_chain_stands_still_until_it_is_resumed() -> None:
    def script(world: World) -> None:
        world.producer.halt()
        world.sleep_us(60 * MICROSECONDS)
        assert world.chain.height == 1_000
        world.blocks.mine(2)
        assert world.chain.height == 1_002
        world.sleep_us(60 * MICROSECONDS)
        assert world.chain.height == 1_002
        world.producer.resume()
        world.sleep_us(4 * MICROSECONDS + 1)
        assert world.chain.height == 1_004
        assert world.chain.head.timestamp_s == world.now_us // MICROSECONDS

    play(script)


def test_a_request_to_an_api_that_does_not_run_is_refused() -> None:
    def script(world: World) -> None:
        with pytest.raises(ConnectionRefusedError, match="api"):
            world.product.request(ApiRequest("GET", "/api/v1/spot/balances"))

    play(script)


def test_a_request_in_flight_when_the_api_is_killed_gets_no_answer() -> None:
    answers = []

    def script(world: World) -> None:
        world.product.start_api()
        world.sleep_us(MICROSECONDS)
        assert world.product.request(ApiRequest("GET", "/api/v1/spot/balances")) is not None
        world.product.lock_database("lock", 30 * MICROSECONDS)
        world.sleep_us(MICROSECONDS)

        def client() -> None:
            body = b'{"user_address":"0x' + b"11" * 20 + b'","token":"DF","amount":"1"}'
            request = ApiRequest(
                "POST",
                "/api/v1/admin/spot/balances/credit",
                {"X-API-Key": "devnet-admin-key", "Content-Type": "application/json"},
                body,
            )
            answers.append(world.product.request(request))

        world.kernel.spawn("client", client)
        world.sleep_us(MICROSECONDS)
        world.product.api.kill()
        world.sleep_us(MICROSECONDS)

    world = play(script)
    assert answers == [None]
    assert world.journal is not None


def test_looking_changes_nothing() -> None:
    def quiet(world: World) -> None:
        world.product.start_listener()
        world.users.deposit("d", "alice", 5, DF)
        world.blocks.mine(30)

    def curious(world: World) -> None:
        world.product.start_listener()
        world.users.deposit("d", "alice", 5, DF)
        for look in (lambda: world.ledger, lambda: world.cursor_block, lambda: world.now_us):
            look()
        world.on_commit.append(lambda _: world.ledger)
        world.blocks.mine(30)

    first, second = play(quiet), play(curious)
    assert first.journal.digest(first.kernel.digest) == second.journal.digest(second.kernel.digest)


def test_a_restarted_listener_draws_no_id_twice() -> None:
    def script(world: World) -> None:
        world.product.start_listener()
        for i in range(3):
            world.users.deposit(f"d{i}", "alice", 5 + i, DF)
            world.blocks.mine(25)
            world.product.kill_listener()
            world.product.start_listener()
        assert world.wait_until(lambda: len(world.ledger.deposits) == 3, 60 * MICROSECONDS)

    play(script)


def test_who_waits_for_a_block_wakes_with_it() -> None:
    def script(world: World) -> None:
        started_us = world.now_us
        assert world.wait_until(lambda: world.chain.height >= 1_005, 3_600 * MICROSECONDS)
        assert world.chain.height == 1_005
        assert world.now_us - started_us == 10 * MICROSECONDS

    play(script)


def test_who_waits_for_a_commit_wakes_with_it() -> None:
    def script(world: World) -> None:
        world.product.start_listener()
        world.users.deposit("d", "alice", 5, DF)
        world.blocks.mine(21)
        world.producer.halt()
        started_us = world.now_us
        assert world.wait_until(lambda: len(world.ledger.deposits) == 1, 3_600 * MICROSECONDS)
        assert world.now_us - started_us < 3 * MICROSECONDS

    play(script)


def test_waiting_in_vain_ends_when_it_was_to_end() -> None:
    def script(world: World) -> None:
        started_us = world.now_us
        assert not world.wait_until(lambda: False, 7 * MICROSECONDS)
        assert world.now_us - started_us == 7 * MICROSECONDS

    play(script)
