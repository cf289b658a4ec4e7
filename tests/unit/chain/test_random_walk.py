"""The chain against a model of dicts, over random walks: mine, run, fork, switch, snapshot, revert.

The model knows blocks by hash, each with its parent and its transfers, and nothing else; heights,
the canonical branch, balances and inclusions are worked out from that, the slow and obvious way.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.chain.builders import transfer
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import NATIVE_WEI

JUDY = USERS["judy"].address


@dataclass
class Model:
    """parent: block → its parent; carried: block → hashes of its transfers; wei: transfer → wei."""

    genesis: bytes
    head: bytes
    parent: dict[bytes, bytes] = field(default_factory=dict)
    carried: dict[bytes, list[bytes]] = field(default_factory=dict)
    wei: dict[bytes, int] = field(default_factory=dict)
    snapshots: dict[int, Model] = field(default_factory=dict)
    pool: set[bytes] = field(default_factory=set)

    def branch(self, tip: bytes) -> list[bytes]:
        """From genesis to `tip`."""
        found = [tip]
        while found[-1] != self.genesis:
            found.append(self.parent[found[-1]])
        return found[::-1]

    def included(self, tip: bytes) -> dict[bytes, bytes]:
        """transfer → block, on that branch."""
        return {t: block for block in self.branch(tip) for t in self.carried.get(block, ())}

    def learn(self, chain: Chain) -> None:
        """Take over the blocks that the chain has just built below its new head."""
        place = chain.head
        while place.hash != self.genesis and place.hash not in self.parent:
            assert place.parent is not None
            self.parent[place.hash] = place.parent.hash
            self.carried[place.hash] = [r.transaction.hash for r in place.receipts]
            place = place.parent
        self.move(chain.head.hash)

    def move(self, tip: bytes) -> None:
        """A new head: what left the branch waits again, what joined it waits no more."""
        before, after = self.included(self.head), self.included(tip)
        self.pool = (self.pool | before.keys()) - after.keys()
        self.head = tip


class RandomWalk(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.chain = Chain()
        self.model = Model(self.chain.head.hash, self.chain.head.hash)

    @rule(users=st.lists(st.sampled_from(sorted(set(USERS) - {"judy"})), max_size=3))
    def mine(self, users: list[str]) -> None:
        for user in users:
            entry = transfer(self.chain, user, "judy", 1 + len(self.model.wei))
            self.chain.add(entry)
            self.model.wei[entry.hash] = int(entry.signed.value)
            self.model.pool.add(entry.hash)
        self.chain.mine()
        self.model.learn(self.chain)

    @rule(count=st.integers(1, 40))
    def run(self, count: int) -> None:
        self.chain.mine_empty(count)
        self.model.learn(self.chain)

    @precondition(lambda self: self.chain.height > 0)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        depth = data.draw(st.integers(1, self.chain.height))
        length = data.draw(st.integers(1, depth + 3))
        self.chain.reorg(
            Reorg(depth=depth, length=length, delay_blocks=data.draw(st.integers(0, 3)))
        )
        self.model.learn(self.chain)

    @rule(data=st.data())
    def switch(self, data: st.DataObject) -> None:
        known = [self.model.genesis, *self.model.parent]
        target = known[data.draw(st.integers(0, len(known) - 1))]
        self.chain.switch(target)
        self.model.move(target)

    @rule()
    def snapshot(self) -> None:
        number = self.chain.snapshot()
        self.model.snapshots[number] = replace(
            self.model,
            parent=dict(self.model.parent),
            carried=dict(self.model.carried),
            pool=set(self.model.pool),
        )

    @precondition(lambda self: self.model.snapshots)
    @rule(data=st.data())
    def revert(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model.snapshots)))
        assert self.chain.revert(number)
        forgotten = self.model.parent.keys() - self.model.snapshots[number].parent.keys()
        snapshots = self.model.snapshots
        self.model = snapshots[number]
        self.model.snapshots = snapshots
        for later in [n for n in snapshots if n >= number]:
            del snapshots[later]
            assert not self.chain.revert(later)
        for block in forgotten:
            assert self.chain.tree.by_hash(block) is None

    @invariant()
    def chain_equals_model(self) -> None:
        chain, model = self.chain, self.model
        branch = model.branch(model.head)
        assert chain.height == len(branch) - 1
        assert [chain.tree.at(n).hash for n in range(len(branch))] == branch
        assert chain.tree.at(len(branch)) is None
        canonical = set(branch)
        for block, parent in model.parent.items():
            place = chain.tree.by_hash(block)
            assert place is not None
            assert place.parent is not None
            assert place.parent.hash == parent == place.header.parent_hash
            assert chain.tree.is_canonical(place) == (block in canonical)
        included = model.included(model.head)
        for entry in model.wei:
            found = chain.inclusions.canonical(entry)
            assert (found[0].block_hash if found else None) == included.get(entry)
        assert {waiting.transaction.hash for waiting in chain.pool} == model.pool
        received_wei = sum(model.wei[entry] for entry in included)
        assert chain.state_at(chain.head).balance_wei(JUDY) == NATIVE_WEI + received_wei


TestRandomWalk = RandomWalk.TestCase
TestRandomWalk.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
