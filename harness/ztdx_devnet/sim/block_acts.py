"""What a scenario does to the chain: lets blocks come, replaces them, changes what contracts do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import BlockImpossible, ReorgImpossible, UnknownBlock
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.transactions import Transaction
from ztdx_devnet.sim.cast import genesis
from ztdx_devnet.sim.kernel import Kernel
from ztdx_devnet.sim.oracle import Oracle
from ztdx_devnet.sim.producer import Producer
from ztdx_devnet.sim.user_acts import Replacement, UserActs
from ztdx_devnet.virtual_time import MICROSECONDS


class BlockActs:
    """Acts on one chain and its producer; deposits are named as in `users`.

    `another_genesis`: the chain was reset to a genesis of which the ledger knows nothing.
    """

    def __init__(
        self,
        kernel: Kernel,
        chain: Chain,
        producer: Producer,
        users: UserActs,
        oracle: Oracle,
        record: Callable[..., object],
    ) -> None:
        self._kernel = kernel
        self._chain = chain
        self._producer = producer
        self._users = users
        self._oracle = oracle
        self._record = record
        self.another_genesis = False

    def mine(self, blocks: int, order: Sequence[str] = ()) -> None:
        """Let that many more blocks be produced; the first takes the deposits `order` first.

        A halted chain produces them all the same, and is halted again after the last one.
        Raises BlockImpossible for a deposit in `order` that does not wait.
        """
        chain, producer = self._chain, self._producer
        for name in order:
            if self._users.deposits[name].transaction_hash not in chain.pool:
                raise BlockImpossible(f"{name!r} can't be ordered: {self._whereabouts(name)}")
        chain.pool.rank(self._users.carriers(order))
        target = chain.height + blocks
        halted = producer.halted
        producer.resume()
        while chain.height < target:
            # A millisecond later the block is there, whoever came first at that instant.
            self._kernel.boundary("wait", producer.wait_us(target - chain.height) + 1_000)
        if halted:
            producer.halt()

    def mine_empty(self, blocks: int) -> None:
        """As `mine`, but transactions wait."""
        self._producer.hold_transactions(blocks)
        self.mine(blocks)

    def halt(self) -> None:
        """No more blocks until `resume`; only `mine` still adds some."""
        self._record("chain", "halted")
        self._producer.halt()

    def resume(self) -> None:
        """Blocks come again."""
        self._record("chain", "resumed")
        self._producer.resume()

    def set_block_time(self, interval_us: int) -> None:
        """Blocks come that far apart from now on."""
        self._record("chain", "block time", us=interval_us)
        self._producer.set_interval(interval_us)

    def reorg(
        self,
        depth: int,
        length: int | None = None,
        drop: Sequence[str] = (),
        order: Sequence[str] = (),
        delay_blocks: int = 0,
        branch: str | None = None,
        *,
        keep: Sequence[str] | None = None,
        replace: Sequence[Replacement] = (),
    ) -> None:
        """Replace the last `depth` blocks; deposits are given by name.

        Raises ReorgTooDeep, and ReorgImpossible for a branch name that is taken and for a deposit
        that is not in the replaced blocks and does not wait.
        """
        users = self._users
        Reorg(depth=depth, length=length).refuse_impossible(self._chain.height)
        coming = {each.name for each in replace}
        for name in (*drop, *(keep or ()), *order, *(each.deposit for each in replace)):
            if name not in coming:
                self._refuse_untouched(name, depth)
        replacing: dict[bytes, Transaction] = {}
        for wanted in replace:
            replacing |= users.replace(wanted)
        self._chain.reorg(
            Reorg(
                depth=depth,
                length=length,
                drop=frozenset(users.carriers(drop)),
                keep=None if keep is None else frozenset(users.carriers(keep)),
                replace=replacing,
                order=users.carriers(order),
                delay_blocks=delay_blocks,
                branch=branch,
            )
        )

    def reset_chain(self, *, same_genesis: bool) -> None:
        """Begin the chain anew at height 0: all blocks, branches and waiting transactions are gone.

        Another genesis differs in its time, and so in its hash.
        """
        chain = self._chain
        self._oracle.remember()
        first = chain.tree.at(0)
        assert first is not None
        self._record("chain", "reset", same_genesis=same_genesis)
        if same_genesis:
            chain.reset()
        else:
            now_s = self._kernel.now_us // MICROSECONDS
            self.another_genesis = True
            chain.restart(genesis(max(now_s, first.timestamp_s + 1)))
        self._producer.chain_began_anew()

    def switch_branch(self, name: str) -> None:
        """Make another branch the canonical one, however long it is. Raises UnknownBlock."""
        tip = self._chain.branches.tip(name)
        if tip is None:
            known = ", ".join(branch.name for branch in self._chain.branches)
            raise UnknownBlock(f"no branch {name!r}: there are {known}")
        self._chain.switch(tip.hash)

    def charge_token_fees(self) -> None:
        """From the next block on the DF token burns 1 % of each transfer, as a fee token does.

        It is so on this branch: a reorg that begins below undoes it.
        """
        fee_token = load("FeeOnTransferToken").runtime  # it stores as DFToken does
        self._chain.edit_state(lambda state: state.set_code(contracts.DF_TOKEN, fee_token))
        self._record("chain", "token fees")

    def _refuse_untouched(self, name: str, depth: int) -> None:
        """Raise ReorgImpossible unless a reorg that deep replaces the deposit, or it waits."""
        transaction_hash = self._users.deposits[name].transaction_hash
        if transaction_hash in self._chain.pool:
            return
        found = self._chain.inclusions.canonical(transaction_hash)
        if found is None or found[0].first_number <= self._chain.height - depth:
            raise ReorgImpossible(f"{name!r} is not touched: {self._whereabouts(name)}")

    def _whereabouts(self, name: str) -> str:
        """Where a deposit is that does not wait."""
        chain, transaction_hash = self._chain, self._users.deposits[name].transaction_hash
        found = chain.inclusions.canonical(transaction_hash)
        if found is not None:
            number = found[0].first_number
            deep = chain.height - number + 1
            return f"it is in block {number}, which a reorg of depth {deep} or more replaces"
        reason = chain.inclusions.drop_reason(transaction_hash)
        return "it is in no block of this branch" + (f" ({reason})" if reason else "")
