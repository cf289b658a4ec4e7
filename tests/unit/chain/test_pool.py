"""The pool alone: order, replacement, holding back, and the return of orphans."""

from __future__ import annotations

import pytest
from eth.vm.forks.prague.transactions import Authorization, UnsignedSetCodeTransaction

from tests.unit.chain.builders import DEARER, GWEI, sign, sign_delegation
from ztdx_devnet.chain.building.pool import Pool
from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import CHAIN_ID
from ztdx_devnet.chain.transactions import Transaction, decode

A0, A1, A2 = (sign("alice", nonce) for nonce in range(3))
B0 = sign("bob", 0, max_fee_wei=90 * GWEI)
C0 = sign("carol", 0)


def filled(*transactions: Transaction) -> Pool:
    pool = Pool()
    for transaction in transactions:
        assert pool.add(transaction) is None
    return pool


def order(pool: Pool) -> list[Transaction]:
    return [waiting.transaction for waiting in pool]


def held(pool: Pool) -> dict[bytes, int]:
    return {waiting.transaction.hash: waiting.not_before_number for waiting in pool}


def test_transactions_come_out_in_the_order_of_arrival_whatever_they_pay() -> None:
    assert order(filled(A1, A0, B0, C0)) == [A1, A0, B0, C0]


def test_a_transaction_is_found_by_its_hash_until_it_is_removed() -> None:
    pool = filled(A0, B0)
    assert A0.hash in pool
    assert pool.get(A0.hash) is A0
    pool.remove(A0.hash)
    assert A0.hash not in pool
    assert pool.get(A0.hash) is None
    assert len(pool) == 1
    pool.remove(A0.hash)  # again, and nothing happens
    assert order(pool) == [B0]


def test_a_removed_transaction_may_come_again_and_stands_at_the_end() -> None:
    pool = filled(A0, B0)
    pool.remove(A0.hash)
    assert pool.add(A0) is None
    assert order(pool) == [B0, A0]


def test_a_block_builder_may_remove_while_it_walks() -> None:
    pool = filled(A0, A1, B0)
    for waiting in pool:
        pool.remove(waiting.transaction.hash)
    assert len(pool) == 0


def test_the_same_transaction_twice_is_already_known() -> None:
    pool = filled(A0, B0)
    with pytest.raises(TransactionRefused, match=r"^already known$"):
        pool.add(A0)
    assert order(pool) == [A0, B0]


@pytest.mark.parametrize(
    ("old_wei", "least_wei"), [(10 * GWEI, 11 * GWEI), (15, 17), (1, 2), (100, 110)]
)
def test_a_replacement_pays_at_least_a_tenth_more(old_wei: int, least_wei: int) -> None:
    old = sign("alice", 0, max_fee_wei=old_wei, tip_wei=0)
    pool = filled(old, B0)
    with pytest.raises(TransactionRefused, match=r"^replacement transaction underpriced$"):
        pool.add(sign("alice", 0, max_fee_wei=least_wei - 1, tip_wei=0, wei=7))
    assert order(pool) == [old, B0]

    new = sign("alice", 0, max_fee_wei=least_wei, tip_wei=least_wei)
    assert pool.add(new) is old
    assert order(pool) == [B0, new]
    assert old.hash not in pool
    assert pool.next_nonce(new.sender, 0) == 1


def test_another_nonce_or_another_sender_replaces_nothing() -> None:
    assert order(filled(A0, sign("alice", 1, max_fee_wei=1, tip_wei=0), B0))[0] is A0


def test_the_next_nonce_is_the_first_that_no_waiting_transaction_uses() -> None:
    alice = USERS["alice"].address
    pool = filled(A0, A1, sign("alice", 3), sign("bob", 2))
    assert pool.next_nonce(alice, 0) == 2
    assert pool.next_nonce(alice, 1) == 2
    assert pool.next_nonce(alice, 3) == 4
    assert pool.next_nonce(alice, 5) == 5
    pool.remove(A0.hash)
    assert pool.next_nonce(alice, 0) == 0
    assert pool.next_nonce(USERS["carol"].address, 9) == 9


