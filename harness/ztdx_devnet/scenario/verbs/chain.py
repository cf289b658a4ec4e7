"""Verbs of the chain: time passes in blocks, blocks are replaced."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Self

from pydantic import Field, model_validator

from ztdx_devnet.chain.errors import (
    BlockImpossible,
    ReorgImpossible,
    ReorgTooDeep,
    UnknownBlock,
)
from ztdx_devnet.scenario.names import Named, deposits
from ztdx_devnet.scenario.stage import Stage, StepImpossible
from ztdx_devnet.scenario.strict import Strict
from ztdx_devnet.scenario.values import AmountWei, Blocks, DurationUs, Name, User
from ztdx_devnet.scenario.verbs.verb import Verb
from ztdx_devnet.sim.user_acts import Replacement
from ztdx_devnet.virtual_time import MICROSECONDS

_BLOCK_TIME_MIN_US = MICROSECONDS // 200
_BLOCK_TIME_MAX_US = 3_600 * MICROSECONDS


class Mine(Verb):
    """Let that many blocks be produced; everything else runs on. The first takes `order` first.

    A halted chain produces them too, and is halted again after the last one.
    """

    KEY = "mine"
    SHORTHAND = "blocks"
    blocks: Blocks
    order: list[Name] = Field(default_factory=list)

    @model_validator(mode="after")
    def _order_is_one(self) -> Self:
        _refuse_twice("order", self.order)
        return self

    def perform(self, stage: Stage) -> None:
        try:
            stage.world.blocks.mine(self.blocks, self.order)
        except BlockImpossible as error:
            raise StepImpossible(str(error)) from error

    def uses(self) -> list[Named]:
        return deposits(self.order)

    def blocks_at_most(self, block_time_us: int) -> int:
        return self.blocks + 1


class MineEmpty(Verb):
    """Let that many empty blocks be produced; transactions wait in the pool."""

    KEY = "mine_empty"
    SHORTHAND = "blocks"
    blocks: Blocks

    def perform(self, stage: Stage) -> None:
        stage.world.blocks.mine_empty(self.blocks)

    def blocks_at_most(self, block_time_us: int) -> int:
        return self.blocks + 1


class HaltChain(Verb):
    """No more blocks until `resume_chain`; only `mine` still adds some."""

    KEY = "halt_chain"

    def perform(self, stage: Stage) -> None:
        stage.world.blocks.halt()


class ResumeChain(Verb):
    """Blocks come again."""

    KEY = "resume_chain"

    def perform(self, stage: Stage) -> None:
        stage.world.blocks.resume()


class Replaced(Strict):
    """A deposit that takes the place of another one; what is not given stays as it was."""

    deposit: Name
    name: Name = Field(alias="as")
    user: User | None = None
    amount: AmountWei | None = None


class Reorg(Verb):
    """Replace the last `depth` blocks by `length` new ones (default one more).

    The new branch wins however short it is. Deposits of the replaced blocks come back in the new
    ones, `order` first, at the earliest `delay_blocks` blocks after the fork point. Those in `drop`
    are gone for good; with `keep`, so is every other transaction of those blocks. `replace` puts
    another deposit in the place of one: of another amount or user, or the same anew. `branch`
    names the new branch, for `switch_branch`.
    """

    KEY = "reorg"
    SHORTHAND = "depth"
    depth: Blocks
    length: Blocks | None = None
    drop: list[Name] = Field(default_factory=list)
    keep: list[Name] | None = None
    replace: list[Replaced] = Field(default_factory=list)
    order: list[Name] = Field(default_factory=list)
    delay_blocks: Annotated[int, Field(ge=0)] = 0
    branch: Name | None = None

    @model_validator(mode="after")
    def _fates_agree(self) -> Self:
        replaced = [each.deposit for each in self.replace]
        for field, names in (
            ("drop", self.drop),
            ("keep", self.keep or []),
            ("replace", replaced),
            ("order", self.order),
        ):
            _refuse_twice(field, names)
        _refuse_both("drop", self.drop, "keep", self.keep or [])
        if self.drop and self.keep is not None:
            raise ValueError("drop and keep: name those that go or those that come back, not both")
        _refuse_both("drop", self.drop, "replace", replaced)
        _refuse_both("keep", self.keep or [], "replace", replaced)
        _refuse_both("drop", self.drop, "order", self.order)
        _refuse_both("replace", replaced, "order", self.order)
        coming = {*(self.keep or []), *(each.name for each in self.replace)}
        for name in self.order:
            if self.keep is not None and name not in coming:
                raise ValueError(f"order names {name!r}, which keep does not: it is gone")
        return self

    def perform(self, stage: Stage) -> None:
        try:
            stage.world.blocks.reorg(
                self.depth,
                self.length,
                self.drop,
                self.order,
                self.delay_blocks,
                self.branch,
                keep=self.keep,
                replace=[
                    Replacement(each.deposit, each.name, each.user, each.amount)
                    for each in self.replace
                ],
            )
        except (ReorgTooDeep, ReorgImpossible) as error:
            raise StepImpossible(str(error)) from error

    def defines(self) -> list[Named]:
        branches = [] if self.branch is None else [Named("branch", self.branch)]
        return [*deposits(each.name for each in self.replace), *branches]

    def uses(self) -> list[Named]:
        coming = {each.name for each in self.replace}
        ordered = [name for name in self.order if name not in coming]
        replaced = [each.deposit for each in self.replace]
        return deposits([*self.drop, *(self.keep or []), *replaced, *ordered])

    def blocks_at_most(self, block_time_us: int) -> int:
        return 1 if self.length is None else max(self.length - self.depth, 0)

    def refusal_at(self, height_at_most: int) -> str | None:
        if self.depth <= height_at_most:
            return None
        return f"depth {self.depth} reaches below genesis: the chain is at most {height_at_most}"


class SwitchBranch(Verb):
    """Make a branch canonical again that a reorg has left, however long it is.

    The first branch is `main`, others have the name that `branch` of a reorg gave them. Deposits
    that only the left branch holds wait for the next block.
    """

    KEY = "switch_branch"
    SHORTHAND = "branch"
    branch: Name

    def perform(self, stage: Stage) -> None:
        try:
            stage.world.blocks.switch_branch(self.branch)
        except UnknownBlock as error:
            raise StepImpossible(str(error)) from error

    def uses(self) -> list[Named]:
        return [Named("branch", self.branch)]


class ResetChain(Verb):
    """The chain begins anew at height 0, as when a devnet is started again.

    Blocks, branches and what waited are gone, and balances are those of the beginning; deposits
    keep their names and are in no block. The new genesis is another one, with another hash, unless
    `same_genesis` is true.
    """

    KEY = "reset_chain"
    same_genesis: bool = False

    def perform(self, stage: Stage) -> None:
        stage.world.blocks.reset_chain(same_genesis=self.same_genesis)

    def height_after(self, height_at_most: int, block_time_us: int) -> int:
        return self.blocks_at_most(block_time_us)


class SetBlockTime(Verb):
    """From now on blocks come that far apart, from 5ms to 1h; headers carry whole seconds."""

    KEY = "set_block_time"
    SHORTHAND = "block_time"
    block_time: DurationUs

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not _BLOCK_TIME_MIN_US <= self.block_time <= _BLOCK_TIME_MAX_US:
            raise ValueError("a block time is from 5ms to 1h")
        return self

    def perform(self, stage: Stage) -> None:
        stage.world.blocks.set_block_time(self.block_time)

    def block_time_after(self, block_time_us: int) -> int:
        return self.block_time


class ChargeTokenFees(Verb):
    """From the next block of this branch on, the DF token burns 1 % of each transfer.

    A reorg that begins below undoes it, so a deposit that comes back is then a larger one.
    """

    KEY = "charge_token_fees"

    def perform(self, stage: Stage) -> None:
        stage.world.blocks.charge_token_fees()


def _refuse_twice(field: str, names: list[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{field} names {name!r} {times} times")


def _refuse_both(field: str, names: list[str], other_field: str, others: list[str]) -> None:
    for name in names:
        if name in others:
            raise ValueError(f"{name!r} is in {field} and in {other_field}: it can be in one")
