"""Random walks of a chain that is kept in a file: what comes out of it is the chain that went in.

Two chains walk in step: the one that the file follows, and one that was loaded from it, or that it
was loaded from, at some moment before. They must always look the same.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.chain.builders import GWEI, sign
from tests.unit.chain.likeness import picture, standing
from tests.unit.chain.test_transaction_walk import KINDS
from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.building.reorgs import Reorg, ReorgOutcome
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import ChainError
from ztdx_devnet.chain.evm.state import State
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import CHAIN_ID
from ztdx_devnet.chain.signing import Unsigned, impersonate
from ztdx_devnet.chain.store.chain_file import FILE_NAME, ChainFile
from ztdx_devnet.chain.store.dump import dump, load
from ztdx_devnet.chain.transactions import Transaction

PEOPLE = ["alice", "bob", "carol"]
NOBODY = bytes.fromhex("99" * 20)
WEEK_S = 604_800


def from_nobody(nonce: int) -> Transaction:
    unsigned = Unsigned(
        chain_id=CHAIN_ID, nonce=nonce, to=NOBODY, gas=21_000, max_fee_wei=10 * GWEI, tip_wei=1
    )
    return impersonate(unsigned, NOBODY)


class StoreWalk(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ztdx-store-"))
        self.copies = 0
        self.chain = Chain()
        self.file = ChainFile(self.directory / "chain")
        self.file.create(self.chain, {"chain_id": CHAIN_ID})
        self.count_commits()
        self.twin: Chain | None = None
        self.twin_file: ChainFile | None = None
        # (number in the chain, number in the twin: None if it never saw that moment), in order
        self.snapshots: list[tuple[int, int | None]] = []
        self.dumps: list[bytes] = [dump(self.chain)]
        self.act(lambda chain: chain.edit_state(lambda s: s.set_balance_wei(NOBODY, 10**20)))

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            self.file.close()
            self.part()
            shutil.rmtree(self.directory)

    # --- how it walks --------------------------------------------------------------------------

    def count_commits(self) -> None:
        self.commits = 0

        def traced(statement: str) -> None:
            self.commits += statement == "COMMIT"

        self.file._connection.set_trace_callback(traced)

    def act(self, perform: Callable[[Chain], Any], commits: int | None = 1) -> Any:
        """Both chains do it, with the same outcome; the file takes it in one transaction.

        One that is refused, and one for which `commits` is None, may take none.
        """
        before = self.commits
        outcome = self.outcome(self.chain, perform)
        taken = self.commits - before
        if commits is None or isinstance(outcome, str):
            assert taken <= 1
        else:
            assert taken == commits
        if self.twin is not None:
            assert self.outcome(self.twin, perform) == outcome
        return outcome

    def outcome(self, chain: Chain, perform: Callable[[Chain], Any]) -> Any:
        try:
            result = perform(chain)
        except ChainError as error:
            return f"{error.code}: {error}"
        if isinstance(result, ReorgOutcome):
            dropped = [(each.transaction.hash, each.reason) for each in result.dropped]
            moved = [each.hash for each in (*result.included, *result.returned)]
            return (result.branch, result.change.ancestor.hash, moved, dropped)
        return result.hash if isinstance(result, Place) else result

    def part(self) -> None:
        """The twin goes its own way."""
        if self.twin_file is not None:
            self.twin_file.close()
        self.twin = self.twin_file = None

    def known(self, depth: int) -> list[bytes]:
        """Transactions that a reorg of that depth may name."""
        known = [waiting.transaction.hash for waiting in self.chain.pool]
        for block in self.chain.tree.executed_above(self.chain.height - depth):
            known += [receipt.transaction.hash for receipt in block.receipts]
        return sorted(known)

    # --- acts ----------------------------------------------------------------------------------

    @rule(
        user=st.sampled_from(PEOPLE),
        kind=st.sampled_from(sorted(KINDS)),
        step=st.sampled_from([0, 0, 0, 1, -1]),
        fee_wei=st.sampled_from([1 * GWEI, 10 * GWEI, 20 * GWEI]),
    )
    def send(self, user: str, kind: str, step: int, fee_wei: int) -> None:
        nonce = max(self.chain.next_nonce(USERS[user].address) + step, 0)
        transaction = KINDS[kind](user, nonce, fee_wei)
        self.act(lambda chain: chain.add(transaction))

    @rule()
    def send_impersonated(self) -> None:
        transaction = from_nobody(self.chain.next_nonce(NOBODY))
        self.act(lambda chain: chain.add(transaction))

    @rule(late_s=st.integers(0, 3))
    def mine(self, late_s: int) -> None:
        self.act(lambda chain: chain.mine(chain.next_timestamp_s() + late_s))

    @rule()
    def mine_waiting(self) -> None:
        self.act(lambda chain: chain.mine_waiting(chain.next_timestamp_s()), commits=None)

    @rule(count=st.sampled_from([1, 1, 2, 7, 70]), interval_s=st.sampled_from([2, 2, 2, 3, WEEK_S]))
    def run(self, count: int, interval_s: int) -> None:
        self.act(lambda chain: chain.mine_empty(count, None, interval_s))

    @precondition(lambda self: self.chain.height > 0)
    @rule(data=st.data())
    def reorg(self, data: st.DataObject) -> None:
        depth = data.draw(st.integers(1, min(self.chain.height, 80)))
        known = self.known(depth)
        some = st.lists(st.sampled_from(known), max_size=3) if known else st.just([])
        replaced = data.draw(some)[:1] if data.draw(st.booleans()) else []
        keep = data.draw(st.none() | some)
        plan = Reorg(
            depth=depth,
            length=data.draw(st.none() | st.integers(1, depth + 2)),
            drop=frozenset(data.draw(some)) - set(replaced),
            keep=None if keep is None else frozenset(keep),
            replace={each: sign("dave", 0, wei=len(known)) for each in replaced},
            order=data.draw(some),
            delay_blocks=data.draw(st.integers(0, 2)),
            branch=data.draw(st.none() | st.sampled_from(["x", "y", "z \ud800"])),
        )
        self.act(lambda chain: chain.reorg(plan))

    @precondition(lambda self: self.chain.height > 0)
    @rule(data=st.data())
    def reorg_to_blocks(self, data: st.DataObject) -> None:
        depth = data.draw(st.integers(1, min(self.chain.height, 80)))
        blocks = [[sign(user, 0)] for user in data.draw(st.permutations(PEOPLE))[:depth]]
        plan = Reorg(depth=depth, length=depth, blocks=blocks)
        self.act(lambda chain: chain.reorg(plan))

    @rule(data=st.data())
    def switch(self, data: st.DataObject) -> None:
        segments = self.chain.tree.segments
        segment = segments[data.draw(st.integers(0, len(segments) - 1))]
        target = segment.hash_at(data.draw(st.integers(0, segment.count - 1)))
        self.act(lambda chain: chain.switch(target))

    @rule(data=st.data())
    def switch_to_a_branch(self, data: st.DataObject) -> None:
        tip = data.draw(st.sampled_from([each.tip.hash for each in self.chain.branches]))
        self.act(lambda chain: chain.switch(tip))

    @precondition(lambda self: self.chain.height > 0)
    @rule(data=st.data())
    def rollback(self, data: st.DataObject) -> None:
        depth = data.draw(st.integers(1, min(self.chain.height, 3)))
        self.act(lambda chain: chain.rollback(depth))

    @rule(wei=st.integers(0, 5), slot=st.integers(0, 2), value=st.integers(0, 2))
    def edit_state(self, wei: int, slot: int, value: int) -> None:
        def edit(state: State) -> None:
            state.set_balance_wei(USERS["heidi"].address, wei)
            state.set_storage(NOBODY, slot, value)

        self.act(lambda chain: chain.edit_state(edit))

    @rule(
        fields=st.sampled_from(
            [{"coinbase": NOBODY}, {"gas_limit": 2**63 - 1}, {"base_fee_wei": 2**63 - 1}]
        )
    )
    def edit_next_header(self, fields: dict[str, Any]) -> None:
        self.act(lambda chain: chain.edit_next_header(**fields))

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        known = [waiting.transaction.hash for waiting in self.chain.pool]
        target = data.draw(st.sampled_from(known)) if known else NOBODY
        self.act(lambda chain: chain.drop(target, "no longer wanted"), commits=int(bool(known)))

    @rule(safe=st.integers(0, 5), more=st.sampled_from([0, 5, 2**53]))
    def set_finality(self, safe: int, more: int) -> None:
        self.act(lambda chain: chain.set_finality(safe, safe + more))

    @rule(price_wei=st.sampled_from([0, 0, 2 * GWEI, 2**256 - 1]))
    def set_min_gas_price(self, price_wei: int) -> None:
        self.act(lambda chain: chain.set_min_gas_price(price_wei))

    # --- going back ----------------------------------------------------------------------------

    @rule()
    def snapshot(self) -> None:
        before = self.commits
        in_twin = None if self.twin is None else self.twin.snapshot()
        self.snapshots.append((self.chain.snapshot(), in_twin))
        assert self.commits == before

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def revert(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.snapshots) - 1))
        number, in_twin = self.snapshots[index]
        del self.snapshots[index:]
        before = self.commits
        assert self.chain.revert(number)
        assert self.commits == before + 1
        if in_twin is None:
            self.part()
        elif self.twin is not None:
            assert self.twin.revert(in_twin)

    @rule(rarely=st.sampled_from([False, False, False, True]))
    def reset(self, rarely: bool) -> None:
        if rarely:
            self.snapshots.clear()
            self.act(lambda chain: chain.reset())

    # --- dumps ---------------------------------------------------------------------------------

    @rule()
    def dump(self) -> None:
        self.dumps = [*self.dumps[-2:], dump(self.chain)]
        if self.twin is not None:
            assert dump(self.twin) == self.dumps[-1]

    @rule(data=st.data())
    def load_a_dump(self, data: st.DataObject) -> None:
        raw = data.draw(st.sampled_from(self.dumps))
        self.snapshots.clear()
        self.act(lambda chain: load(chain, raw))
        assert dump(self.chain) == raw

    # --- the file ------------------------------------------------------------------------------

    @rule()
    def close_and_load(self) -> None:
        """The chain goes on from the file; the one that it was goes on in memory."""
        self.part()
        self.file.close()
        self.twin = self.chain
        self.twin.on_act.clear()
        self.file = ChainFile(self.directory / "chain")
        self.chain = self.file.load(CHAIN_ID)
        self.count_commits()
        self.snapshots.clear()
        self.look_closely()

    @rule()
    def load_a_copy(self) -> None:
        """What a process would find that starts after this one was killed."""
        self.part()
        self.copies += 1
        copy = self.directory / f"copy-{self.copies}"
        copy.mkdir()
        for path in (self.directory / "chain").glob(f"{FILE_NAME}*"):
            shutil.copy(path, copy)
        self.twin_file = ChainFile(copy)
        self.twin = self.twin_file.load(CHAIN_ID)
        self.snapshots = [(number, None) for number, _ in self.snapshots]
        self.look_closely()

    def look_closely(self) -> None:
        assert self.twin is not None
        assert picture(self.chain) == picture(self.twin)

    @invariant()
    def the_chains_stand_alike(self) -> None:
        if hasattr(self, "twin") and self.twin is not None:
            assert standing(self.chain) == standing(self.twin)


TestStoreWalk = StoreWalk.TestCase
TestStoreWalk.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)
