"""The miner: what time a block carries, when it comes, and how many come at once."""

from __future__ import annotations

import pytest

from tests.unit.chain.builders import GWEI, add_deposit, sign, transfer
from ztdx_devnet.chain.blocktree.blocks import EmptyRun
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import BLOCK_TIME_S, Chain
from ztdx_devnet.chain.errors import BlockImpossible
from ztdx_devnet.chain.mining import Mining
from ztdx_devnet.chain.origin.genesis import TIMESTAMP_S


class Wall:
    """A wall clock that stands still until it is set."""

    def __init__(self, unix_s: int) -> None:
        self.unix_s = unix_s

    def __call__(self) -> int:
        return self.unix_s


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def mining(chain: Chain) -> Mining:
    """On no clock but the chain's own."""
    return Mining(chain)


@pytest.fixture
def wall() -> Wall:
    return Wall(TIMESTAMP_S + 1_000)


@pytest.fixture
def on_wall(chain: Chain, wall: Wall) -> Mining:
    return Mining(chain, wall_s=wall)


def times(chain: Chain) -> list[int]:
    """Seconds since genesis of every block above it."""
    places = [chain.tree.at(number) for number in range(1, chain.height + 1)]
    return [place.timestamp_s - TIMESTAMP_S for place in places if place is not None]


# --- time without a wall clock --------------------------------------------------------------------


def test_without_a_clock_blocks_are_one_block_time_apart(chain: Chain, mining: Mining) -> None:
    for _ in range(3):
        mining.mine()
    assert times(chain) == [2, 4, 6]
    assert mining.now_s() == TIMESTAMP_S + 6
    assert mining.next_timestamp_s() == TIMESTAMP_S + 8


def test_added_time_is_used_up_by_the_next_block(chain: Chain, mining: Mining) -> None:
    assert mining.increase_time(10) == 10
    assert mining.increase_time(5) == 15
    assert mining.now_s() == TIMESTAMP_S + 15
    mining.mine()
    mining.mine()
    assert times(chain) == [17, 19]


def test_time_can_not_be_taken_away(mining: Mining) -> None:
    with pytest.raises(BlockImpossible, match="can't go back by 5 s"):
        mining.increase_time(-5)
    assert mining.next_timestamp_s() == TIMESTAMP_S + BLOCK_TIME_S


def test_a_timestamp_is_for_one_block_and_later_than_the_head(chain: Chain, mining: Mining) -> None:
    mining.set_next_timestamp(TIMESTAMP_S + 1)
    mining.mine()
    mining.mine()
    assert times(chain) == [1, 3]
    for too_early in (TIMESTAMP_S + 3, TIMESTAMP_S, 0):
        with pytest.raises(BlockImpossible, match="not later than the head's"):
            mining.set_next_timestamp(too_early)
    mining.mine()
    assert times(chain) == [1, 3, 5]


def test_a_timestamp_wins_over_an_interval_and_added_time(chain: Chain, mining: Mining) -> None:
    mining.set_timestamp_interval(30)
    mining.increase_time(1_000)
    mining.set_next_timestamp(TIMESTAMP_S + 7)
    mining.mine()
    mining.mine()
    assert times(chain) == [7, 37]


def test_an_interval_of_timestamps_ends(chain: Chain, mining: Mining) -> None:
    mining.set_timestamp_interval(30)
    mining.mine_blocks(2)
    mining.set_timestamp_interval(None)
    mining.mine()
    assert times(chain) == [30, 60, 62]
    for impossible in (0, -1):
        with pytest.raises(BlockImpossible, match="expected 1 s or more"):
            mining.set_timestamp_interval(impossible)


def test_a_timestamp_that_was_given_wins_over_all_rules(chain: Chain, mining: Mining) -> None:
    mining.mine(TIMESTAMP_S + 77)
    assert times(chain) == [77]
    with pytest.raises(BlockImpossible):
        mining.mine(TIMESTAMP_S + 77)


def test_a_timestamp_that_a_reorg_has_overtaken_is_void(chain: Chain, mining: Mining) -> None:
    mining.mine()
    mining.set_next_timestamp(TIMESTAMP_S + 3)
    chain.reorg(Reorg(depth=1, length=2))
    mining.reorged()
    assert mining.next_timestamp_s() == TIMESTAMP_S + 6
    mining.mine()
    assert times(chain) == [2, 4, 6]


