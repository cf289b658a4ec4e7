"""What a scenario does to the chain: lets blocks come, replaces them, changes what contracts do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import UnknownBlock
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.sim.kernel import Kernel
from ztdx_devnet.sim.producer import Producer


class BlockActs:
    """Acts on one chain and its producer. `carriers` gives the transactions of named deposits."""

    def __init__(
        self,
        kernel: Kernel,
        chain: Chain,
        producer: Producer,
        carriers: Callable[[Sequence[str]], list[bytes]],
        record: Callable[..., object],
    ) -> None:
        self._kernel = kernel
        self._chain = chain
        self._producer = producer
        self._carriers = carriers
        self._record = record

    def mine(self, blocks: int, order: Sequence[str] = ()) -> None:
        """Let that many more blocks be produced; the first takes the deposits `order` first.

        A halted chain produces them all the same, and is halted again after the last one.
        """
        chain, producer = self._chain, self._producer
        chain.pool.rank(self._carriers(order))
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

    def reorg(
        self,
        depth: int,
        length: int | None = None,
        drop: Sequence[str] = (),
        order: Sequence[str] = (),
        delay_blocks: int = 0,
        branch: str | None = None,
    ) -> None:
        """Replace the last `depth` blocks; deposits are given by name.

        Raises ReorgTooDeep, and ReorgImpossible for a branch name that is taken.
        """
        self._chain.reorg(
            Reorg(
                depth=depth,
                length=length,
                drop=frozenset(self._carriers(drop)),
                order=self._carriers(order),
                delay_blocks=delay_blocks,
                branch=branch,
            )
        )

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
