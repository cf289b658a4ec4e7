"""The tree: forks below, inside and at the end of runs; true hashes; constant cost."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from tests.unit.chain.builders import BLOCKHASH_READER, add_deposit, call_head, deploy, transfer
from ztdx_devnet.chain.blocktree.blocks import EmptyRun
from ztdx_devnet.chain.blocktree.headers import EmptyHeaders
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import BlockImpossible, ReorgTooDeep, UnknownBlock
from ztdx_devnet.chain.origin.accounts import USERS

RUN = 3_000


def chain_with_run() -> Chain:
    """Genesis, two executed blocks, a run of 3,000, one executed block."""
    chain = Chain()
    add_deposit(chain, "alice", 5)
    chain.mine()
    chain.add(transfer(chain, "bob", "carol", 1))
    chain.mine()
    chain.mine_empty(RUN)
    add_deposit(chain, "bob", 7)
    chain.mine()
    return chain


@pytest.mark.parametrize(
    "depth",
    [1, 2, 1_500, RUN, RUN + 1, RUN + 2, RUN + 3],
    ids=["top", "end of run", "inside run", "start of run", "below run", "executed", "genesis"],
)
def test_a_fork_anywhere_replaces_the_blocks_above_it_and_keeps_the_orphans(depth: int) -> None:
    chain = chain_with_run()
    before = [chain.tree.at(n).hash for n in range(chain.height + 1)]

    change = chain.reorg(Reorg(depth=depth)).change

    fork = len(before) - 1 - depth
    assert chain.height == fork + depth + 1
    assert change.ancestor.number == fork
    assert [chain.tree.at(n).hash for n in range(fork + 1)] == before[: fork + 1]
    for number in range(fork + 1, len(before)):
        orphan = chain.tree.by_hash(before[number])
        assert orphan.number == number
        assert not chain.tree.is_canonical(orphan)
        assert orphan.parent.hash == before[number - 1]
    walked = [p.hash for p in chain.tree.ancestors(chain.head)]
    assert walked == [chain.tree.at(n).hash for n in range(chain.height - 1, -1, -1)]


def test_headers_inside_a_run_hash_to_what_the_run_says() -> None:
    chain = chain_with_run()
    for number in (3, 4, 100, RUN, RUN + 2):
        place = chain.tree.at(number)
        assert isinstance(place.segment, EmptyRun)
        assert place.header.hash == place.hash
        assert place.header.parent_hash == chain.tree.at(number - 1).hash
        assert place.header.timestamp == place.timestamp_s
    for number in range(1, chain.height):
        step_s = chain.tree.at(number).timestamp_s - chain.tree.at(number - 1).timestamp_s
        assert step_s == chain.block_time_s


def test_a_run_in_pieces_equals_the_run_in_one_piece() -> None:
    whole, pieces = Chain(), Chain()
    whole.mine_empty(300)
    for count in (1, 1, 98, 200):
        pieces.mine_empty(count)
    assert whole.head.hash == pieces.head.hash
    assert len({id(pieces.tree.at(n).segment) for n in range(1, 301)}) == 1


def test_a_run_equals_blocks_that_py_evm_seals_one_by_one() -> None:
    chain = Chain()
    parent = chain.head.header
    sealed = []
    for _ in range(200):  # the base fee falls, then stays
        header = chain.execution.child_header(parent, parent.timestamp + 2)
        parent = chain.execution.open_block(header, lambda: ()).seal()
        sealed.append(parent.hash)
    headers = EmptyHeaders(
        chain.execution.child_header(chain.head.header, 2 + chain.head.timestamp_s), 2
    )
    headers.extend(200)
    assert headers.hashes == sealed
    assert headers.header(199).base_fee_per_gas == 7


@pytest.fixture
def nothing_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """No chain of another test has left its first blocks."""
    monkeypatch.setattr("ztdx_devnet.chain.blocktree.headers._shared", {})


@pytest.mark.usefixtures("nothing_shared")
def test_chains_with_the_same_first_blocks_stay_apart() -> None:
    one, other, slower = Chain(), Chain(), Chain()
    one.mine_empty(300)
    other.mine_empty(300)
    slower.mine_empty(300, interval_s=7)
    assert one.head.hash == other.head.hash
    assert one.tree.at(1).hash == slower.tree.at(1).hash
    assert one.tree.at(2).hash != slower.tree.at(2).hash
    other.mine_empty(5)
    one.reorg(Reorg(depth=10, delay_blocks=1))
    third = Chain()
    third.mine_empty(300)
    assert third.head.hash == other.tree.at(300).hash != one.tree.at(300).hash
    assert (third.height, other.height) == (300, 305)


@pytest.mark.usefixtures("nothing_shared")
def test_blocks_forgotten_by_one_chain_stay_in_another_that_began_alike() -> None:
    one, other = Chain(), Chain()
    before = one.snapshot()
    one.mine_empty(300)
    other.mine_empty(300)
    one.revert(before)
    assert one.tree.by_hash(other.head.hash) is None
    found = other.tree.by_hash(other.head.hash)
    assert found is not None
    assert found.number == 300
    one.mine_empty(300)
    assert one.head.hash == other.head.hash


@pytest.mark.parametrize("back", [1, 2, 100, 256])
def test_blockhash_is_true_across_runs_and_forks(back: int) -> None:
    chain = Chain()
    reader = deploy(chain, BLOCKHASH_READER)
    chain.mine_empty(400)
    chain.reorg(Reorg(depth=150))
    chain.mine_empty(3)
    number = chain.height - back
    asked = {"sender": USERS["bob"].address, "to": reader, "gas": 100_000}
    result = call_head(chain, data=number.to_bytes(32, "big"), **asked)
    assert result.output == chain.tree.at(number).hash
    beyond = call_head(chain, data=(chain.height - 257).to_bytes(32, "big"), **asked)
    assert beyond.output == bytes(32)


def test_switching_from_a_to_b_and_back_to_a_restores_everything() -> None:
    chain = Chain()
    chain.mine_empty(10)
    _, deposit = add_deposit(chain, "alice", 9)
    chain.mine()
    chain.mine_empty(4)
    a = chain.head.hash
    on_a = chain.inclusions.canonical(deposit.hash)
    chain.reorg(Reorg(depth=6, delay_blocks=3))
    b = chain.head.hash
    on_b = chain.inclusions.canonical(deposit.hash)
    assert on_b is not None
    assert on_a is not None
    assert on_b[0].first_number == on_a[0].first_number + 2

    for target, included in ((a, on_a), (b, on_b), (a, on_a)):
        chain.switch(target)
        assert chain.head.hash == target
        assert chain.inclusions.canonical(deposit.hash) == included
        assert [b.first_number for b in chain.logs.between(0, 10**9)] == [included[0].first_number]
        assert len(chain.pool) == 0


def test_an_orphaned_transaction_waits_again_after_a_switch_to_a_branch_without_it() -> None:
    chain = Chain()
    chain.mine_empty(5)
    bare = chain.head.hash
    _, deposit = add_deposit(chain, "alice", 9)
    chain.mine()
    chain.switch(bare)
    assert deposit.hash in chain.pool
    chain.mine()
    assert chain.inclusions.canonical(deposit.hash) is not None


def test_a_branch_of_equal_length_or_shorter_wins_when_told_to() -> None:
    chain = Chain()
    chain.mine_empty(20)
    chain.reorg(Reorg(depth=5, length=5))
    assert chain.height == 20
    chain.reorg(Reorg(depth=5, length=2))
    assert chain.height == 17
    assert chain.tree.at(18) is None


@pytest.mark.parametrize("depth", [0, 21])
def test_a_reorg_below_genesis_or_of_nothing_is_refused_with_nothing_changed(depth: int) -> None:
    chain = Chain()
    chain.mine_empty(20)
    head = chain.head.hash
    with pytest.raises(ReorgTooDeep, match=str(depth)):
        chain.reorg(Reorg(depth=depth))
    assert chain.head.hash == head


def test_a_switch_to_an_unknown_hash_is_refused() -> None:
    with pytest.raises(UnknownBlock, match="0x0707"):
        Chain().switch(b"\x07" * 32)


def test_the_cost_of_a_run_does_not_grow_with_the_number_of_runs() -> None:
    chain = Chain()

    def run_and_look(i: int) -> None:
        chain.mine_empty(3, chain.next_timestamp_s() + i % 2 + 1)  # never mergeable
        chain.tree.at(chain.height // 2)
        chain.switch(chain.tree.at(chain.height - 1).hash)
        chain.mine_empty(2, chain.next_timestamp_s() + 5)

    early = max(_calls(lambda i=i: run_and_look(i)) for i in range(20))
    for i in range(3_960):
        run_and_look(i)
    late = max(_calls(lambda i=i: run_and_look(i)) for i in range(20))
    assert late <= early * 1.2


def _calls(function: Any) -> int:
    """How many Python functions a call enters: a cost that no load on the machine changes."""
    count = 0

    def profile(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_a_block_that_can_not_stand_on_the_head_is_refused_with_nothing_changed() -> None:
    chain = Chain()
    chain.mine_empty(3)
    head = chain.head.hash
    for impossible in (
        lambda: chain.mine_empty(0),
        lambda: chain.mine_empty(-1),
        lambda: chain.mine_empty(2, chain.head.timestamp_s),
        lambda: chain.mine(chain.head.timestamp_s),
        lambda: chain.mine(chain.head.timestamp_s - 1),
    ):
        with pytest.raises(BlockImpossible):
            impossible()
        assert chain.head.hash == head