def test_a_chain_that_was_replaced_forgets_what_was_said_of_the_next_block(
    chain: Chain, mining: Mining
) -> None:
    mining.set_next_timestamp(TIMESTAMP_S + 500)
    mining.increase_time(100)
    mining.chain_replaced()
    assert mining.next_timestamp_s() == TIMESTAMP_S + BLOCK_TIME_S


# --- time on a wall clock -------------------------------------------------------------------------


def test_on_a_clock_a_block_carries_the_time_at_which_it_was_mined(
    chain: Chain, on_wall: Mining, wall: Wall
) -> None:
    on_wall.mine()
    wall.unix_s += 17
    on_wall.mine()
    assert times(chain) == [1_000, 1_017]


def test_blocks_of_one_second_are_a_second_apart(chain: Chain, on_wall: Mining) -> None:
    for _ in range(3):
        on_wall.mine()
    assert times(chain) == [1_000, 1_001, 1_002]


def test_time_goes_on_from_blocks_in_the_future(chain: Chain, on_wall: Mining, wall: Wall) -> None:
    on_wall.mine_blocks(100, 60)
    ahead_s = times(chain)[-1]
    assert ahead_s == 1_000 + 99 * 60
    wall.unix_s += 5
    assert on_wall.now_s() == TIMESTAMP_S + ahead_s + 5
    on_wall.mine()
    assert times(chain)[-1] == ahead_s + 5


def test_added_time_stays_added(chain: Chain, on_wall: Mining, wall: Wall) -> None:
    assert on_wall.increase_time(3_600) == 3_600
    on_wall.mine()
    wall.unix_s += 10
    on_wall.mine()
    assert times(chain) == [4_600, 4_610]
    assert on_wall.increase_time(0) == 3_600


def test_a_clock_that_goes_back_stops_no_block(chain: Chain, on_wall: Mining, wall: Wall) -> None:
    on_wall.mine()
    wall.unix_s -= 500
    on_wall.mine()
    on_wall.mine()
    assert times(chain) == [1_000, 1_001, 1_002]


def test_a_clock_before_genesis_stops_no_block(chain: Chain) -> None:
    mining = Mining(chain, wall_s=Wall(0))
    mining.mine()
    mining.mine()
    assert times(chain) == [1, 2]


def test_a_revert_takes_time_back_to_the_wall(chain: Chain, on_wall: Mining, wall: Wall) -> None:
    on_wall.mine()
    number = chain.snapshot()
    on_wall.increase_time(10_000)
    on_wall.mine()
    chain.revert(number)
    on_wall.chain_replaced()
    wall.unix_s += 3
    on_wall.mine()
    assert times(chain) == [1_000, 1_003]


def test_a_reorg_into_the_future_takes_time_with_it(
    chain: Chain, on_wall: Mining, wall: Wall
) -> None:
    on_wall.mine()
    chain.reorg(Reorg(depth=1, length=1_000))  # two seconds apart from genesis
    on_wall.reorged()
    wall.unix_s += 1
    on_wall.mine()
    assert times(chain)[-1] == 2_001


# --- when -----------------------------------------------------------------------------------------


def test_a_transaction_makes_its_block_only_when_it_can_be_in_it(
    chain: Chain, mining: Mining
) -> None:
    chain.add(sign("alice", 1))
    mining.transaction_added()
    assert chain.height == 0
    mining.set_next_timestamp(TIMESTAMP_S + 40)
    chain.add(sign("alice", 0))
    mining.transaction_added()
    assert chain.height == 1
    assert len(chain.head.receipts) == 2
    assert times(chain) == [40]
    mining.automine = False
    chain.add(sign("alice", 2))
    mining.transaction_added()
    assert chain.height == 1


def test_a_transaction_that_makes_no_block_uses_up_no_timestamp(
    chain: Chain, mining: Mining
) -> None:
    mining.set_next_timestamp(TIMESTAMP_S + 40)
    chain.add(sign("alice", 5))
    mining.transaction_added()
    assert mining.next_timestamp_s() == TIMESTAMP_S + 40


def test_whoever_mines_by_the_clock_is_told_of_the_interval(mining: Mining) -> None:
    told: list[float | None] = []
    mining.on_interval.append(lambda: told.append(mining.interval_s))
    for interval in (2.0, 0.5, None):
        mining.set_interval(interval)
    assert told == [2.0, 0.5, None]


# --- many blocks ----------------------------------------------------------------------------------


