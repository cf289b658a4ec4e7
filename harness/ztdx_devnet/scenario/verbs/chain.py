"""Verbs of the chain: time passes in blocks, blocks are replaced."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ztdx_devnet.chain.errors import ReorgImpossible, ReorgTooDeep, UnknownBlock
from ztdx_devnet.scenario.stage import Stage, StepImpossible
from ztdx_devnet.scenario.values import Blocks, Name
from ztdx_devnet.scenario.verbs.verb import Verb


class Mine(Verb):
    """Let that many blocks be produced; everything else runs on. The first takes `order` first.

    A halted chain produces them too, and is halted again after the last one.
    """

    KEY = "mine"
    SHORTHAND = "blocks"
    blocks: Blocks
    order: list[Name] = Field(default_factory=list)

    def perform(self, stage: Stage) -> None:
        stage.world.blocks.mine(self.blocks, self.order)

    def uses(self) -> list[str]:
        return self.order

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


class Reorg(Verb):
    """Replace the last `depth` blocks by `length` new ones (default one more).

    Deposits of the replaced blocks come back in the new ones, `order` first, at the earliest
    `delay_blocks` blocks after the fork point; those in `drop` are gone for good. `branch` names
    the new branch, for `switch_branch`.
    """

    KEY = "reorg"
    SHORTHAND = "depth"
    depth: Blocks
    length: Blocks | None = None
    drop: list[Name] = Field(default_factory=list)
    order: list[Name] = Field(default_factory=list)
    delay_blocks: Annotated[int, Field(ge=0)] = 0
    branch: Name | None = None

    def perform(self, stage: Stage) -> None:
        try:
            stage.world.blocks.reorg(
                self.depth, self.length, self.drop, self.order, self.delay_blocks, self.branch
            )
        except (ReorgTooDeep, ReorgImpossible) as error:
            raise StepImpossible(str(error)) from error

    def uses(self) -> list[str]:
        return [*self.drop, *self.order]

    def blocks_at_most(self, block_time_us: int) -> int:
        return 1 if self.length is None else max(self.length - self.depth, 0)

    def refusal_at(self, height_at_most: int) -> str | None:
        if self.depth <= height_at_most:
            return None
        return f"depth {self.depth} reaches below genesis: the chain is at most {height_at_most}"


class SwitchBranch(Verb):
    """Make a branch canonical again that a reorg has left, however long it is.

    The first branch is `main`. Deposits that only the left branch holds wait for the next block.
    """

    KEY = "switch_branch"
    SHORTHAND = "branch"
    branch: Name

    def perform(self, stage: Stage) -> None:
        try:
            stage.world.blocks.switch_branch(self.branch)
        except UnknownBlock as error:
            raise StepImpossible(str(error)) from error


class ChargeTokenFees(Verb):
    """From the next block of this branch on, the DF token burns 1 % of each transfer.

    A reorg that begins below undoes it, so a deposit that comes back is then a larger one.
    """

    KEY = "charge_token_fees"

    def perform(self, stage: Stage) -> None:
        stage.world.blocks.charge_token_fees()
