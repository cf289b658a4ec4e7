"""The block builder: what goes into a block, what waits, what is dropped, and in which order."""

from __future__ import annotations

import pytest
from eth_utils import ValidationError

from tests.unit.chain.builders import (
    DEARER,
    GWEI,
    sign,
    sign_access_list,
    sign_delegation,
    sign_legacy,
)
from ztdx_devnet.chain.blocktree.blocks import EmptyRun, ExecutedBlock, Place
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.evm.intrinsic_gas import TRANSACTION_GAS_CAP
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import GAS_LIMIT, NATIVE_WEI
from ztdx_devnet.chain.transactions import Transaction

JUDY = USERS["judy"].address
SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Watched(Chain):
    """A chain that writes down what was dropped and why."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped: list[tuple[Transaction, str]] = []
        self.on_drop.append(lambda drop: self.dropped.append((drop.transaction, drop.reason)))

    def put(self, *transactions: Transaction) -> None:
        """Into the pool without the checks of submission, as after a change of branch."""
        for transaction in transactions:
            self.pool.add(transaction)


def included(place: Place) -> list[Transaction]:
    return [receipt.transaction for receipt in place.receipts]


def waiting(chain: Chain) -> list[Transaction]:
    return [entry.transaction for entry in chain.pool]


# --- included -------------------------------------------------------------------------------------


def test_valid_transactions_of_every_type_are_included_and_leave_the_pool() -> None:
    chain = Watched()
    sent = [
        sign("alice", 0),
        sign_legacy("bob", 0),
        sign_legacy("bob", 1, chain_id=None),
        sign_access_list("carol", 0, access_list=[(JUDY, [1, 2])]),
        sign_delegation("dave", 0, "erin", 0),
    ]
    chain.put(*sent)
    place = chain.mine()
    assert isinstance(place.segment, ExecutedBlock)
    assert included(place) == sent
    assert [r.transaction.kind for r in place.receipts] == [2, 0, 0, 1, 4]
    assert [r.transaction_index for r in place.receipts] == [0, 1, 2, 3, 4]
    assert all(r.succeeded for r in place.receipts)
    assert len(chain.pool) == 0
    assert chain.dropped == []


def test_gas_accumulates_over_the_transactions_of_a_block() -> None:
    chain = Watched()
    chain.put(sign("alice", 0), sign("bob", 0, data=b"\x01", gas=30_000), sign("carol", 0))
    place = chain.mine()
    assert [r.gas_used for r in place.receipts] == [21_000, 21_040, 21_000]
    assert [r.cumulative_gas_used for r in place.receipts] == [21_000, 42_040, 63_040]
    assert place.header.gas_used == 63_040


def test_a_block_takes_transactions_in_the_order_of_the_pool_whatever_they_pay() -> None:
    chain = Watched()
    sent = [sign("carol", 0), sign("bob", 0, max_fee_wei=50 * GWEI), sign("alice", 0)]
    chain.put(*sent)
    assert included(chain.mine()) == sent


def test_a_transaction_that_fails_is_included_and_pays() -> None:
    chain = Watched()
    broken = sign("alice", 0, to=b"", data=b"\xfe", wei=0, gas=60_000)
    chain.put(broken)
    (receipt,) = chain.mine().receipts
    assert not receipt.succeeded
    assert receipt.gas_used == 60_000
    assert receipt.logs == ()
    assert chain.state_at(chain.head).nonce(broken.sender) == 1


# --- order of one sender --------------------------------------------------------------------------


def test_transactions_of_one_sender_go_by_nonce_however_they_arrived() -> None:
    chain = Watched()
    alice = [sign("alice", nonce) for nonce in range(4)]
    bob = sign("bob", 0)
    chain.put(alice[3], alice[1], bob, alice[2], alice[0])
    assert included(chain.mine()) == [alice[0], alice[1], bob, alice[2], alice[3]]


def test_a_rank_against_the_nonces_of_a_sender_yields_to_the_nonces() -> None:
    chain = Watched()
    first, second, other = sign("alice", 0), sign("alice", 1), sign("bob", 0)
    chain.put(first, other, second)
    chain.pool.rank([second.hash, first.hash])
    assert included(chain.mine()) == [first, second, other]


def test_a_rank_decides_between_senders() -> None:
    chain = Watched()
    a, b, c = sign("alice", 0), sign("bob", 0), sign("carol", 0)
    chain.put(a, b, c)
    chain.pool.rank([c.hash, b.hash])
    assert included(chain.mine()) == [c, b, a]


# --- waiting --------------------------------------------------------------------------------------


def test_a_nonce_gap_waits_until_it_closes() -> None:
    chain = Watched()
    late = sign("alice", 1)
    chain.put(late)
    assert isinstance(chain.mine().segment, EmptyRun)
    assert waiting(chain) == [late]
    early = sign("alice", 0)
    chain.put(early)
    assert included(chain.mine()) == [early, late]
    assert chain.dropped == []


def test_a_fee_below_the_base_fee_waits_until_the_base_fee_has_fallen() -> None:
    chain = Watched()
    base_fees_wei = []
    twin = Chain()
    for _ in range(3):
        base_fees_wei.append(twin.mine_empty(1).header.base_fee_per_gas)
    exact = sign("alice", 0, max_fee_wei=base_fees_wei[1], tip_wei=0)
    below = sign("bob", 0, max_fee_wei=base_fees_wei[1] - 1, tip_wei=0)
    legacy = sign_legacy("carol", 0, gas_price_wei=base_fees_wei[1] - 1)
    chain.put(exact, below, legacy)

    assert isinstance(chain.mine().segment, EmptyRun)
    place = chain.mine()
    assert place.header.base_fee_per_gas == base_fees_wei[1]
    assert included(place) == [exact]
    assert exact.tip_wei(base_fees_wei[1]) == 0
    assert waiting(chain) == [below, legacy]
    assert included(chain.mine()) == [below, legacy]


def test_a_legacy_transaction_that_pays_nothing_waits_and_harms_no_block() -> None:
    chain = Watched()
    free = sign_legacy("alice", 0, gas_price_wei=0)
    chain.add(free)
    chain.mine_empty(400)  # the base fee stops falling at 7 wei
    other = sign("bob", 0)
    chain.add(other)
    assert included(chain.mine()) == [other]
    assert waiting(chain) == [free]


def test_a_transaction_that_the_block_has_no_gas_left_for_waits_and_smaller_ones_pass_it() -> None:
    chain = Watched()
    first = sign("alice", 0)
    cheap = {"max_fee_wei": GWEI, "tip_wei": 0}
    too_big = sign("bob", 0, gas=GAS_LIMIT - 21_000 + 1, **cheap)
    small = sign("carol", 0)
    chain.put(first, too_big, small)
    assert included(chain.mine()) == [first, small]
    assert waiting(chain) == [too_big]
    assert included(chain.mine()) == [too_big]


def test_a_transaction_may_use_all_the_gas_that_is_left() -> None:
    chain = Watched()
    first = sign("alice", 0)
    fits = sign("bob", 0, gas=GAS_LIMIT - 21_000, max_fee_wei=GWEI, tip_wei=0)
    chain.put(first, fits)
    assert included(chain.mine()) == [first, fits]


def test_a_block_refuses_more_gas_than_it_has_left_with_nothing_changed() -> None:
    chain = Chain()
    header = chain.execution.child_header(chain.head.header, chain.next_timestamp_s())
    block = chain.execution.open_block(header, lambda: ())
    block.apply(sign("alice", 0))
    too_big = sign("bob", 0, gas=GAS_LIMIT - 21_000 + 1, max_fee_wei=GWEI, tip_wei=0)
    with pytest.raises(ValidationError, match="exceeds gas limit"):
        block.apply(too_big)
    assert block.gas_left == GAS_LIMIT - 21_000
    assert block.state.nonce(too_big.sender) == 0
    assert len(block.receipts) == 1


def test_a_held_transaction_waits_for_its_height() -> None:
    chain = Watched()
    held, free = sign("alice", 0), sign("bob", 0)
    chain.put(held)
    chain.pool.hold(held.hash, 3)
    assert isinstance(chain.mine().segment, EmptyRun)
    chain.put(free)
    assert included(chain.mine()) == [free]
    place = chain.mine()
    assert place.number == 3
    assert included(place) == [held]


def test_a_later_nonce_waits_for_the_one_that_is_held() -> None:
    chain = Watched()
    held, late = sign("alice", 0), sign("alice", 1)
    chain.put(held, late)
    chain.pool.hold(held.hash, 2)
    assert isinstance(chain.mine().segment, EmptyRun)
    assert included(chain.mine()) == [held, late]


# --- dropped --------------------------------------------------------------------------------------


def test_a_nonce_that_is_used_up_is_dropped_with_a_reason() -> None:
    chain = Watched()
    chain.put(sign("alice", 0), sign("alice", 1))
    chain.mine()
    stale, other = sign("alice", 1, wei=9), sign("bob", 0)
    chain.put(stale, other)
    assert included(chain.mine()) == [other]
    assert chain.dropped == [(stale, "nonce too low: next nonce 2, tx nonce 1")]
    assert len(chain.pool) == 0


def test_an_unpayable_transaction_is_dropped_with_a_reason_and_the_block_is_not_lost() -> None:
    chain = Watched()
    fee_wei = 21_000 * 10 * GWEI
    poor = sign("bob", 0, wei=NATIVE_WEI - fee_wei + 1)
    rich = sign("carol", 0, wei=NATIVE_WEI - fee_wei)
    before, after = sign("alice", 0), sign("dave", 0)
    chain.put(before, poor, rich, after)
    assert included(chain.mine()) == [before, rich, after]
    reason = f"insufficient funds: balance {NATIVE_WEI}, tx cost {NATIVE_WEI + 1} (wei)"
    assert chain.dropped == [(poor, reason)]


def test_funds_spent_earlier_in_the_block_count() -> None:
    chain = Watched()
    half_wei = NATIVE_WEI // 2
    first, second = sign("alice", 0, wei=half_wei), sign("alice", 1, wei=half_wei)
    third = sign("alice", 2)
    chain.put(first, second, third)
    assert included(chain.mine()) == [first]
    assert [drop for drop, _ in chain.dropped] == [second]
    assert chain.dropped[0][1].startswith("insufficient funds: balance ")
    assert waiting(chain) == [third]  # its nonce may still be reached


def test_a_block_in_which_everything_was_dropped_is_an_empty_block() -> None:
    chain = Watched()
    chain.put(sign("alice", 0))
    chain.mine()
    chain.mine()
    run = chain.head.segment
    chain.put(sign("alice", 0, wei=2))
    place = chain.mine()
    assert place.segment is run
    assert isinstance(run, EmptyRun)
    assert len(chain.dropped) == 1
    assert place.header.hash == place.hash
    chain.put(sign("alice", 1))
    chain.mine()
    chain.put(sign("alice", 0, wei=3))
    place = chain.mine()  # on an executed block: a run begins, and grows
    assert isinstance(place.segment, EmptyRun)
    assert chain.mine().segment is place.segment


def test_a_held_transaction_leaves_no_mark_on_an_empty_block() -> None:
    chain, twin = Watched(), Watched()
    for each in (chain, twin):
        parent = each.head
        each.mine_empty(1)
        each.switch(parent.hash)
    chain.pool.add(sign("alice", 0), not_before_number=9)
    assert chain.mine().hash == twin.mine_empty(1).hash


def test_a_transaction_that_only_py_evm_finds_invalid_is_dropped_and_the_block_is_not_lost() -> (
    None
):
    chain = Watched()
    good = sign("alice", 0)
    inner = good.signed._inner
    malleable = type(good.signed)(
        2, inner.copy(s=SECP256K1_N - inner.s, y_parity=1 - inner.y_parity)
    )
    bad = Transaction(malleable, bytes(malleable.hash), good.sender)
    before, after = sign("bob", 0), sign("carol", 0)
    chain.put(before, bad, after)
    assert included(chain.mine()) == [before, after]
    assert [drop for drop, _ in chain.dropped] == [bad]
    state = chain.state_at(chain.head)
    assert state.balance_wei(JUDY) == NATIVE_WEI + 2
    assert (state.nonce(good.sender), state.balance_wei(good.sender)) == (0, NATIVE_WEI)


# --- EIP-7702: an authority's nonce moves without a transaction of its own ------------------------


def test_a_delegation_uses_up_the_nonce_that_a_waiting_transaction_of_the_authority_had() -> None:
    chain = Watched()
    own, later = sign("erin", 0), sign("erin", 1)
    chain.put(sign_delegation("dave", 0, "erin", 0), own, later)
    place = chain.mine()
    assert included(place)[1:] == [later]
    assert chain.dropped == [(own, "nonce too low: next nonce 1, tx nonce 0")]


def test_a_sender_that_delegates_itself_moves_two_nonces() -> None:
    chain = Watched()
    delegation, skipped, later = (
        sign_delegation("erin", 0, "erin", 1),
        sign("erin", 1),
        sign("erin", 2),
    )
    chain.put(delegation, skipped, later)
    assert included(chain.mine()) == [delegation, later]
    assert [drop for drop, _ in chain.dropped] == [skipped]


# --- submission -----------------------------------------------------------------------------------


def test_submission_refuses_in_the_words_of_geth_and_keeps_the_pool_as_it_was() -> None:
    chain = Watched()
    chain.put(sign("alice", 0))
    chain.mine()
    fee_wei = 21_000 * 10 * GWEI
    cases = {
        "invalid chain id for signer: have 56 want 97": sign("bob", 0, chain_id=56),
        "exceeds block gas limit": sign("bob", 0, gas=GAS_LIMIT + 1, max_fee_wei=1, tip_wei=0),
        "nonce too low: next nonce 1, tx nonce 0": sign("alice", 0),
        f"insufficient funds for gas * price + value: "
        f"balance {NATIVE_WEI}, tx cost {NATIVE_WEI + 1}": sign(
            "bob", 0, wei=NATIVE_WEI - fee_wei + 1
        ),
    }
    for words, transaction in cases.items():
        with pytest.raises(TransactionRefused) as refusal:
            chain.add(transaction)
        assert str(refusal.value) == words
        assert refusal.value.code == "TRANSACTION_REFUSED"
    assert len(chain.pool) == 0


def test_submission_takes_the_dearest_transaction_that_can_be_paid() -> None:
    chain = Watched()
    chain.add(sign("bob", 0, wei=NATIVE_WEI - 21_000 * 10 * GWEI))
    chain.edit_next_header(gas_limit=TRANSACTION_GAS_CAP)
    chain.mine()
    chain.add(sign_legacy("dave", 0, chain_id=None))
    chain.add(sign("carol", 0, gas=TRANSACTION_GAS_CAP, max_fee_wei=GWEI, tip_wei=0))
    assert len(chain.mine().receipts) == 1
    assert len(chain.mine().receipts) == 1  # the one that fills a block by itself


def test_a_replaced_transaction_is_reported_with_the_hash_of_its_replacement() -> None:
    chain = Watched()
    old, new = sign("alice", 0), sign("alice", 0, **DEARER)
    chain.add(old)
    chain.add(new)
    assert chain.dropped == [(old, f"replaced by 0x{new.hash.hex()}")]
    assert included(chain.mine()) == [new]


def test_the_wire_format_leads_back_to_the_same_transaction() -> None:
    chain = Watched()
    for sent in (
        sign("alice", 0),
        sign_legacy("bob", 0),
        sign_legacy("carol", 0, chain_id=None),
        sign_access_list("dave", 0, access_list=[(JUDY, [5])]),
        sign_delegation("erin", 0, "frank", 0),
    ):
        assert chain.submit(sent.raw()) == sent.hash
        entry = chain.pool.get(sent.hash)
        assert entry is not None
        assert (entry.sender, entry.nonce, entry.raw()) == (sent.sender, 0, sent.raw())


def test_the_next_nonce_counts_waiting_transactions_on_top_of_the_state() -> None:
    chain = Watched()
    alice = USERS["alice"].address
    chain.put(sign("alice", 0))
    chain.mine()
    assert chain.next_nonce(alice) == 1
    chain.put(sign("alice", 1), sign("alice", 3))
    assert chain.next_nonce(alice) == 2


# --- blocks without transactions ------------------------------------------------------------------


def test_each_further_block_on_one_parent_carries_a_mark_that_its_descendants_keep() -> None:
    chain = Watched()
    parent = chain.head
    hashes, marks = set(), []
    for _ in range(3):
        for place in (chain.mine_empty(1), chain.mine_empty(1)):
            hashes.add(place.hash)
            marks.append(place.header.extra_data)
        chain.switch(parent.hash)
    assert len(hashes) == 6
    assert marks == [
        *(b"ztdx-devnet", b"ztdx-devnet"),
        *(b"ztdx-devnet branch 1", b"ztdx-devnet branch 1"),
        *(b"ztdx-devnet branch 2", b"ztdx-devnet branch 2"),
    ]


def test_a_block_that_a_run_grew_by_after_a_look_up_is_found_by_its_hash() -> None:
    chain = Watched()
    chain.mine_empty(3)
    assert chain.tree.by_hash(b"\x07" * 32) is None
    grown = chain.mine_empty(2)
    assert grown.segment is chain.tree.at(1).segment
    assert chain.tree.by_hash(grown.hash) == grown
    assert chain.tree.by_hash(chain.tree.at(4).hash) == chain.tree.at(4)


def test_a_block_carries_the_time_it_was_told() -> None:
    chain = Watched()
    start_s = chain.head.timestamp_s
    assert chain.mine(start_s + 100).timestamp_s == start_s + 100
    assert chain.mine().timestamp_s == start_s + 102
    chain.put(sign("alice", 0))
    assert chain.mine(start_s + 500).timestamp_s == start_s + 500
    assert chain.mine_empty(3, start_s + 600).timestamp_s == start_s + 604
    assert chain.next_timestamp_s() == start_s + 606
    assert chain.next_timestamp_s(start_s + 700) == start_s + 700
    chain.mine(start_s + 650)  # 46 seconds late
    assert chain.mine_empty(3, start_s + 696).timestamp_s == start_s + 700  # no longer at that pace
    for number in range(1, chain.height + 1):
        place = chain.tree.at(number)
        assert place.header.hash == place.hash
        assert place.header.timestamp == place.timestamp_s