def test_blocks_without_transactions_are_one_run(chain: Chain, mining: Mining) -> None:
    place = mining.mine_blocks(1_000, 7)
    assert isinstance(place.segment, EmptyRun)
    assert place.segment.count == 1_000
    assert times(chain)[:3] == [2, 9, 16]
    assert times(chain)[-1] == 2 + 999 * 7


@pytest.mark.parametrize("count", [0, -1])
def test_no_block_can_not_be_mined(chain: Chain, mining: Mining, count: int) -> None:
    with pytest.raises(BlockImpossible, match="expected 1 or more"):
        mining.mine_blocks(count)
    with pytest.raises(BlockImpossible, match="expected 1 s or more"):
        mining.mine_blocks(1, count)
    assert chain.height == 0


def test_the_pool_goes_into_the_first_blocks_that_can_hold_it(chain: Chain, mining: Mining) -> None:
    chain.edit_next_header(gas_limit=50_000)
    for nonce in range(5):
        chain.add(sign("alice", nonce))
    mining.mine_blocks(10, 5)
    blocks = [chain.tree.at(number) for number in range(1, 11)]
    assert [len(block.receipts) for block in blocks if block] == [2, 2, 1] + [0] * 7
    assert times(chain) == [2 + 5 * n for n in range(10)]
    assert len(chain.pool) == 0
    assert chain.height == 10


def test_no_more_blocks_come_than_were_asked_for(chain: Chain, mining: Mining) -> None:
    chain.edit_next_header(gas_limit=21_000)
    for nonce in range(5):
        chain.add(sign("alice", nonce))
    mining.mine_blocks(2)
    assert chain.height == 2
    assert len(chain.pool) == 3


def test_a_held_transaction_comes_at_its_height(chain: Chain, mining: Mining) -> None:
    chain.add(transfer(chain, "alice", "bob", 1))
    chain.mine()
    chain.reorg(Reorg(depth=1, length=1, delay_blocks=6))
    mining.mine_blocks(20)
    blocks = [chain.tree.at(number) for number in range(1, 22)]
    assert [n for n, b in enumerate(blocks, start=1) if b and b.receipts] == [7]
    assert chain.height == 21
    assert [t - BLOCK_TIME_S for t in times(chain)[1:]] == times(chain)[:-1]


def test_a_transaction_that_waits_for_a_lower_base_fee_comes_when_it_is_low_enough(
    chain: Chain, mining: Mining
) -> None:
    chain.edit_next_header(base_fee_wei=20 * GWEI)
    chain.add(sign("alice", 0, max_fee_wei=11 * GWEI, tip_wei=0))
    mining.mine_blocks(50)
    blocks = [chain.tree.at(number) for number in range(1, 51)]
    (number,) = [n for n, b in enumerate(blocks, start=1) if b and b.receipts]
    fees = [b.header.base_fee_per_gas for b in blocks if b]
    assert fees[number - 1] <= 11 * GWEI < fees[number - 2]
    assert chain.height == 50


def test_what_can_never_come_in_does_not_keep_the_run_from_being_one(
    chain: Chain, mining: Mining
) -> None:
    mining.mine_blocks(200)  # the base fee is at its lowest
    add_deposit(chain, "bob", 5)
    chain.add(sign("alice", 7))
    chain.edit_next_header(gas_limit=30_000)
    segments = len(chain.tree.segments)
    mining.mine_blocks(10_000)
    assert chain.height == 10_200
    assert len(chain.tree.segments) <= segments + 2
    assert len(chain.pool) == 3


def test_the_next_timestamp_is_that_of_the_first_of_many(chain: Chain, mining: Mining) -> None:
    mining.set_next_timestamp(TIMESTAMP_S + 100)
    mining.mine_blocks(3, 10)
    mining.mine()
    assert times(chain) == [100, 110, 120, 122]


def test_many_blocks_keep_the_interval_of_timestamps(chain: Chain, mining: Mining) -> None:
    mining.set_timestamp_interval(9)
    mining.mine_blocks(2)
    mining.mine_blocks(2, 4)
    assert times(chain) == [9, 18, 27, 31]


def test_every_act_of_mining_is_told_once_when_it_is_done(chain: Chain, mining: Mining) -> None:
    heights: list[int] = []
    chain.on_act.append(lambda: heights.append(chain.height))
    mining.mine()
    mining.mine_blocks(100)
    assert heights == [1, 101]
