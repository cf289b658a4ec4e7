"""What a reorg, a switch and a revert do to transactions."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.unit.chain.builders import (
    GWEI,
    add_deposit,
    call_head,
    deploy,
    sign,
    sign_delegation,
    transfer,
)
from ztdx_devnet.chain.blocktree.tree import HeadChange
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import ReorgTooDeep
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import NATIVE_WEI
from ztdx_devnet.chain.transactions import Transaction


class Watched(Chain):
    """Five empty blocks; writes down what was dropped and every change of head."""

    def __init__(self) -> None:
        super().__init__()
        self.mine_empty(5)
        self.dropped: list[tuple[Transaction, str]] = []
        self.changes: list[HeadChange] = []
        self.on_drop.append(lambda drop: self.dropped.append((drop.transaction, drop.reason)))
        self.on_head.append(self.changes.append)

    def send(self, *transactions: Transaction) -> None:
        for transaction in transactions:
            self.add(transaction)

    def canonical(self) -> dict[int, list[Transaction]]:
        """height → transactions, where there are any."""
        found = {}
        for number in range(self.height + 1):
            place = self.tree.at(number)
            assert place is not None
            if place.receipts:
                found[number] = [receipt.transaction for receipt in place.receipts]
        return found

    def waiting(self) -> list[Transaction]:
        return [entry.transaction for entry in self.pool]


# --- a reorg keeps what it replaces ---------------------------------------------------------------


def test_replaced_transactions_come_back_in_the_first_block_of_the_new_branch_in_their_order() -> (
    None
):
    chain = Watched()
    sent = [sign("bob", 0), sign("alice", 0), sign("alice", 1), sign("carol", 0)]
    chain.send(*sent[:2])
    chain.mine()
    chain.send(*sent[2:])
    chain.mine()
    change = chain.reorg(Reorg(depth=2)).change
    assert chain.canonical() == {6: sent}
    assert chain.height == 8
    assert chain.dropped == []
    assert change is chain.changes[-1]
    assert change.is_reorg
    assert [block.first_number for block in change.removed] == [6, 7]
    assert [block.first_number for block in change.added] == [6]
    assert (change.ancestor.number, change.old_head.number, change.new_head.number) == (5, 7, 8)


def test_mining_is_a_change_of_head_and_no_reorg() -> None:
    chain = Watched()
    chain.send(sign("alice", 0))
    chain.mine()
    (change,) = chain.changes
    assert not change.is_reorg
    assert change.removed == ()
    assert [block.block_hash for block in change.added] == [chain.head.hash]
    assert change.ancestor == change.old_head


def test_a_transaction_included_again_keeps_its_hash_and_gets_a_new_block_index_and_log_index() -> (
    None
):
    chain = Watched()
    approval, deposit = add_deposit(chain, "alice", 9)
    chain.mine()
    other = add_deposit(chain, "bob", 4)
    chain.mine()
    old_block, old_receipt = chain.inclusions.canonical(deposit.hash)
    assert [log.log_index for log in old_receipt.logs] == [1, 2]

    chain.reorg(Reorg(depth=2, order=[other[0].hash, other[1].hash]))

    new_block, new_receipt = chain.inclusions.canonical(deposit.hash)
    assert new_block.block_hash != old_block.block_hash
    assert new_receipt.transaction.hash == deposit.hash
    assert (old_receipt.transaction_index, new_receipt.transaction_index) == (1, 3)
    assert [log.log_index for log in new_receipt.logs] == [4, 5]
    assert [(log.topics, log.data) for log in new_receipt.logs] == [
        (log.topics, log.data) for log in old_receipt.logs
    ]
    assert chain.inclusions.blocks(deposit.hash) == (old_block, new_block)
    assert chain.inclusions.canonical(approval.hash)[1].transaction_index == 2


def test_the_log_index_counts_through_the_whole_block() -> None:
    chain = Watched()
    for user, wei in (("alice", 1), ("bob", 2), ("carol", 3)):
        add_deposit(chain, user, wei)
    chain.send(transfer(chain, "dave", "judy", 1))
    receipts = chain.mine().receipts
    logs = [log for receipt in receipts for log in receipt.logs]
    # An approval emits one event; a deposit the token's transfer and the vault's SpotDeposit.
    assert [len(receipt.logs) for receipt in receipts] == [1, 2, 1, 2, 1, 2, 0]
    assert [log.log_index for log in logs] == list(range(9))
    add_deposit(chain, "dave", 4)
    assert [log.log_index for r in chain.mine().receipts for log in r.logs] == [0, 1, 2]


# --- drop -----------------------------------------------------------------------------------------


def test_a_dropped_transaction_is_gone_with_a_reason_and_its_nonce_is_free_again() -> None:
    chain = Watched()
    lost, kept = sign("alice", 0), sign("bob", 0)
    chain.send(lost, kept)
    chain.mine()
    chain.reorg(Reorg(depth=1, drop=[lost.hash]))
    assert chain.canonical() == {6: [kept]}
    assert chain.inclusions.canonical(lost.hash) is None
    assert len(chain.inclusions.blocks(lost.hash)) == 1
    assert chain.dropped == [(lost, "dropped by the reorg")]
    assert chain.waiting() == []
    assert chain.next_nonce(lost.sender) == 0


def test_dropping_an_early_nonce_leaves_the_later_ones_waiting_until_somebody_fills_the_gap() -> (
    None
):
    chain = Watched()
    alice = [sign("alice", nonce) for nonce in range(3)]
    chain.send(*alice)
    chain.mine()
    chain.reorg(Reorg(depth=1, drop=[alice[0].hash]))
    assert chain.canonical() == {}
    assert chain.waiting() == alice[1:]
    assert chain.next_nonce(alice[0].sender) == 0
    again = sign("alice", 0, wei=5)
    chain.send(again)
    chain.mine()
    assert chain.canonical() == {8: [again, *alice[1:]]}


def test_a_waiting_transaction_can_be_dropped_too() -> None:
    chain = Watched()
    mined, waits = sign("bob", 0), sign("alice", 7)
    chain.send(mined)
    chain.mine()
    chain.send(waits)
    chain.reorg(Reorg(depth=1, drop=[waits.hash]))
    assert chain.dropped == [(waits, "dropped by the reorg")]
    assert chain.waiting() == []
    assert chain.canonical() == {6: [mined]}


def test_a_delegation_that_is_dropped_takes_back_the_nonce_it_moved() -> None:
    chain = Watched()
    delegation, own = sign_delegation("dave", 0, "erin", 0), sign("erin", 1)
    chain.send(delegation, own)
    chain.mine()
    assert chain.canonical() == {6: [delegation, own]}
    chain.reorg(Reorg(depth=1, drop=[delegation.hash]))
    assert chain.canonical() == {}
    assert chain.waiting() == [own]
    erin = USERS["erin"].address
    assert chain.state_at(chain.head).nonce(erin) == 0
    assert chain.state_at(chain.head).code(erin) == b""


# --- order and delay ------------------------------------------------------------------------------


def test_the_order_given_decides_between_senders_and_the_rest_follows_as_before() -> None:
    chain = Watched()
    a, b, c, d = (sign(user, 0) for user in ("alice", "bob", "carol", "dave"))
    chain.send(a, b, c, d)
    chain.mine()
    chain.reorg(Reorg(depth=1, order=[d.hash, b.hash]))
    assert chain.canonical() == {6: [d, b, a, c]}


def test_the_order_given_never_breaks_the_nonces_of_a_sender() -> None:
    chain = Watched()
    a0, a1, b0 = sign("alice", 0), sign("alice", 1), sign("bob", 0)
    chain.send(a0, a1, b0)
    chain.mine()
    chain.reorg(Reorg(depth=1, order=[a1.hash, b0.hash, a0.hash]))
    assert chain.canonical() == {6: [a0, a1, b0]}


def test_a_waiting_transaction_may_be_ordered_in_front_of_the_orphans() -> None:
    chain = Watched()
    orphan, waits = sign("alice", 0), sign("bob", 0)
    chain.send(orphan)
    chain.mine()
    chain.send(waits)
    chain.reorg(Reorg(depth=1, order=[waits.hash]))
    assert chain.canonical() == {6: [waits, orphan]}


def test_orphans_go_before_transactions_that_had_no_block_yet() -> None:
    chain = Watched()
    orphan, waits = sign("alice", 0), sign("bob", 0)
    chain.send(orphan)
    chain.mine()
    chain.send(waits)
    chain.reorg(Reorg(depth=1))
    assert chain.canonical() == {6: [orphan, waits]}


@pytest.mark.parametrize("delay_blocks", [0, 1, 2])
def test_orphans_appear_that_many_blocks_later_and_others_do_not_wait_for_them(
    delay_blocks: int,
) -> None:
    chain = Watched()
    orphan, waits = sign("alice", 0), sign("bob", 0)
    chain.send(orphan)
    chain.mine()
    chain.send(waits)
    chain.reorg(Reorg(depth=1, length=4, delay_blocks=delay_blocks))
    assert chain.height == 9
    expected = (
        {6: [orphan, waits]} if not delay_blocks else {6: [waits], 6 + delay_blocks: [orphan]}
    )
    assert chain.canonical() == expected


def test_orphans_that_are_delayed_beyond_the_new_branch_wait_for_their_height() -> None:
    chain = Watched()
    orphan = sign("alice", 0)
    chain.send(orphan)
    chain.mine()
    chain.reorg(Reorg(depth=1, length=1, delay_blocks=2))
    assert chain.height == 6
    assert chain.waiting() == [orphan]
    chain.mine()
    chain.mine()
    assert chain.canonical() == {8: [orphan]}


# --- replaced and invalid -------------------------------------------------------------------------


def test_another_transaction_of_the_same_nonce_takes_the_place_of_a_dropped_one() -> None:
    chain = Watched()
    first = sign("alice", 0, wei=1)
    chain.send(first)
    chain.mine()
    chain.reorg(Reorg(depth=1, length=1, drop=[first.hash]))
    second = sign("alice", 0, wei=2)
    chain.send(second)
    chain.mine()
    assert chain.canonical() == {7: [second]}
    assert chain.inclusions.canonical(first.hash) is None
    assert chain.inclusions.canonical(second.hash) is not None
    old = chain.inclusions.blocks(first.hash)[0].block_hash

    change = chain.switch(old).change  # and back to the branch where the first one won

    assert [block.block_hash for block in change.added] == [old]
    assert chain.canonical() == {6: [first]}
    assert chain.inclusions.canonical(second.hash) is None
    assert second.hash not in chain.pool
    assert chain.dropped[1:] == [(second, "its nonce is used up on this branch")]


def test_a_waiting_rival_of_an_orphan_keeps_the_nonce_and_the_orphan_is_dropped_with_a_reason() -> (
    None
):
    chain = Watched()
    empty = chain.head.hash
    first, rival = sign("alice", 0), sign("alice", 0, max_fee_wei=20 * GWEI, tip_wei=2 * GWEI)
    chain.send(first)
    mined = chain.mine().hash
    chain.switch(empty)
    chain.send(rival)
    assert chain.dropped == [(first, f"replaced by 0x{rival.hash.hex()}")]
    chain.switch(mined)
    chain.reorg(Reorg(depth=1))
    assert chain.canonical() == {6: [rival]}
    assert chain.dropped[1:] == [(first, "its nonce is taken by a waiting transaction")]


def test_a_transaction_that_the_new_branch_cannot_pay_for_is_dropped_with_a_reason() -> None:
    chain = Watched()
    fee_wei = 21_000 * 10 * GWEI
    gift = sign("alice", 0, to=USERS["bob"].address, wei=100 * 10**18)
    spends_it = sign("bob", 0, wei=NATIVE_WEI + 99 * 10**18)
    bystander = sign("carol", 0)
    chain.send(gift)
    chain.mine()
    chain.send(spends_it, bystander)
    chain.mine()
    chain.reorg(Reorg(depth=2, drop=[gift.hash]))
    cost_wei = NATIVE_WEI + 99 * 10**18 + fee_wei
    reason = f"insufficient funds: balance {NATIVE_WEI}, tx cost {cost_wei} (wei)"
    assert chain.canonical() == {6: [bystander]}
    assert chain.dropped == [(gift, "dropped by the reorg"), (spends_it, reason)]
    assert chain.waiting() == []


def test_a_deposit_without_its_approval_fails_on_the_new_branch() -> None:
    chain = Watched()
    alice = USERS["alice"].address
    approval, deposit = add_deposit(chain, "alice", 9)
    chain.mine()
    chain.reorg(Reorg(depth=1, drop=[approval.hash]))
    chain.send(sign("alice", 0))  # fills the gap without approving anything
    chain.mine()
    found = chain.inclusions.canonical(deposit.hash)
    assert found is not None
    assert not found[1].succeeded
    assert found[1].logs == ()
    call = {"sender": alice, "to": contracts.DF_TOKEN, "gas": 100_000}
    balance = call_head(chain, data=contracts.balance_of(contracts.VAULT), **call)
    assert int.from_bytes(balance.output, "big") == 0


# --- switch ---------------------------------------------------------------------------------------


def test_a_switch_returns_orphans_in_their_order_in_front_of_what_waited() -> None:
    chain = Watched()
    empty = chain.head.hash
    a0, a1, b0, waits = sign("alice", 0), sign("alice", 1), sign("bob", 0), sign("carol", 0)
    chain.send(a0, b0)
    chain.mine()
    chain.send(a1)
    chain.mine()
    chain.send(waits)
    change = chain.switch(empty).change
    assert chain.waiting() == [a0, b0, a1, waits]
    assert change.is_reorg
    assert change.added == ()
    chain.mine()
    assert chain.canonical() == {6: [a0, b0, a1, waits]}


def test_a_switch_takes_what_the_other_branch_includes_out_of_the_pool() -> None:
    chain = Watched()
    empty = chain.head.hash
    sent = sign("alice", 0)
    chain.send(sent)
    mined = chain.mine().hash
    chain.switch(empty)
    assert chain.waiting() == [sent]
    chain.switch(mined)
    assert chain.waiting() == []
    assert chain.canonical() == {6: [sent]}
    assert chain.changes[-1].is_reorg is False


def test_a_switch_between_branches_that_share_their_transactions_reports_nothing() -> None:
    chain = Watched()
    sent = [sign("alice", 0), sign("alice", 1), sign("bob", 0)]
    chain.send(*sent)
    first = chain.mine().hash
    chain.reorg(Reorg(depth=1, delay_blocks=1))
    second = chain.head.hash
    for target, height in ((first, 6), (second, 7)):
        chain.switch(target)
        assert chain.canonical() == {height: sent}
        assert chain.waiting() == []
    assert chain.dropped == []


def test_a_switch_reports_an_orphan_whose_nonce_a_waiting_transaction_took() -> None:
    chain = Watched()
    empty = chain.head.hash
    first, rival = sign("alice", 0), sign("alice", 0, max_fee_wei=20 * GWEI, tip_wei=2 * GWEI)
    chain.send(first)
    mined = chain.mine().hash
    chain.switch(empty)
    chain.send(rival)
    chain.switch(mined)
    chain.switch(empty)
    assert chain.waiting() == [rival]
    assert chain.dropped[1:] == [(first, "its nonce is taken by a waiting transaction")]


# --- snapshot and revert --------------------------------------------------------------------------


def test_a_revert_restores_head_state_pool_inclusions_and_logs() -> None:
    chain = Watched()
    approval, deposit = add_deposit(chain, "alice", 9)
    head = chain.head.hash
    number = chain.snapshot()
    chain.mine()
    chain.add(sign("bob", 0))
    chain.reorg(Reorg(depth=1, drop=[deposit.hash]))
    chain.mine_empty(3)

    assert chain.revert(number)

    assert chain.head.hash == head
    assert chain.waiting() == [approval, deposit]
    assert chain.inclusions.canonical(approval.hash) is None
    assert list(chain.logs.between(0, 100)) == []
    assert chain.state_at(chain.head).nonce(USERS["alice"].address) == 0
    chain.mine()
    assert chain.canonical() == {6: [approval, deposit]}
    assert [block.first_number for block in chain.logs.between(0, 100)] == [6]


def test_a_snapshot_is_used_up_by_its_revert_with_all_later_ones() -> None:
    chain = Watched()
    numbers = []
    for _ in range(3):
        numbers.append(chain.snapshot())
        chain.mine_empty(1)
    assert numbers == [1, 2, 3]
    assert chain.revert(numbers[1])
    assert chain.height == 6
    assert not chain.revert(numbers[1])
    assert not chain.revert(numbers[2])
    assert chain.snapshot() not in numbers
    assert chain.revert(numbers[0])
    assert chain.height == 5
    assert not chain.revert(0)
    assert not chain.revert(99)


def test_what_happens_to_the_pool_after_a_snapshot_does_not_reach_the_snapshot() -> None:
    chain = Watched()
    kept, later = sign("alice", 0), sign("bob", 0)
    chain.send(kept)
    number = chain.snapshot()
    chain.send(later)
    chain.pool.remove(kept.hash)
    assert chain.revert(number)
    assert chain.waiting() == [kept]
    chain.send(later)
    assert chain.waiting() == [kept, later]


# --- the rest -------------------------------------------------------------------------------------


def test_a_contract_created_again_on_another_branch_stands_at_the_same_address() -> None:
    chain = Watched()
    address = deploy(chain, b"\x00")
    (receipt,) = chain.head.receipts
    assert receipt.contract_address == address
    assert chain.state_at(chain.head).code(address) == b"\x00"
    chain.reorg(Reorg(depth=1, length=3, delay_blocks=1))
    assert chain.state_at(chain.tree.at(6)).code(address) == b""
    assert chain.state_at(chain.tree.at(7)).code(address) == b"\x00"
    assert chain.inclusions.canonical(receipt.transaction.hash)[1].contract_address == address


@pytest.mark.parametrize(("depth", "length"), [(0, None), (-1, None), (1, 0), (1, -1), (6, None)])
def test_an_impossible_reorg_is_refused_and_changes_nothing(depth: int, length: int | None) -> None:
    chain = Watched()
    sent = sign("alice", 0)
    chain.send(sent)
    with pytest.raises(ReorgTooDeep) as refusal:
        chain.reorg(Reorg(depth=depth, length=length, drop=[sent.hash]))
    assert refusal.value.code == "REORG_TOO_DEEP"
    assert chain.height == 5
    assert chain.waiting() == [sent]
    assert chain.dropped == []
    assert chain.changes == []


def test_the_blocks_of_the_new_branch_follow_the_fork_at_the_block_time() -> None:
    chain = Watched()
    chain.mine(chain.head.timestamp_s + 1_000)
    chain.reorg(Reorg(depth=1, length=3))
    times = [chain.tree.at(number).timestamp_s for number in range(5, 9)]
    assert [late - early for early, late in pairwise(times)] == [2, 2, 2]


def test_the_height_of_an_executed_block_leads_to_it_on_every_branch() -> None:
    chain = Watched()
    chain.send(sign("alice", 0))
    first = chain.mine().segment
    chain.reorg(Reorg(depth=1))
    second = chain.tree.at(6).segment
    assert chain.tree.executed_at(0) == (chain.tree.at(0).segment,)
    assert chain.tree.executed_at(6) == (first, second)
    assert chain.tree.executed_at(7) == ()
    assert chain.tree.executed_above(5) == (second,)
    assert chain.tree.executed_above(6) == ()


def test_the_ancestor_of_a_height_is_found_on_the_branch_of_the_block() -> None:
    chain = Watched()
    chain.send(sign("alice", 0))
    chain.mine()
    chain.mine_empty(3)
    old_head = chain.head
    before = [chain.tree.at(number).hash for number in range(10)]
    chain.reorg(Reorg(depth=4, length=9))
    assert [chain.tree.ancestor_at(old_head, number).hash for number in range(10)] == before
    for number in (0, 5, 6, 14):
        assert chain.tree.ancestor_at(chain.head, number) == chain.tree.at(number)
    for number in (-1, 10):
        with pytest.raises(ValueError, match=f"height {number} is not between 0 and 9"):
            chain.tree.ancestor_at(old_head, number)
