"""Random walks of transactions over reorgs and switches: none is lost, every head is valid.

At every moment each transaction that was taken is on the canonical branch, or waits, or was
reported as dropped; and py-evm, importing on its own, accepts the branch.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conformance.test_py_evm_accepts_our_blocks import Reference
from tests.unit.chain.builders import GWEI, sign, sign_delegation, sign_legacy
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import TransactionRefused
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import NATIVE_WEI
from ztdx_devnet.chain.transactions import Transaction

PEOPLE = ["alice", "bob", "carol"]
APPROVAL = contracts.approve(contracts.VAULT, 500)
DEPOSIT = contracts.deposit(contracts.DF_TOKEN, 5)

KINDS: dict[str, Callable[[str, int, int], Transaction]] = {
    "small": lambda user, nonce, fee: sign(user, nonce, max_fee_wei=fee),
    "large": lambda user, nonce, fee: sign(user, nonce, max_fee_wei=fee, wei=NATIVE_WEI // 3),
    "legacy": lambda user, nonce, fee: sign_legacy(user, nonce, gas_price_wei=fee),
    "for bob": lambda user, nonce, _: sign_delegation(user, nonce, "bob", nonce),
    "for itself": lambda user, nonce, _: sign_delegation(user, nonce, user, nonce + 1),
    "broken": lambda user, nonce, fee: sign(
        user, nonce, to=b"", data=b"\xfe", gas=60_000, wei=0, max_fee_wei=fee
    ),
    "approve": lambda user, nonce, fee: sign(
        user, nonce, to=contracts.DF_TOKEN, data=APPROVAL, gas=90_000, wei=0, max_fee_wei=fee
    ),
    "deposit": lambda user, nonce, fee: sign(
        user, nonce, to=contracts.VAULT, data=DEPOSIT, gas=200_000, wei=0, max_fee_wei=fee
    ),
}


class TransactionWalk(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.chain = Chain()
        self.reference = Reference()
        self.heads = [self.chain.head.hash]
        self.taken: dict[bytes, Transaction] = {}
        self.dropped: set[bytes] = set()
        self.chain.on_drop.append(lambda drop: self.dropped.add(drop.transaction.hash))

    @rule(
        user=st.sampled_from(PEOPLE),
        kind=st.sampled_from(sorted(KINDS)),
        step=st.sampled_from([0, 0, 0, 1, -1]),
        fee_wei=st.sampled_from([1 * GWEI, 10 * GWEI, 20 * GWEI]),
    )
    def send(self, user: str, kind: str, step: int, fee_wei: int) -> None:
        nonce = max(self.chain.next_nonce(USERS[user].address) + step, 0)
        transaction = KINDS[kind](user, nonce, fee_wei)
        try:
            self.chain.add(transaction)
        except TransactionRefused:
            return
        self.taken[transaction.hash] = transaction
        self.dropped.discard(transaction.hash)

    @rule(late_s=st.integers(0, 3))
    def mine(self, late_s: int) -> None:
        self.chain.mine(self.chain.next_timestamp_s() + late_s)
        self.heads.append(self.chain.head.hash)

    @precondition(lambda self: self.chain.height > 0)
    @rule(data=st.data())
    def reorg(self, data: st.DataObject) -> None:
        depth = data.draw(st.integers(1, self.chain.height))
        known = [waiting.transaction.hash for waiting in self.chain.pool]
        for block in self.chain.tree.executed_above(self.chain.height - depth):
            known += [receipt.transaction.hash for receipt in block.receipts]
        some = st.lists(st.sampled_from(sorted(known)), max_size=3) if known else st.just([])
        self.chain.reorg(
            Reorg(
                depth=depth,
                length=data.draw(st.integers(1, depth + 2)),
                drop=frozenset(data.draw(some)),
                order=data.draw(some),
                delay_blocks=data.draw(st.integers(0, 2)),
            )
        )
        self.heads.append(self.chain.head.hash)

    @rule(data=st.data())
    def switch(self, data: st.DataObject) -> None:
        self.chain.switch(data.draw(st.sampled_from(self.heads)))

    @invariant()
    def no_transaction_is_lost(self) -> None:
        blocks = [self.chain.tree.at(number) for number in range(self.chain.height + 1)]
        canonical = [r.transaction.hash for place in blocks for r in place.receipts]
        waiting = [entry.transaction.hash for entry in self.chain.pool]
        assert len(set(canonical)) == len(canonical)
        assert not set(canonical) & set(waiting)
        assert set(self.taken) <= set(canonical) | set(waiting) | self.dropped
        for transaction_hash in self.taken:
            found = self.chain.inclusions.canonical(transaction_hash)
            assert (found is not None) == (transaction_hash in canonical)

    @invariant()
    def the_branch_is_valid(self) -> None:
        self.reference.accept(self.chain.head)


TestTransactionWalk = TransactionWalk.TestCase
TestTransactionWalk.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, derandomize=True, database=None
)