def test_a_waiting_authorization_uses_up_the_nonce_of_its_account() -> None:
    dave, erin = USERS["dave"].address, USERS["erin"].address
    delegation = sign_delegation("dave", 0, "erin", 0)
    assert delegation.authorities == ((erin, 0),)
    assert decode(delegation.raw()).authorities == ((erin, 0),)
    assert A0.authorities == decode(A0.raw()).authorities == ()

    pool = filled(delegation, sign("erin", 1))
    assert pool.next_nonce(erin, 0) == 2
    assert pool.next_nonce(erin, 3) == 3
    assert pool.next_nonce(dave, 0) == 1
    copy = pool.copy()
    pool.remove(delegation.hash)
    assert pool.next_nonce(erin, 0) == 0
    assert copy.next_nonce(erin, 0) == 2
    assert pool.return_orphans([delegation], 0) == ()
    assert pool.next_nonce(erin, 0) == 2

    pool.add(sign_delegation("dave", 0, "erin", 5, **DEARER))
    assert pool.next_nonce(erin, 0) == 0
    assert pool.next_nonce(erin, 5) == 6


@pytest.mark.parametrize(("y_parity", "r"), [(1, 0), (0, 2**256 - 1), (255, 1)])
def test_an_authorization_that_nobody_signed_uses_up_nothing(y_parity: int, r: int) -> None:
    nobodys = Authorization(CHAIN_ID, contracts.DEPOSIT_BATCH, 0, y_parity, r, 1)
    unsigned = UnsignedSetCodeTransaction(
        CHAIN_ID, 0, GWEI, 10 * GWEI, 100_000, USERS["judy"].address, 0, b"", [], [nobodys]
    )
    sent = decode(unsigned.as_signed_transaction(USERS["dave"].key).encode())
    assert sent.authorities == ()
    assert order(filled(sent)) == [sent]


def test_ranked_transactions_come_first_in_the_order_given_and_the_others_keep_theirs() -> None:
    pool = filled(A0, A1, B0, C0)
    pool.hold(C0.hash, 8)
    pool.rank([C0.hash, b"\x07" * 32, A1.hash])
    assert order(pool) == [C0, A0, A1, B0]
    assert held(pool)[C0.hash] == 8
    pool.rank([])
    assert order(pool) == [C0, A0, A1, B0]
    assert pool.next_nonce(A0.sender, 0) == 2


def test_a_held_transaction_keeps_its_place_and_says_from_which_height_on_it_may_go() -> None:
    pool = filled(A0, B0, C0)
    pool.hold(B0.hash, 12)
    assert order(pool) == [A0, B0, C0]
    assert held(pool) == {A0.hash: 0, B0.hash: 12, C0.hash: 0}
    pool.hold(B0.hash, 3)
    assert held(pool)[B0.hash] == 3


def test_a_transaction_may_be_held_from_the_start() -> None:
    pool = Pool()
    pool.add(A0, 5)
    assert held(pool) == {A0.hash: 5}


def test_an_unknown_transaction_cannot_be_held() -> None:
    with pytest.raises(KeyError):
        filled(A0).hold(B0.hash, 1)


def test_orphans_return_in_front_of_those_that_waited_and_keep_their_order() -> None:
    pool = filled(C0, A2)
    pool.hold(C0.hash, 4)
    assert pool.return_orphans([A0, B0, A1], 9) == ()
    assert order(pool) == [A0, B0, A1, C0, A2]
    assert held(pool) == {A0.hash: 9, B0.hash: 9, A1.hash: 9, C0.hash: 4, A2.hash: 0}
    assert pool.next_nonce(A0.sender, 0) == 3
    pool.remove(A0.hash)
    assert pool.next_nonce(A0.sender, 0) == 0


def test_an_orphan_whose_nonce_a_waiting_transaction_took_has_no_place_any_more() -> None:
    rival = sign("alice", 0, wei=2)
    pool = filled(rival)
    assert pool.return_orphans([A0, B0], 0) == (A0,)
    assert order(pool) == [B0, rival]
    assert pool.get(A0.hash) is None


def test_a_copy_and_its_original_go_separate_ways() -> None:
    pool = filled(A0, B0)
    copy = pool.copy()
    copy.remove(A0.hash)
    copy.add(C0)
    pool.hold(B0.hash, 6)
    assert order(pool) == [A0, B0]
    assert order(copy) == [B0, C0]
    assert held(copy)[B0.hash] == 0
    assert pool.next_nonce(A0.sender, 0) == 1
    assert copy.next_nonce(A0.sender, 0) == 0
